//! Exchange: which seats and places of areas a booking is to have besides or instead.

use crate::domain::{AreaPlaces, BlockAccess, Booking, SeatId, Tariffs};

/// What a booking is to have in the end, other seats and places being left as they are. No seat is named twice.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct SeatExchange {
    /// The seats to take, at most [`crate::domain::SeatSelection::MAX_SEATS`].
    pub add: Vec<SeatId>,
    /// Their tariffs. One that the booking has already keeps its tariff and its price, unless another tariff is named for it.
    pub tariffs: Tariffs,
    /// The seats to give back, at most as many.
    pub remove: Vec<SeatId>,
    /// How many places of areas the booking is to have, those in `add` not counted: in all, or at this tariff. No places are counted by two entries.
    pub areas: Vec<AreaPlaces>,
    /// Opens blocks: their seats can be taken, too.
    pub access: Option<BlockAccess>,
}

impl SeatExchange {
    /// The same with other seats in place of these, in their order.
    #[must_use]
    pub fn with_others(&self, seats: &[SeatId], others: &[SeatId]) -> Self {
        let other = |seat: &SeatId| {
            let position = seats.iter().position(|named| named == seat);
            position.and_then(|position| others.get(position)).copied().unwrap_or(*seat)
        };
        Self { add: self.add.iter().map(other).collect(), ..self.clone() }
    }

    /// The tariff of a seat that is taken, if one was chosen for it.
    pub(super) fn tariff_of(&self, seat: SeatId) -> Option<&str> {
        let position = self.add.iter().position(|added| *added == seat)?;
        self.tariffs.of_place(position)
    }

    /// The seats in `add` that the booking has already, but not at the tariff that is named for them, each with that.
    pub(super) fn repriced(&self, booking: &Booking) -> Vec<(SeatId, Option<&str>)> {
        let tariff_at = |position: usize| Some(booking.price.as_ref()?.places.get(position)?.tariff.as_str());
        let other = |seat: &SeatId| {
            let position = booking.seat_ids.iter().position(|had| had == seat)?;
            let named = self.tariff_of(*seat).filter(|named| tariff_at(position) != Some(named))?;
            Some((*seat, Some(named)))
        };
        self.add.iter().filter_map(other).collect()
    }
}
