//! Choosing: which places a booking gets that leaves the choice to the server.
//!
//! The places of an area are all alike. The search for free ones begins at a place that the booking's id names and goes round the area,
//! so that two nodes that sell one area at the same time seldom choose the same.

use std::ops::Range;

use crate::domain::channel::Channel;
use crate::domain::command::NewHold;
use crate::domain::{
    AreaPlaces, BookingId, Choice, Rejection, SeatId, SeatIndex, SeatSelection, SeatStatus, SeatWish, Showtime,
    ShowtimeMark,
};

impl Showtime {
    /// The places: first the seats, then those of each area, in the order in which they are wanted.
    pub(super) fn choose(
        &self,
        NewHold { booking_id, asked_at, buyer, .. }: &NewHold<'_>,
        choice: &Choice,
        channel: &Channel,
    ) -> Result<SeatSelection, Rejection> {
        let mut chosen = match choice.seats() {
            None => SeatSelection::none(),
            Some(SeatWish::Named(seats)) => {
                self.check_free(seats.as_slice(), channel)?;
                if buyer.payment.is_none() {
                    self.check_orphans(channel, &[], seats.as_slice())?;
                }
                seats.clone()
            }
            Some(SeatWish::Best(best)) => {
                let are_for_all = self.listing().terms.accessible_for_all_from.is_some_and(|from| from <= *asked_at);
                let best = if are_for_all { best.clone().of_all_places() } else { best.clone() };
                let seats = best.choose(&self.facts().seat_map, |seat| self.is_free(seat) || channel.has(seat))?;
                SeatSelection::chosen(self.seat_prefix(), seats, best.tariffs())
            }
        };
        for (position, wanted) in choice.areas().iter().enumerate() {
            let area = self.facts().seat_map.area(wanted.area_id());
            let (_, places) = area.ok_or_else(|| Rejection::UnknownArea { area: wanted.area_id().to_owned() })?;
            let free = self.free_places((*booking_id, channel), places, (wanted.quantity(), chosen.as_slice()));
            if free.len() < usize::try_from(wanted.quantity()).unwrap_or(usize::MAX) {
                return Err(too_few(choice.areas(), position, free.len()));
            }
            chosen.add(free, wanted.tariff());
        }
        Ok(chosen)
    }

    /// Up to so many free places besides those that were chosen before.
    fn free_places(
        &self,
        (booking_id, channel): (BookingId, &Channel),
        places: Range<SeatIndex>,
        (wanted, chosen): (u32, &[SeatId]),
    ) -> Vec<SeatId> {
        let start = places.start + spread(booking_id, places.len());
        let free = self.free_in(start..places.end, channel).chain(self.free_in(places.start..start, channel));
        let ids = free.map(|place| SeatId::with_prefix(self.seat_prefix(), place)).filter(|id| !chosen.contains(id));
        ids.take(usize::try_from(wanted).unwrap_or(usize::MAX)).collect()
    }

    fn free_in(&self, places: Range<SeatIndex>, channel: &Channel) -> impl Iterator<Item = SeatIndex> {
        let at = |index| usize::try_from(index).unwrap_or(usize::MAX);
        let statuses = self.statuses().get(at(places.start)..at(places.end)).unwrap_or_default();
        let is_free = |place, status| status == SeatStatus::Available || channel.has(place);
        places.zip(statuses).filter(move |(place, status)| is_free(*place, **status)).map(|(place, _)| place)
    }
}

/// A number below `count` for a booking: even over many bookings, the same each time.
fn spread(booking_id: BookingId, count: usize) -> u32 {
    // All its bookings have the showtime's mark. Fibonacci hashing spreads what is before it.
    let own = booking_id.0.as_u128() >> ShowtimeMark::BITS & u128::from(u64::MAX);
    let spread = own.wrapping_mul(0x9E37_79B9_7F4A_7C15) & u128::from(u64::MAX);
    let count = u128::try_from(count).unwrap_or_default();
    u32::try_from((spread * count) >> u64::BITS).unwrap_or_default()
}

/// The refusal of an area, whose places several entries may want: `free` are left for the one at `position`.
fn too_few(areas: &[AreaPlaces], position: usize, free: usize) -> Rejection {
    let area = areas.get(position).map(|wanted| wanted.area_id().to_owned()).unwrap_or_default();
    let sum = |areas: &[AreaPlaces]| {
        let same = areas.iter().filter(|wanted| wanted.area_id() == area);
        same.fold(0_u32, |sum, wanted| sum.saturating_add(wanted.quantity()))
    };
    let given = areas.get(..position).map_or(0, sum);
    let left = given.saturating_add(u32::try_from(free).unwrap_or(u32::MAX));
    Rejection::TooFewPlaces { wanted: sum(areas), left, area }
}
