//! Exchange: which seats and places of areas a booking is to have besides or instead.

use crate::domain::{AreaPlaces, SeatId, Tariffs};

/// What a booking is to have in the end, other seats and places being left as they are. No seat is named twice.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct SeatExchange {
    /// The seats to take, at most [`crate::domain::SeatSelection::MAX_SEATS`].
    pub add: Vec<SeatId>,
    /// The tariffs of those of them that the booking does not have yet.
    pub tariffs: Tariffs,
    /// The seats to give back, at most as many.
    pub remove: Vec<SeatId>,
    /// How many places of areas the booking is to have, those in `add` not counted: in all, or at this tariff. No places are counted by two entries.
    pub areas: Vec<AreaPlaces>,
}

impl SeatExchange {
    /// The tariff of a seat that is taken, if one was chosen for it.
    pub(super) fn tariff_of(&self, seat: SeatId) -> Option<&str> {
        let position = self.add.iter().position(|added| *added == seat)?;
        self.tariffs.of_place(position)
    }
}
