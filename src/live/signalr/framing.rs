//! SignalR framing: JSON records that each end with the byte 0x1E; one WebSocket message holds one or more whole records.

/// Ends every record. It cannot occur inside JSON, where control characters are escaped.
pub const RECORD_SEPARATOR: char = '\u{1e}';

/// A WebSocket message that does not end with [`RECORD_SEPARATOR`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the message does not end with a record separator")]
pub struct Incomplete;

/// The records of one WebSocket message, in order, without their separators.
pub fn records(message: &str) -> Result<impl Iterator<Item = &str>, Incomplete> {
    let body = message.strip_suffix(RECORD_SEPARATOR).ok_or(Incomplete)?;
    Ok(body.split(RECORD_SEPARATOR))
}

/// Ends a record.
pub fn record(mut json: String) -> String {
    json.push(RECORD_SEPARATOR);
    json
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn records_are_split_and_a_tail_is_refused() {
        let split: Vec<_> = records("{}\u{1e}{\"type\":6}\u{1e}").unwrap().collect();
        assert_eq!(split, ["{}", "{\"type\":6}"]);
        assert!(records("").is_err());
        assert!(records("{}").is_err());
        assert!(records("{}\u{1e}{").is_err());
        assert_eq!(records("\u{1e}").unwrap().collect::<Vec<_>>(), [""]);
    }

    proptest! {
        #[test]
        fn what_is_framed_is_split_again(texts in proptest::collection::vec(".*", 1..8)) {
            let documents: Vec<String> = texts.iter().map(|text| serde_json::Value::from(text.as_str()).to_string()).collect();
            let message: String = documents.iter().cloned().map(record).collect();
            let split: Vec<_> = records(&message).unwrap().collect();
            prop_assert_eq!(split, documents);
        }

        #[test]
        fn any_text_is_split_or_refused(text in "[\u{0}-\u{ff}]*") {
            let joined = records(&text).map(|split| split.map(|part| record(part.to_owned())).collect::<String>());
            if text.ends_with(RECORD_SEPARATOR) {
                prop_assert_eq!(joined, Ok(text));
            } else {
                prop_assert_eq!(joined, Err(Incomplete));
            }
        }
    }
}
