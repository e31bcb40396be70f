//! Plan: the body of a request that says how an auditorium is.

use actix_web::http::header;
use actix_web::{HttpRequest, web};
use bytes::Buf;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;

use crate::box_office::{CreationKey, IdempotencyKey};
use crate::domain::Auditorium;
use crate::http::AppState;
use crate::http::auditoriums::format::Format;
use crate::http::problem::{Code, Problem};
use crate::http::request::body::{self, Bounds};
use crate::http::request::stream::{self, StreamBounds};

/// Longest body in bytes: 200,000 seats as editors of pretix write them, with room to spare.
const MOST_BYTES: usize = 64 * 1024 * 1024;
/// Longest time for a body to arrive, as long as it does arrive.
const MOST_TIME: Duration = Duration::from_mins(1);
/// A longer body is streamed, and needs a place among the few of its kind.
const LARGE_BODY_BYTES: usize = 1024 * 1024;

/// What is wanted of a body.
pub(super) struct Wanted {
    pub(super) format: Format,
    /// What the auditorium is called, for a format that has no place for it.
    pub(super) name: String,
    pub(super) key: Option<IdempotencyKey>,
}

/// A plan that was read.
pub(super) struct Plan {
    pub(super) house: Auditorium,
    /// In the canonical form.
    pub(super) text: String,
    pub(super) key: Option<CreationKey>,
    /// Held until the plan is stored, so that the number of large plans in memory is bounded.
    _place: Option<OwnedSemaphorePermit>,
}

/// Reads the plan that a request has for a body.
pub(super) async fn read(
    state: &AppState,
    request: &HttpRequest,
    payload: web::Payload,
    wanted: Wanted,
) -> Result<Plan, Problem> {
    body::check_media_type(request, wanted.format.media_type())?;
    let declared = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    let is_small =
        declared.and_then(|length| length.parse().ok()).is_some_and(|length: usize| length <= LARGE_BODY_BYTES);
    if is_small {
        let bounds = Bounds { bytes: LARGE_BODY_BYTES, time: state.settings.body_timeout() };
        let body = body::read(request, payload, bounds).await?;
        return web::block(move || take_apart(&wanted, body.reader(), None)).await.map_err(Problem::bug)?;
    }
    let full = |_full| Problem::new(Code::Overloaded, "other large bodies are being read");
    let place = Arc::clone(&state.large_bodies).try_acquire_owned().map_err(full)?;
    let bounds = StreamBounds { bytes: MOST_BYTES, pause: state.settings.body_timeout(), time: MOST_TIME };
    stream::read(request, payload, bounds, move |body| take_apart(&wanted, body, Some(place))).await?
}

fn take_apart(wanted: &Wanted, body: impl Read, place: Option<OwnedSemaphorePermit>) -> Result<Plan, Problem> {
    let house = wanted.format.read(&wanted.name, body)?;
    let text = serde_json::to_string(&house).map_err(Problem::bug)?;
    let key = wanted.key.as_ref().map(|key| key.creation(b"auditorium", &[text.as_bytes()]));
    Ok(Plan { house, text, key, _place: place })
}
