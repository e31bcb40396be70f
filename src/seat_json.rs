//! Seats in JSON, as seat maps and snapshots have them. Written by hand: a large house has 200,000.

use std::ptr;

use serde_json::Value;
use uuid::Uuid;

use crate::domain::{Labels, Row, Seat, SeatId, SeatStatus, ShowtimeId};

/// Bytes of a seat, about.
pub const SEAT_BYTES: usize = 96;

/// Appends seats of the showtime as `{"seatId":..,"row":..,"number":..,"status":..}`, with a comma between two. Seats of an auditorium have
/// `section`, and where it says more, `label`, `category` and `kind` besides.
pub fn push_seats<'a>(out: &mut String, showtime: ShowtimeId, seats: impl Iterator<Item = (Seat<'a>, SeatStatus)>) {
    let prefix = SeatId::prefix(showtime);
    let mut opening = r#"{"seatId":""#;
    // The row as JSON text is made once for all its seats.
    let (mut row, mut quoted): (Option<&Row>, String) = (None, String::new());
    for (seat, status) in seats {
        if !row.is_some_and(|row| ptr::eq(row, seat.row)) {
            (row, quoted) = (Some(seat.row), row_members(seat.row));
        }
        out.push_str(opening);
        push_uuid(out, SeatId::with_prefix(prefix, seat.index).0);
        out.push_str(&quoted);
        out.push_str(r#","number":"#);
        push_number(out, seat.number());
        push_rest(out, seat);
        out.push_str(match status {
            SeatStatus::Available => r#","status":"Available"}"#,
            SeatStatus::Reserved => r#","status":"Reserved"}"#,
            SeatStatus::Sold => r#","status":"Sold"}"#,
        });
        opening = r#",{"seatId":""#;
    }
}

/// What all seats of a row have: from the end of the seat's id to the row's label.
fn row_members(row: &Row) -> String {
    let label = Value::from(row.row.as_str());
    match row.section.as_deref() {
        None => format!(r#"","row":{label}"#),
        Some(section) => format!(r#"","section":{},"row":{label}"#, Value::from(section)),
    }
}

/// What the number does not tell.
fn push_rest(out: &mut String, seat: Seat<'_>) {
    if let Some(Labels::Each(_)) = seat.row.labels {
        push_text(out, r#","label":"#, &seat.label());
    }
    if let Some(category) = seat.category() {
        push_text(out, r#","category":"#, category);
    }
    if !seat.kind().is_standard() {
        push_text(out, r#","kind":"#, seat.kind().as_str());
    }
}

fn push_text(out: &mut String, opening: &str, text: &str) {
    out.push_str(opening);
    out.push_str(&Value::from(text).to_string());
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
