//! SignalR messages after the handshake: what clients send is decoded, what the server sends is encoded as whole records.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::live::signalr::framing;

/// A keep-alive message, as a whole record.
pub const PING: &str = "{\"type\":6}\u{1e}";

/// A message of a client.
#[derive(Clone, PartialEq, Debug)]
pub enum ClientMessage {
    /// Call of a hub method.
    Invocation {
        /// To be named in the completion; without it nothing may be answered.
        invocation_id: Option<String>,
        /// The method; compared without regard to case.
        target: String,
        /// Its arguments.
        arguments: Vec<Value>,
    },
    /// Call of a streaming hub method.
    StreamInvocation {
        /// To be named in the completion.
        invocation_id: String,
        /// The method.
        target: String,
    },
    /// End of a stream that the client no longer wants.
    CancelInvocation,
    /// Keep-alive.
    Ping,
    /// The client leaves.
    Close,
    /// Anything else; newer or other features, to be ignored.
    Other {
        /// The message's type number.
        kind: u64,
    },
}

/// A record that is no hub message.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a hub message: {reason}")]
pub struct MessageError {
    /// What is wrong, for the log.
    pub reason: String,
}

impl From<serde_json::Error> for MessageError {
    fn from(error: serde_json::Error) -> Self {
        Self { reason: error.to_string() }
    }
}

#[derive(Deserialize)]
struct Kind {
    #[serde(rename = "type")]
    kind: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Call {
    invocation_id: Option<String>,
    target: String,
    #[serde(default)]
    arguments: Vec<Value>,
}

/// Reads one record.
pub fn decode(record: &str) -> Result<ClientMessage, MessageError> {
    let Kind { kind } = serde_json::from_str(record)?;
    match kind {
        1 => {
            let Call { invocation_id, target, arguments } = serde_json::from_str(record)?;
            Ok(ClientMessage::Invocation { invocation_id, target, arguments })
        }
        4 => {
            let Call { invocation_id, target, .. } = serde_json::from_str(record)?;
            let invocation_id =
                invocation_id.ok_or_else(|| MessageError { reason: "a stream invocation has no id".to_owned() })?;
            Ok(ClientMessage::StreamInvocation { invocation_id, target })
        }
        5 => Ok(ClientMessage::CancelInvocation),
        6 => Ok(ClientMessage::Ping),
        7 => Ok(ClientMessage::Close),
        kind => Ok(ClientMessage::Other { kind }),
    }
}

/// Completion of a call that succeeded, as a whole record.
pub fn completion(invocation_id: &str, result: Option<&Value>) -> String {
    let message = match result {
        Some(result) => json!({ "type": 3, "invocationId": invocation_id, "result": result }),
        None => json!({ "type": 3, "invocationId": invocation_id }),
    };
    framing::record(message.to_string())
}

/// Completion of a call that failed, as a whole record. `error` must not be empty: the npm client reads an empty one as success.
pub fn failure(invocation_id: &str, error: &str) -> String {
    framing::record(json!({ "type": 3, "invocationId": invocation_id, "error": error }).to_string())
}

/// Close message, as a whole record. With `allow_reconnect`, a client with a reconnect policy comes back.
pub fn close(error: Option<&str>, allow_reconnect: bool) -> String {
    let mut message = json!({ "type": 7 });
    if let Some(fields) = message.as_object_mut() {
        if let Some(error) = error {
            fields.insert("error".to_owned(), Value::from(error));
        }
        if allow_reconnect {
            fields.insert("allowReconnect".to_owned(), Value::from(true));
        }
    }
    framing::record(message.to_string())
}

/// Tells a client that it has joined nothing, as a call of its method `NothingJoined`: clients that have no such method log its name and go on.
pub fn nothing_joined() -> String {
    let text = "This connection has joined no showtime and is told of no change. \
                Call JoinShowtime after every connect, also after a reconnect.";
    framing::record(json!({ "type": 1, "target": "NothingJoined", "arguments": [{ "message": text }] }).to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn calls_are_read_in_any_order_of_fields() {
        let call = decode(r#"{"target":"Join","arguments":["a",7],"invocationId":"0","type":1,"headers":{"x":"y"}}"#);
        let expected = ClientMessage::Invocation {
            invocation_id: Some("0".to_owned()),
            target: "Join".to_owned(),
            arguments: vec![json!("a"), json!(7)],
        };
        assert_eq!(call, Ok(expected));
        assert_eq!(
            decode(r#"{"type":1,"target":"Join"}"#),
            Ok(ClientMessage::Invocation { invocation_id: None, target: "Join".to_owned(), arguments: vec![] })
        );
        assert_eq!(decode(r#"{"type":6}"#), Ok(ClientMessage::Ping));
        assert_eq!(decode(r#"{"type":7,"error":"x"}"#), Ok(ClientMessage::Close));
        assert_eq!(decode(r#"{"type":8,"sequenceId":3}"#), Ok(ClientMessage::Other { kind: 8 }));
        assert_eq!(decode(r#"{"type":99,"invocationId":{}}"#), Ok(ClientMessage::Other { kind: 99 }));
    }

    #[test]
    fn what_is_no_message_is_refused() {
        for record in ["", "{}", "[]", "1", "{\"type\":\"1\"}", "{\"type\":1}", "{\"type\":4,\"target\":\"x\"}"] {
            assert!(decode(record).is_err(), "{record}");
        }
        let deep = format!("{{\"type\":1,\"target\":\"x\",\"arguments\":{}", "[".repeat(100_000));
        assert!(decode(&deep).is_err());
    }

    #[test]
    fn what_the_server_says() {
        let read =
            |record: String| serde_json::from_str::<Value>(framing::records(&record).unwrap().next().unwrap()).unwrap();
        assert_eq!(read(completion("7", None)), json!({ "type": 3, "invocationId": "7" }));
        assert_eq!(
            read(completion("7", Some(&Value::Null))),
            json!({ "type": 3, "invocationId": "7", "result": null })
        );
        assert_eq!(read(failure("7", "no")), json!({ "type": 3, "invocationId": "7", "error": "no" }));
        assert_eq!(read(close(None, true)), json!({ "type": 7, "allowReconnect": true }));
        assert_eq!(read(close(Some("bad"), false)), json!({ "type": 7, "error": "bad" }));
        assert_eq!(read(PING.to_owned()), json!({ "type": 6 }));
        assert_eq!(read(nothing_joined())["target"], "NothingJoined");
        assert!(read(nothing_joined()).get("invocationId").is_none(), "no answer is asked for");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".*") {
            let _read = decode(&text);
        }

        #[test]
        fn any_json_is_read_or_refused(kind in 0_u64..12, id in ".*", target in ".*", argument in ".*") {
            let record = json!({ "type": kind, "invocationId": id, "target": target, "arguments": [argument] });
            let read = decode(&record.to_string());
            if kind == 1 {
                prop_assert_eq!(read, Ok(ClientMessage::Invocation {
                    invocation_id: Some(id),
                    target,
                    arguments: vec![Value::from(argument)],
                }));
            } else {
                prop_assert!(read.is_ok());
            }
        }

        #[test]
        fn answers_are_one_record_whatever_the_texts(id in ".*", error in ".+") {
            for answer in [failure(&id, &error), completion(&id, Some(&Value::from(error.as_str()))), close(Some(&error), true)] {
                let records: Vec<_> = framing::records(&answer).unwrap().collect();
                prop_assert_eq!(records.len(), 1);
                prop_assert!(serde_json::from_str::<Value>(records[0]).is_ok());
            }
        }
    }
}
