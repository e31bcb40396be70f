//! Parcel: a message, ready for the wire.

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, LongString, ShortString};

use crate::domain::Timestamp;
use crate::event_bus::cloud_event::{self, Encoded};
use crate::event_bus::rabbitmq::topology::Names;
use crate::event_bus::{BusError, Message};

/// Header with further routing keys of a message; a queue that several keys lead to gets it once.
const FURTHER_ROUTING_KEYS: &str = "CC";
/// AMQP's delivery mode for messages that survive a restart of the broker.
pub(super) const PERSISTENT: u8 = 2;

/// See the module's documentation.
#[derive(Clone, Debug)]
pub(super) struct Parcel {
    pub(super) exchange: ShortString,
    pub(super) routing_key: ShortString,
    /// With a message id that no other parcel of the same call has.
    pub(super) properties: BasicProperties,
    pub(super) body: Vec<u8>,
}

impl Parcel {
    pub(super) fn message_id(&self) -> &str {
        message_id(&self.properties)
    }
}

/// Messages of one partition as one on the wire. Its id is its first event's, its headers are about the first showtime.
pub(super) fn parcel<'a>(
    messages: impl Iterator<Item = &'a Message> + Clone,
    names: &Names,
    now: Timestamp,
) -> Result<Parcel, BusError> {
    let first = messages.clone().next().ok_or_else(|| BusError { reason: "a message without events".to_owned() })?;
    let run = &first.run;
    let Encoded { body, content_type } =
        cloud_event::encode(messages.clone()).map_err(|error| BusError { reason: error.to_string() })?;
    let mut headers = FieldTable::default();
    if messages.clone().nth(1).is_none() {
        headers.insert("showtime".into(), text(&run.showtime_id().to_string()));
        headers.insert("first-sequence".into(), number(run.first_sequence()));
        headers.insert("last-sequence".into(), number(run.last_sequence()));
    }
    if let Some(traceparent) = &first.traceparent {
        headers.insert("traceparent".into(), text(traceparent));
    }
    let mut routing_keys = cloud_event::routing_keys(messages).into_iter();
    let routing_key = routing_keys.next().unwrap_or_default().into();
    if routing_keys.len() > 0 {
        let further: Vec<AMQPValue> = routing_keys.map(|key| text(&key)).collect();
        headers.insert(FURTHER_ROUTING_KEYS.into(), AMQPValue::FieldArray(further.into()));
    }
    let properties = BasicProperties::default()
        .with_delivery_mode(PERSISTENT)
        .with_message_id(cloud_event::message_id(run).into())
        .with_content_type(content_type.into())
        // AMQP counts in seconds.
        .with_timestamp(u64::try_from(now.as_millis().div_euclid(1_000)).unwrap_or(0))
        .with_headers(headers);
    Ok(Parcel { exchange: names.events.clone(), routing_key, properties, body })
}

/// Text as a header.
pub(super) fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(LongString::from(text))
}

fn number(number: u64) -> AMQPValue {
    AMQPValue::LongLongInt(i64::try_from(number).unwrap_or(i64::MAX))
}

/// The message id in `properties`, or nothing.
pub(super) fn message_id(properties: &BasicProperties) -> &str {
    properties.message_id().as_ref().map_or("", ShortString::as_str)
}
