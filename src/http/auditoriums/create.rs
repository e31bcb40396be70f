//! Creates an auditorium, for operators.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;
use uuid::Uuid;

use crate::box_office::CreationKey;
use crate::domain::{AuditoriumId, Rejection};
use crate::http::auditoriums::answers::AuditoriumSummary;
use crate::http::auditoriums::format::Format;
use crate::http::auditoriums::plan::{self, Plan, Wanted};
use crate::http::auditoriums::record::{NotRecorded, record};
use crate::http::problem::{Code, FieldError, Problem};
use crate::http::request::query::Query;
use crate::http::{AppState, credential};
use crate::write_store::{AuditoriumHead, IdempotencyRecord, NewAuditorium, StoredAuditorium};

/// Most auditoriums, so that nobody creates them without end.
const MOST_AUDITORIUMS: u64 = 10_000;
/// When to try again beyond a limit that only operators can make room under.
const RETRY_AFTER: Duration = Duration::from_mins(1);

/// `POST /api/auditoriums`
pub(super) async fn create(
    state: web::Data<AppState>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    credential::require_operator(&state, &request)?;
    let query = Query::of(&request, &["format", "name"])?;
    let format = Format::of(&query)?;
    let name = match (format, query.get("name")) {
        (Format::Csv, None) => {
            return Err(Problem::field(FieldError::parameter("name", "is missing: CSV has no place for it")));
        }
        (Format::Csv, Some(name)) => name.to_owned(),
        (Format::Turnstile | Format::Pretix, None) => String::new(),
        (Format::Turnstile | Format::Pretix, Some(_)) => return Err(name_in_plan()),
    };
    let wanted = Wanted { format, name, key: credential::idempotency_key(&request)? };
    let plan = plan::read(&state, &request, payload, wanted).await?;
    if let Some(head) = created_before(&state, plan.key.as_ref()).await? {
        return Ok(answer(&head, true));
    }
    let counted = state.auditoriums.auditorium_count().await.map_err(Arc::new)?;
    if counted >= MOST_AUDITORIUMS {
        let detail = format!("there are {counted} auditoriums, as many as there may be");
        return Err(Problem::new(Code::QuotaExceeded, detail).retry_after(RETRY_AFTER));
    }
    let (head, new) = first_version(&state, &plan);
    match record(&state, new).await {
        Ok(()) => Ok(answer(&head, false)),
        Err(NotRecorded::KnownKey) => {
            let head = created_before(&state, plan.key.as_ref()).await?;
            head.map(|head| answer(&head, true)).ok_or_else(|| Problem::bug("a recorded key was not found"))
        }
        Err(NotRecorded::Conflict) => Err(Problem::bug("a fresh auditorium's id is taken")),
        Err(NotRecorded::Failed(problem)) => Err(problem),
    }
}

/// A name in the query of a plan that has its own.
pub(super) fn name_in_plan() -> Problem {
    Problem::field(FieldError::parameter("name", "is only known for CSV: this format's name is in the plan"))
}

fn first_version(state: &AppState, plan: &Plan) -> (AuditoriumHead, NewAuditorium) {
    let recorded_at = (state.clock)();
    let head = AuditoriumHead {
        id: AuditoriumId(Uuid::now_v7()),
        version: 1,
        seats_since: 1,
        name: plan.house.name().to_owned(),
        seat_count: plan.house.seat_count(),
        place_count: plan.house.place_count(),
        recorded_at,
    };
    let idempotency = plan.key.as_ref().map(|key| IdempotencyRecord {
        key_hash: key.key_hash,
        fingerprint: key.fingerprint,
        answer: json!({"auditoriumId": head.id}),
        nonce: [0; 16],
        recorded_at,
        sequence: 1,
    });
    let stored = StoredAuditorium { head: head.clone(), plan: plan.text.clone() };
    (head, NewAuditorium { stored, idempotency })
}

/// What an earlier request with this key has created.
async fn created_before(state: &AppState, key: Option<&CreationKey>) -> Result<Option<AuditoriumHead>, Problem> {
    let Some(key) = key else { return Ok(None) };
    let record = state.auditoriums.auditorium_key(key.key_hash).await.map_err(Arc::new)?;
    let Some(record) = record else { return Ok(None) };
    if record.fingerprint != key.fingerprint {
        return Err(Rejection::IdempotencyKeyReused.into());
    }
    let id = record.answer.get("auditoriumId").and_then(|id| serde_json::from_value::<AuditoriumId>(id.clone()).ok());
    let id = id.ok_or_else(|| Problem::bug("a recorded answer names no auditorium"))?;
    let head = state.auditoriums.auditorium_head(id, Some(1)).await.map_err(Arc::new)?;
    head.map(Some).ok_or_else(|| Problem::bug("a recorded auditorium is not stored"))
}

fn answer(head: &AuditoriumHead, is_replayed: bool) -> HttpResponse {
    let mut response = HttpResponse::Created();
    response.insert_header((header::LOCATION, format!("/api/auditoriums/{}", head.id)));
    response.insert_header((header::ETAG, Format::Turnstile.tag(head.version)));
    response.insert_header((header::CACHE_CONTROL, "no-store"));
    if is_replayed {
        response.insert_header(credential::REPLAYED);
    }
    response.json(AuditoriumSummary::from(head))
}
