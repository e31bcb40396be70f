//! Live routes: thin doors to the live feed for SignalR clients and plain WebSockets.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};

use crate::domain::ShowtimeId;
use crate::http::AppState;
use crate::http::limits::places;
use crate::http::openapi::Describe;
use crate::http::paths::{ASYNCAPI, HUB, NEGOTIATE, SHOWTIME_SOCKET};
use crate::http::problem::Problem;
use crate::http::request::body;
use crate::http::request::query::{MOST_SEQUENCE, Query};
use crate::http::route::Route;
use crate::live::LiveError;

const AFTER: &str = "Last sequence that the client has seen; absent: begin with a snapshot";

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::socket(
            HUB,
            hub,
            Describe::new("connectHub", "SignalR: the hub, over WebSocket", "live")
                .public()
                .parameter("id", "Connection token of a negotiation")
                .ok(101, "Connected", &[])
                .problems(&[400, 403, 404, 409, 426, 500, 503]),
        ),
        Route::post(
            NEGOTIATE,
            negotiate,
            Describe::new("negotiate", "SignalR: how to connect", "live")
                .public()
                .parameter("negotiateVersion", "0 or 1")
                .ok(200, "An invitation or, in `error`, a refusal", &[])
                .problems(&[400]),
        ),
        Route::socket(
            SHOWTIME_SOCKET,
            showtime,
            Describe::new("watchShowtime", "Every change of a showtime, over WebSocket, without a gap", "live")
                .public()
                .id("The showtime")
                .number("after", AFTER, 0, MOST_SEQUENCE)
                .ok(101, "Connected", &[])
                .problems(&[400, 403, 404, 426, 500, 503]),
        ),
        Route::get(
            ASYNCAPI,
            messages,
            Describe::new("asyncapi", "The messages of the live feed", "operations")
                .public()
                .ok(200, "AsyncAPI 3.0", &[])
                .problems(&[400]),
        ),
    ]
}

/// `POST /hub/bookings/negotiate`: always 200, as the protocol wants it; a refusal is in the body.
async fn negotiate(state: web::Data<AppState>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let answer = state.live.negotiate(Query::open(&request, &["negotiateVersion"])?.get("negotiateVersion"));
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(answer))
}

/// `GET /hub/bookings?id=<connection token>`
async fn hub(state: web::Data<AppState>, request: HttpRequest, payload: web::Payload) -> Result<HttpResponse, Problem> {
    let place = state.limits.open_socket(&request)?;
    let opened = state.live.open_hub(&request, payload, Query::open(&request, &["id"])?.get("id"))?;
    Ok(places::keep(opened, place))
}

/// `GET /ws/showtimes/{id}?after=<sequence>`
async fn showtime(
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

/// `GET /asyncapi.json`: the messages of the live feed.
async fn messages() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "application/json"))
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .body(include_str!("asyncapi.json"))
}
