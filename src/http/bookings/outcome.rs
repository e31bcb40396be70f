//! The outcome of a command about a booking, as clients read it.

use actix_web::HttpResponse;
use actix_web::http::header;
use serde::Serialize;
use utoipa::ToSchema;

use crate::box_office::Outcome;
use crate::domain::{BookingId, BookingStatus, PaymentReference, SeatId, ShowtimeId, Timestamp};
use crate::http::bookings::price::{MoneyAnswer, PriceAnswer};
use crate::http::{credential, words};

/// What has become of a booking.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = BookingOutcome)]
pub(super) struct OutcomeAnswer<'a> {
    /// The booking.
    #[schema(value_type = Uuid)]
    booking_id: BookingId,
    /// Where it stands.
    #[schema(value_type = words::BookingStatus)]
    status: &'static str,
    /// Its showtime.
    #[schema(value_type = Uuid)]
    showtime_id: ShowtimeId,
    /// Its seats, in the order of the request.
    #[schema(value_type = Vec<Uuid>)]
    seat_ids: &'a [SeatId],
    /// What they cost, if the showtime had prices when they were reserved.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    price: Option<PriceAnswer<'a>>,
    /// Of an exchange: how much more it costs than before; negative: less. 0 if the request changed nothing; a replayed answer tells what the first one
    /// told. Absent if the booking has no price, or if the request may have been carried out in an attempt of which nothing is known: the event
    /// `BookingChanged` tells it then.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    difference: Option<MoneyAnswer<'a>>,
    /// The hold's deadline.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    /// Seconds until the deadline, while the booking is pending: to be counted down by, whatever the client's own clock says.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>, minimum = 0, nullable = false)]
    expires_in_seconds: Option<f64>,
    /// Sequence of the change in its showtime: `GET /api/showtimes/{id}?minSequence=` this shows it.
    sequence: u64,
    /// An earlier request with this idempotency key was carried out; `status` tells what has become of the booking since.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    replayed: bool,
    /// The payment that is to be returned, in whole or in part: only in the answer to the request that refunded it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    refund: Option<&'a PaymentReference>,
    /// How much of it is to be returned, if the booking has a price.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    refund_amount: Option<MoneyAnswer<'a>>,
    /// For people.
    message: &'static str,
}

impl<'a> OutcomeAnswer<'a> {
    pub(super) fn of(outcome: &'a Outcome, message: &'static str, now: Timestamp) -> Self {
        Self {
            booking_id: outcome.booking_id,
            status: outcome.status.as_str(),
            showtime_id: outcome.showtime_id,
            seat_ids: &outcome.seat_ids,
            price: outcome.price.as_ref().map(|price| PriceAnswer::of(price, &outcome.seat_ids)),
            difference: outcome.difference.as_deref().map(MoneyAnswer::of),
            expires_at: outcome.expires_at,
            expires_in_seconds: outcome.status.seconds_left(outcome.expires_at, now),
            sequence: outcome.sequence,
            replayed: outcome.replayed,
            refund: None,
            refund_amount: None,
            message,
        }
    }
}

/// The outcome of a refund.
pub(super) fn refunded<'a>(outcome: &'a Outcome, message: &'static str, now: Timestamp) -> OutcomeAnswer<'a> {
    let refund_amount = outcome.refund_amount.as_deref().map(MoneyAnswer::of);
    let refund = outcome.payment_reference.as_ref();
    OutcomeAnswer { refund, refund_amount, ..OutcomeAnswer::of(outcome, message, now) }
}

/// The answer to a command about a booking.
pub(super) fn answer(outcome: &Outcome, body: OutcomeAnswer<'_>) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CACHE_CONTROL, "no-store"));
    if outcome.replayed {
        response.insert_header(credential::REPLAYED);
    }
    response.json(body)
}

/// Where a booking stands, for people.
pub(super) fn standing(status: BookingStatus) -> &'static str {
    match status {
        BookingStatus::Pending => "The seats are held until the deadline; confirm before it passes.",
        BookingStatus::Confirmed => "The booking is confirmed; the seats are sold.",
        BookingStatus::Cancelled => "The booking is cancelled; the seats are free again.",
        BookingStatus::Expired => {
            "The hold has expired; the seats are free again. A payment that is under way takes them if they are still free, and is to be returned if not."
        }
    }
}
