//! The calls of a client: what they ask for, and those that wait for their turn.

use std::collections::VecDeque;

use serde_json::Value;
use uuid::Uuid;

use crate::domain::ShowtimeId;

/// A call that waits for its turn. Its arguments are read as it comes: unread, they would take many times the bytes of the message.
pub(super) struct Call {
    pub(super) invocation_id: Option<String>,
    pub(super) method: Result<Method, String>,
}

impl Call {
    /// Bytes of the client's own text that are kept.
    pub(super) fn kept_bytes(&self) -> usize {
        self.invocation_id.as_ref().map_or(0, String::len)
    }
}

/// State of the protocol on one connection.
#[derive(Default)]
pub(super) struct Calls {
    /// The handshake is done.
    pub(super) open: bool,
    /// At most `waiting_calls`, whose ids together are at most `max_message_bytes` long.
    pub(super) waiting: VecDeque<Call>,
    /// The call in progress has not completed.
    pub(super) busy: bool,
}

impl Calls {
    /// True once the handshake is done.
    pub(super) fn is_open(&self) -> bool {
        self.open
    }
}

/// What a call asks for.
pub(super) enum Method {
    Join { showtime: ShowtimeId, after: Option<u64> },
    Leave { showtime: ShowtimeId },
}

impl Method {
    /// Methods are found without regard to case. The error is the text for the client.
    pub(super) fn parse(target: &str, arguments: &[Value]) -> Result<Self, String> {
        let is = |name: &str| target.eq_ignore_ascii_case(name);
        let wrong = |takes: &str| format!("Failed to invoke '{target}': it takes {takes}.");
        if is("JoinShowtime") {
            let takes = "a showtime's id (UUID) and, if wanted, the sequence after which to begin";
            let (showtime, after) = match arguments {
                [showtime] | [showtime, Value::Null] => (showtime, None),
                [showtime, after] => (showtime, Some(after.as_u64().ok_or_else(|| wrong(takes))?)),
                _ => return Err(wrong(takes)),
            };
            let showtime = showtime_id(showtime).ok_or_else(|| wrong(takes))?;
            Ok(Self::Join { showtime, after })
        } else if is("LeaveShowtime") {
            let takes = "a showtime's id (UUID)";
            match arguments {
                [showtime] => Ok(Self::Leave { showtime: showtime_id(showtime).ok_or_else(|| wrong(takes))? }),
                _ => Err(wrong(takes)),
            }
        } else {
            // The name is the client's own text and is sent back to it: cut it short.
            Err(format!("Unknown hub method '{}'", target.chars().take(128).collect::<String>()))
        }
    }
}

fn showtime_id(argument: &Value) -> Option<ShowtimeId> {
    argument.as_str().and_then(|text| Uuid::try_parse(text).ok()).map(ShowtimeId)
}
