//! Seat maps: one showtime with all its seats, its layout, and its live status in two bits a seat.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use tokio::time::Instant;

use crate::domain::{Rejection, ShowtimeId};
use crate::http::AppState;
use crate::http::body;
use crate::http::code::Code;
use crate::http::document::Further;
use crate::http::encoded_showtime::{EncodedShowtime, Form};
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::http::representation::{Coding, VARY};
use crate::http::sequence_waits::NotReached;
use crate::http::showtime_shelf::Shown;
use crate::read_model::ReadError;

/// The sequence of a live status, whose body has no room for it.
pub(super) const SEQUENCE: HeaderName = HeaderName::from_static("turnstile-sequence");
/// To be asked for again each time; it costs a 304 if nothing has changed.
const LIVE: HeaderValue = HeaderValue::from_static("no-cache");
/// Rows and seat ids never change, title and start may: shared caches keep it for minutes, then it costs a 304.
const MINUTES: HeaderValue = HeaderValue::from_static("public, max-age=300");

/// `GET /api/showtimes/{id}`
pub(super) async fn show(state: web::Data<AppState>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    live(&state, &request, Form::Whole).await
}

/// `GET /api/showtimes/{id}/status`
pub(super) async fn status(state: web::Data<AppState>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    live(&state, &request, Form::Status).await
}

/// `GET /api/showtimes/{id}/layout`
pub(super) async fn layout(state: web::Data<AppState>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let id = ShowtimeId(body::path_uuid(&request, "id")?);
    Query::none(&request)?;
    // Any sequence will do.
    let found = match state.showtimes.kept(id, 0) {
        Some(kept) => kept,
        None => current(&state, id, 0).await?,
    };
    answer(&state, &request, (id, found), Form::Layout).await
}

async fn live(state: &AppState, request: &HttpRequest, form: Form) -> Result<HttpResponse, Problem> {
    let id = ShowtimeId(body::path_uuid(request, "id")?);
    let wanted = Query::of(request, &["minSequence"])?.number("minSequence", 0, u64::MAX)?;
    let found = current(state, id, wanted.unwrap_or(0)).await?;
    answer(state, request, (id, found), form).await
}

/// The showtime as the read model has it now, once that is at least at `wanted`.
async fn current(state: &AppState, id: ShowtimeId, wanted: u64) -> Result<Arc<EncodedShowtime>, Problem> {
    let sequence = reached(state, id, wanted).await?;
    let encoded = state.showtimes.at_least(id, sequence).await.map_err(|error| unreadable(&error))?;
    // Gone between two looks: the read model is being rebuilt from nothing.
    encoded.ok_or_else(|| behind(state, "the read model is being rebuilt"))
}

/// The read model's sequence, once it is at least `wanted`; waits for it, bounded by the settings.
async fn reached(state: &AppState, id: ShowtimeId, wanted: u64) -> Result<u64, Problem> {
    if state.existence.is_unknown(id) {
        return Err(Rejection::UnknownShowtime.into());
    }
    let have = match state.showtimes.sequence(id).await.map_err(|error| unreadable(&error))? {
        Some(have) if have >= wanted => return Ok(have),
        Some(have) => have,
        // The truth knows it before the view does.
        None if state.existence.ask(id).await? => 0,
        None => return Err(Rejection::UnknownShowtime.into()),
    };
    let deadline = Instant::now() + Duration::from_millis(state.settings.min_sequence_wait_milliseconds);
    // A view that has not begun shows nothing: its first sequence is 1.
    match state.sequence_waits.reach(id, (have, wanted.max(1)), deadline).await {
        Ok(sequence) => Ok(sequence),
        Err(NotReached::Late(have)) => {
            let detail = format!("the read model has sequence {have} of this showtime");
            Err(behind(state, &detail).with(Further { sequence: Some(have), ..Further::default() }))
        }
        Err(NotReached::Full) => {
            let problem = Problem::new(Code::Overloaded, "too many requests wait for a sequence");
            Err(problem.retry_after(Duration::from_secs(state.settings.retry_after_seconds)))
        }
    }
}

fn behind(state: &AppState, detail: &str) -> Problem {
    Problem::new(Code::NotCaughtUp, detail).retry_after(Duration::from_secs(state.settings.retry_after_seconds))
}

pub(super) fn unreadable(error: &ReadError) -> Problem {
    Problem::new(Code::Unavailable, "the read model is unavailable").because(error)
}

async fn answer(
    state: &AppState,
    request: &HttpRequest,
    (id, found): (ShowtimeId, Arc<EncodedShowtime>),
    form: Form,
) -> Result<HttpResponse, Problem> {
    let wanted = Coding::wanted(request);
    if let Some(tag) = found.form(form).known(request.headers(), wanted) {
        let mut response = HttpResponse::NotModified();
        return Ok(described(&mut response, &found, form, tag).finish());
    }
    let shown = state.showtimes.shown(id, found, (form, wanted)).await.map_err(|error| unreadable(&error))?;
    let Shown { encoded, body } = shown;
    let representation = encoded.form(form);
    let mut response = HttpResponse::Ok();
    described(&mut response, &encoded, form, representation.tag(body.coding))
        .insert_header((header::CONTENT_TYPE, representation.media_type()));
    if body.coding == Coding::Gzip {
        response.insert_header((header::CONTENT_ENCODING, HeaderValue::from_static("gzip")));
    }
    Ok(response.body(body.bytes))
}

/// What a 200 and a 304 have in common.
fn described<'a>(
    response: &'a mut HttpResponseBuilder,
    encoded: &EncodedShowtime,
    form: Form,
    tag: &HeaderValue,
) -> &'a mut HttpResponseBuilder {
    let cache_control = match form {
        Form::Whole | Form::Status => LIVE,
        Form::Layout => MINUTES,
    };
    response
        .insert_header((header::ETAG, tag.clone()))
        .insert_header((header::CACHE_CONTROL, cache_control))
        .insert_header(VARY);
    if form == Form::Status {
        response.insert_header((SEQUENCE, encoded.sequence_header.clone()));
    }
    response
}
