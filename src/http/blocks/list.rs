//! The list of a showtime's blocks, page by page.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};

use crate::domain::{BookingId, ShowtimeId};
use crate::http::blocks::answers::{BlockAnswer, BlockPage};
use crate::http::blocks::create::unknown_showtime;
use crate::http::problem::Problem;
use crate::http::request::query::Query;
use crate::http::request::{body, cursor};
use crate::http::{AppState, credential};

/// Most blocks on a page.
pub(super) const MOST_ON_PAGE: u64 = 200;
/// Blocks on a page if nothing is said.
const ON_PAGE: u64 = 50;

/// `GET /api/showtimes/{id}/blocks`
pub(super) async fn list(state: web::Data<AppState>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    credential::require_operator(&state, &request)?;
    let query = Query::of(&request, &["limit", "cursor"])?;
    let limit = query.number("limit", 1, MOST_ON_PAGE)?.unwrap_or(ON_PAGE);
    let after = cursor::of(&query)?.map(BookingId);
    let showtime = ShowtimeId(body::path_uuid(&request, "id")?);
    if !state.existence.ask(showtime).await? {
        return Err(unknown_showtime());
    }
    let size = usize::try_from(limit).unwrap_or(usize::MAX);
    let found = state.box_office.blocks(showtime, after, size.saturating_add(1)).await?;
    let page = found.get(..size).unwrap_or(&found);
    let more = found.len() > page.len();
    let next_cursor = if more { page.last().map(|last| cursor::after(last.id.0)) } else { None };
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CACHE_CONTROL, "no-store"));
    if let Some(next) = &next_cursor {
        let link = format!("</api/showtimes/{showtime}/blocks?limit={limit}&cursor={next}>; rel=\"next\"");
        response.insert_header((header::LINK, link));
    }
    let now = (state.clock)();
    let items = page.iter().filter_map(|booking| BlockAnswer::of(booking, now)).collect();
    Ok(response.json(BlockPage { items, next_cursor }))
}
