//! The list of auditoriums in the order of their making, page by page.

use std::sync::Arc;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};

use crate::domain::AuditoriumId;
use crate::http::AppState;
use crate::http::auditoriums::answers::{AuditoriumPage, AuditoriumSummary};
use crate::http::problem::Problem;
use crate::http::request::cursor;
use crate::http::request::query::Query;

/// Most auditoriums on a page.
pub(super) const MOST_ON_PAGE: u64 = 200;
/// Auditoriums on a page if nothing is said.
const ON_PAGE: u64 = 50;

/// `GET /api/auditoriums`
pub(super) async fn list(state: web::Data<AppState>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let query = Query::of(&request, &["limit", "cursor"])?;
    let limit = query.number("limit", 1, MOST_ON_PAGE)?.unwrap_or(ON_PAGE);
    let after = cursor::of(&query)?.map(AuditoriumId);
    let size = usize::try_from(limit).unwrap_or(usize::MAX);
    let found = state.auditoriums.auditoriums(after, size.saturating_add(1)).await.map_err(Arc::new)?;
    let page = found.get(..size).unwrap_or(&found);
    let more = found.len() > page.len();
    let next_cursor = if more { page.last().map(|last| cursor::after(last.id.0)) } else { None };
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CACHE_CONTROL, "no-cache"));
    if let Some(next) = &next_cursor {
        response.insert_header((header::LINK, format!("</api/auditoriums?limit={limit}&cursor={next}>; rel=\"next\"")));
    }
    Ok(response.json(AuditoriumPage { items: page.iter().map(AuditoriumSummary::from).collect(), next_cursor }))
}
