//! Why a request was refused, for operators who are told its id.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::domain::{BookingId, ShowtimeId, Timestamp, UserId};
use crate::http::problem::{Code, Document, FieldError, Problem};
use crate::http::request::query::Query;
use crate::http::{AppState, credential};
use crate::read_model::refusals::{Refusal, RequestId};

/// What was refused under a request id, the newest first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Refusals)]
pub(super) struct RefusalsAnswer<'a> {
    /// The id, as `X-Request-Id` of the answers had it.
    request_id: String,
    /// The refused commands, at most 20. More than one if the client gave several requests the same trace id.
    items: Vec<RefusalAnswer<'a>>,
}

/// A command that was refused.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Refusal)]
struct RefusalAnswer<'a> {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    refused_at: Timestamp,
    /// What was asked: the method.
    #[schema(example = "POST")]
    method: &'a str,
    /// What was asked: the path, without the query.
    #[schema(example = "/api/bookings")]
    path: &'a str,
    /// The showtime, if the request named one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<uuid::Uuid>, nullable = false)]
    showtime_id: Option<ShowtimeId>,
    /// The booking, if the request named one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<uuid::Uuid>, nullable = false)]
    booking_id: Option<BookingId>,
    /// The customer, if it was a reservation.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    user_id: Option<&'a UserId>,
    /// After how many seconds the client was told to try again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    retry_after_seconds: Option<u64>,
    /// Why: the problem as the client got it.
    #[schema(value_type = Document<'a>)]
    problem: &'a RawValue,
}

/// `GET /api/refusals/{requestId}`
pub(super) async fn show(state: web::Data<AppState>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    credential::require_operator(&state, &request)?;
    Query::none(&request)?;
    let id = RequestId::parse(request.match_info().get("requestId").unwrap_or_default());
    let detail = "must be 32 hexadecimal digits, as X-Request-Id and traceId of the refusal have them";
    let id = id.ok_or_else(|| Problem::field(FieldError::parameter("requestId", detail)))?;
    let found = state.refusals.find(id, (state.clock)()).await?;
    if found.is_empty() {
        let detail = "no refused command with this request id is kept; refusals are kept for a day, and under overload only some of them";
        return Err(Problem::new(Code::UnknownRefusal, detail));
    }
    let items = found.iter().map(answer).collect::<Result<_, _>>().map_err(Problem::bug)?;
    let answer = RefusalsAnswer { request_id: id.to_string(), items };
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(answer))
}

fn answer(refusal: &Refusal) -> serde_json::Result<RefusalAnswer<'_>> {
    Ok(RefusalAnswer {
        refused_at: refusal.refused_at,
        method: &refusal.method,
        path: &refusal.path,
        showtime_id: refusal.showtime_id,
        booking_id: refusal.booking_id,
        user_id: refusal.user_id.as_ref(),
        retry_after_seconds: refusal.retry_after_seconds,
        problem: serde_json::from_slice(&refusal.problem)?,
    })
}
