//! SignalR handshake: the first record of a connection chooses the protocol; only JSON is served.

use serde::Deserialize;

use crate::live::signalr::framing;

/// The answer to a handshake that is accepted, as a whole record.
pub const ACCEPTED: &str = "{}\u{1e}";

/// Newest version of the hub protocol that is understood. It adds stateful reconnect, which is never offered, so that it means the same as
/// version 1. Like the protocol's own server, this one takes every version that is not newer: some clients announce version 0.
const NEWEST: u64 = 2;

/// Why a handshake is refused; the text goes to the client.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum HandshakeError {
    /// Any protocol but `json`.
    #[error("Requested protocol '{0}' is not available.")]
    UnknownProtocol(String),
    /// A version that is not understood.
    #[error("The server does not support version {0} of the 'json' protocol.")]
    UnknownVersion(u64),
    /// Not a handshake request.
    #[error("The handshake request is not valid.")]
    Malformed,
}

impl HandshakeError {
    /// The refusal as a whole record.
    pub fn to_record(&self) -> String {
        framing::record(serde_json::json!({ "error": self.to_string() }).to_string())
    }
}

/// Checks the client's first record.
pub fn check(record: &str) -> Result<(), HandshakeError> {
    #[derive(Deserialize)]
    struct Request {
        protocol: String,
        version: u64,
    }

    let request: Request = serde_json::from_str(record).map_err(|_syntax| HandshakeError::Malformed)?;
    if request.protocol != "json" {
        // The name is the client's own text and is sent back to it: cut it short.
        return Err(HandshakeError::UnknownProtocol(request.protocol.chars().take(64).collect()));
    }
    if request.version > NEWEST {
        return Err(HandshakeError::UnknownVersion(request.version));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_json_in_a_version_up_to_2_is_accepted() {
        assert_eq!(check(r#"{"protocol":"json","version":0}"#), Ok(()));
        assert_eq!(check(r#"{"protocol":"json","version":1}"#), Ok(()));
        assert_eq!(check(r#"{"version":2,"protocol":"json","extra":[]}"#), Ok(()));
        let refused = check(r#"{"protocol":"messagepack","version":1}"#).unwrap_err();
        assert_eq!(refused.to_record(), "{\"error\":\"Requested protocol 'messagepack' is not available.\"}\u{1e}");
        assert_eq!(check(r#"{"protocol":"json","version":3}"#), Err(HandshakeError::UnknownVersion(3)));
        assert_eq!(check(r#"{"protocol":"json"}"#), Err(HandshakeError::Malformed));
        assert_eq!(check(r#"{"type":6}"#), Err(HandshakeError::Malformed));
        assert_eq!(check(""), Err(HandshakeError::Malformed));
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in ".*") {
            if let Err(refused) = check(&text) {
                prop_assert!(refused.to_record().ends_with(framing::RECORD_SEPARATOR));
            }
        }
    }
}
