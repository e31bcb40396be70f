//! Blocks as operators read them.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, HttpResponseBuilder};
use serde::Serialize;
use utoipa::ToSchema;

use crate::box_office::Outcome;
use crate::domain::{Block, Booking, BookingId, BookingStatus, CancelReason, HouseWord, SeatId, ShowtimeId, Timestamp};
use crate::http::problem::Problem;
use crate::http::{credential, words};

/// A block.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Block)]
pub(super) struct BlockAnswer<'a> {
    /// Its id.
    #[schema(value_type = uuid::Uuid)]
    block_id: BookingId,
    /// `Blocked`, or `Ended`: its seats are nobody's, or others'.
    #[schema(value_type = words::BlockStatus)]
    status: &'static str,
    /// Its showtime.
    #[schema(value_type = uuid::Uuid)]
    showtime_id: ShowtimeId,
    /// What it is for.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    kind: &'a HouseWord,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    reason: Option<&'a CancelReason>,
    /// Name of the channel that sells its seats.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    channel: Option<&'a HouseWord>,
    /// Its seats, without those that bookings have from it; of one that has ended, those that it had last.
    #[schema(value_type = Vec<uuid::Uuid>)]
    seat_ids: &'a [SeatId],
    /// When it ends, if it does so by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, nullable = false)]
    until: Option<Timestamp>,
    /// Sequence of its last change in the showtime.
    sequence: u64,
    /// An earlier request with this idempotency key was carried out; this tells what has become of the block since.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    replayed: bool,
}

/// A page of the list of blocks.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct BlockPage<'a> {
    /// The blocks.
    pub(super) items: Vec<BlockAnswer<'a>>,
    /// For the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) next_cursor: Option<String>,
}

impl<'a> BlockAnswer<'a> {
    /// A block from the store; `None` if it is none.
    pub(super) fn of(booking: &'a Booking, now: Timestamp) -> Option<Self> {
        let Block { kind, reason, channel } = booking.block.as_ref()?;
        Some(Self {
            block_id: booking.id,
            status: status(booking.status, booking.expires_at, now),
            showtime_id: booking.showtime_id,
            kind,
            reason: reason.as_ref(),
            channel: channel.as_ref(),
            seat_ids: &booking.seat_ids,
            until: end(booking.expires_at),
            sequence: booking.version,
            replayed: false,
        })
    }

    fn told(outcome: &'a Outcome, now: Timestamp) -> Option<Self> {
        let Block { kind, reason, channel } = outcome.block.as_deref()?;
        Some(Self {
            block_id: outcome.booking_id,
            status: status(outcome.status, outcome.expires_at, now),
            showtime_id: outcome.showtime_id,
            kind,
            reason: reason.as_ref(),
            channel: channel.as_ref(),
            seat_ids: &outcome.seat_ids,
            until: end(outcome.expires_at),
            sequence: outcome.sequence,
            replayed: outcome.replayed,
        })
    }
}

/// The answer to a command about a block.
pub(super) fn answer(status: StatusCode, outcome: &Outcome, now: Timestamp) -> Result<HttpResponse, Problem> {
    let told = BlockAnswer::told(outcome, now).ok_or_else(|| Problem::bug("a block was asked for"))?;
    let mut response = HttpResponseBuilder::new(status);
    response.insert_header((header::CACHE_CONTROL, "no-store"));
    if outcome.replayed {
        response.insert_header(credential::REPLAYED);
    }
    Ok(response.json(told))
}

fn status(status: BookingStatus, ends_at: Timestamp, now: Timestamp) -> &'static str {
    match status {
        BookingStatus::Pending if now < ends_at => "Blocked",
        BookingStatus::Pending | BookingStatus::Confirmed | BookingStatus::Cancelled | BookingStatus::Expired => {
            "Ended"
        }
    }
}

fn end(ends_at: Timestamp) -> Option<Timestamp> {
    (ends_at < Timestamp::MAX).then_some(ends_at)
}
