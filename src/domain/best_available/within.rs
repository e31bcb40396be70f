//! Within: which of the free seats come into question.

use serde::Serialize;

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
    /// Wheelchair places and companions' seats are for everybody by now.
    #[serde(skip)]
    pub accessible_for_all: bool,
}

impl Within {
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
