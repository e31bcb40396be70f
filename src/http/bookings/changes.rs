//! Confirm, cancel and extend: what the holder of a booking does with it.

use actix_web::{HttpRequest, HttpResponse, web};
use utoipa::ToSchema;

use crate::box_office::Outcome;
use crate::domain::{BookingStatus, PaymentReference};
use crate::http::AppState;
use crate::http::bookings::holder::{self, HoldersCommand};
use crate::http::bookings::outcome::{OutcomeAnswer, answer, standing};
use crate::http::problem::Problem;
use crate::http::request::body;
use crate::http::request::fields::Fields;

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
    let body = body::json(&request, payload, state.settings.booking_bounds());
    let read = |mut fields: Fields<'_>| {
        let reference = fields.text("paymentReference", PaymentReference::parse);
        fields.finish(reference)
    };
    let HoldersCommand { id, holder, context, wanted } = holder::command(&state, &request, body, read).await?;
    let outcome = state.box_office.confirm(id, holder, wanted, context).await?;
    Ok(told(&state, &outcome, standing(outcome.status)))
}

/// `POST /api/bookings/{id}/cancel`
pub(super) async fn cancel(
    state: web::Data<AppState>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let HoldersCommand { id, holder, context, wanted: () } = nothing_else(&state, &request, payload).await?;
    let outcome = state.box_office.cancel(id, holder, context).await?;
    Ok(told(&state, &outcome, standing(outcome.status)))
}

/// `POST /api/bookings/{id}/extend`
pub(super) async fn extend(
    state: web::Data<AppState>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let HoldersCommand { id, holder, context, wanted: () } = nothing_else(&state, &request, payload).await?;
    let outcome = state.box_office.extend(id, holder, context).await?;
    let is_pending = outcome.status == BookingStatus::Pending;
    Ok(told(&state, &outcome, if is_pending { "The hold has a new deadline." } else { standing(outcome.status) }))
}

/// A command that says all with its path.
async fn nothing_else(
    state: &AppState,
    request: &HttpRequest,
    payload: web::Payload,
) -> Result<HoldersCommand<()>, Problem> {
    let body = body::optional_json(request, payload, state.settings.booking_bounds());
    holder::command(state, request, body, |fields| fields.finish(Some(()))).await
}

fn told(state: &AppState, outcome: &Outcome, message: &'static str) -> HttpResponse {
    answer(outcome, OutcomeAnswer::of(outcome, message, (state.clock)()))
}
