//! The list of auditoriums in the order of their making, page by page.

use std::sync::Arc;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use uuid::Uuid;

use crate::domain::AuditoriumId;
use crate::http::AppState;
use crate::http::auditoriums::answers::{AuditoriumPage, AuditoriumSummary};
use crate::http::problem::{FieldError, Problem};
use crate::http::request::query::Query;

/// What a cursor looks like: 16 bytes in base64 for URLs.
pub(super) const CURSOR: &str = "^[A-Za-z0-9_-]{22}$";
/// Characters of a cursor.
pub(super) const CURSOR_CHARACTERS: usize = 22;
/// Most auditoriums on a page.
pub(super) const MOST_ON_PAGE: u64 = 200;
/// Auditoriums on a page if nothing is said.
const ON_PAGE: u64 = 50;

/// `GET /api/auditoriums`
pub(super) async fn list(state: web::Data<AppState>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let query = Query::of(&request, &["limit", "cursor"])?;
    let limit = query.number("limit", 1, MOST_ON_PAGE)?.unwrap_or(ON_PAGE);
    let wrong = || Problem::field(FieldError::parameter("cursor", "is not a cursor that this server has given out"));
    let after = query.get("cursor").map(|cursor| read_cursor(cursor).ok_or_else(wrong)).transpose()?;
    let size = usize::try_from(limit).unwrap_or(usize::MAX);
    let found = state.auditoriums.auditoriums(after, size.saturating_add(1)).await.map_err(Arc::new)?;
    let page = found.get(..size).unwrap_or(&found);
    let more = found.len() > page.len();
    let next_cursor = if more { page.last().map(|last| cursor(last.id)) } else { None };
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CACHE_CONTROL, "no-cache"));
    if let Some(next) = &next_cursor {
        response.insert_header((header::LINK, format!("</api/auditoriums?limit={limit}&cursor={next}>; rel=\"next\"")));
    }
    Ok(response.json(AuditoriumPage { items: page.iter().map(AuditoriumSummary::from).collect(), next_cursor }))
}

/// Opaque to clients: the id of the last line.
fn cursor(last: AuditoriumId) -> String {
    URL_SAFE_NO_PAD.encode(last.0.as_bytes())
}

fn read_cursor(text: &str) -> Option<AuditoriumId> {
    URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| Uuid::from_slice(&bytes).ok()).map(AuditoriumId)
}
