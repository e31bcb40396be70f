//! Drafts: parts of a plan as a client describes them, before any rule was held; and how much of each there may be.

use crate::domain::SeatKind;
use crate::domain::auditorium::parts::Point;
use crate::domain::auditorium::placing::RowPlace;
use crate::domain::auditorium::row::Aisles;

/// Longest label of a seat, a row or an area, in characters.
pub(super) const LABEL_CHARACTERS: usize = 40;
/// Longest name of an auditorium, a section or a category, and longest key of a category, in characters.
pub(super) const NAME_CHARACTERS: usize = 100;
/// Longest note, in characters.
pub(super) const NOTE_CHARACTERS: usize = 200;
/// Most sections.
pub(super) const MOST_SECTIONS: usize = 1_000;
/// Most areas.
pub(super) const MOST_AREAS: usize = 1_000;
/// Most categories.
pub(super) const MOST_CATEGORIES: usize = 256;
/// Highest capacity of an area.
pub(super) const MOST_CAPACITY: u32 = 1_000_000;

/// A seat as a client describes it.
#[derive(Clone, Debug, Default)]
pub(super) struct SeatDraft {
    pub(super) label: Option<String>,
    pub(super) x: Option<f64>,
    pub(super) y: Option<f64>,
    pub(super) adjacency: Option<u32>,
    pub(super) category: Option<String>,
    pub(super) kind: SeatKind,
    pub(super) companion_of: Option<String>,
    pub(super) note: Option<String>,
    pub(super) guid: Option<String>,
}

/// A row as a client describes it, its seats apart.
#[derive(Debug)]
pub(super) struct RowDraft<'a> {
    pub(super) label: Option<String>,
    pub(super) category: Option<String>,
    pub(super) place: RowPlace,
    pub(super) aisles: Aisles<'a>,
}

/// A section as a client describes it, its rows apart.
#[derive(Debug, Default)]
pub(super) struct SectionDraft {
    pub(super) name: Option<String>,
    pub(super) category: Option<String>,
    pub(super) x: Option<f64>,
    pub(super) y: Option<f64>,
}

/// An area as a client describes it.
#[derive(Debug, Default)]
pub(super) struct AreaDraft {
    pub(super) label: Option<String>,
    pub(super) capacity: Option<u32>,
    pub(super) category: Option<String>,
    pub(super) position: Option<Point>,
    pub(super) size: Option<Point>,
}
