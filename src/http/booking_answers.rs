//! What clients read of a booking: the outcome of a command, a new booking with its secret, and the booking itself.

use serde::Serialize;
use utoipa::ToSchema;

use crate::box_office::Outcome;
use crate::domain::{Booking, BookingId, PaymentReference, SeatId, ShowtimeId, Timestamp, UserId};

/// What has become of a booking.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = BookingOutcome)]
pub(super) struct OutcomeAnswer<'a> {
    /// The booking.
    #[schema(value_type = Uuid)]
    booking_id: BookingId,
    /// Where it stands.
    #[schema(value_type = super::schemas::BookingStatus)]
    status: &'static str,
    /// Its showtime.
    #[schema(value_type = Uuid)]
    showtime_id: ShowtimeId,
    /// Its seats, in the order of the request.
    #[schema(value_type = Vec<Uuid>)]
    seat_ids: &'a [SeatId],
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
    /// For people.
    message: &'static str,
}

/// A new booking with its holder's secret.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Reserved)]
pub(super) struct ReservedAnswer<'a> {
    #[serde(flatten)]
    pub(super) outcome: OutcomeAnswer<'a>,
    /// The holder's secret, to be shown with every command about the booking. Not there in a replayed answer about a booking that has
    /// ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) hold_token: Option<String>,
}

/// A booking as its holder sees it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Booking)]
pub(super) struct BookingAnswer<'a> {
    /// The booking.
    #[schema(value_type = Uuid)]
    booking_id: BookingId,
    /// Where it stands.
    #[schema(value_type = super::schemas::BookingStatus)]
    status: &'static str,
    /// Its showtime.
    #[schema(value_type = Uuid)]
    showtime_id: ShowtimeId,
    /// Its seats.
    #[schema(value_type = Vec<Uuid>)]
    seat_ids: &'a [SeatId],
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
    /// Sequence of the last change.
    sequence: u64,
}

impl<'a> BookingAnswer<'a> {
    pub(super) fn of(booking: &'a Booking, now: Timestamp) -> Self {
        Self {
            booking_id: booking.id,
            status: booking.status.as_str(),
            showtime_id: booking.showtime_id,
            seat_ids: &booking.seat_ids,
            user_id: &booking.user_id,
            reserved_at: booking.reserved_at,
            expires_at: booking.expires_at,
            expires_in_seconds: booking.status.seconds_left(booking.expires_at, now),
            payment_reference: booking.payment_reference.as_ref(),
            sequence: booking.version,
        }
    }
}

impl<'a> OutcomeAnswer<'a> {
    pub(super) fn of(outcome: &'a Outcome, message: &'static str, now: Timestamp) -> Self {
        Self {
            booking_id: outcome.booking_id,
            status: outcome.status.as_str(),
            showtime_id: outcome.showtime_id,
            seat_ids: &outcome.seat_ids,
            expires_at: outcome.expires_at,
            expires_in_seconds: outcome.status.seconds_left(outcome.expires_at, now),
            sequence: outcome.sequence,
            replayed: outcome.replayed,
            message,
        }
    }
}
