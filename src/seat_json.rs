//! Seats in JSON, as seat maps and snapshots have them. Written by hand: a large house has 200,000.

use serde_json::Value;
use uuid::Uuid;

use crate::domain::{SeatId, SeatIndex, SeatStatus, ShowtimeId};

/// Bytes of a seat, about.
pub const SEAT_BYTES: usize = 96;

/// Appends seats of the showtime as `{"seatId":..,"row":..,"number":..,"status":..}`, with a comma between two.
pub fn push_seats<'a>(
    out: &mut String,
    showtime: ShowtimeId,
    seats: impl Iterator<Item = ((SeatIndex, &'a str, u32), SeatStatus)>,
) {
    let prefix = SeatId::prefix(showtime);
    let mut opening = r#"{"seatId":""#;
    // The label as JSON text is made once for all seats of a row.
    let (mut label, mut quoted) = ("", String::new());
    for ((index, row, number), status) in seats {
        if row != label || quoted.is_empty() {
            (label, quoted) = (row, Value::from(row).to_string());
        }
        out.push_str(opening);
        push_uuid(out, SeatId::with_prefix(prefix, index).0);
        out.push_str(r#"","row":"#);
        out.push_str(&quoted);
        out.push_str(r#","number":"#);
        push_number(out, number);
        out.push_str(match status {
            SeatStatus::Available => r#","status":"Available"}"#,
            SeatStatus::Reserved => r#","status":"Reserved"}"#,
            SeatStatus::Sold => r#","status":"Sold"}"#,
        });
        opening = r#",{"seatId":""#;
    }
}

/// Appends an id without quotation marks.
pub fn push_uuid(out: &mut String, uuid: Uuid) {
    out.push_str(uuid.as_hyphenated().encode_lower(&mut Uuid::encode_buffer()));
}

fn push_number(out: &mut String, number: u32) {
    if number > 9 {
        push_number(out, number / 10);
    }
    out.extend(char::from_digit(number % 10, 10));
}
