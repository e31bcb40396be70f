//! Showtime filter: which showtimes of the list are wanted.

use crate::domain::{ShowtimeSummary, Timestamp, TitleSearch};

/// What a wanted showtime has; the default wants all.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct ShowtimeFilter {
    /// Its title has this text in it.
    pub title: Option<TitleSearch>,
    /// Its seats are on sale at this time: see [`crate::domain::Listing::check_on_sale`].
    pub on_sale_at: Option<Timestamp>,
    /// At least so many of its seats are available.
    pub available: u32,
}

impl ShowtimeFilter {
    /// Whether all showtimes are wanted.
    pub fn wants_all(&self) -> bool {
        *self == Self::default()
    }

    /// Whether this showtime is wanted.
    pub fn wants(&self, showtime: &ShowtimeSummary) -> bool {
        let listing = &showtime.listing;
        showtime.available >= self.available
            && self.on_sale_at.is_none_or(|now| listing.check_on_sale(now).is_ok())
            && self.title.as_ref().is_none_or(|title| title.finds(&listing.movie_title))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use uuid::Uuid;

    use super::*;
    use crate::domain::{CancelReason, Listing, ShowtimeId, Stamp, Terms};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    /// "Metropolis" from 100 s on, sold from 10 s to 50 s, with 3 of 5 seats available.
    fn showtime() -> ShowtimeSummary {
        let terms = Terms { on_sale_from: Some(at(10)), on_sale_until: Some(at(50)), ..Terms::default() };
        ShowtimeSummary {
            id: ShowtimeId(Uuid::nil()),
            listing: Arc::new(Listing { terms, ..Listing::new("Metropolis", at(100)) }),
            sequence: 1,
            stamp: Stamp(1),
            seats: 5,
            available: 3,
        }
    }

    #[test]
    fn the_sale_and_the_free_seats_count_to_their_last() {
        let on_sale = |now| ShowtimeFilter { on_sale_at: Some(at(now)), ..ShowtimeFilter::default() };
        assert_eq!([9, 10, 49, 50].map(|now| on_sale(now).wants(&showtime())), [false, true, true, false]);
        let available = |available| ShowtimeFilter { available, ..ShowtimeFilter::default() };
        assert_eq!([0, 3, 4].map(|wanted| available(wanted).wants(&showtime())), [true, true, false]);
        let mut cancelled = showtime();
        Arc::make_mut(&mut cancelled.listing).cancelled = Some(CancelReason::parse("storm").unwrap());
        assert!(!on_sale(20).wants(&cancelled) && available(3).wants(&cancelled));
    }

    #[test]
    fn all_that_is_asked_for_must_hold() {
        let title = |text: &str| Some(TitleSearch::parse(text).unwrap());
        let filter = ShowtimeFilter { title: title("POLIS"), on_sale_at: Some(at(20)), available: 3 };
        assert!(filter.wants(&showtime()) && !filter.wants_all());
        assert!(!ShowtimeFilter { title: title("nosferatu"), ..filter.clone() }.wants(&showtime()));
        assert!(!ShowtimeFilter { on_sale_at: Some(at(9)), ..filter.clone() }.wants(&showtime()));
        assert!(!ShowtimeFilter { available: 4, ..filter }.wants(&showtime()));
        assert!(ShowtimeFilter::default().wants_all());
    }
}
