//! An ear at the broker: a durable queue of its own, bound like the projector's, that keeps everything the relay publishes through an outage.

use std::collections::HashMap;

use lapin::options::{BasicGetOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, LongString};
use lapin::{Connection, ConnectionProperties};
use serde_json::Value;

/// See the module's documentation.
pub struct Ear {
    url: String,
    queue: String,
}

/// What the broker was told about one showtime.
#[derive(Default, Debug)]
pub struct Heard {
    pub last: u64,
    /// Messages that brought an event before its predecessor.
    pub out_of_order: Vec<String>,
}

impl Ear {
    /// Listens from now on. The namespace's exchange must be there.
    pub async fn open(url: &str, namespace: &str) -> Self {
        let connection = Connection::connect(url, ConnectionProperties::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        let queue = format!("{namespace}.ear");
        let mut arguments = FieldTable::default();
        arguments.insert("x-queue-type".into(), AMQPValue::LongString(LongString::from("quorum")));
        let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        channel.queue_declare(queue.as_str().into(), options, arguments).await.unwrap();
        let (exchange, bind) = (format!("{namespace}.events"), QueueBindOptions::default());
        let bound = channel.queue_bind(
            queue.as_str().into(),
            exchange.into(),
            "showtime.#".into(),
            bind,
            FieldTable::default(),
        );
        bound.await.unwrap();
        connection.close(200, "done".into()).await.unwrap();
        Self { url: url.to_owned(), queue }
    }

    /// Everything that was published since, by showtime.
    pub async fn heard(&self) -> HashMap<String, Heard> {
        let connection = Connection::connect(&self.url, ConnectionProperties::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        let mut heard: HashMap<String, Heard> = HashMap::new();
        let options = BasicGetOptions { no_ack: true };
        while let Some(message) = channel.basic_get(self.queue.as_str().into(), options).await.unwrap() {
            let body: Value = serde_json::from_slice(&message.delivery.data).unwrap();
            let events = if body.is_array() { body.as_array().unwrap().clone() } else { vec![body] };
            for event in events {
                let showtime = event["partitionkey"].as_str().unwrap().to_owned();
                let sequence: u64 = event["sequence"].as_str().unwrap().parse().unwrap();
                let so_far = heard.entry(showtime).or_default();
                so_far.note(sequence);
            }
        }
        connection.close(200, "done".into()).await.unwrap();
        heard
    }
}

impl Heard {
    /// What comes twice is no fault, what comes too early is.
    fn note(&mut self, sequence: u64) {
        if self.last > 0 && sequence > self.last + 1 {
            self.out_of_order.push(format!("{sequence} after {}", self.last));
        }
        self.last = self.last.max(sequence);
    }
}
