//! Scalar: a member's value, whatever type a client has sent.

use crate::domain::auditorium::fault::{Faults, Step};
use crate::domain::auditorium::parts::{Coordinate, Point};

/// A value, as far as it is kept.
#[derive(Clone, PartialEq, Debug)]
pub(in crate::domain::auditorium) enum Scalar {
    Null,
    Bool,
    Number(f64),
    Text(String),
    List,
    Object,
}

impl Scalar {
    /// What it is, in words.
    pub(in crate::domain::auditorium) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "a string",
            Self::List => "a list",
            Self::Object => "an object",
        }
    }
}

/// A member that may be absent; `null` counts as absent.
pub(in crate::domain::auditorium) type Value = Option<Scalar>;

/// A text; `None` if it is absent, or after noting that it is none.
pub(in crate::domain::auditorium) fn text(value: Value, name: &'static str, faults: &mut Faults) -> Option<String> {
    match value? {
        Scalar::Null => None,
        Scalar::Text(text) => Some(text),
        other @ (Scalar::Bool | Scalar::Number(_) | Scalar::List | Scalar::Object) => {
            faults.member(name, format!("must be a string, not {}", other.kind()));
            None
        }
    }
}

/// A number; `None` if it is absent, or after noting that it is none.
pub(in crate::domain::auditorium) fn number(value: Value, name: &'static str, faults: &mut Faults) -> Option<f64> {
    match value? {
        Scalar::Null => None,
        Scalar::Number(number) => Some(number),
        other @ (Scalar::Bool | Scalar::Text(_) | Scalar::List | Scalar::Object) => {
            faults.member(name, format!("must be a number, not {}", other.kind()));
            None
        }
    }
}

/// A whole number up to `most`; `None` if it is absent, or after noting that it is none.
pub(in crate::domain::auditorium) fn whole(
    value: Value,
    name: &'static str,
    most: u32,
    faults: &mut Faults,
) -> Option<u32> {
    let number = number(value, name, faults)?;
    let whole = to_whole(number).filter(|whole| *whole <= most);
    if whole.is_none() {
        faults.member(name, format!("must be a whole number from 0 to {most}"));
    }
    whole
}

/// The number, if it has no fraction and is no less than 0.
#[expect(clippy::as_conversions, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it was checked")]
pub(in crate::domain::auditorium) fn to_whole(number: f64) -> Option<u32> {
    let fits = (0.0..=f64::from(u32::MAX)).contains(&number) && number.fract() == 0.0;
    fits.then_some(number as u32)
}

/// A place from the members x and y of an object that is the current place; `None` after noting what is wrong.
pub(in crate::domain::auditorium) fn point(
    (x, y): (Value, Value),
    (x_name, y_name): (&'static str, &'static str),
    faults: &mut Faults,
) -> Option<Point> {
    let mut axis = |value: Value, name: &'static str| {
        let given = value.is_some();
        let units = number(value, name, faults);
        let coordinate = units.and_then(Coordinate::of);
        if units.is_some() && coordinate.is_none() {
            faults.add(&[Step::Name(name)], format!("must be a number from -{0} to {0}", Coordinate::MOST));
        } else if !given {
            faults.member(name, "is missing");
        }
        coordinate
    };
    let (x, y) = (axis(x, x_name), axis(y, y_name));
    Some(Point { x: x?, y: y? })
}
