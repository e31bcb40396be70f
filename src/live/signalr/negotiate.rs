//! SignalR negotiation: tells the client its connection token and that WebSockets, with text, is the only transport.

use serde_json::{Value, json};

use crate::live::signalr::token::Issued;

/// Newest version of the negotiation that is spoken.
const NEWEST: i64 = 1;

/// The body of a `200 OK` that refuses the client for a reason.
pub fn refusal(reason: &str) -> Value {
    json!({ "error": reason })
}

/// The version to answer with, from the query parameter `negotiateVersion`; without one it is 0.
///
/// # Errors
/// The body that refuses the client.
pub fn version(requested: Option<&str>) -> Result<i64, Value> {
    let Some(text) = requested else { return Ok(0) };
    match text.parse::<i64>() {
        Ok(number) if number >= 0 => Ok(number.min(NEWEST)),
        Ok(number) => Err(refusal(&format!(
            "The client requested version '{number}', but the server does not support this version."
        ))),
        Err(_not_a_number) => {
            let shown: String = text.chars().take(64).collect();
            Err(refusal(&format!("The client requested an invalid protocol version '{shown}'")))
        }
    }
}

/// The body that lets the client connect. In version 0 there is no separate token: the connection id is it.
pub fn invitation(version: i64, issued: &Issued) -> Value {
    let transports = json!([{ "transport": "WebSockets", "transferFormats": ["Text"] }]);
    if version == 0 {
        json!({ "negotiateVersion": 0, "connectionId": issued.token, "availableTransports": transports })
    } else {
        json!({
            "negotiateVersion": version,
            "connectionId": issued.connection_id.as_simple().to_string(),
            "connectionToken": issued.token,
            "availableTransports": transports,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_the_smaller_of_both_or_refused() {
        assert_eq!(version(None), Ok(0));
        assert_eq!(version(Some("0")), Ok(0));
        assert_eq!(version(Some("1")), Ok(1));
        assert_eq!(version(Some("9")), Ok(1));
        for bad in ["-1", "", "one", "99999999999999999999"] {
            assert!(version(Some(bad)).unwrap_err()["error"].is_string(), "{bad}");
        }
    }

    #[test]
    fn version_0_has_no_token() {
        let issued = Issued { connection_id: uuid::Uuid::from_u128(7), token: "secret".to_owned() };
        let old = invitation(0, &issued);
        assert_eq!(old["connectionId"], "secret");
        assert!(old.get("connectionToken").is_none());
        let new = invitation(1, &issued);
        assert_eq!(new["connectionToken"], "secret");
        assert_ne!(new["connectionId"], "secret");
        assert_eq!(new["availableTransports"].as_array().unwrap().len(), 1);
    }
}
