//! Encoded showtimes: the body of a showtime at one sequence, made once and shared by everybody who asks for it.
//!
//! **Invariant:** an answer is never staler than the read model was when the request arrived. The sequence is asked for every
//! request (together with others that wait, see [`Flights`]); only the body for that sequence comes from memory.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::http::header::HeaderValue;
use bytes::Bytes;
use futures_util::FutureExt;
use sha2::{Digest, Sha256};

use crate::domain::{SeatStatus, ShowtimeId};
use crate::http::flight::Flights;
use crate::read_model::{ReadError, ReadModel, ShowtimeView};

/// Above this many seats a body is encoded off the HTTP workers, which would stand still for milliseconds.
const SEATS_ENCODED_INLINE: usize = 5_000;

/// A showtime's body at one sequence.
#[derive(Debug)]
pub(super) struct EncodedShowtime {
    /// The sequence it shows.
    pub(super) sequence: u64,
    /// Strong validator (RFC 9110, section 8.8): other content has another one, also after the store was emptied.
    pub(super) etag: HeaderValue,
    /// JSON.
    pub(super) body: Bytes,
}

type Looked = Result<Option<u64>, Arc<ReadError>>;
type Loaded = Result<Option<Arc<EncodedShowtime>>, Arc<ReadError>>;

/// The read model's showtimes as bodies. Bounded by number and by bytes; the least recently used go first.
pub(super) struct EncodedShowtimes {
    read_model: Arc<dyn ReadModel>,
    looks: Flights<ShowtimeId, Looked>,
    loads: Flights<ShowtimeId, Loaded>,
    shelf: Mutex<Shelf>,
}

struct Shelf {
    kept: HashMap<ShowtimeId, (Arc<EncodedShowtime>, u64)>,
    bytes: usize,
    /// Counts uses, to tell which was used last.
    uses: u64,
    most_showtimes: usize,
    most_bytes: usize,
}

impl EncodedShowtimes {
    pub(super) fn new(read_model: Arc<dyn ReadModel>, most_showtimes: usize, most_bytes: usize) -> Self {
        let shelf = Shelf { kept: HashMap::new(), bytes: 0, uses: 0, most_showtimes, most_bytes };
        Self { read_model, looks: Flights::new(), loads: Flights::new(), shelf: Mutex::new(shelf) }
    }

    /// The sequence of a showtime in the read model, as of now or later; `None` if it is unknown there.
    pub(super) async fn sequence(&self, id: ShowtimeId) -> Looked {
        let read_model = Arc::clone(&self.read_model);
        let look = move || async move { read_model.sequence(id).await.map_err(Arc::new) }.boxed();
        self.looks.join_next(id, look).await
    }

    /// The showtime at `sequence`, which the read model has shown, or later.
    pub(super) async fn at_least(&self, id: ShowtimeId, sequence: u64) -> Loaded {
        // A load under way may have started too early; the next one has not. If even that shows less, the read model was emptied meanwhile.
        for last_try in [false, true] {
            if let Some(kept) = self.recall(id, sequence) {
                return Ok(Some(kept));
            }
            match self.load(id).await? {
                Some(loaded) if last_try || loaded.sequence >= sequence => return Ok(Some(loaded)),
                None if last_try => return Ok(None),
                Some(_) | None => {}
            }
        }
        Ok(None)
    }

    async fn load(&self, id: ShowtimeId) -> Loaded {
        let read_model = Arc::clone(&self.read_model);
        let load = move || {
            async move {
                let Some(view) = read_model.showtime(id).await.map_err(Arc::new)? else {
                    return Ok(None);
                };
                if view.statuses.len() <= SEATS_ENCODED_INLINE {
                    return Ok(Some(Arc::new(EncodedShowtime::of(&view))));
                }
                let encoded = tokio::task::spawn_blocking(move || Arc::new(EncodedShowtime::of(&view))).await;
                encoded.map(Some).map_err(|error| Arc::new(ReadError { reason: error.to_string() }))
            }
            .boxed()
        };
        let loaded = self.loads.join_running(id, load).await?;
        if let Some(loaded) = &loaded {
            self.shelf.lock().unwrap_or_else(PoisonError::into_inner).keep(id, loaded);
        }
        Ok(loaded)
    }

    fn recall(&self, id: ShowtimeId, sequence: u64) -> Option<Arc<EncodedShowtime>> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner).recall(id, sequence)
    }
}

impl Shelf {
    fn recall(&mut self, id: ShowtimeId, sequence: u64) -> Option<Arc<EncodedShowtime>> {
        self.uses += 1;
        let (encoded, used) = self.kept.get_mut(&id)?;
        if encoded.sequence < sequence {
            return None;
        }
        *used = self.uses;
        Some(Arc::clone(encoded))
    }

    fn keep(&mut self, id: ShowtimeId, loaded: &Arc<EncodedShowtime>) {
        if loaded.body.len() > self.most_bytes || self.most_showtimes == 0 {
            return;
        }
        if self.kept.get(&id).is_some_and(|(kept, _)| kept.sequence > loaded.sequence || Arc::ptr_eq(kept, loaded)) {
            return;
        }
        self.uses += 1;
        self.bytes += loaded.body.len();
        if let Some((old, _)) = self.kept.insert(id, (Arc::clone(loaded), self.uses)) {
            self.bytes -= old.body.len();
        }
        while self.kept.len() > self.most_showtimes || self.bytes > self.most_bytes {
            let Some(oldest) = self.kept.iter().min_by_key(|(_, (_, used))| *used).map(|(id, _)| *id) else {
                return;
            };
            if let Some((old, _)) = self.kept.remove(&oldest) {
                self.bytes -= old.body.len();
            }
        }
    }
}

impl EncodedShowtime {
    /// Encodes `{id, movieTitle, startTime, sequence, seats:[{seatId, row, number, status}]}`.
    pub(super) fn of(view: &ShowtimeView) -> Self {
        let mut body = String::with_capacity(256 + view.statuses.len() * 96);
        let head = format!(
            r#"{{"id":"{}","movieTitle":{},"startTime":"{}","sequence":{},"seats":["#,
            view.id,
            quoted(&view.movie_title),
            view.start_time,
            view.sequence
        );
        body.push_str(&head);
        let mut digest = Sha256::new().chain_update(&head);
        let mut codes = Vec::with_capacity(view.statuses.len());
        let mut label: (&str, String) = ("", String::new());
        for (position, (seat_id, row, number, status)) in view.seats().enumerate() {
            if position > 0 {
                body.push(',');
            }
            if label.0 != row || position == 0 {
                label = (row, quoted(row));
                digest.update(position.to_be_bytes());
                digest.update(&label.1);
            }
            let mut buffer = uuid::Uuid::encode_buffer();
            body.push_str(r#"{"seatId":""#);
            body.push_str(seat_id.0.as_hyphenated().encode_lower(&mut buffer));
            body.push_str(r#"","row":"#);
            body.push_str(&label.1);
            body.push_str(r#","number":"#);
            // Writing to a String cannot fail.
            if write!(body, "{number}").is_err() {
                break;
            }
            body.push_str(status_field(status));
            codes.push(status.code());
        }
        body.push_str("]}");
        let content: [u8; 32] = digest.chain_update(&codes).finalize().into();
        Self { sequence: view.sequence, etag: etag(&content, view.sequence), body: Bytes::from(body) }
    }
}

/// The validator: a few bytes of the content's hash, and the sequence for people.
fn etag(content: &[u8; 32], sequence: u64) -> HeaderValue {
    let short = content.iter().take(6).fold(String::with_capacity(12), |mut text, byte| {
        let digits = [byte >> 4, byte & 0x0f].map(|digit| char::from_digit(digit.into(), 16).unwrap_or('0'));
        text.extend(digits);
        text
    });
    // Hexadecimal digits, a hyphen and a number are always a valid header.
    HeaderValue::from_str(&format!("\"{short}-{sequence}\"")).unwrap_or_else(|_| HeaderValue::from_static("\"?\""))
}

fn status_field(status: SeatStatus) -> &'static str {
    match status {
        SeatStatus::Available => r#","status":"Available"}"#,
        SeatStatus::Reserved => r#","status":"Reserved"}"#,
        SeatStatus::Sold => r#","status":"Sold"}"#,
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::{Row, SeatMap, Timestamp};

    fn view(id: u128, sequence: u64, sold: bool) -> ShowtimeView {
        let rows = vec![Row { row: "A\"\\".to_owned(), seats: 2 }, Row { row: "B".to_owned(), seats: 1 }];
        let status = if sold { SeatStatus::Sold } else { SeatStatus::Available };
        ShowtimeView {
            id: ShowtimeId(Uuid::from_u128(id)),
            movie_title: "\"Quoted\" \u{1F3AC} title".to_owned(),
            start_time: Timestamp::from_millis(1_000),
            sequence,
            seat_map: SeatMap::new(rows).unwrap(),
            statuses: vec![SeatStatus::Available, SeatStatus::Reserved, status],
        }
    }

    #[test]
    fn the_body_is_json_with_every_seat_in_its_place() {
        let view = view(1, 7, true);
        let body: serde_json::Value = serde_json::from_slice(&EncodedShowtime::of(&view).body).unwrap();
        assert_eq!(body["movieTitle"], view.movie_title.as_str());
        assert_eq!(body["sequence"], 7);
        assert_eq!(body["startTime"], "1970-01-01T00:00:01Z");
        let seats = body["seats"].as_array().unwrap();
        assert_eq!(seats.len(), 3);
        for (seat, (id, row, number, status)) in seats.iter().zip(view.seats()) {
            assert_eq!(seat["seatId"], id.to_string());
            assert_eq!(seat["row"], row);
            assert_eq!(seat["number"], number);
            assert_eq!(seat["status"], status.as_str());
        }
    }

    #[test]
    fn the_etag_changes_with_the_content_even_at_the_same_sequence() {
        let etag = |view: &ShowtimeView| EncodedShowtime::of(view).etag;
        assert_eq!(etag(&view(1, 7, true)), etag(&view(1, 7, true)));
        assert_ne!(etag(&view(1, 7, true)), etag(&view(1, 7, false)));
        assert_ne!(etag(&view(1, 7, true)), etag(&view(1, 8, true)));
        assert_ne!(etag(&view(1, 7, true)), etag(&view(2, 7, true)));
    }

    #[test]
    fn the_shelf_keeps_the_newest_and_the_recently_used_within_its_bounds() {
        let encoded = |id, sequence| Arc::new(EncodedShowtime::of(&view(id, sequence, true)));
        let id = |id| ShowtimeId(Uuid::from_u128(id));
        let one = encoded(1, 7).body.len();
        let mut shelf =
            Shelf { kept: HashMap::new(), bytes: 0, uses: 0, most_showtimes: 3, most_bytes: one * 2 + one / 2 };
        shelf.keep(id(1), &encoded(1, 7));
        shelf.keep(id(1), &encoded(1, 6));
        assert_eq!(shelf.kept[&id(1)].0.sequence, 7);
        shelf.keep(id(2), &encoded(2, 7));
        shelf.keep(id(1), &encoded(1, 8));
        shelf.keep(id(3), &encoded(3, 7));
        assert!(!shelf.kept.contains_key(&id(2)), "the least recently used goes");
        assert_eq!(shelf.bytes, shelf.kept.values().map(|(kept, _)| kept.body.len()).sum::<usize>());
        shelf.most_showtimes = 1;
        shelf.keep(id(4), &encoded(4, 7));
        assert_eq!(shelf.kept.keys().collect::<Vec<_>>(), [&id(4)]);
    }
}
