//! The list of showtimes by start time, page by page.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::{ShowtimeId, Timestamp};
use crate::http::AppState;
use crate::http::problem::{FieldError, Problem};
use crate::http::request::query::Query;
use crate::http::showtimes::answers::SummaryAnswer;
use crate::http::showtimes::seat_maps::unreadable;

/// What a cursor looks like: 24 bytes in base64 for URLs.
pub(super) const CURSOR: &str = "^[A-Za-z0-9_-]{32}$";
/// Characters of a cursor.
pub(super) const CURSOR_CHARACTERS: usize = 32;
/// A page of the list of showtimes, ordered by start time, then id.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ShowtimePage)]
pub(super) struct PageAnswer {
    /// The showtimes.
    items: Vec<SummaryAnswer>,
    /// Where the next page begins, as `?cursor=`; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next_cursor: Option<String>,
}

/// `GET /api/showtimes`
pub(super) async fn list(state: web::Data<AppState>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let query = Query::of(&request, &["limit", "cursor", "past"])?;
    let limit =
        query.number("limit", 1, state.settings.page_showtimes)?.unwrap_or(state.settings.page_showtimes.min(50));
    let past = query.flag("past")?;
    let start = match query.get("cursor") {
        None if past => None,
        None => Some(upcoming((state.clock)())),
        Some(cursor) => Some(read_cursor(cursor).ok_or_else(|| {
            Problem::field(FieldError::parameter("cursor", "is not a cursor that this server has given out"))
        })?),
    };
    let size = usize::try_from(limit).unwrap_or(usize::MAX);
    let found = state.looks.list(start, size.saturating_add(1)).await.map_err(|error| unreadable(&error))?;
    let page = found.get(..size).unwrap_or(&found);
    let more = found.len() > page.len();
    let next_cursor = if more { page.last().map(|last| cursor(last.listing.start_time, last.id)) } else { None };
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CACHE_CONTROL, "no-cache"));
    if let Some(next) = &next_cursor {
        response.insert_header((header::LINK, format!("</api/showtimes?limit={limit}&cursor={next}>; rel=\"next\"")));
    }
    Ok(response.json(PageAnswer { items: page.iter().map(SummaryAnswer::from).collect(), next_cursor }))
}

/// Where the list of showtimes that have not started begins. In whole seconds, so that many requests share one call.
fn upcoming(now: Timestamp) -> (Timestamp, ShowtimeId) {
    let second = now.as_millis().div_euclid(1_000) * 1_000;
    (Timestamp::from_millis(second - 1), ShowtimeId(Uuid::max()))
}

/// Opaque to clients: start time and id of the last line, so that a page begins right after it, whatever was added since.
fn cursor(start_time: Timestamp, id: ShowtimeId) -> String {
    let mut bytes = start_time.as_millis().to_be_bytes().to_vec();
    bytes.extend_from_slice(id.0.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Every text of a cursor's form is a place in the order. A start time out of range counts as the first or the last one.
fn read_cursor(text: &str) -> Option<(Timestamp, ShowtimeId)> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (time, id) = bytes.split_first_chunk::<8>()?;
    let time = Timestamp::from_millis(i64::from_be_bytes(*time));
    Some((time, ShowtimeId(Uuid::from_slice(id).ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_come_back_and_others_are_refused() {
        let place = (Timestamp::from_millis(-5), ShowtimeId(Uuid::from_u128(9)));
        assert_eq!(read_cursor(&cursor(place.0, place.1)), Some(place));
        for wrong in ["", "x", "AAAA", &"A".repeat(64), "!!!!", &URL_SAFE_NO_PAD.encode(&[0xff; 24][..23])] {
            assert_eq!(read_cursor(wrong), None, "{wrong}");
        }
        let mut beyond = i64::MAX.to_be_bytes().to_vec();
        beyond.extend_from_slice(&[0; 16]);
        let beyond = URL_SAFE_NO_PAD.encode(beyond);
        assert_eq!(read_cursor(&beyond), Some((Timestamp::MAX, ShowtimeId(Uuid::nil()))));
        assert_eq!(beyond.len(), CURSOR_CHARACTERS);
    }
}
