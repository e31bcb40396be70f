//! Wire format of a message: a batch of `CloudEvents` 1.0 in structured JSON, one `CloudEvent` per event of the run.
//!
//! Follows the `CloudEvents` specification 1.0.2, its JSON batch format, and its extensions *partitioning*, *sequence* and
//! *distributed tracing*. There is no `CloudEvents` binding for AMQP 0-9-1, so the structured mode is used as it is.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::{BookingId, Event, EventRun, RecordedEvent, ShowtimeId, Timestamp};
use crate::event_bus::{Message, partition};

/// Media type of an encoded message.
pub const CONTENT_TYPE: &str = "application/cloudevents-batch+json";

/// Last word of the routing key of a run whose events are not all of one kind.
const MIXED: &str = "Mixed";
const SPEC_VERSION: &str = "1.0";
const DATA_CONTENT_TYPE: &str = "application/json";
const TYPE_PREFIX: &str = "turnstile.";
const SOURCE_PREFIX: &str = "/showtimes/";
/// The sequence extension demands texts that sort like the numbers; the largest `u64` has 20 digits.
const SEQUENCE_DIGITS: usize = 20;

/// Why bytes are no message. Positions count from 0.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Not JSON, or not an array of `CloudEvents` with exactly the attributes that are in use here.
    #[error("not a batch of CloudEvents: {0}")]
    Json(#[from] serde_json::Error),
    /// The array is empty.
    #[error("the batch is empty")]
    Empty,
    /// An attribute contradicts the format, the data or the first event.
    #[error("event {position}: {attribute} is {found:?}, expected {expected}")]
    Attribute {
        /// Position in the batch.
        position: usize,
        /// The attribute's name.
        attribute: &'static str,
        /// Its value.
        found: String,
        /// What it should be.
        expected: String,
    },
    /// The sequences are not consecutive.
    #[error("the sequences of the events are not consecutive")]
    Gap,
}

/// A `CloudEvent` as it is written.
#[derive(Serialize)]
struct Outgoing<'a> {
    specversion: &'static str,
    id: String,
    source: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<BookingId>,
    time: Timestamp,
    datacontenttype: &'static str,
    partitionkey: ShowtimeId,
    sequence: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<&'a str>,
    data: &'a Event,
}

/// A `CloudEvent` as it is read: the same attributes, none of them trusted yet.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Incoming {
    specversion: String,
    id: String,
    source: String,
    #[serde(rename = "type")]
    kind: String,
    subject: Option<String>,
    time: Timestamp,
    datacontenttype: String,
    partitionkey: String,
    sequence: String,
    traceparent: Option<String>,
    data: Event,
}

/// The id of a message: that of its first event, `<showtime>:<sequence>`. The same run always has the same id.
pub fn message_id(run: &EventRun) -> String {
    event_id(run.showtime_id(), run.first_sequence())
}

/// The routing key of a run: `showtime.<partition>.<kind>`, or `showtime.<partition>.Mixed` if its events are of several kinds.
pub fn routing_key(run: &EventRun) -> String {
    let mut kinds = run.events().iter().map(|recorded| recorded.event.kind());
    let first = kinds.next();
    let kind = first.filter(|first| kinds.all(|kind| kind == *first)).map_or(MIXED, |kind| kind.as_str());
    format!("showtime.{}.{kind}", partition(run.showtime_id()))
}

/// Writes a message.
///
/// # Errors
/// None is known for a value of the domain; the type is the serializer's.
pub fn encode(message: &Message) -> Result<Vec<u8>, serde_json::Error> {
    let showtime = message.run.showtime_id();
    let batch: Vec<Outgoing<'_>> = message
        .run
        .events()
        .iter()
        .map(|recorded| Outgoing {
            specversion: SPEC_VERSION,
            id: event_id(showtime, recorded.sequence),
            source: source(showtime),
            kind: event_type(&recorded.event),
            subject: recorded.event.booking_id(),
            time: recorded.recorded_at,
            datacontenttype: DATA_CONTENT_TYPE,
            partitionkey: showtime,
            sequence: sequence_text(recorded.sequence),
            traceparent: message.traceparent.as_deref(),
            data: &recorded.event,
        })
        .collect();
    serde_json::to_vec(&batch)
}

/// Reads what [`encode`] wrote. Never panics, whatever the bytes.
///
/// # Errors
/// The [`DecodeError`] names the first thing that is wrong.
pub fn decode(bytes: &[u8]) -> Result<Message, DecodeError> {
    let batch: Vec<Incoming> = serde_json::from_slice(bytes)?;
    let first = batch.first().ok_or(DecodeError::Empty)?;
    let showtime = showtime_of(first)?;
    let traceparent = first.traceparent.clone();
    let mut events = Vec::with_capacity(batch.len());
    for (position, incoming) in batch.into_iter().enumerate() {
        events.push(recorded(position, incoming, showtime, traceparent.as_deref())?);
    }
    let run = EventRun::new(showtime, events).ok_or(DecodeError::Gap)?;
    Ok(Message { run: run.into(), traceparent })
}

fn showtime_of(first: &Incoming) -> Result<ShowtimeId, DecodeError> {
    let id = first.source.strip_prefix(SOURCE_PREFIX).and_then(|id| Uuid::parse_str(id).ok());
    id.map(ShowtimeId).ok_or_else(|| DecodeError::Attribute {
        position: 0,
        attribute: "source",
        found: first.source.clone(),
        expected: format!("{SOURCE_PREFIX}<showtime id>"),
    })
}

fn recorded(
    position: usize,
    incoming: Incoming,
    showtime: ShowtimeId,
    traceparent: Option<&str>,
) -> Result<RecordedEvent, DecodeError> {
    let check = |attribute: &'static str, found: &str, expected: &str| {
        if found == expected {
            return Ok(());
        }
        Err(DecodeError::Attribute { position, attribute, found: found.to_owned(), expected: expected.to_owned() })
    };
    let sequence = parse_sequence(&incoming.sequence).ok_or_else(|| DecodeError::Attribute {
        position,
        attribute: "sequence",
        found: incoming.sequence.clone(),
        expected: format!("{SEQUENCE_DIGITS} digits, from 1 to {}", i64::MAX),
    })?;
    check("specversion", &incoming.specversion, SPEC_VERSION)?;
    check("datacontenttype", &incoming.datacontenttype, DATA_CONTENT_TYPE)?;
    check("source", &incoming.source, &source(showtime))?;
    check("partitionkey", &incoming.partitionkey, &showtime.to_string())?;
    check("id", &incoming.id, &event_id(showtime, sequence))?;
    check("type", &incoming.kind, &event_type(&incoming.data))?;
    let subject = incoming.data.booking_id().map(|id| id.to_string());
    check("subject", incoming.subject.as_deref().unwrap_or(""), subject.as_deref().unwrap_or(""))?;
    check("traceparent", incoming.traceparent.as_deref().unwrap_or(""), traceparent.unwrap_or(""))?;
    Ok(RecordedEvent { sequence, recorded_at: incoming.time, event: incoming.data })
}

fn event_id(showtime: ShowtimeId, sequence: u64) -> String {
    format!("{showtime}:{sequence}")
}

fn source(showtime: ShowtimeId) -> String {
    format!("{SOURCE_PREFIX}{showtime}")
}

fn event_type(event: &Event) -> String {
    format!("{TYPE_PREFIX}{}", event.kind().as_str())
}

fn sequence_text(sequence: u64) -> String {
    format!("{sequence:0SEQUENCE_DIGITS$}")
}

/// Stores keep sequences as signed 64-bit numbers, so anything larger is not of this house.
fn parse_sequence(text: &str) -> Option<u64> {
    if text.len() != SEQUENCE_DIGITS || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|sequence| *sequence >= 1 && i64::try_from(*sequence).is_ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::{PaymentReference, Row, SeatId, SeatMap, UserId};

    fn showtime() -> impl Strategy<Value = ShowtimeId> {
        any::<u128>().prop_map(|id| ShowtimeId(Uuid::from_u128(id)))
    }

    fn timestamp() -> impl Strategy<Value = Timestamp> {
        (Timestamp::MIN.as_millis()..=Timestamp::MAX.as_millis()).prop_map(Timestamp::from_millis)
    }

    fn event() -> impl Strategy<Value = Event> {
        let booking = any::<u128>().prop_map(|id| BookingId(Uuid::from_u128(id)));
        let seats = prop::collection::vec(any::<u128>().prop_map(|id| SeatId(Uuid::from_u128(id))), 0..4);
        let rows = prop::collection::btree_set("[A-Z]{1,3}", 1..4)
            .prop_map(|labels| SeatMap::new(labels.into_iter().map(|row| Row { row, seats: 3 }).collect()).unwrap());
        prop_oneof![
            (".{0,20}", timestamp(), rows).prop_map(|(movie_title, start_time, rows)| Event::ShowtimeScheduled {
                movie_title,
                start_time,
                rows
            }),
            (booking.clone(), seats.clone(), "[^\\p{Cc}\\s]{1,20}", timestamp()).prop_map(
                |(booking_id, seat_ids, user, expires_at)| Event::SeatsReserved {
                    booking_id,
                    seat_ids,
                    user_id: UserId::parse(user).unwrap(),
                    expires_at
                }
            ),
            (booking.clone(), seats.clone(), timestamp()).prop_map(|(booking_id, seat_ids, expires_at)| {
                Event::HoldExtended { booking_id, seat_ids, expires_at }
            }),
            (booking.clone(), seats.clone(), "[^\\p{Cc}\\s]{1,20}").prop_map(|(booking_id, seat_ids, reference)| {
                Event::BookingConfirmed {
                    booking_id,
                    seat_ids,
                    payment_reference: PaymentReference::parse(reference).unwrap(),
                }
            }),
            (booking.clone(), seats.clone())
                .prop_map(|(booking_id, seat_ids)| Event::BookingCancelled { booking_id, seat_ids }),
            (booking, seats).prop_map(|(booking_id, seat_ids)| Event::HoldExpired { booking_id, seat_ids }),
        ]
    }

    fn message() -> impl Strategy<Value = Message> {
        let last_start = u64::try_from(i64::MAX).unwrap() - 8;
        let events = prop::collection::vec((event(), timestamp()), 1..6);
        (showtime(), 1..=last_start, events, prop::option::of("00-[0-9a-f]{32}-[0-9a-f]{16}-01")).prop_map(
            |(showtime, first, events, traceparent)| {
                let events = (first..)
                    .zip(events)
                    .map(|(sequence, (event, recorded_at))| RecordedEvent { sequence, recorded_at, event })
                    .collect();
                Message { run: EventRun::new(showtime, events).unwrap().into(), traceparent }
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(message in message()) {
            prop_assert_eq!(decode(&encode(&message).unwrap()).unwrap(), message);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(decode(&bytes).is_err());
        }

        #[test]
        fn a_damaged_message_never_panics_and_never_passes_for_another_showtime(
            message in message(), at in any::<prop::sample::Index>(), byte in any::<u8>(),
        ) {
            let mut bytes = encode(&message).unwrap();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if let Ok(decoded) = decode(&bytes) {
                prop_assert_eq!(decoded.run.showtime_id(), message.run.showtime_id());
                prop_assert_eq!(decoded.run.first_sequence(), message.run.first_sequence());
            }
        }

        #[test]
        fn sequences_sort_as_texts(a in 1..u64::MAX, b in 1..u64::MAX) {
            prop_assert_eq!(a.cmp(&b), sequence_text(a).cmp(&sequence_text(b)));
        }
    }

    fn sample() -> Message {
        let showtime = ShowtimeId(Uuid::from_u128(0x1f));
        let booking_id = BookingId(Uuid::from_u128(7));
        let seat_ids = vec![SeatId::new(showtime, 3)];
        let events = vec![
            RecordedEvent {
                sequence: 41,
                recorded_at: Timestamp::from_millis(0),
                event: Event::BookingCancelled { booking_id, seat_ids: seat_ids.clone() },
            },
            RecordedEvent {
                sequence: 42,
                recorded_at: Timestamp::from_millis(5),
                event: Event::HoldExpired { booking_id, seat_ids },
            },
        ];
        let traceparent = Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned());
        Message { run: EventRun::new(showtime, events).unwrap().into(), traceparent }
    }

    #[test]
    fn the_wire_form_is_the_one_that_is_promised() {
        let message = sample();
        let json: serde_json::Value = serde_json::from_slice(&encode(&message).unwrap()).unwrap();
        let seat = SeatId::new(message.run.showtime_id(), 3);
        let expected = serde_json::json!({
            "specversion": "1.0",
            "id": "00000000-0000-0000-0000-00000000001f:41",
            "source": "/showtimes/00000000-0000-0000-0000-00000000001f",
            "type": "turnstile.BookingCancelled",
            "subject": "00000000-0000-0000-0000-000000000007",
            "time": "1970-01-01T00:00:00Z",
            "datacontenttype": "application/json",
            "partitionkey": "00000000-0000-0000-0000-00000000001f",
            "sequence": "00000000000000000041",
            "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "data": {
                "type": "BookingCancelled",
                "bookingId": "00000000-0000-0000-0000-000000000007",
                "seatIds": [seat],
            },
        });
        assert_eq!(json[0], expected);
        assert_eq!(message_id(&message.run), "00000000-0000-0000-0000-00000000001f:41");
        assert_eq!(routing_key(&message.run), "showtime.15.Mixed");
        let alone = EventRun::new(message.run.showtime_id(), vec![message.run.events()[1].clone()]).unwrap();
        assert_eq!(routing_key(&alone), "showtime.15.HoldExpired");
    }

    #[test]
    fn every_lie_is_named() {
        let lies = [
            ("specversion", "0.3"),
            ("id", "00000000-0000-0000-0000-00000000001f:43"),
            ("source", "/showtimes/00000000-0000-0000-0000-00000000002f"),
            ("type", "turnstile.SeatsReserved"),
            ("subject", "00000000-0000-0000-0000-000000000008"),
            ("datacontenttype", "text/plain"),
            ("partitionkey", "00000000-0000-0000-0000-00000000002f"),
            ("sequence", "42"),
            ("sequence", "00000000000000000000"),
            ("sequence", "18446744073709551615"),
            ("traceparent", "00-00000000000000000000000000000000-0000000000000000-00"),
        ];
        for (attribute, value) in lies {
            let mut json: serde_json::Value = serde_json::from_slice(&encode(&sample()).unwrap()).unwrap();
            json[1][attribute] = value.into();
            let error = decode(json.to_string().as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with(&format!("event 1: {attribute} is")), "{attribute}: {error}");
        }
        let mut gap: serde_json::Value = serde_json::from_slice(&encode(&sample()).unwrap()).unwrap();
        gap[1]["sequence"] = "00000000000000000043".into();
        gap[1]["id"] = "00000000-0000-0000-0000-00000000001f:43".into();
        assert!(matches!(decode(gap.to_string().as_bytes()), Err(DecodeError::Gap)));
        assert!(matches!(decode(b"[]"), Err(DecodeError::Empty)));
        let mut unknown: serde_json::Value = serde_json::from_slice(&encode(&sample()).unwrap()).unwrap();
        unknown[0]["surprise"] = 1.into();
        assert!(decode(unknown.to_string().as_bytes()).unwrap_err().to_string().contains("surprise"));
    }
}
