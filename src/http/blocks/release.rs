//! Gives seats of a block back: some of them, or all, which ends it.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use utoipa::ToSchema;

use crate::box_office::RequestContext;
use crate::domain::{BookingId, SeatId, SeatSelection, ShowtimeId};
use crate::http::blocks::answers::answer;
use crate::http::blocks::create::{refused, unknown_showtime};
use crate::http::problem::Problem;
use crate::http::request::{body, seat_lists};
use crate::http::{AppState, credential};

/// Seats of a block that are given back.
#[derive(ToSchema)]
#[schema(as = BlockRelease)]
#[expect(dead_code, reason = "describes the fields that are read one by one")]
pub(super) struct ReleaseBody {
    /// 1 to 1,000 seats of the block, none twice.
    #[schema(value_type = Vec<uuid::Uuid>, min_items = 1, max_items = 1_000)]
    remove: Vec<SeatId>,
}

/// `DELETE /api/showtimes/{id}/blocks/{blockId}`
pub(super) async fn end(state: web::Data<AppState>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let (block, context) = named(&state, &request)?;
    unblock(&state, block, Vec::new(), context).await
}

/// `POST /api/showtimes/{id}/blocks/{blockId}/seats`
pub(super) async fn release(
    state: web::Data<AppState>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let (block, context) = named(&state, &request)?;
    let body = body::json(&request, payload, state.settings.booking_bounds()).await?;
    let mut fields = body.fields()?;
    let seats = seat_lists::read(&mut fields, "remove", SeatSelection::MAX_BLOCKED);
    if seats.as_ref().is_none_or(Vec::is_empty) && !fields.names("/remove") {
        fields.wrong("/remove".to_owned(), "names no seat; delete the block to give all of them back");
    }
    let seats = fields.finish(seats)?;
    unblock(&state, block, seats, context).await
}

/// The block in the path, for an operator.
fn named(state: &AppState, request: &HttpRequest) -> Result<((ShowtimeId, BookingId), RequestContext), Problem> {
    let (showtime, context) = credential::operators_command(state, request)?;
    let block = body::path_uuid(request, "blockId")?;
    Ok(((ShowtimeId(showtime), BookingId(block)), context))
}

async fn unblock(
    state: &AppState,
    (showtime, block): (ShowtimeId, BookingId),
    seats: Vec<SeatId>,
    context: RequestContext,
) -> Result<HttpResponse, Problem> {
    if !state.box_office.is_open(showtime) && !state.existence.ask(showtime).await? {
        return Err(unknown_showtime());
    }
    let outcome = state.box_office.unblock(showtime, block, seats.clone(), context).await;
    let outcome = outcome.map_err(|error| refused(error, "remove", &seats))?;
    answer(StatusCode::OK, &outcome, (state.clock)())
}
