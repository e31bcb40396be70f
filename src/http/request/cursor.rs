//! Cursors: where the next page of a list begins, as an id that clients need not understand.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use uuid::Uuid;

use crate::http::problem::{FieldError, Problem};
use crate::http::request::query::Query;

/// What a cursor looks like: 16 bytes in base64 for URLs.
pub(crate) const CURSOR: &str = "^[A-Za-z0-9_-]{22}$";
/// Characters of a cursor.
pub(crate) const CURSOR_CHARACTERS: usize = 22;

/// The cursor of the page after the line with this id.
pub(crate) fn after(last: Uuid) -> String {
    URL_SAFE_NO_PAD.encode(last.as_bytes())
}

/// The id of the line after which the page begins, if the request is not for the first one.
pub(crate) fn of(query: &Query<'_>) -> Result<Option<Uuid>, Problem> {
    let read = |text: &str| URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| Uuid::from_slice(&bytes).ok());
    query.get("cursor").map(|text| read(text).ok_or_else(unknown)).transpose()
}

/// The refusal of a cursor.
pub(crate) fn unknown() -> Problem {
    Problem::field(FieldError::parameter("cursor", "is not a cursor that this server has given out"))
}
