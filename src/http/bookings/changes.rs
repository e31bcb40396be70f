//! Confirm, cancel and extend: what the holder of a booking does with it.

use actix_web::{HttpRequest, HttpResponse, web};
use utoipa::ToSchema;

use crate::box_office::Outcome;
use crate::domain::{BookingId, BookingStatus, Credential, PaymentReference};
use crate::http::bookings::outcome::{OutcomeAnswer, answer, standing};
use crate::http::problem::Problem;
use crate::http::request::body;
use crate::http::request::query::Query;
use crate::http::{AppState, credential};

/// Proof of payment.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase", as = Confirmation)]
#[expect(dead_code, reason = "describes the fields that are read one by one")]
pub(super) struct ConfirmationBody {
    /// What the payment provider calls the payment.
    #[schema(value_type = String, min_length = 1, max_length = 200)]
    payment_reference: PaymentReference,
    /// The hold token, if it is not in the `Authorization` header.
    hold_token: Option<String>,
}

/// The hold token, for clients that cannot set the `Authorization` header.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase", as = HolderProof)]
#[expect(dead_code, reason = "describes the fields that are read one by one")]
pub(super) struct HolderBody {
    /// The hold token.
    hold_token: Option<String>,
}

/// `POST /api/bookings/{id}/confirm`
pub(super) async fn confirm(
    state: web::Data<AppState>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    Query::none(&request)?;
    let id = BookingId(body::path_uuid(&request, "id")?);
    let body = body::json(&request, payload, state.settings.booking_bounds()).await?;
    let mut fields = body.fields()?;
    let hold_token = fields.optional_text("holdToken");
    let reference = fields.text("paymentReference", PaymentReference::parse);
    let reference = fields.finish(reference)?;
    let holder = credential::of_booking(&state, &request, hold_token.as_deref())?;
    let context = credential::context(&request)?;
    let outcome = state.box_office.confirm(id, holder, reference, context).await?;
    Ok(told(&state, &outcome, standing(outcome.status)))
}

/// `POST /api/bookings/{id}/cancel`
pub(super) async fn cancel(
    state: web::Data<AppState>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    Query::none(&request)?;
    let id = BookingId(body::path_uuid(&request, "id")?);
    let holder = holder(&state, &request, payload).await?;
    let context = credential::context(&request)?;
    let outcome = state.box_office.cancel(id, holder, context).await?;
    Ok(told(&state, &outcome, standing(outcome.status)))
}

/// `POST /api/bookings/{id}/extend`
pub(super) async fn extend(
    state: web::Data<AppState>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    Query::none(&request)?;
    let id = BookingId(body::path_uuid(&request, "id")?);
    let holder = holder(&state, &request, payload).await?;
    let context = credential::context(&request)?;
    let outcome = state.box_office.extend(id, holder, context).await?;
    let is_pending = outcome.status == BookingStatus::Pending;
    Ok(told(&state, &outcome, if is_pending { "The hold has a new deadline." } else { standing(outcome.status) }))
}

async fn holder(state: &AppState, request: &HttpRequest, payload: web::Payload) -> Result<Credential, Problem> {
    let body = body::optional_json(request, payload, state.settings.booking_bounds()).await?;
    let mut fields = body.fields()?;
    let hold_token = fields.optional_text("holdToken");
    fields.finish(Some(()))?;
    credential::of_booking(state, request, hold_token.as_deref())
}

fn told(state: &AppState, outcome: &Outcome, message: &'static str) -> HttpResponse {
    answer(outcome, OutcomeAnswer::of(outcome, message, (state.clock)()))
}
