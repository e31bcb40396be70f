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
    /// Bytes that the rows of a showtime may have as JSON: events and documents carry them.
    #[serde(skip)]
    pub most_bytes: usize,
}

/// Why a showtime cannot be moved. Reads as a sentence.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MoveRejection {
    /// The showtime was made of numbered rows, or of another auditorium.
    #[error("the showtime was not made from this auditorium")]
    OtherAuditorium,
    /// The version leaves out seats that somebody has.
    #[error("{}", taken_there(taken))]
    SeatsTaken {
        /// Those seats, in the order of the rows.
        taken: Vec<SeatConflict>,
    },
    /// An area has fewer places there than are taken.
    #[error("area {area} has room for {places} there, and {} are taken", taken.len())]
    OtherCapacity {
        /// The area's label.
        area: String,
        /// Places that somebody has.
        taken: Vec<SeatConflict>,
        /// Places in the version.
        places: u32,
    },
    /// The rows, with those of seats that were left out, are too long for an event.
    #[error(
        "with what is kept of the seats that earlier versions had the rows have {bytes} bytes, at most {most} are taken"
    )]
    TooLong {
        /// Bytes of the rows as JSON.
        bytes: usize,
        /// As many as they may have.
        most: usize,
    },
    /// Seats that were left out keep their ids, and count.
    #[error("with the seats that earlier versions had the showtime would have more than {most}")]
    TooManySeats {
        /// As many as a showtime may have.
        most: u32,
    },
}

impl MoveRejection {
    /// The places that somebody has, if they are in the way.
    pub fn taken(&self) -> &[SeatConflict] {
        match self {
            Self::SeatsTaken { taken } | Self::OtherCapacity { taken, .. } => taken,
            Self::OtherAuditorium | Self::TooLong { .. } | Self::TooManySeats { .. } => &[],
        }
    }
}

/// Seats that are named in a refusal at most.
const MOST_NAMED: usize = 20;

/// `seats Stalls A4 and Stalls A5 are missing there, and somebody has them`
fn taken_there(taken: &[SeatConflict]) -> String {
    let named_ones: Vec<SeatPlace> = taken.iter().take(MOST_NAMED).map(|conflict| conflict.place.clone()).collect();
    match taken.len().checked_sub(MOST_NAMED) {
        None | Some(0) => format!("{} missing there, and taken", named(&named_ones, "is", "are")),
        Some(more) => format!("{} missing there, and taken; so are {more} more", named(&named_ones, "is", "are")),
    }
}
