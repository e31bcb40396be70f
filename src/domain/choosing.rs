//! Choosing: which places a booking gets that leaves the choice to the server.
//!
//! The places of an area are all alike: the first free ones are taken.

use std::ops::Range;

use crate::domain::channel::Channel;
use crate::domain::command::NewHold;
use crate::domain::{AreaPlaces, Choice, Rejection, SeatId, SeatIndex, SeatSelection, SeatStatus, SeatWish, Showtime};

impl Showtime {
    /// The places: first the seats, then those of each area, in the order in which they are wanted.
    pub(super) fn choose(
        &self,
        NewHold { asked_at, buyer, .. }: &NewHold<'_>,
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
            let free = self.free_places(channel, places, (wanted.quantity(), chosen.as_slice()));
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
        channel: &Channel,
        places: Range<SeatIndex>,
        (wanted, chosen): (u32, &[SeatId]),
    ) -> Vec<SeatId> {
        let at = |index| usize::try_from(index).unwrap_or(usize::MAX);
        let statuses = self.statuses().get(at(places.start)..at(places.end)).unwrap_or_default();
        let is_free = |place, status| status == SeatStatus::Available || channel.has(place);
        let free = places.zip(statuses).filter(|(place, status)| is_free(*place, **status));
        let ids = free.map(|(place, _)| SeatId::with_prefix(self.seat_prefix(), place));
        ids.filter(|id| !chosen.contains(id)).take(at(wanted)).collect()
    }
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
