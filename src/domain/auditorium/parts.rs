//! Parts: the small values that an auditorium is made of.

use std::fmt;

use serde::{Serialize, Serializer};

/// A place on one axis of the plan, or a length, to a hundredth of the plan's unit. The unit is the plan's own; what is placed
/// automatically is placed as if it were a centimetre.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Coordinate(i32);

impl Coordinate {
    /// Farthest from the plan's origin, in units. A single row of 200,000 seats and as many rows fit.
    pub const MOST: f64 = 20_000_000.0;
    /// Parts of a unit that are kept.
    const PARTS: f64 = 100.0;

    /// So many units; `None` beyond [`Coordinate::MOST`] and for what is no number.
    #[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "the range was checked")]
    pub fn of(units: f64) -> Option<Self> {
        (units.abs() <= Self::MOST).then(|| Self((units * Self::PARTS).round() as i32))
    }

    /// In units.
    pub fn units(self) -> f64 {
        f64::from(self.0) / Self::PARTS
    }

    /// In hundredths of a unit.
    pub fn hundredths(self) -> i32 {
        self.0
    }

    /// The nearest whole number of units.
    pub fn whole(self) -> i32 {
        let half = if self.0 < 0 { -50 } else { 50 };
        (self.0 + half) / 100
    }
}

impl Serialize for Coordinate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 % 100 == 0 { serializer.serialize_i32(self.0 / 100) } else { serializer.serialize_f64(self.units()) }
    }
}

impl fmt::Display for Coordinate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.units().fmt(f)
    }
}

/// A place on the plan: x to the right, y away from the stage.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize)]
pub struct Point {
    /// To the right.
    pub x: Coordinate,
    /// Away from the stage.
    pub y: Coordinate,
}

/// A colour, as `#rrggbb` in lower case.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize)]
pub struct Colour(String);

impl Colour {
    /// `#rrggbb` or `#rgb`; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        match digits.len() {
            6 => Some(Self(text.to_ascii_lowercase())),
            3 => {
                let doubled: String = digits.chars().flat_map(|digit| [digit, digit]).collect();
                Some(Self(format!("#{}", doubled.to_ascii_lowercase())))
            }
            _ => None,
        }
    }

    /// As `#rrggbb`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A category of places, which prices go by.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Category {
    /// What seats name it by; unique in the auditorium.
    pub key: String,
    /// What people read.
    pub name: String,
    /// How it is drawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub colour: Option<Colour>,
}

/// Places without seats: general admission.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Area {
    /// What it is called; unique among the areas.
    pub label: String,
    /// Places, at least 1.
    pub capacity: u32,
    /// Position in the auditorium's categories.
    pub category: Option<u16>,
    /// Its upper left corner, if it is drawn.
    pub position: Option<Point>,
    /// Its width and height, if it is drawn.
    pub size: Option<Point>,
}
