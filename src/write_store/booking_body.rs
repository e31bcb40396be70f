//! Stored bookings: what queries look for has columns of its own, everything else is one JSON body, the same in every adapter.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::{
    Block, BlockSeats, Booking, BookingId, BookingStatus, CancelReason, PaymentReference, Price, RefusedPayment,
    SeatId, SeatIdPrefix, SeatIndex, ShowtimeId, Timestamp, TokenHash, UserId,
};

/// The body. Fields may be added; none may change its meaning, since bookings are kept for good.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Body {
    /// In the client's order.
    seats: Vec<SeatIndex>,
    /// 64 hexadecimal digits.
    token_hash: String,
    /// Milliseconds since 1970 in UTC.
    reserved_at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    price: Option<Price>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payment_reference: Option<PaymentReference>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cancel_reason: Option<CancelReason>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    refunded: Vec<SeatIndex>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refused_payment: Option<RefusedPayment>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    block: Option<Block>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    from_blocks: Vec<BlockSeats>,
}

/// The body of a booking, as JSON.
pub(super) fn body(booking: &Booking) -> Result<String, String> {
    let body = Body {
        seats: booking.seat_ids.iter().map(|seat| seat.index()).collect(),
        token_hash: hex(&booking.token.0),
        reserved_at: booking.reserved_at.as_millis(),
        price: booking.price.clone(),
        payment_reference: booking.payment_reference.clone(),
        cancel_reason: booking.cancel_reason.clone(),
        refunded: booking.refunded.iter().map(|seat| seat.index()).collect(),
        refused_payment: booking.refused_payment.clone(),
        block: booking.block.clone(),
        from_blocks: booking.from_blocks.clone(),
    };
    serde_json::to_string(&body).map_err(|error| format!("a booking has no JSON form: {error}"))
}

/// The columns of a stored booking.
pub(super) struct Columns<'a> {
    pub(super) id: Uuid,
    pub(super) showtime_id: Uuid,
    pub(super) user_id: String,
    pub(super) status: BookingStatus,
    pub(super) expires_at: Timestamp,
    pub(super) version: u64,
    pub(super) body: &'a str,
}

/// Reads stored bookings.
#[derive(Default)]
pub(super) struct Reader {
    /// Bookings of one showtime mostly come together: one hash for all.
    prefix: Option<(ShowtimeId, SeatIdPrefix)>,
}

impl Reader {
    /// The booking as the domain has it, or what is wrong with it.
    pub(super) fn read(&mut self, columns: Columns<'_>) -> Result<Booking, String> {
        let Columns { id, showtime_id, user_id, status, expires_at, version, body } = columns;
        let showtime_id = ShowtimeId(showtime_id);
        let body: Body =
            serde_json::from_str(body).map_err(|error| format!("the body of booking {id} is unusable: {error}"))?;
        let prefix = match self.prefix {
            Some((of, prefix)) if of == showtime_id => prefix,
            _ => self.prefix.insert((showtime_id, SeatId::prefix(showtime_id))).1,
        };
        let seats =
            |indices: Vec<SeatIndex>| indices.into_iter().map(|index| SeatId::with_prefix(prefix, index)).collect();
        Ok(Booking {
            id: BookingId(id),
            showtime_id,
            seat_ids: seats(body.seats),
            user_id: UserId::stored(user_id),
            token: unhex(&body.token_hash)
                .map(TokenHash)
                .ok_or_else(|| format!("the token's hash of booking {id} is unusable"))?,
            status,
            reserved_at: Timestamp::from_millis(body.reserved_at),
            expires_at,
            price: body.price,
            payment_reference: body.payment_reference,
            cancel_reason: body.cancel_reason,
            refunded: seats(body.refunded),
            refused_payment: body.refused_payment,
            block: body.block,
            from_blocks: body.from_blocks,
            version,
        })
    }
}

/// Bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(u32::from(digit), 16)).collect()
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 2 * bytes.len() {
        return None;
    }
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(bytes)
}
