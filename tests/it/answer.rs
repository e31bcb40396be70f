//! What the server answers to a test: an HTTP answer, and a booking as its client knows it.

use serde_json::Value;

/// An HTTP answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: Value,
}

/// A booking as its client knows it.
#[derive(Clone, Debug)]
pub struct Held {
    pub booking_id: String,
    pub hold_token: String,
    pub sequence: u64,
    pub seat_ids: Vec<String>,
}

impl From<&Value> for Held {
    fn from(body: &Value) -> Self {
        Self {
            booking_id: body["bookingId"].as_str().unwrap().to_owned(),
            hold_token: body["holdToken"].as_str().unwrap().to_owned(),
            sequence: body["sequence"].as_u64().unwrap(),
            seat_ids: body["seatIds"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect(),
        }
    }
}
