//! Values of members: read, or told what is wrong with them.

use std::borrow::Cow;

use serde_json::value::RawValue;
use uuid::Uuid;

/// Characters of an unknown member's name that the answer repeats.
const NAME_CHARACTERS: usize = 64;

/// What is wrong with an entry of a list: where below the entry, and what.
pub(crate) type Wrong = (Cow<'static, str>, String);

/// What a value is, in words.
pub(crate) fn kind(value: &RawValue) -> &'static str {
    match value.get().bytes().next() {
        Some(b'n') => "null",
        Some(b't' | b'f') => "a boolean",
        Some(b'"') => "a string",
        Some(b'[') => "a list",
        Some(b'{') => "an object",
        _ => "a number",
    }
}

/// Reads a UUID; the refusal says what is wrong.
pub(crate) fn uuid(text: &str) -> Result<Uuid, String> {
    Uuid::try_parse(text).map_err(|error| format!("not a UUID: {error}"))
}

/// A UUID in a list.
pub(crate) fn uuid_entry(value: &RawValue) -> Result<Uuid, Wrong> {
    let wrong = |detail| Err((Cow::Borrowed(""), detail));
    match serde_json::from_str::<Cow<'_, str>>(value.get()) {
        Ok(text) => uuid(&text).or_else(wrong),
        Err(_) => wrong(format!("must be a UUID, not {}", kind(value))),
    }
}

/// A whole number, however it is written: to JSON Schema `3.0` and `3e0` are integers as well.
pub(crate) fn whole_number(value: &RawValue) -> Option<u32> {
    serde_json::from_str(value.get()).ok().or_else(|| {
        let number: f64 = serde_json::from_str(value.get()).ok()?;
        // Rust writes it without a point if it has no fraction.
        number.to_string().parse().ok()
    })
}

/// A member's name as it stands in a JSON pointer (RFC 6901).
pub(crate) fn pointer(name: &str) -> String {
    let name: String = name.chars().take(NAME_CHARACTERS).collect();
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}
