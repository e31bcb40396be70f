//! Encoded showtime: one showtime at one sequence in its three forms, all its seats, its layout and its live status, each
//! encoded when it is first asked for.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::sync::Arc;

use actix_web::http::header::HeaderValue;
use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::domain::ShowtimeView;
use crate::domain::{Listing, SeatId, SeatIndex, SeatMap, SeatStatus, ShowtimeId};
use crate::http::caching::representation::{Coding, Representation};
use crate::seat_json::{SEAT_BYTES, Shown, push_area_places, push_areas, push_seats};

/// Bytes of a row in JSON, about; also what it takes in memory.
const ROW_BYTES: usize = 40;
/// Seats in a byte of the live status.
const SEATS_PER_BYTE: usize = 4;
/// Digits of a seat id that tell the seat; those before are the same for all seats of a showtime.
const INDEX_DIGITS: usize = 8;

/// What a client may ask for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Form {
    /// The showtime with all its seats.
    Whole,
    /// What no booking changes.
    Layout,
    /// Two bits a seat.
    Status,
}

/// A showtime at one sequence.
pub(crate) struct EncodedShowtime {
    /// The sequence it shows.
    pub(crate) sequence: u64,
    /// After its source was asked.
    pub(super) made_at: Instant,
    /// The sequence as a header.
    pub(crate) sequence_header: HeaderValue,
    layout: Arc<Layout>,
    whole: Arc<Representation>,
    status: Arc<Representation>,
    statuses: usize,
}

/// What no booking changes about a showtime. Passed on from sequence to sequence.
pub(crate) struct Layout {
    facts: Arc<Facts>,
    digest: [u8; 32],
    shown: Arc<Representation>,
    /// Held by who makes a long body: of a showtime that changes fast, one at a time is made.
    pub(super) press: Mutex<()>,
}

#[derive(PartialEq, Eq)]
struct Facts {
    id: ShowtimeId,
    listing: Arc<Listing>,
    seat_map: Arc<SeatMap>,
}

impl EncodedShowtime {
    /// Nothing is encoded yet but the statuses, of which the validators are made: other content has other ones, also after the
    /// store was emptied. `earlier` is the layout of an earlier sequence, if one is known.
    pub(crate) fn of(view: &ShowtimeView, earlier: Option<Arc<Layout>>) -> Self {
        let layout = earlier.filter(|layout| layout.is_of(view)).unwrap_or_else(|| Arc::new(Layout::of(view)));
        let statuses = packed(&view.statuses);
        let digest = Sha256::new().chain_update(layout.digest).chain_update(view.sequence.to_be_bytes());
        let digest: [u8; 32] = digest.chain_update(&statuses).finalize().into();
        let validator = format!("{}-{}", short(&digest), view.sequence);
        let whole = {
            let (facts, statuses, sequence) = (Arc::clone(&layout.facts), statuses.clone(), view.sequence);
            let likely_bytes = 256 + view.statuses.len() * SEAT_BYTES;
            Representation::new("application/json", &validator, likely_bytes, move || {
                facts.whole(sequence, &statuses, &HashSet::new(), likely_bytes)
            })
        };
        let length = statuses.len();
        let status = Representation::new("application/octet-stream", &validator, length, move || statuses.clone());
        Self {
            sequence: view.sequence,
            made_at: Instant::now(),
            sequence_header: HeaderValue::from(view.sequence),
            layout,
            whole: Arc::new(whole),
            status: Arc::new(status),
            statuses: length,
        }
    }

    pub(crate) fn form(&self, form: Form) -> &Arc<Representation> {
        match form {
            Form::Whole => &self.whole,
            Form::Layout => &self.layout.shown,
            Form::Status => &self.status,
        }
    }

    /// The whole as an operator reads it: those of the reserved seats that are the blocks' are `Blocked`. It is made for him alone, so it has no
    /// validator that a cache could take it by.
    pub(crate) fn with_blocks(&self, blocked: HashSet<SeatIndex>) -> Representation {
        let (facts, status, sequence) = (Arc::clone(&self.layout.facts), Arc::clone(&self.status), self.sequence);
        let likely_bytes = self.whole.likely_bytes();
        Representation::new("application/json", "", likely_bytes, move || {
            let statuses = status.make(Coding::Identity, &|_coding| {}).bytes;
            facts.whole(sequence, &statuses, &blocked, likely_bytes)
        })
    }

    pub(crate) fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// Bytes that it takes, as far as it is encoded.
    pub(crate) fn bytes(&self) -> usize {
        let facts = self.layout.facts.seat_map.rows().len() * ROW_BYTES;
        facts + self.statuses + self.whole.bytes() + self.layout.shown.bytes() + self.status.bytes()
    }
}

impl Layout {
    fn of(view: &ShowtimeView) -> Self {
        let facts =
            Arc::new(Facts { id: view.id, listing: Arc::clone(&view.listing), seat_map: Arc::clone(&view.seat_map) });
        let digest = facts.digest();
        let shown = {
            let facts = Arc::clone(&facts);
            let likely_bytes = 256 + facts.seat_map.rows().len() * ROW_BYTES;
            Representation::new("application/json", &short(&digest), likely_bytes, move || facts.layout(likely_bytes))
        };
        Self { facts, digest, shown: Arc::new(shown), press: Mutex::new(()) }
    }

    fn is_of(&self, view: &ShowtimeView) -> bool {
        let Facts { id, listing, seat_map } = &*self.facts;
        (id, listing, seat_map) == (&view.id, &view.listing, &view.seat_map)
    }
}

impl Facts {
    /// `"id":"..","movieTitle":"..","startTime":".."` and the rest of the listing.
    fn members(&self) -> String {
        format!(r#""id":"{}",{}"#, self.id, self.listing.members())
    }

    /// `{id, movieTitle, startTime, sequence, areas:[{areaId, label, capacity, available}], seats:[{seatId, row, number, status}]}`
    ///
    /// Reserved seats that are `blocked` are told as such: nobody but an operator is told of any.
    fn whole(&self, sequence: u64, statuses: &[u8], blocked: &HashSet<SeatIndex>, likely_bytes: usize) -> Bytes {
        let mut body = String::with_capacity(likely_bytes);
        body.push('{');
        body.push_str(&self.members());
        // Writing to a String cannot fail, here and below.
        let written = write!(body, r#","sequence":{sequence}"#);
        let status = |seat: SeatIndex| {
            let byte = usize::try_from(seat).ok().and_then(|seat| statuses.get(seat / SEATS_PER_BYTE));
            // Two bits have a fourth value, which `packed` does not write.
            byte.and_then(|byte| SeatStatus::from_code(byte >> (seat % 4 * 2) & 3)).unwrap_or(SeatStatus::Sold)
        };
        push_areas(&mut body, &self.seat_map, status);
        body.push_str(r#","seats":["#);
        let shown = |seat: SeatIndex| match status(seat) {
            SeatStatus::Reserved if blocked.contains(&seat) => Shown::Blocked,
            status @ (SeatStatus::Available | SeatStatus::Reserved | SeatStatus::Sold) => Shown::Public(status),
        };
        push_seats(&mut body, self.id, self.seat_map.seats().map(|seat| (seat, shown(seat.index))));
        body.push_str("]}");
        finished(written, body)
    }

    /// `{id, movieTitle, startTime, seatIdPrefix, areas:[{areaId, label, capacity, firstSeat}], rows:[{row, seats}]}`
    fn layout(&self, likely_bytes: usize) -> Bytes {
        let mut body = String::with_capacity(likely_bytes);
        body.push('{');
        body.push_str(&self.members());
        let mut prefix = SeatId::new(self.id, 0).to_string();
        prefix.truncate(prefix.len().saturating_sub(INDEX_DIGITS));
        let mut written = write!(body, r#","seatIdPrefix":"{prefix}""#);
        push_area_places(&mut body, &self.seat_map);
        body.push_str(r#","rows":["#);
        for (position, row) in self.seat_map.rows().iter().enumerate() {
            let comma = if position == 0 { "" } else { "," };
            // Texts and numbers: it has a JSON form.
            written = written.and(write!(body, "{comma}{}", serde_json::to_string(row).unwrap_or_default()));
        }
        body.push_str("]}");
        finished(written, body)
    }

    fn digest(&self) -> [u8; 32] {
        let listing = self.listing.members();
        let mut digest = Sha256::new().chain_update(self.id.0).chain_update(listing.len().to_be_bytes());
        digest.update(&listing);
        for row in self.seat_map.rows() {
            digest.update(row.row.len().to_be_bytes());
            digest.update(&row.row);
            digest.update(row.seats.to_be_bytes());
            // Of rows without a plan there is no more, and their tags stay what they were.
            if let Some(section) = row.section.as_deref().or(row.area.as_ref().map(|_| "")) {
                digest.update(section.len().to_be_bytes());
                digest.update(serde_json::to_vec(row).unwrap_or_default());
            }
        }
        digest.finalize().into()
    }
}

fn finished(written: std::fmt::Result, body: String) -> Bytes {
    if written.is_err() {
        tracing::error!("a showtime could not be written");
    }
    Bytes::from(body)
}

/// Two bits a seat in seat order, the lowest bits first: see [`SeatStatus::code`].
fn packed(statuses: &[SeatStatus]) -> Bytes {
    let byte = |seats: &[SeatStatus]| seats.iter().rev().fold(0, |byte, status| byte << 2 | status.code());
    statuses.chunks(SEATS_PER_BYTE).map(byte).collect()
}

/// A few bytes of a hash, hexadecimal.
fn short(digest: &[u8; 32]) -> String {
    digest.iter().take(6).fold(String::with_capacity(12), |mut text, byte| {
        let digits = [byte >> 4, byte & 0x0f].map(|digit| char::from_digit(digit.into(), 16).unwrap_or('0'));
        text.extend(digits);
        text
    })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use uuid::Uuid;

    use super::*;
    use crate::domain::{Row, Stamp, Timestamp};
    use crate::http::caching::representation::Coding;

    fn view(id: u128, sequence: u64, sold: bool) -> ShowtimeView {
        let rows = vec![Row::numbered("A\"\\", 4), Row::numbered("B", 1)];
        let status = if sold { SeatStatus::Sold } else { SeatStatus::Available };
        let [free, held] = [SeatStatus::Available, SeatStatus::Reserved];
        ShowtimeView {
            id: ShowtimeId(Uuid::from_u128(id)),
            listing: Arc::new(Listing::new("\"Quoted\" \u{1F3AC} title", Timestamp::from_millis(1_000))),
            sequence,
            stamp: Stamp::default(),
            seat_map: Arc::new(SeatMap::new(rows).unwrap()),
            statuses: vec![free, held, status, free, held],
        }
    }

    fn body(encoded: &EncodedShowtime, form: Form) -> Bytes {
        encoded.form(form).make(Coding::Identity, &|_| ()).bytes
    }

    fn tag(encoded: &EncodedShowtime, form: Form) -> String {
        encoded.form(form).tag(Coding::Identity).to_str().unwrap().to_owned()
    }

    #[test]
    fn the_whole_is_json_with_every_seat_in_its_place() {
        let view = view(1, 7, true);
        let body: Value = serde_json::from_slice(&body(&EncodedShowtime::of(&view, None), Form::Whole)).unwrap();
        assert_eq!(body["movieTitle"], view.listing.movie_title.as_str());
        assert_eq!(body["sequence"], 7);
        assert_eq!(body["startTime"], "1970-01-01T00:00:01Z");
        let seats = body["seats"].as_array().unwrap();
        assert_eq!(seats.len(), 5);
        for (told, (seat, status)) in seats.iter().zip(view.seats()) {
            assert_eq!(told["seatId"], SeatId::new(view.id, seat.index).to_string());
            assert_eq!(told["row"], seat.row.row);
            assert_eq!(told["number"], seat.number());
            assert_eq!(told["status"], status.as_str());
        }
    }

    /// The blocks are read after the view, and may be of a later moment.
    #[test]
    fn of_the_blocks_seats_those_are_blocked_that_the_view_has_as_reserved() {
        let view = view(1, 7, true);
        let encoded = EncodedShowtime::of(&view, None);
        let words = |body: &[u8]| {
            let body: Value = serde_json::from_slice(body).unwrap();
            let seats = body["seats"].as_array().unwrap().iter();
            seats.map(|seat| seat["status"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let with_blocks = encoded.with_blocks(HashSet::from([0, 1, 2, 77])).make(Coding::Identity, &|_| ()).bytes;
        assert_eq!(words(&with_blocks), ["Available", "Blocked", "Sold", "Available", "Reserved"]);
        assert_eq!(words(&body(&encoded, Form::Whole)), ["Available", "Reserved", "Sold", "Available", "Reserved"]);
    }

    #[test]
    fn layout_and_status_together_tell_every_seat() {
        let view = view(1, 7, true);
        let encoded = EncodedShowtime::of(&view, None);
        let layout: Value = serde_json::from_slice(&body(&encoded, Form::Layout)).unwrap();
        assert_eq!(
            (&layout["movieTitle"], &layout["id"]),
            (&view.listing.movie_title.clone().into(), &view.id.to_string().into())
        );
        let status = body(&encoded, Form::Status);
        assert_eq!(status[..], [0b0010_0100, 0b01]);
        let prefix = layout["seatIdPrefix"].as_str().unwrap();
        let mut told = Vec::new();
        for row in layout["rows"].as_array().unwrap() {
            for number in 1..=row["seats"].as_u64().unwrap() {
                let index = told.len();
                let status = status[index / 4] >> (2 * (index % 4)) & 3;
                told.push((format!("{prefix}{index:08x}"), row["row"].as_str().unwrap(), number, status));
            }
        }
        let all = view.seats().map(|(seat, status)| {
            let id = SeatId::new(view.id, seat.index).to_string();
            (id, seat.row.row.as_str(), seat.number().into(), status.code())
        });
        assert_eq!(told, all.collect::<Vec<_>>());
    }

    #[test]
    fn the_tags_change_with_the_content_even_at_the_same_sequence() {
        let of = |id, sequence, sold| EncodedShowtime::of(&view(id, sequence, sold), None);
        for form in [Form::Whole, Form::Status] {
            assert_eq!(tag(&of(1, 7, true), form), tag(&of(1, 7, true), form));
            assert_ne!(tag(&of(1, 7, true), form), tag(&of(1, 7, false), form));
            assert_ne!(tag(&of(1, 7, true), form), tag(&of(1, 8, true), form));
            assert_ne!(tag(&of(1, 7, true), form), tag(&of(2, 7, true), form));
        }
        assert_eq!(tag(&of(1, 7, true), Form::Layout), tag(&of(1, 8, false), Form::Layout));
        assert_ne!(tag(&of(1, 7, true), Form::Layout), tag(&of(2, 7, true), Form::Layout));
    }

    #[test]
    fn the_layout_is_passed_on_unless_it_is_another_one() {
        let first = EncodedShowtime::of(&view(1, 7, true), None);
        let later = |view: &ShowtimeView| EncodedShowtime::of(view, Some(Arc::clone(first.layout())));
        assert!(Arc::ptr_eq(later(&view(1, 8, true)).layout(), first.layout()));
        let listing = Arc::new(Listing::new("another", Timestamp::from_millis(1_000)));
        let renamed = ShowtimeView { listing, ..view(1, 8, true) };
        assert!(!Arc::ptr_eq(later(&renamed).layout(), first.layout()));
    }
}
