//! Shows a booking to its holder or an operator.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{Booking, BookingId, CancelReason, PaymentReference, SeatId, ShowtimeId, Timestamp, UserId};
use crate::http::bookings::price::PriceAnswer;
use crate::http::problem::Problem;
use crate::http::request::body;
use crate::http::request::query::Query;
use crate::http::{AppState, credential, words};

/// A booking as its holder sees it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Booking)]
pub(super) struct BookingAnswer<'a> {
    /// The booking.
    #[schema(value_type = Uuid)]
    booking_id: BookingId,
    /// Where it stands.
    #[schema(value_type = words::BookingStatus)]
    status: &'static str,
    /// Its showtime.
    #[schema(value_type = Uuid)]
    showtime_id: ShowtimeId,
    /// Its seats.
    #[schema(value_type = Vec<Uuid>)]
    seat_ids: &'a [SeatId],
    /// What they cost, if the showtime had prices when they were reserved.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    price: Option<PriceAnswer<'a>>,
    /// Who booked.
    #[schema(value_type = String)]
    user_id: &'a UserId,
    /// When the seats were reserved; of a hold that followed another one of the same user at once, when the first was.
    #[schema(value_type = String, format = DateTime)]
    reserved_at: Timestamp,
    /// The hold's deadline.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    /// Seconds until the deadline, while the booking is pending: to be counted down by, whatever the client's own clock says.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>, minimum = 0, nullable = false)]
    expires_in_seconds: Option<f64>,
    /// The payment, once confirmed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    payment_reference: Option<&'a PaymentReference>,
    /// Why it was cancelled, if its showtime was, or if it was refunded for a reason. A payment is to be returned by whoever took it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    cancel_reason: Option<&'a CancelReason>,
    /// Seats that were refunded while it kept others.
    #[serde(skip_serializing_if = "<[SeatId]>::is_empty")]
    #[schema(value_type = Vec<Uuid>, required = false)]
    refunded_seat_ids: &'a [SeatId],
    /// The last payment that came too late for it and is to be returned.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    refused_payment: Option<&'a PaymentReference>,
    /// Sequence of the last change.
    sequence: u64,
}

/// `GET /api/bookings/{id}`
pub(super) async fn show(state: web::Data<AppState>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    Query::none(&request)?;
    let id = BookingId(body::path_uuid(&request, "id")?);
    let holder = credential::of_booking(&state, &request, None)?;
    let booking = state.box_office.booking(id, holder).await?;
    let body = BookingAnswer::of(&booking, (state.clock)());
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(body))
}

impl<'a> BookingAnswer<'a> {
    pub(super) fn of(booking: &'a Booking, now: Timestamp) -> Self {
        Self {
            booking_id: booking.id,
            status: booking.status.as_str(),
            showtime_id: booking.showtime_id,
            seat_ids: &booking.seat_ids,
            price: booking.price.as_ref().map(|price| PriceAnswer::of(price, &booking.seat_ids)),
            user_id: &booking.user_id,
            reserved_at: booking.reserved_at,
            expires_at: booking.expires_at,
            expires_in_seconds: booking.status.seconds_left(booking.expires_at, now),
            payment_reference: booking.payment_reference.as_ref(),
            cancel_reason: booking.cancel_reason.as_ref(),
            refunded_seat_ids: &booking.refunded,
            refused_payment: booking.refused_payment.as_ref().map(|refused| &refused.refund),
            sequence: booking.version,
        }
    }
}
