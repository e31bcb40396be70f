//! Publishes dead letters again.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::problem::Problem;
use crate::http::request::query::Query;
use crate::http::{AppState, credential};

/// Letters that one request replays.
const MOST_REPLAYED: usize = 1_000;

/// What a replay of dead letters has done.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DeadLetterReplay)]
pub(super) struct ReplayAnswer {
    /// Messages that were published again.
    replayed: usize,
    /// Dead letters that are left, those that came back at once included.
    left: usize,
}

/// `POST /api/dead-letters/replay`
pub(super) async fn replay(state: web::Data<AppState>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    credential::require_operator(&state, &request)?;
    Query::none(&request)?;
    let done = state.event_bus.replay_dead_letters(MOST_REPLAYED).await?;
    tracing::info!(replayed = done.published, left = done.left, "{} dead letters published again", done.published);
    let answer = ReplayAnswer { replayed: done.published, left: done.left };
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(answer))
}
