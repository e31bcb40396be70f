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
use crate::http::describe::Describe;
use crate::http::document::Further;
use crate::http::encoded_showtime::{EncodedShowtime, Form};
use crate::http::paths::{LAYOUT, SHOWTIME, STATUS};
use crate::http::problem::Problem;
use crate::http::query::{MOST_SEQUENCE, Query};
use crate::http::representation::{Coding, VARY};
use crate::http::route::Route;
use crate::http::schemas::{LayoutAnswer, ShowtimeAnswer};
use crate::http::sequence_waits::NotReached;
use crate::http::showtime_shelf::Shown;
use crate::http::showtime_source::{Look, Origin};
use crate::read_model::ReadError;

/// The sequence of a live status, whose body has no room for it.
pub(super) const SEQUENCE: HeaderName = HeaderName::from_static("turnstile-sequence");
/// Names the source of an answer that does not come from the read model, as that is away.
pub(super) const SOURCE: HeaderName = HeaderName::from_static("turnstile-source");
const WRITE_STORE: HeaderValue = HeaderValue::from_static("write-store");
/// To be asked for again each time; it costs a 304 if nothing has changed.
const LIVE: HeaderValue = HeaderValue::from_static("no-cache");
/// Rows and seat ids never change, title and start may: shared caches keep it for minutes, then it costs a 304.
const MINUTES: HeaderValue = HeaderValue::from_static("public, max-age=300");

const MIN_SEQUENCE: &str =
    "Wait, for a bounded time, until the view has this sequence. Without it the view may be 25 ms old";
const LAYOUT_RULE: &str = "Seats are counted from 0, row by row in the order of `rows`, in each row from number 1 to `seats`. The id of a seat is \
     `seatIdPrefix` followed by its count as eight lower-case hexadecimal digits. Rows and ids never change; title and start time may.";
const STATUS_RULE: &str = "The seat with count `n` in the layout has the bits `2 * (n % 4)` and one above it, counted from the lowest, of \
     byte `n / 4`: 0 available, 1 reserved, 2 sold. The last byte is filled up with 0. The sequence stands in `Turnstile-Sequence`.";

const KNOWN: &str = "The client has it";
const SHOWTIME_HEADERS: &[&str] = &["ETag", "Vary", "Content-Encoding?", "Turnstile-Source?"];
const LAYOUT_HEADERS: &[&str] = &["ETag", "Vary", "Cache-Control", "Content-Encoding?", "Turnstile-Source?"];
const STATUS_HEADERS: &[&str] = &["ETag", "Vary", "Turnstile-Sequence", "Content-Encoding?", "Turnstile-Source?"];

pub(super) fn routes() -> Vec<Route> {
    let reading = |name, summary| {
        Describe::new(name, summary, "showtimes").public().id("The showtime").problems(&[400, 404, 500, 503])
    };
    vec![
        Route::get(
            SHOWTIME,
            show,
            reading("showShowtime", "A showtime with all its seats at one sequence")
                .number("minSequence", MIN_SEQUENCE, 0, MOST_SEQUENCE)
                .conditional()
                .json::<ShowtimeAnswer>(200, "The showtime", SHOWTIME_HEADERS)
                .ok(304, KNOWN, &["ETag", "Vary", "Turnstile-Source?"]),
        ),
        Route::get(
            LAYOUT,
            layout,
            reading("showLayout", "The rows of a showtime and the ids of its seats, which never change")
                .text(LAYOUT_RULE)
                .conditional()
                .json::<LayoutAnswer>(200, "The layout", LAYOUT_HEADERS)
                .ok(304, KNOWN, &["ETag", "Vary", "Cache-Control", "Turnstile-Source?"]),
        ),
        Route::get(
            STATUS,
            status,
            reading("showStatus", "The live status of all seats in two bits each")
                .text(STATUS_RULE)
                .number("minSequence", MIN_SEQUENCE, 0, MOST_SEQUENCE)
                .conditional()
                .binary(200, "Two bits a seat", STATUS_HEADERS)
                .ok(304, KNOWN, &["ETag", "Vary", "Turnstile-Sequence", "Turnstile-Source?"]),
        ),
    ]
}

/// `GET /api/showtimes/{id}`
async fn show(state: web::Data<AppState>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    live(&state, &request, Form::Whole).await
}

/// `GET /api/showtimes/{id}/status`
async fn status(state: web::Data<AppState>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    live(&state, &request, Form::Status).await
}

/// `GET /api/showtimes/{id}/layout`
async fn layout(state: web::Data<AppState>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let id = ShowtimeId(body::path_uuid(&request, "id")?);
    Query::none(&request)?;
    // Any sequence will do.
    let found = match state.showtimes.kept(id, 0) {
        Some(kept) => (kept, Origin::ReadModel),
        None => current(&state, id, 0).await?,
    };
    answer(&state, &request, id, found, Form::Layout).await
}

async fn live(state: &AppState, request: &HttpRequest, form: Form) -> Result<HttpResponse, Problem> {
    let id = ShowtimeId(body::path_uuid(request, "id")?);
    let wanted = Query::of(request, &["minSequence"])?.number("minSequence", 0, MOST_SEQUENCE)?;
    let found = current(state, id, wanted.unwrap_or(0)).await?;
    answer(state, request, id, found, form).await
}

/// A showtime, and where its sequence was read.
type Found = (Arc<EncodedShowtime>, Origin);

/// The showtime as its source had it a moment ago, or has it once that is at least at `wanted`.
async fn current(state: &AppState, id: ShowtimeId, wanted: u64) -> Result<Found, Problem> {
    let look = reached(state, id, wanted).await?;
    let encoded = state.showtimes.at_least(id, look).await.map_err(|error| unreadable(&error))?;
    // Gone between two looks: the read model is being rebuilt from nothing.
    let encoded = encoded.ok_or_else(|| behind(state, "the read model is being rebuilt"))?;
    Ok((encoded, look.origin))
}

/// A look at the source with a sequence of at least `wanted`; waits for it, bounded by the settings.
async fn reached(state: &AppState, id: ShowtimeId, wanted: u64) -> Result<Look, Problem> {
    if state.existence.is_unknown(id) {
        return Err(Rejection::UnknownShowtime.into());
    }
    let asked = Instant::now();
    let have = match state.looks.reaching(id, wanted).await.map_err(|error| unreadable(&error))? {
        Some(look) if look.sequence >= wanted => return Ok(look),
        // Whatever was acknowledged is in the write store.
        Some(look) if look.origin == Origin::WriteStore => return Err(late(state, look.sequence)),
        Some(look) => look.sequence,
        // The truth knows it before the read model does, or the read model has lost it.
        None if state.existence.ask(id).await? => {
            (state.note_missing)(id);
            0
        }
        None => return Err(Rejection::UnknownShowtime.into()),
    };
    let deadline = Instant::now() + Duration::from_millis(state.settings.min_sequence_wait_milliseconds);
    // A view that has not begun shows nothing: its first sequence is 1.
    match state.sequence_waits.reach(id, (have, wanted.max(1)), deadline).await {
        Ok(sequence) => Ok(Look { sequence, origin: Origin::ReadModel, asked }),
        Err(NotReached::Late(have)) => Err(late(state, have)),
        Err(NotReached::Full) => {
            let problem = Problem::new(Code::Overloaded, "too many requests wait for a sequence");
            Err(problem.retry_after(Duration::from_secs(state.settings.retry_after_seconds)))
        }
    }
}

fn late(state: &AppState, have: u64) -> Problem {
    let detail = format!("the view has sequence {have} of this showtime");
    behind(state, &detail).with(Further { sequence: Some(have), ..Further::default() })
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
    id: ShowtimeId,
    (found, origin): Found,
    form: Form,
) -> Result<HttpResponse, Problem> {
    let wanted = Coding::wanted(request);
    if let Some(tag) = found.form(form).known(request.headers(), wanted) {
        let mut response = HttpResponse::NotModified();
        return Ok(described(&mut response, (&found, origin), form, tag).finish());
    }
    let shown = state.showtimes.shown(id, found, (form, wanted)).await.map_err(|error| unreadable(&error))?;
    let Shown { encoded, body } = shown;
    let representation = encoded.form(form);
    let mut response = HttpResponse::Ok();
    described(&mut response, (&encoded, origin), form, representation.tag(body.coding))
        .insert_header((header::CONTENT_TYPE, representation.media_type()));
    if body.coding == Coding::Gzip {
        response.insert_header((header::CONTENT_ENCODING, HeaderValue::from_static("gzip")));
    }
    Ok(response.body(body.bytes))
}

/// What a 200 and a 304 have in common.
fn described<'a>(
    response: &'a mut HttpResponseBuilder,
    (encoded, origin): (&EncodedShowtime, Origin),
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
    if origin == Origin::WriteStore {
        response.insert_header((SOURCE, WRITE_STORE));
    }
    if form == Form::Status {
        response.insert_header((SEQUENCE, encoded.sequence_header.clone()));
    }
    response
}
