//! Row: a row of seats in a compact form. What follows a rule, such as numbers or even distances, is kept as the rule.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::{SeatIndex, SeatKind};

/// One row: its label, how many seats it has, and what is known of them. All members but the first two are of rows that were laid out in an
/// auditorium; seats are counted from the left, from 1.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Row {
    /// Label, unique in the section, such as `A`.
    pub row: String,
    /// Number of seats, at least 1.
    pub seats: u32,
    /// The section that it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub section: Option<Box<str>>,
    /// The seats' labels as printed; absent: 1, 2, 3 and so on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<Labels>,
    /// Where the seats are, from the focal point to the right, in hundredths of the auditorium's unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x: Option<Places>,
    /// Where the seats are, from the focal point away from the stage, in hundredths of the auditorium's unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub y: Option<Places>,
    /// The seats that have an aisle on their right, ascending.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub aisle_after: Box<[u32]>,
    /// What the seats' prices go by, from the left.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub categories: Box<[CategoryRun]>,
    /// The seats that are not like most, ascending.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub special: Box<[SpecialSeat]>,
    /// It is an area: `row` is its label, and its `seats` are places that are not drawn one by one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub area: Option<Box<AreaShape>>,
    /// The indices of its seats, from the left. Empty: each seat's index is its position.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub indices: Box<[IndexRun]>,
    /// Its seats were left out when the showtime was moved: nobody can take them.
    #[serde(default, skip_serializing_if = "is_false")]
    pub former: bool,
}

/// Seats side by side whose indices go up by 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct IndexRun {
    /// The last of them, counted from the left, from 1.
    pub to: u32,
    /// The first one's index.
    pub from: SeatIndex,
}

/// Where an area is drawn, if it is, in hundredths of the auditorium's unit, from the focal point.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct AreaShape {
    /// Of its upper left corner, to the right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x: Option<i64>,
    /// Of the same corner, away from the stage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub y: Option<i64>,
    /// From left to right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<i64>,
    /// From the side near the stage to the other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<i64>,
}

/// The labels of a row's seats.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Labels {
    /// Numbers at even distances.
    Numbers {
        /// The first seat's.
        from: u32,
        /// From seat to seat; negative where numbers run from the right.
        step: i32,
    },
    /// Each seat's.
    Each(Box<[Box<str>]>),
}

/// The places of a row's seats on one axis.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Places {
    /// At even distances.
    Even {
        /// The first seat's.
        from: i64,
        /// From seat to seat.
        step: i64,
    },
    /// Each seat's.
    Each(Box<[i64]>),
}

/// Seats side by side with the same category.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CategoryRun {
    /// The last of them.
    pub to: u32,
    /// Their category's key; absent: they have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<Box<str>>,
}

/// A seat that is not like most.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SpecialSeat {
    /// The seat.
    pub seat: u32,
    /// What it is.
    #[serde(default, skip_serializing_if = "SeatKind::is_standard")]
    pub kind: SeatKind,
    /// Of a companion's seat: the wheelchair place that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub companion_of: Option<u32>,
    /// What a buyer should know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Box<str>>,
}

/// A seat of a seat map.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Seat<'a> {
    /// What its id ends with.
    pub index: SeatIndex,
    /// Its row.
    pub row: &'a Row,
    /// Its place in the row, from 0.
    pub offset: u32,
}

impl Row {
    /// Seats numbered from 1, of which nothing else is known.
    pub fn numbered(label: impl Into<String>, seats: u32) -> Self {
        Self { row: label.into(), seats, ..Self::default() }
    }

    /// Whether a seat of it has this category.
    pub fn has_category(&self, category: &str) -> bool {
        self.categories.iter().any(|run| run.category.as_deref() == Some(category))
    }

    /// The row from left to right: the last place of each stretch of seats with the same category, counted from 1, and that category.
    pub fn category_runs(&self) -> impl Iterator<Item = (u32, Option<&str>)> {
        let runs = self.categories.iter().map(|run| (run.to, run.category.as_deref()));
        runs.chain([(self.seats, None)])
    }

    /// Whether an aisle is between the seat at this place in the row, from 0, and the one on its left.
    pub fn has_aisle_before(&self, offset: u32) -> bool {
        self.aisle_after.binary_search(&offset).is_ok()
    }
}

impl Labels {
    /// The shortest form; `None` for 1, 2, 3 and so on.
    pub fn of<'a>(labels: impl Iterator<Item = &'a str> + Clone) -> Option<Self> {
        let numbers: Option<Vec<i64>> = labels.clone().map(|label| plain_number(label).map(i64::from)).collect();
        if let Some(Places::Even { from, step }) = numbers.map(Places::of)
            && let (Ok(from), Ok(step)) = (u32::try_from(from), i32::try_from(step))
        {
            let is_usual = (from, step) == (1, 1) || (from == 1 && step == 0);
            return (!is_usual).then_some(Self::Numbers { from, step });
        }
        Some(Self::Each(labels.map(Box::from).collect()))
    }
}

impl Places {
    /// The shortest form.
    pub fn of(places: Vec<i64>) -> Self {
        let mut steps = places.iter().zip(places.iter().skip(1)).map(|(one, next)| next - one);
        let (from, step) = (places.first().copied().unwrap_or_default(), steps.next().unwrap_or_default());
        if steps.all(|other| other == step) { Self::Even { from, step } } else { Self::Each(places.into()) }
    }

    /// Of the seat at this place in the row.
    pub fn at(&self, offset: u32) -> i64 {
        match self {
            Self::Even { from, step } => from + step * i64::from(offset),
            Self::Each(places) => {
                usize::try_from(offset).ok().and_then(|offset| places.get(offset)).copied().unwrap_or_default()
            }
        }
    }
}

impl<'a> Seat<'a> {
    /// Its label as printed.
    pub fn label(&self) -> Cow<'a, str> {
        match &self.row.labels {
            Some(Labels::Each(labels)) => {
                let label = usize::try_from(self.offset).ok().and_then(|offset| labels.get(offset));
                Cow::Borrowed(label.map_or("", |label| label))
            }
            Some(Labels::Numbers { .. }) | None => Cow::Owned(self.number().to_string()),
        }
    }

    /// Its label, if that is a plain number; else its place in the row, from 1.
    pub fn number(&self) -> u32 {
        let place = self.offset.saturating_add(1);
        match &self.row.labels {
            None => place,
            Some(Labels::Numbers { from, step }) => {
                let number = i64::from(*from) + i64::from(*step) * i64::from(self.offset);
                u32::try_from(number).unwrap_or(place)
            }
            Some(Labels::Each(_)) => plain_number(&self.label()).unwrap_or(place),
        }
    }

    /// What its price goes by.
    pub fn category(&self) -> Option<&'a str> {
        let run = self.row.categories.partition_point(|run| run.to <= self.offset);
        self.row.categories.get(run)?.category.as_deref()
    }

    /// What it is.
    pub fn kind(&self) -> SeatKind {
        self.special().map_or(SeatKind::Standard, |special| special.kind)
    }

    /// What is special about it.
    pub fn special(&self) -> Option<&'a SpecialSeat> {
        let place = self.offset.saturating_add(1);
        let found = self.row.special.binary_search_by_key(&place, |special| special.seat).ok()?;
        self.row.special.get(found)
    }

    /// The seat for people.
    pub fn printed(&self) -> SeatPlace {
        SeatPlace {
            section: self.row.section.as_deref().map(str::to_owned),
            row: self.row.row.clone(),
            number: self.number(),
            label: self.label().into_owned(),
            in_area: self.row.area.is_some(),
        }
    }
}

/// A seat, or a place of an area, as people know it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SeatPlace {
    /// Its section, if the house has any.
    pub section: Option<String>,
    /// Label of its row, or of its area.
    pub row: String,
    /// Its label, if that is a plain number; else its place in the row, from 1.
    pub number: u32,
    /// Its label as printed.
    pub label: String,
    /// It is a place of an area.
    pub in_area: bool,
}

impl SeatPlace {
    /// A seat of a row whose seats are numbered from 1, in a house without sections.
    pub fn numbered(row: impl Into<String>, number: u32) -> Self {
        Self { section: None, row: row.into(), number, label: number.to_string(), in_area: false }
    }

    /// What it is called: a seat, or a place.
    pub fn noun(&self) -> &'static str {
        if self.in_area { "place" } else { "seat" }
    }
}

impl fmt::Display for SeatPlace {
    /// `F3`, `Stalls F3`; with a hyphen where the row's label ends with a digit: `12-3`. A place of an area: `Standing 17`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(section) = &self.section {
            write!(f, "{section} ")?;
        }
        let joint = match self.row.ends_with(|last: char| last.is_numeric()) {
            _ if self.in_area => " ",
            true => "-",
            false => "",
        };
        write!(f, "{}{joint}{}", self.row, self.label)
    }
}

/// `12`, but neither `012` nor `+12`.
fn plain_number(label: &str) -> Option<u32> {
    let is_plain = label.bytes().all(|byte| byte.is_ascii_digit()) && !label.starts_with('0');
    is_plain.then(|| label.parse().ok()).flatten()
}

fn is_empty<T>(list: &[T]) -> bool {
    list.is_empty()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(is: &bool) -> bool {
    !*is
}
