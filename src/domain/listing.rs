//! Listing: what is shown, when, and on which terms it is sold. Operators may change it after the showtime was created.

use serde::{Deserialize, Serialize};

use crate::domain::{
    CancelReason, Event, GivenTime, ListingChange, ListingError, Rejection, SeatMap, TermChange, Terms, Timestamp,
};

/// A showtime's listing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Listing {
    /// What is shown.
    pub movie_title: String,
    /// When it starts: from then on its seats are not sold any more.
    pub start_time: Timestamp,
    /// On which terms it is sold.
    #[serde(flatten)]
    pub terms: Terms,
    /// Why it was cancelled, if it was. A cancelled showtime stays cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled: Option<CancelReason>,
}

/// A listing as clients read it: with the start by the venue's clocks, if its time zone is known.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ShownListing<'a> {
    #[serde(flatten)]
    listing: &'a Listing,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_time_local: Option<String>,
}

impl Listing {
    /// A listing without terms.
    pub fn new(movie_title: impl Into<String>, start_time: Timestamp) -> Self {
        Self { movie_title: movie_title.into(), start_time, terms: Terms::default(), cancelled: None }
    }

    /// As clients read it.
    pub fn shown(&self) -> ShownListing<'_> {
        let start_time_local = self.terms.time_zone.as_ref().and_then(|zone| zone.local(self.start_time));
        ShownListing { listing: self, start_time_local }
    }

    /// Its members as clients read them in a JSON object, without the braces: `"movieTitle":"..","startTime":".."` and what is set of the rest.
    pub fn members(&self) -> String {
        // Texts, times and numbers: it has a JSON form.
        let mut object = serde_json::to_string(&self.shown()).unwrap_or_default();
        object.pop();
        object.split_off(1)
    }

    /// The listing that a showtime's first event gives it; `None` for any other event.
    pub fn scheduled(event: &Event) -> Option<Self> {
        let Event::ShowtimeScheduled { movie_title, start_time, terms, .. } = event else { return None };
        let (movie_title, start_time, terms) = (movie_title.clone(), *start_time, terms.clone());
        Some(Self { movie_title, start_time, terms, cancelled: None })
    }

    /// The listing after the event; `None` if the event leaves it as it is.
    pub fn after(&self, event: &Event) -> Option<Self> {
        match event {
            Event::ShowtimeChanged { movie_title, start_time, terms, rows: _ } => Some(Self {
                movie_title: movie_title.clone(),
                start_time: *start_time,
                terms: terms.clone(),
                cancelled: self.cancelled.clone(),
            }),
            Event::ShowtimeCancelled { reason } => Some(Self { cancelled: Some(reason.clone()), ..self.clone() }),
            Event::ShowtimeScheduled { .. }
            | Event::SeatsReserved { .. }
            | Event::SeatsBlocked { .. }
            | Event::HoldExtended { .. }
            | Event::BookingConfirmed { .. }
            | Event::PaymentRefused { .. }
            | Event::BookingCancelled { .. }
            | Event::SeatsReleased { .. }
            | Event::BookingChanged { .. }
            | Event::HoldExpired { .. } => None,
        }
    }

    /// The listing with the change made.
    ///
    /// # Errors
    /// The result makes no sense, or a local time is no point in time at the venue.
    pub fn changed(&self, change: &ListingChange) -> Result<Self, ListingError> {
        let time_zone = change.time_zone.of(self.terms.time_zone.clone());
        let point = |member, given: GivenTime| {
            given.at(time_zone.as_ref()).map_err(|error| ListingError::NoSuchTime { member, error })
        };
        let term = |member, change, before| match change {
            TermChange::Keep => Ok(before),
            TermChange::Set(given) => given.map(|given| point(member, given)).transpose(),
        };
        let start_time = change.start_time.map(|given| point("startTime", given)).transpose()?;
        let terms = Terms {
            auditorium: change.house.as_ref().map(|house| house.version).or(self.terms.auditorium),
            on_sale_from: term("onSaleFrom", change.on_sale_from, self.terms.on_sale_from)?,
            on_sale_until: term("onSaleUntil", change.on_sale_until, self.terms.on_sale_until)?,
            places_per_booking: change.places_per_booking.of(self.terms.places_per_booking),
            places_per_customer: change.places_per_customer.of(self.terms.places_per_customer),
            holds_without_sale: change.holds_without_sale.of(self.terms.holds_without_sale),
            hold_seconds: change.hold_seconds.of(self.terms.hold_seconds),
            orphans: change.orphans.of(Some(self.terms.orphans)).unwrap_or_default(),
            accessible_for_all_from: term(
                "accessibleForAllFrom",
                change.accessible_for_all_from,
                self.terms.accessible_for_all_from,
            )?,
            prices: change.prices.of(self.terms.prices.clone()),
            time_zone,
        };
        let changed = Self {
            movie_title: change.movie_title.clone().unwrap_or_else(|| self.movie_title.clone()),
            start_time: start_time.unwrap_or(self.start_time),
            terms,
            cancelled: self.cancelled.clone(),
        };
        changed.check().map(|()| changed)
    }

    /// # Errors
    /// The sale would end before it begins.
    pub fn check(&self) -> Result<(), ListingError> {
        let until = self.sale_ends();
        match self.terms.on_sale_from {
            Some(from) if from >= until => Err(ListingError::EmptySale { from, until }),
            Some(_) | None => Ok(()),
        }
    }

    /// # Errors
    /// A category is priced that no seat has.
    pub fn check_categories(&self, seat_map: &SeatMap) -> Result<(), ListingError> {
        let unknown = self.terms.prices.as_ref().and_then(|prices| prices.unknown_category(seat_map));
        match unknown {
            Some(category) => Err(ListingError::UnknownCategory { category: category.to_owned() }),
            None => Ok(()),
        }
    }

    /// When the last seat can be reserved: the end of the sale, at the latest the start.
    pub fn sale_ends(&self) -> Timestamp {
        self.terms.on_sale_until.unwrap_or(self.start_time).min(self.start_time)
    }

    /// Whether seats can be reserved at `now`.
    ///
    /// # Errors
    /// The showtime is cancelled or has started, or its sale has not begun or is over.
    pub fn check_on_sale(&self, now: Timestamp) -> Result<(), Rejection> {
        if let Some(reason) = &self.cancelled {
            return Err(Rejection::ShowtimeCancelled { reason: reason.clone() });
        }
        if now >= self.start_time {
            return Err(Rejection::ShowtimeStarted { started_at: self.start_time });
        }
        if let Some(from) = self.terms.on_sale_from.filter(|from| now < *from) {
            return Err(Rejection::NotOnSaleYet { from });
        }
        if now >= self.sale_ends() {
            return Err(Rejection::SaleEnded { ended_at: self.sale_ends() });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::TimeZone;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn listing(from: Option<i64>, until: Option<i64>) -> Listing {
        let terms = Terms { on_sale_from: from.map(at), on_sale_until: until.map(at), ..Terms::default() };
        Listing { terms, ..Listing::new("Metropolis", at(100)) }
    }

    #[test]
    fn seats_are_sold_from_the_first_moment_of_the_sale_to_the_last_before_its_end() {
        let on_sale = |from, until, now| listing(from, until).check_on_sale(at(now));
        assert_eq!(on_sale(None, None, 99), Ok(()));
        assert_eq!(on_sale(None, None, 100), Err(Rejection::ShowtimeStarted { started_at: at(100) }));
        assert_eq!(on_sale(Some(10), None, 9), Err(Rejection::NotOnSaleYet { from: at(10) }));
        assert_eq!(on_sale(Some(10), Some(50), 10), Ok(()));
        assert_eq!(on_sale(Some(10), Some(50), 49), Ok(()));
        assert_eq!(on_sale(Some(10), Some(50), 50), Err(Rejection::SaleEnded { ended_at: at(50) }));
        // An end after the start is the start.
        assert_eq!(on_sale(None, Some(500), 100), Err(Rejection::ShowtimeStarted { started_at: at(100) }));
    }

    #[test]
    fn a_sale_that_ends_before_it_begins_is_refused() {
        assert_eq!(listing(Some(10), Some(11)).check(), Ok(()));
        assert!(listing(Some(10), Some(10)).check().is_err());
        assert!(listing(Some(100), None).check().is_err());
        let earlier = ListingChange { start_time: Some(GivenTime::At(at(10))), ..ListingChange::default() };
        assert!(listing(Some(10), None).changed(&earlier).is_err());
    }

    #[test]
    fn a_change_sets_takes_away_and_leaves() {
        let before = listing(Some(10), Some(50));
        let change = ListingChange {
            movie_title: Some("Nosferatu".to_owned()),
            on_sale_from: TermChange::Set(None),
            places_per_booking: TermChange::Set(Some(4)),
            ..ListingChange::default()
        };
        let after = before.changed(&change).unwrap();
        assert_eq!(after.movie_title, "Nosferatu");
        assert_eq!(after.start_time, before.start_time);
        let terms = Terms { on_sale_until: Some(at(50)), places_per_booking: Some(4), ..Terms::default() };
        assert_eq!(after.terms, terms);
    }

    #[test]
    fn local_times_are_read_in_the_zone_that_the_change_leaves() {
        let zone = |name: &str| TermChange::Set(Some(TimeZone::parse(name).unwrap()));
        let local = |text: &str| GivenTime::parse(text).unwrap();
        let start = |text| ListingChange { start_time: Some(local(text)), ..ListingChange::default() };
        let before = listing(None, None);
        let refused = before.changed(&start("2026-12-24T20:00")).unwrap_err();
        assert!(matches!(refused, ListingError::NoSuchTime { member: "startTime", .. }), "{refused:?}");

        let berlin = ListingChange {
            time_zone: zone("Europe/Berlin"),
            on_sale_from: TermChange::Set(Some(local("2026-12-01T09:00"))),
            ..start("2026-12-24T20:00")
        };
        let berlin = before.changed(&berlin).unwrap();
        assert_eq!(berlin.start_time.to_string(), "2026-12-24T19:00:00Z");
        assert_eq!(berlin.terms.on_sale_from.unwrap().to_string(), "2026-12-01T08:00:00Z");
        assert!(
            berlin.members().ends_with(r#""timeZone":"Europe/Berlin","startTimeLocal":"2026-12-24T20:00:00+01:00""#)
        );
        // The zone stays with the next change.
        assert_eq!(berlin.changed(&start("2026-12-25T20:00")).unwrap().start_time.to_string(), "2026-12-25T19:00:00Z");

        let moved = ListingChange { time_zone: zone("Asia/Tokyo"), ..ListingChange::default() };
        let moved = berlin.changed(&moved).unwrap();
        assert_eq!(moved.start_time, berlin.start_time, "what is not changed stays where it is in time");
        assert!(moved.members().ends_with(r#""startTimeLocal":"2026-12-25T04:00:00+09:00""#));
        let none = ListingChange { time_zone: TermChange::Set(None), ..start("2026-12-24T20:00") };
        assert!(moved.changed(&none).is_err());
    }

    #[test]
    fn a_listing_without_terms_is_written_as_before_there_were_terms() {
        let written = serde_json::to_string(&Listing::new("M", at(0))).unwrap();
        assert_eq!(written, r#"{"movieTitle":"M","startTime":"1970-01-01T00:00:00Z"}"#);
    }
}
