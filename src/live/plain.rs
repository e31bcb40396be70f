//! The plain WebSocket protocol: text messages, each one JSON object with a `type`.
//!
//! Server to client:
//! - `{"type":"snapshot","showtimeId","sequence","movieTitle","startTime","part","final","seats":[{"seatId","row","number","status"}..]}`:
//!   the whole showtime as it was at `sequence`, in one or more consecutive messages (`part` counts from 0, the last has `final: true`).
//!   It replaces everything the client knew; a client that cannot keep up may get one again later.
//! - `{"type":"seatsStatusChanged","showtimeId","sequence","seatIds":[..],"status"}`: one for each later event, sequences without a gap.
//! - `{"type":"pong","sequence"}`: the answer to a ping, with the sequence of the last delta or snapshot sent.
//!
//! Client to server: `{"type":"ping"}` (for browsers, which cannot send ping frames), and nothing else. A connection is kept with ping
//! frames; it resumes with `?after=<sequence>` of the last message that was seen.

use serde::Deserialize;

/// A message of a client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClientMessage {
    /// Asks for a pong.
    Ping,
}

/// A text that is no message of this protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("only {{\"type\":\"ping\"}} is understood")]
pub struct UnknownMessage;

/// Reads a client's message.
pub fn decode(text: &str) -> Result<ClientMessage, UnknownMessage> {
    #[derive(Deserialize)]
    struct Tagged<'a> {
        #[serde(rename = "type", borrow)]
        kind: std::borrow::Cow<'a, str>,
    }

    let message: Tagged<'_> = serde_json::from_str(text).map_err(|_syntax| UnknownMessage)?;
    if message.kind == "ping" { Ok(ClientMessage::Ping) } else { Err(UnknownMessage) }
}

/// The answer to a ping.
pub fn pong(sequence: u64) -> String {
    format!("{{\"type\":\"pong\",\"sequence\":{sequence}}}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_ping_is_understood_and_nothing_else() {
        assert_eq!(decode(r#"{"type":"ping"}"#), Ok(ClientMessage::Ping));
        assert_eq!(decode(r#" {"id":1,"type":"p\u0069ng"} "#), Ok(ClientMessage::Ping));
        for text in ["", "ping", "{}", r#"{"type":"pong"}"#, r#"{"type":1}"#, "[]", r#"{"type":"ping"}x"#] {
            assert_eq!(decode(text), Err(UnknownMessage), "{text}");
        }
        assert_eq!(pong(7), r#"{"type":"pong","sequence":7}"#);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".*") {
            let _read = decode(&text);
        }
    }
}
