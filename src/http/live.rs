//! Live routes: thin doors to the live feed for SignalR clients and plain WebSockets.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};

use crate::domain::ShowtimeId;
use crate::http::problem::Problem;
use crate::http::query::{MOST_SEQUENCE, Query};
use crate::http::{AppState, body, places};
use crate::live::LiveError;

/// `POST /hub/bookings/negotiate`: always 200, as the protocol wants it; a refusal is in the body.
pub(super) async fn negotiate(state: web::Data<AppState>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let answer = state.live.negotiate(Query::open(&request, &["negotiateVersion"])?.get("negotiateVersion"));
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(answer))
}

/// `GET /hub/bookings?id=<connection token>`
pub(super) async fn hub(
    state: web::Data<AppState>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let place = state.limits.open_socket(&request)?;
    let opened = state.live.open_hub(&request, payload, Query::open(&request, &["id"])?.get("id"))?;
    Ok(places::keep(opened, place))
}

/// `GET /ws/showtimes/{id}?after=<sequence>`
pub(super) async fn showtime(
    state: web::Data<AppState>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let id = ShowtimeId(body::path_uuid(&request, "id")?);
    let after = Query::of(&request, &["after"])?.number("after", 0, MOST_SEQUENCE)?;
    if state.existence.is_unknown(id) {
        return Err(LiveError::UnknownShowtime(id).into());
    }
    let place = state.limits.open_socket(&request)?;
    let opened = state.live.open_plain(&request, payload, id, after).await;
    if let Err(LiveError::UnknownShowtime(_)) = &opened {
        state.existence.note_unknown(id);
    }
    Ok(places::keep(opened?, place))
}
