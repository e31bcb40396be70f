//! House: another version of its auditorium that a showtime is moved to, and why it cannot be.

use std::sync::Arc;

use serde::Serialize;

use crate::domain::seat_names::named;
use crate::domain::{AuditoriumVersion, SeatConflict, SeatMap, SeatPlace};

/// The version of an auditorium that a showtime is moved to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct NewHouse {
    /// Which one.
    pub version: AuditoriumVersion,
    /// Its seats, which never change.
    #[serde(skip)]
    pub seat_map: Arc<SeatMap>,
}

/// Why a showtime cannot be moved. Reads as a sentence.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MoveRejection {
    /// The showtime was made of numbered rows, or of another auditorium.
    #[error("the showtime was not made from this auditorium")]
    OtherAuditorium,
    /// The version has not the same seats.
    #[error("{}", differ(missing, added))]
    OtherSeats {
        /// Seats of the showtime that the version does not have, the first ones.
        missing: Vec<SeatPlace>,
        /// Seats of the version that the showtime does not have, the first ones.
        added: Vec<SeatPlace>,
        /// Those of the missing seats that somebody has.
        taken: Vec<SeatConflict>,
    },
    /// A row has the same seats side by side in another order.
    #[error("row {} has its seats in another order there", in_section(section.as_deref(), row))]
    OtherOrder {
        /// The row's section.
        section: Option<String>,
        /// The row's label.
        row: String,
    },
    /// An area has another number of places.
    #[error("area {area} has {places} places there, and {has} in the showtime")]
    OtherCapacity {
        /// The area's label.
        area: String,
        /// Places in the showtime.
        has: u32,
        /// Places in the version.
        places: u32,
    },
}

fn in_section(section: Option<&str>, row: &str) -> String {
    section.map_or_else(|| row.to_owned(), |section| format!("{row} of {section}"))
}

/// `seats Stalls A4 and Stalls A5 are missing there; seat Stalls B9 is new there`
fn differ(missing: &[SeatPlace], added: &[SeatPlace]) -> String {
    let missing = (!missing.is_empty()).then(|| format!("{} missing there", named(missing, "is", "are")));
    let added = (!added.is_empty()).then(|| format!("{} new there", named(added, "is", "are")));
    missing.into_iter().chain(added).collect::<Vec<_>>().join("; ")
}
