//! Seat maps: one showtime with all its seats, its layout, and its live status in two bits a seat.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use tokio::time::Instant;

use crate::domain::{Rejection, ShowtimeId};
use crate::http::caching::encoded_showtime::{EncodedShowtime, Form};
use crate::http::caching::representation::{Coding, Representation, VARY, VARY_WITH_READER};
use crate::http::caching::sequence_waits::NotReached;
use crate::http::caching::showtime_shelf::Shown;
use crate::http::caching::showtime_source::{Look, Origin};
use crate::http::problem::{Code, Further, Problem};
use crate::http::request::body;
use crate::http::request::query::{MOST_SEQUENCE, Query};
use crate::http::{AppState, credential};
use crate::read_model::ReadError;

/// The sequence of a live status, whose body has no room for it.
pub(crate) const SEQUENCE: HeaderName = HeaderName::from_static("turnstile-sequence");
/// Names the source of an answer that does not come from the read model, as that is away.
pub(crate) const SOURCE: HeaderName = HeaderName::from_static("turnstile-source");
const WRITE_STORE: HeaderValue = HeaderValue::from_static("write-store");
/// To be asked for again each time; it costs a 304 if nothing has changed.
const LIVE: HeaderValue = HeaderValue::from_static("no-cache");
const GZIP: (HeaderName, HeaderValue) = (header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));

/// `GET /api/showtimes/{id}`
pub(super) async fn show(state: web::Data<AppState>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    if is_operators(&state, &request) {
        with_blocks(&state, &request).await
    } else {
        live(&state, &request, Form::Whole).await
    }
}

/// Whether an operator asks, who shows it. Without an `Authorization` header the answer is everybody's, also where clients on this machine need none
/// (`--open`): so the header alone tells the two answers apart, as `Vary` says.
fn is_operators(state: &AppState, request: &HttpRequest) -> bool {
    request.headers().contains_key(header::AUTHORIZATION) && credential::require_operator(state, request).is_ok()
}

/// The showtime with its blocks. Those are read after the seats and may be a moment newer, so only what the view shows as reserved is told as blocked.
async fn with_blocks(state: &AppState, request: &HttpRequest) -> Result<HttpResponse, Problem> {
    let (id, wanted) = asked(request)?;
    let (found, origin) = current(state, id, wanted).await?;
    // A shop may show its operator's token with all that it asks: it waits its turn.
    let _place = state.showtimes_seen.acquire().await.map_err(Problem::bug)?;
    let blocks = state.box_office.all_blocks(id).await?;
    let blocked = blocks.iter().flat_map(|block| &block.seat_ids).map(|seat| seat.index()).collect();
    let mut response = made_for_one(found.with_blocks(blocked), Coding::wanted(request)).await?;
    if origin == Origin::WriteStore {
        response.headers_mut().insert(SOURCE, WRITE_STORE);
    }
    Ok(response)
}

/// An answer that is made for one operator. It has no validator, and no cache keeps it.
pub(super) async fn made_for_one(whole: Representation, coding: Coding) -> Result<HttpResponse, Problem> {
    let media_type = whole.media_type();
    let body = web::block(move || whole.make(coding, &|_coding| {})).await.map_err(Problem::bug)?;
    let mut response = HttpResponse::Ok();
    response
        .insert_header((header::CONTENT_TYPE, media_type))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header(VARY_WITH_READER);
    if body.coding == Coding::Gzip {
        response.insert_header(GZIP);
    }
    Ok(response.body(body.bytes))
}

/// `GET /api/showtimes/{id}/status`
pub(super) async fn status(state: web::Data<AppState>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    live(&state, &request, Form::Status).await
}

/// `GET /api/showtimes/{id}/layout`
pub(super) async fn layout(state: web::Data<AppState>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let id = ShowtimeId(body::path_uuid(&request, "id")?);
    Query::none(&request)?;
    let found = current(&state, id, 0).await?;
    answer(&state, &request, id, found, Form::Layout).await
}

async fn live(state: &AppState, request: &HttpRequest, form: Form) -> Result<HttpResponse, Problem> {
    let (id, wanted) = asked(request)?;
    let found = current(state, id, wanted).await?;
    answer(state, request, id, found, form).await
}

/// The showtime, and the sequence that it is to have at least.
fn asked(request: &HttpRequest) -> Result<(ShowtimeId, u64), Problem> {
    let id = ShowtimeId(body::path_uuid(request, "id")?);
    let wanted = Query::of(request, &["minSequence"])?.number("minSequence", 0, MOST_SEQUENCE)?;
    Ok((id, wanted.unwrap_or(0)))
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
        response.insert_header(GZIP);
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
    response
        .insert_header((header::ETAG, tag.clone()))
        .insert_header((header::CACHE_CONTROL, LIVE))
        .insert_header(if form == Form::Whole { VARY_WITH_READER } else { VARY });
    if origin == Origin::WriteStore {
        response.insert_header((SOURCE, WRITE_STORE));
    }
    if form == Form::Status {
        response.insert_header((SEQUENCE, encoded.sequence_header.clone()));
    }
    response
}
