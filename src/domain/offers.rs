//! Offers: what a customer may take instead of seats that he named and cannot have, and why he has the seats that were chosen for him.

use crate::domain::best_available::{explain, near};
use crate::domain::orphans::{leaving_none_alone, left_alone};
use crate::domain::{Alternative, Choice, SeatId, SeatIndex, SeatWish, Showtime, Tariffs};

/// Blocks that are looked at in vain, because the terms refuse them, before nothing more is offered.
const MOST_IN_VAIN: usize = 3;

impl Showtime {
    /// At most so many blocks of as many free seats as are named, which customers can buy, the best first; see [`near`]. If there is none, and the
    /// named seats are refused because of a seat that they would leave alone, other seats of the same stretches.
    pub fn alternatives(&self, named: &[SeatIndex], most: usize) -> Vec<Alternative> {
        let map = &self.facts().seat_map;
        let is_free = |seat| self.is_free(seat);
        let is_refused = |block: &[SeatIndex]| {
            !self.listing().terms.orphans.are_allowed() && left_alone(map, is_free, &[], block).is_some()
        };
        let buyable = self.sold_at(&Tariffs::default(), false);
        let mut seen: Vec<SeatIndex> = Vec::new();
        let mut offered = Vec::new();
        for _ in 0..most + MOST_IN_VAIN {
            let is_left = |seat| is_free(seat) && !seen.contains(&seat);
            let Some(block) = near(map, is_left, named, &buyable).filter(|_| offered.len() < most) else { break };
            seen.extend(&block);
            if !is_refused(&block) {
                offered.push(self.alternative(block));
            }
        }
        if most > 0 && offered.is_empty() && named.iter().all(|seat| is_free(*seat)) && is_refused(named) {
            offered.push(self.alternative(leaving_none_alone(map, is_free, named)));
        }
        offered
    }

    fn alternative(&self, seats: Vec<SeatIndex>) -> Alternative {
        let map = &self.facts().seat_map;
        let choice = explain(map, |seat| self.is_free(seat) && !seats.contains(&seat), &seats);
        let seat_ids = seats.into_iter().map(|seat| SeatId::with_prefix(self.seat_prefix(), seat)).collect();
        Alternative { seat_ids, choice }
    }

    /// Why a new booking has these best seats, for people; see [`explain`]. Nothing if none were asked for.
    pub fn explain(&self, choice: &Choice, places: &[SeatId]) -> Option<String> {
        let Some(SeatWish::Best(best)) = choice.seats() else { return None };
        // They come first.
        let count = usize::try_from(best.quantity()).unwrap_or(usize::MAX);
        let seats: Vec<SeatIndex> = places.iter().take(count).map(|seat| seat.index()).collect();
        Some(explain(&self.facts().seat_map, |seat| self.is_free(seat), &seats))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::domain::{Listing, Orphans, SeatMap, SeatStatus, ShowtimeFacts, ShowtimeId, Stored, Terms, Timestamp};

    /// Three rows of eight; the first one and the places B1 to B4 are gold. `x` is taken.
    fn showtime(marks: [&str; 3], orphans: Orphans) -> Showtime {
        let gold = |to: u32| json!([{"to": to, "category": "gold"}, {"to": 8, "category": "blue"}]);
        let seat_map: SeatMap = serde_json::from_value(json!([
            {"row": "A", "seats": 8, "categories": [{"to": 8, "category": "gold"}]},
            {"row": "B", "seats": 8, "categories": gold(4)},
            {"row": "C", "seats": 8, "special": [{"seat": 1, "kind": "wheelchair"}, {"seat": 8, "kind": "wheelchair"}]},
        ]))
        .unwrap();
        let facts = ShowtimeFacts { id: ShowtimeId(Uuid::from_u128(1)), seat_map: Arc::new(seat_map) };
        let status = |mark| if mark == 'x' { SeatStatus::Sold } else { SeatStatus::Available };
        let seats = marks.concat().chars().map(|mark| (status(mark), 1)).collect();
        let terms = Terms { orphans, ..Terms::default() };
        let listing = Arc::new(Listing { terms, ..Listing::new("M", Timestamp::from_millis(1)) });
        Showtime::restore(facts, Stored { listing, sequence: 1, seats, pending: Vec::new(), customers: None })
    }

    fn offered(showtime: &Showtime, named: &[SeatIndex], most: usize) -> Vec<String> {
        showtime.alternatives(named, most).into_iter().map(|block| block.choice).collect()
    }

    #[test]
    fn what_is_near_and_of_the_same_category_is_offered() {
        let house = showtime(["..xx....", "xx....x.", "........"], Orphans::Allow);
        let expected = [
            "row A 1-2, together, no single seat left",
            "row B 3-4, together, no single seat left",
            "row A 5-6, together, no single seat left",
        ];
        assert_eq!(offered(&house, &[1, 2], 3), expected);
        assert_eq!(offered(&house, &[1, 2], 1), expected[..1]);
        let any = "row B 5-6, together, no single seat left";
        assert_eq!(offered(&house, &[12, 13], 1), [any], "blue");
        assert_eq!(offered(&house, &[7, 8], 0), Vec::<String>::new());
        assert_eq!(offered(&house, &[], 3), Vec::<String>::new());
        assert_eq!(offered(&house, &[99], 3), Vec::<String>::new(), "no seat of the house");
    }

    #[test]
    fn who_named_a_wheelchair_place_is_offered_one() {
        let house = showtime(["........", "........", "x......."], Orphans::Allow);
        assert_eq!(offered(&house, &[16, 17], 3), ["row C 7-8, together, no single seat left"]);
        assert_eq!(offered(&house, &[17, 18], 1), ["row C 2-3, together, no single seat left"]);
    }

    #[test]
    fn what_the_showtime_would_refuse_is_not_offered() {
        // The only gold places besides would leave B3 alone.
        let gold = ["xxxxxxxx", "xx......", "........"];
        let named = [0];
        let leaves_none = "row B 3, no single seat left";
        assert_eq!(offered(&showtime(gold, Orphans::Refuse), &named, 3), [leaves_none]);
        assert_eq!(offered(&showtime(gold, Orphans::Allow), &named, 3), [leaves_none, "row B 4, leaves seat B3 alone"]);
    }
}
