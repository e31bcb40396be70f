//! The dead letters: how many there are, and the oldest of them.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{ShowtimeId, Timestamp};
use crate::event_bus::{DeadLetter, EventRange};
use crate::http::problem::Problem;
use crate::http::request::query::Query;
use crate::http::{AppState, credential};

/// Letters that are told of.
const MOST_LETTERS: usize = 50;

/// The messages that could not be processed.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DeadLetters)]
pub(super) struct DeadLettersAnswer {
    /// How many there are.
    total: usize,
    /// The oldest of them, at most 50.
    items: Vec<DeadLetterAnswer>,
}

/// A message that could not be processed.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DeadLetter)]
struct DeadLetterAnswer {
    /// As its publisher gave it; Turnstile gives the showtime and the sequence of the first event.
    message_id: String,
    /// When it was put among the dead letters; absent if that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, nullable = false)]
    buried_at: Option<Timestamp>,
    /// Why it could not be processed.
    reason: String,
    /// Where it was published to.
    routing_key: String,
    /// The events in it, by showtime; none if the message cannot be read.
    events: Vec<EventRangeAnswer>,
}

/// Consecutive events of a showtime.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = EventRange)]
struct EventRangeAnswer {
    /// The showtime.
    #[schema(value_type = uuid::Uuid)]
    showtime_id: ShowtimeId,
    /// Sequence of the first event.
    first_sequence: u64,
    /// Sequence of the last event.
    last_sequence: u64,
}

/// `GET /api/dead-letters`
pub(super) async fn list(state: web::Data<AppState>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    credential::require_operator(&state, &request)?;
    Query::none(&request)?;
    let found = state.event_bus.dead_letters(MOST_LETTERS).await?;
    let items = found.oldest.into_iter().map(answer).collect();
    let answer = DeadLettersAnswer { total: found.total, items };
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(answer))
}

fn answer(letter: DeadLetter) -> DeadLetterAnswer {
    let DeadLetter { message_id, buried_at, reason, routing_key, events, body: _ } = letter;
    let range = |EventRange { showtime_id, first_sequence, last_sequence }| EventRangeAnswer {
        showtime_id,
        first_sequence,
        last_sequence,
    };
    DeadLetterAnswer { message_id, buried_at, reason, routing_key, events: events.into_iter().map(range).collect() }
}
