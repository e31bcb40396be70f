//! Within: which of the free seats come into question.

use serde::Serialize;

use crate::domain::best_available::buyable::Buyable;
use crate::domain::text::{self, TextError};
use crate::domain::{Rejection, SeatMap};

/// Which of the free seats come into question.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Within {
    /// Those of this category only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Those of this section only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub section: Option<String>,
    /// So many of them are wheelchair places, and no others are; a companion's seat is taken with its wheelchair place only.
    #[serde(skip_serializing_if = "is_none")]
    pub accessible: u32,
    /// At least so many of them are companions' seats, bound to those wheelchair places; as few more as possible. `None`: as many as possible.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub companions: Option<u32>,
    /// Wheelchair places and companions' seats are for everybody by now: [`Within::accessible`] says how many of the first there are at least, and
    /// companions' seats need no wheelchair place beside them.
    #[serde(skip)]
    pub accessible_for_all: bool,
}

/// Longest name of a section and longest key of a category, in characters, as auditoriums have them.
const NAME_CHARACTERS: usize = 100;

impl Within {
    /// A section's name or a category's key that a client gives, in the form in which houses have it.
    ///
    /// # Errors
    /// It is empty, longer than names are, or has characters that cannot be seen.
    pub fn name(text: &str) -> Result<String, TextError> {
        text::plain(text, NAME_CHARACTERS)
    }

    /// Whether seats of this category come into question.
    pub(super) fn has_category(&self, category: Option<&str>) -> bool {
        self.category.is_none() || self.category.as_deref() == category
    }

    /// Whether the house has seats in question that can be bought.
    pub(super) fn has_any(&self, seat_map: &SeatMap, buyable: &Buyable<'_>) -> bool {
        let mut rows = seat_map.rows().iter().filter(|row| row.area.is_none());
        rows.any(|row| {
            let is_there = self.section.is_none() || row.section.as_deref() == self.section.as_deref();
            let (mut from, mut is_any) = (0, false);
            for (to, category) in row.category_runs().filter(|_| is_there) {
                is_any |= from < to && self.has_category(category) && buyable.has(category);
                from = to.max(from);
            }
            is_any
        })
    }

    /// # Errors
    /// The house has no such section or category.
    pub(super) fn check(&self, seat_map: &SeatMap) -> Result<(), Rejection> {
        let mut rows = seat_map.rows().iter().filter(|row| row.area.is_none());
        if let Some(section) = &self.section
            && !rows.clone().any(|row| row.section.as_deref() == Some(section))
        {
            return Err(Rejection::UnknownSection { section: section.clone() });
        }
        match &self.category {
            Some(category) if !rows.any(|row| row.has_category(category)) => {
                Err(Rejection::UnknownCategory { category: category.clone() })
            }
            Some(_) | None => Ok(()),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_none(count: &u32) -> bool {
    *count == 0
}
