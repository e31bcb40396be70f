//! Choosing: which places a booking gets that leaves the choice to the server.
//!
//! The places of an area are all alike: the first free ones are taken.

use std::ops::Range;

use crate::domain::command::NewHold;
use crate::domain::open_blocks::OpenBlocks;
use crate::domain::{AreaPlaces, Choice, Rejection, SeatId, SeatSelection, SeatWish, Showtime};

impl Showtime {
    /// The places: first the seats, then those of each area, in the order in which they are wanted.
    pub(super) fn choose(
        &self,
        NewHold { asked_at, buyer, .. }: &NewHold<'_>,
        choice: &Choice,
        open: &OpenBlocks,
    ) -> Result<SeatSelection, Rejection> {
        let mut chosen = match choice.seats() {
            None => SeatSelection::none(),
            Some(SeatWish::Named(seats)) => {
                self.check_free(seats.as_slice(), open)?;
                if buyer.payment.is_none() {
                    self.check_orphans(open, &[], seats.as_slice())?;
                }
                seats.clone()
            }
            Some(SeatWish::Best(best)) => {
                let are_for_all = self.listing().terms.accessible_for_all_from.is_some_and(|from| from <= *asked_at);
                let best = if are_for_all { best.clone().of_all_places() } else { best.clone() };
                let is_free = |seat| self.is_free(seat) || open.has(seat);
                let buyable = self.buyable(&best, buyer.is_operator);
                let seats = best.choose_buyable(&self.facts().seat_map, is_free, &buyable)?;
                SeatSelection::chosen(self.seat_prefix(), seats, best.tariffs())
            }
        };
        self.choose_places(choice.areas(), open, &mut chosen)?;
        Ok(chosen)
    }

    /// Adds free places of areas to those that were chosen before, which may be of the same areas.
    pub(super) fn choose_places(
        &self,
        areas: &[AreaPlaces],
        open: &OpenBlocks,
        chosen: &mut SeatSelection,
    ) -> Result<(), Rejection> {
        for (position, wanted) in areas.iter().enumerate() {
            let places = self.places_of_area(wanted)?;
            let free = self.free_places(open, places, (wanted.quantity(), chosen.as_slice()));
            if free.len() < usize::try_from(wanted.quantity()).unwrap_or(usize::MAX) {
                return Err(too_few(areas, position, free.len()));
            }
            chosen.add(free, wanted.tariff());
        }
        Ok(())
    }

    /// The positions of the places of the area that is meant.
    pub(super) fn places_of_area(&self, wanted: &AreaPlaces) -> Result<Range<u32>, Rejection> {
        let area = self.facts().seat_map.area(wanted.area_id());
        area.map(|(_, places)| places).ok_or_else(|| Rejection::UnknownArea { area: wanted.area_id().to_owned() })
    }

    /// Up to so many free places besides those that were chosen before; `places` are positions.
    fn free_places(&self, open: &OpenBlocks, places: Range<u32>, (wanted, chosen): (u32, &[SeatId])) -> Vec<SeatId> {
        let seat_map = &self.facts().seat_map;
        let places = places.map(|position| seat_map.index_at(position));
        let free = places.filter(|place| self.is_free(*place) || open.has(*place));
        let ids = free.map(|place| SeatId::with_prefix(self.seat_prefix(), place));
        ids.filter(|id| !chosen.contains(id)).take(usize::try_from(wanted).unwrap_or(usize::MAX)).collect()
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

#[cfg(test)]
mod tests;
