//! Deltas: what one event means for the seats and the listing, encoded and framed once for each protocol and shared by every client.

use std::sync::OnceLock;

use bytes::Bytes;
use serde_json::Value;

use crate::domain::{Event, Listing, RecordedEvent, SeatId, SeatStatus, ShowtimeId, ShowtimeView, Timestamp};
use crate::live::outflow;
use crate::live::signalr::framing;
use crate::seat_json::push_uuid;

/// Which encoding a client speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Encoding {
    /// The plain WebSocket protocol, see [`crate::live::plain`].
    Plain,
    /// SignalR, see [`crate::live::signalr`].
    SignalR,
}

/// What one event means for the seats and the listing. Each encoding is made when it is first sent, and kept.
#[derive(Clone, Debug)]
pub(super) struct Delta {
    /// The event's sequence.
    pub(super) sequence: u64,
    /// When it was recorded.
    pub(super) recorded_at: Timestamp,
    showtime: ShowtimeId,
    seat_ids: Box<[SeatId]>,
    status: SeatStatus,
    /// What the event changes of the listing, as members of a JSON object.
    listing: Option<Box<str>>,
    plain: OnceLock<Bytes>,
    signalr: OnceLock<Bytes>,
}

impl Delta {
    /// The delta of an event.
    pub(super) fn of(showtime: ShowtimeId, recorded: &RecordedEvent) -> Self {
        let change = recorded.event.seats_status();
        Self {
            sequence: recorded.sequence,
            recorded_at: recorded.recorded_at,
            showtime,
            seat_ids: change.seat_ids.into(),
            status: change.status,
            listing: changed_listing(&recorded.event).map(Into::into),
            plain: OnceLock::new(),
            signalr: OnceLock::new(),
        }
    }

    /// What every seat is, in messages with at most `part_seats` seats, all with the view's sequence.
    pub(super) fn standing(view: &ShowtimeView, part_seats: usize) -> impl Iterator<Item = Self> {
        let statuses = [SeatStatus::Available, SeatStatus::Reserved, SeatStatus::Sold];
        let parts = statuses.into_iter().flat_map(move |status| {
            let seats = view
                .seats()
                .filter(|(_, of_seat)| *of_seat == status)
                .map(|(seat, _)| SeatId::new(view.id, seat.index));
            let seats: Vec<SeatId> = seats.collect();
            let parts: Vec<Box<[SeatId]>> = seats.chunks(part_seats.max(1)).map(Into::into).collect();
            parts.into_iter().map(move |seat_ids| (seat_ids, status))
        });
        parts.map(|(seat_ids, status)| Self {
            sequence: view.sequence,
            recorded_at: Timestamp::MIN,
            showtime: view.id,
            seat_ids,
            status,
            listing: None,
            plain: OnceLock::new(),
            signalr: OnceLock::new(),
        })
    }

    /// The whole message in this encoding, as a frame; after the first time a cheap clone.
    pub(super) fn frame(&self, encoding: Encoding) -> Bytes {
        let kept = match encoding {
            Encoding::Plain => &self.plain,
            Encoding::SignalR => &self.signalr,
        };
        kept.get_or_init(|| outflow::text(&self.text(encoding))).clone()
    }

    fn text(&self, encoding: Encoding) -> String {
        let body = self.body();
        match encoding {
            Encoding::Plain => format!("{{\"type\":\"seatsStatusChanged\",{body}}}"),
            Encoding::SignalR => {
                framing::record(format!("{{\"type\":1,\"target\":\"SeatsStatusChanged\",\"arguments\":[{{{body}}}]}}"))
            }
        }
    }

    /// Bytes that it takes in memory with both encodings, about.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + 350 + 3 * self.listing.as_deref().map_or(0, str::len) + (16 + 39 + 39) * self.seat_ids.len()
    }

    /// The fields `showtimeId, sequence, seatIds, status` of a JSON object, and `showtime` if the listing changes, without its braces. Written by hand: only ids, numbers and
    /// fixed words occur, and a busy showtime's deltas should cost copies, not trees.
    fn body(&self) -> String {
        let mut body = String::with_capacity(112 + 39 * self.seat_ids.len());
        body.push_str("\"showtimeId\":\"");
        push_uuid(&mut body, self.showtime.0);
        body.push_str("\",\"sequence\":");
        body.push_str(&self.sequence.to_string());
        body.push_str(",\"seatIds\":[");
        for (position, seat) in self.seat_ids.iter().enumerate() {
            body.push_str(if position == 0 { "\"" } else { ",\"" });
            push_uuid(&mut body, seat.0);
            body.push('"');
        }
        body.push_str("],\"status\":\"");
        body.push_str(self.status.as_str());
        body.push('"');
        if let Some(listing) = &self.listing {
            body.push_str(",\"showtime\":{");
            body.push_str(listing);
            body.push('}');
        }
        body
    }
}

/// The members of the listing that an event sets, without braces. A term that is not there is not set any more.
fn changed_listing(event: &Event) -> Option<String> {
    match event {
        Event::ShowtimeChanged { movie_title, start_time, terms, rows: _ } => {
            let listing = Listing { terms: terms.clone(), ..Listing::new(movie_title, *start_time) };
            Some(listing.members())
        }
        Event::ShowtimeCancelled { reason } => Some(format!("\"cancelled\":{}", Value::from(reason.as_str()))),
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

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::domain::{BookingId, CancelReason, Stamp, Terms};

    fn recorded(sequence: u64, recorded_at: Timestamp, event: Event) -> RecordedEvent {
        RecordedEvent { sequence, recorded_at, stamp: Stamp(sequence), follows: Stamp(sequence - 1), event }
    }

    #[test]
    fn both_encodings_say_the_same() {
        let showtime = ShowtimeId(Uuid::from_u128(1));
        let seat_ids = vec![SeatId::new(showtime, 3), SeatId::new(showtime, 4)];
        let event = Event::BookingCancelled {
            booking_id: BookingId(Uuid::from_u128(2)),
            seat_ids: seat_ids.clone(),
            reason: None,
            refund: None,
            refund_amount: None,
        };
        let delta = Delta::of(showtime, &recorded(12, Timestamp::from_millis(5), event));
        let fields = json!({ "showtimeId": showtime, "sequence": 12, "seatIds": seat_ids, "status": "Available" });

        let mut plain: Value = serde_json::from_str(&delta.text(Encoding::Plain)).unwrap();
        assert_eq!(plain.as_object_mut().unwrap().remove("type").unwrap(), "seatsStatusChanged");
        assert_eq!(plain, fields);

        let message = delta.text(Encoding::SignalR);
        let record = framing::records(&message).unwrap().next().unwrap().to_owned();
        let invocation: Value = serde_json::from_str(&record).unwrap();
        assert_eq!(invocation, json!({ "type": 1, "target": "SeatsStatusChanged", "arguments": [fields] }));
    }

    #[test]
    fn the_first_event_names_no_seats() {
        let showtime = ShowtimeId(Uuid::from_u128(1));
        let rows = crate::domain::SeatMap::new(vec![crate::domain::Row::numbered("A", 2)]).unwrap();
        let start_time = Timestamp::from_millis(0);
        let event =
            Event::ShowtimeScheduled { movie_title: "\"x\"".to_owned(), start_time, rows, terms: Terms::default() };
        let delta = Delta::of(showtime, &recorded(1, start_time, event));
        let plain: Value = serde_json::from_str(&delta.text(Encoding::Plain)).unwrap();
        assert_eq!(plain["seatIds"], json!([]));
        assert_eq!(plain["sequence"], 1);
    }

    #[test]
    fn a_change_of_the_listing_names_no_seats_and_tells_the_listing() {
        let (showtime, start_time) = (ShowtimeId(Uuid::from_u128(1)), Timestamp::from_millis(0));
        let told = |event| {
            let delta = Delta::of(showtime, &recorded(7, start_time, event));
            let plain: Value = serde_json::from_str(&delta.text(Encoding::Plain)).unwrap();
            assert_eq!(plain["seatIds"], json!([]));
            plain["showtime"].clone()
        };
        let terms = Terms { places_per_booking: Some(4), ..Terms::default() };
        let changed = Event::ShowtimeChanged { movie_title: "\"x\"".to_owned(), start_time, terms, rows: None };
        let listing = json!({ "movieTitle": "\"x\"", "startTime": "1970-01-01T00:00:00Z", "placesPerBooking": 4 });
        assert_eq!(told(changed), listing);
        let cancelled = Event::ShowtimeCancelled { reason: CancelReason::parse("a \"storm\"").unwrap() };
        assert_eq!(told(cancelled), json!({ "cancelled": "a \"storm\"" }));
    }
}
