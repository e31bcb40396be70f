//! Wire format: `CloudEvents` 1.0 in structured JSON, one for each event. An event that travels alone is an object, several are a batch.
//! Messages of several showtimes may share one batch; a message goes on as long as the showtime and the trace are the same.
//!
//! Follows the `CloudEvents` specification 1.0.2, its JSON format and JSON batch format, and its extensions *partitioning*, *sequence* and
//! *distributed tracing*. As its official packages do on AMQP 0-9-1, readers go by the content type.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::{BookingId, Event, EventRun, RecordedEvent, ShowtimeId, Stamp, Timestamp};
use crate::event_bus::{Message, partition};

/// Media type of one event.
const ONE: &str = "application/cloudevents+json";
/// Media type of several.
const BATCH: &str = "application/cloudevents-batch+json";

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
    /// Not JSON, or not `CloudEvents` with exactly the attributes that are in use here.
    #[error("neither a CloudEvent nor a batch of CloudEvents: {0}")]
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
    /// The sequences are not consecutive, or an event does not follow the one before it.
    #[error("the events of a showtime do not follow each other")]
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
    stamp: String,
    follows: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<&'a str>,
    data: &'a Event,
}

/// A `CloudEvent` as it is read: the same attributes, none of them trusted yet.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Incoming<'a> {
    #[serde(borrow)]
    specversion: Cow<'a, str>,
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    source: Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    subject: Option<Cow<'a, str>>,
    time: Timestamp,
    #[serde(borrow)]
    datacontenttype: Cow<'a, str>,
    #[serde(borrow)]
    partitionkey: Cow<'a, str>,
    #[serde(borrow)]
    sequence: Cow<'a, str>,
    // Messages of earlier versions have no stamps; the journal tells what follows what.
    #[serde(borrow)]
    stamp: Option<Cow<'a, str>>,
    #[serde(borrow)]
    follows: Option<Cow<'a, str>>,
    #[serde(borrow)]
    traceparent: Option<Cow<'a, str>>,
    data: Event,
}

/// What every event of a message must say, made once.
struct Expected {
    showtime: ShowtimeId,
    source: String,
    partition_key: String,
    traceparent: Option<String>,
}

/// The id of a message: that of its first event, `<showtime>:<sequence>`. The same run always has the same id.
pub fn message_id(run: &EventRun) -> String {
    event_id(run.showtime_id(), run.first_sequence())
}

/// The routing keys of messages of one partition: `showtime.<partition>.<kind>`; if their events are of several kinds
/// `showtime.<partition>.Mixed` and then one for each kind, so that a queue bound to a kind gets all events of that kind.
pub fn routing_keys<'a>(messages: impl IntoIterator<Item = &'a Message>) -> Vec<String> {
    let mut kinds = BTreeSet::new();
    let mut place = 0;
    for message in messages {
        place = partition(message.run.showtime_id());
        kinds.extend(message.run.events().iter().map(|recorded| recorded.event.kind().as_str()));
    }
    let mixed = (kinds.len() != 1).then_some(MIXED);
    mixed.into_iter().chain(kinds).map(|kind| format!("showtime.{place}.{kind}")).collect()
}

/// A body and its media type.
pub struct Encoded {
    /// JSON.
    pub body: Vec<u8>,
    /// Of one event, or of a batch.
    pub content_type: &'static str,
}

/// Writes messages into one body.
///
/// # Errors
/// None is known for a value of the domain; the type is the serializer's.
pub fn encode<'a>(messages: impl IntoIterator<Item = &'a Message>) -> Result<Encoded, serde_json::Error> {
    let batch: Vec<Outgoing<'_>> = messages.into_iter().flat_map(outgoing).collect();
    Ok(match batch.as_slice() {
        [one] => Encoded { body: serde_json::to_vec(one)?, content_type: ONE },
        several => Encoded { body: serde_json::to_vec(several)?, content_type: BATCH },
    })
}

fn outgoing(message: &Message) -> impl Iterator<Item = Outgoing<'_>> {
    let showtime = message.run.showtime_id();
    message.run.events().iter().map(move |recorded| Outgoing {
        specversion: SPEC_VERSION,
        id: event_id(showtime, recorded.sequence),
        source: source(showtime),
        kind: event_type(&recorded.event),
        subject: recorded.event.booking_id(),
        time: recorded.recorded_at,
        datacontenttype: DATA_CONTENT_TYPE,
        partitionkey: showtime,
        sequence: sequence_text(recorded.sequence),
        stamp: recorded.stamp.to_string(),
        follows: recorded.follows.to_string(),
        traceparent: message.traceparent.as_deref(),
        data: &recorded.event,
    })
}

/// Reads what [`encode`] wrote. Never panics, whatever the bytes.
///
/// # Errors
/// The [`DecodeError`] names the first thing that is wrong.
pub fn decode(bytes: &[u8]) -> Result<Vec<Message>, DecodeError> {
    let is_one = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    let batch: Vec<Incoming<'_>> =
        if is_one { vec![serde_json::from_slice(bytes)?] } else { serde_json::from_slice(bytes)? };
    let mut messages = Vec::new();
    let mut open: Option<(Expected, Vec<RecordedEvent>)> = None;
    for (position, incoming) in batch.into_iter().enumerate() {
        if open.as_ref().is_none_or(|(expected, _)| !expected.goes_on(&incoming)) {
            if let Some(done) = open.take() {
                messages.push(message(done)?);
            }
            open = Some((Expected::of(position, &incoming)?, Vec::new()));
        }
        if let Some((expected, events)) = &mut open {
            events.push(recorded(position, incoming, expected)?);
        }
    }
    messages.push(message(open.ok_or(DecodeError::Empty)?)?);
    Ok(messages)
}

fn message((expected, events): (Expected, Vec<RecordedEvent>)) -> Result<Message, DecodeError> {
    let run = EventRun::new(expected.showtime, events).ok_or(DecodeError::Gap)?;
    Ok(Message { run: run.into(), traceparent: expected.traceparent })
}

impl Expected {
    fn of(position: usize, first: &Incoming<'_>) -> Result<Self, DecodeError> {
        let showtime = showtime_of(position, first)?;
        Ok(Self {
            showtime,
            source: source(showtime),
            partition_key: showtime.to_string(),
            traceparent: first.traceparent.as_deref().map(str::to_owned),
        })
    }

    /// True if the event belongs to the same message.
    fn goes_on(&self, next: &Incoming<'_>) -> bool {
        self.source == next.source && self.traceparent.as_deref() == next.traceparent.as_deref()
    }
}

fn showtime_of(position: usize, first: &Incoming<'_>) -> Result<ShowtimeId, DecodeError> {
    let id = first.source.strip_prefix(SOURCE_PREFIX).and_then(|id| Uuid::parse_str(id).ok());
    id.map(ShowtimeId).ok_or_else(|| DecodeError::Attribute {
        position,
        attribute: "source",
        found: first.source.clone().into_owned(),
        expected: format!("{SOURCE_PREFIX}<showtime id>"),
    })
}

fn recorded(position: usize, incoming: Incoming<'_>, expected: &Expected) -> Result<RecordedEvent, DecodeError> {
    let check = |attribute: &'static str, found: &str, fits: bool, expected: &dyn Fn() -> String| {
        if fits {
            return Ok(());
        }
        Err(DecodeError::Attribute { position, attribute, found: found.to_owned(), expected: expected() })
    };
    let equal = |attribute, found: &str, wanted: &str| check(attribute, found, found == wanted, &|| wanted.to_owned());
    let sequence = parse_sequence(&incoming.sequence).ok_or_else(|| DecodeError::Attribute {
        position,
        attribute: "sequence",
        found: incoming.sequence.clone().into_owned(),
        expected: format!("{SEQUENCE_DIGITS} digits, from 1 to {}", i64::MAX),
    })?;
    equal("specversion", &incoming.specversion, SPEC_VERSION)?;
    equal("datacontenttype", &incoming.datacontenttype, DATA_CONTENT_TYPE)?;
    equal("source", &incoming.source, &expected.source)?;
    equal("partitionkey", &incoming.partitionkey, &expected.partition_key)?;
    let id = incoming.id.strip_prefix(expected.partition_key.as_str()).and_then(|rest| rest.strip_prefix(':'));
    let is_id = id.is_some_and(|rest| !rest.starts_with('0') && rest.parse() == Ok(sequence) && !rest.starts_with('+'));
    check("id", &incoming.id, is_id, &|| event_id(expected.showtime, sequence))?;
    let is_kind = incoming.kind.strip_prefix(TYPE_PREFIX) == Some(incoming.data.kind().as_str());
    check("type", &incoming.kind, is_kind, &|| event_type(&incoming.data))?;
    let mut buffer = [0_u8; uuid::fmt::Hyphenated::LENGTH];
    let subject = incoming.data.booking_id().map_or("", |id| id.0.hyphenated().encode_lower(&mut buffer));
    equal("subject", incoming.subject.as_deref().unwrap_or(""), subject)?;
    let stamp = stamp_of(position, "stamp", incoming.stamp.as_deref())?;
    let follows = stamp_of(position, "follows", incoming.follows.as_deref())?;
    Ok(RecordedEvent { sequence, recorded_at: incoming.time, stamp, follows, event: incoming.data })
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

fn stamp_of(position: usize, attribute: &'static str, text: Option<&str>) -> Result<Stamp, DecodeError> {
    let Some(text) = text else { return Ok(Stamp::default()) };
    let stamp = u64::from_str_radix(text, 16).ok().map(Stamp).filter(|stamp| stamp.to_string() == text);
    stamp.ok_or_else(|| DecodeError::Attribute {
        position,
        attribute,
        found: text.to_owned(),
        expected: "16 hexadecimal digits".to_owned(),
    })
}

/// Stores keep sequences as signed 64-bit numbers, so anything larger is not of this house.
fn parse_sequence(text: &str) -> Option<u64> {
    if text.len() != SEQUENCE_DIGITS || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|sequence| *sequence >= 1 && i64::try_from(*sequence).is_ok())
}

#[cfg(test)]
mod tests;
