//! Plan: the body of a request that says how an auditorium is.

use std::io::Read;

use actix_web::{HttpRequest, web};

use crate::box_office::{CreationKey, IdempotencyKey};
use crate::domain::Auditorium;
use crate::http::AppState;
use crate::http::auditoriums::format::Format;
use crate::http::problem::Problem;
use crate::http::request::stream::Place;

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
    _place: Place,
}

/// Reads the plan that a request has for a body.
pub(super) async fn read(
    state: &AppState,
    request: &HttpRequest,
    payload: web::Payload,
    wanted: Wanted,
) -> Result<Plan, Problem> {
    let media_type = wanted.format.media_type();
    let read = move |body: &mut dyn Read| take_apart(&wanted, body);
    let (read, place) = state.intake.clone().read(request, payload, media_type, read).await?;
    let (house, text, key) = read?;
    Ok(Plan { house, text, key, _place: place })
}

fn take_apart(wanted: &Wanted, body: &mut dyn Read) -> Result<(Auditorium, String, Option<CreationKey>), Problem> {
    let house = wanted.format.read(&wanted.name, body)?;
    let text = serde_json::to_string(&house).map_err(Problem::bug)?;
    let key = wanted.key.as_ref().map(|key| key.creation(b"auditorium", &[text.as_bytes()]));
    Ok((house, text, key))
}
