//! Seats and areas in JSON, as seat maps and snapshots have them. Seats are written by hand: a large house has 200,000.

use std::ops::Range;
use std::ptr;

use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::domain::{AreaShape, Labels, Row, Seat, SeatId, SeatIndex, SeatMap, SeatStatus, ShowtimeId};

/// Bytes of a seat, about.
pub const SEAT_BYTES: usize = 96;

/// What a seat is to its reader.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shown {
    /// As everybody is told.
    Public(SeatStatus),
    /// Held back by the house: for operators only, all others are told that it is reserved.
    Blocked,
}

impl From<SeatStatus> for Shown {
    fn from(status: SeatStatus) -> Self {
        Self::Public(status)
    }
}

/// Appends seats of the showtime as `{"seatId":..,"row":..,"number":..,"status":..}`, with a comma between two. Seats of an auditorium have
/// `section`, and where it says more, `label`, `category` and `kind` besides. Places of an area have `area`.
pub fn push_seats<'a, S: Into<Shown>>(
    out: &mut String,
    showtime: ShowtimeId,
    seats: impl Iterator<Item = (Seat<'a>, S)>,
) {
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
        out.push_str(match status.into() {
            Shown::Public(SeatStatus::Available) => r#","status":"Available"}"#,
            Shown::Public(SeatStatus::Reserved) => r#","status":"Reserved"}"#,
            Shown::Public(SeatStatus::Sold) => r#","status":"Sold"}"#,
            Shown::Blocked => r#","status":"Blocked"}"#,
        });
        opening = r#",{"seatId":""#;
    }
}

/// What all seats of a row have: from the end of the seat's id to the row's label.
fn row_members(row: &Row) -> String {
    let label = Value::from(row.row.as_str());
    match row.section.as_deref() {
        None if row.area.is_some() => format!(r#"","area":{label},"row":{label}"#),
        None => format!(r#"","row":{label}"#),
        Some(section) => format!(r#"","section":{},"row":{label}"#, Value::from(section)),
    }
}

/// An area. Its label is its id: it is unique in the house, and stays.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Area<'a> {
    #[serde(rename = "areaId")]
    id: &'a str,
    label: &'a str,
    capacity: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    category: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    available: Option<usize>,
    #[serde(flatten)]
    place: Option<AreaPlace<'a>>,
}

/// What statuses do not change of an area, for whoever draws the house.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AreaPlace<'a> {
    first_seat: SeatIndex,
    #[serde(flatten)]
    shape: &'a AreaShape,
}

/// Appends `,"areas":[{"areaId":..,"label":..,"capacity":..,"category":..,"available":..}]` if the house has areas.
pub fn push_areas<'a>(out: &mut String, seat_map: &'a SeatMap, status: impl Fn(SeatIndex) -> SeatStatus) {
    let of_area = |(row, places): (&'a Row, Range<u32>)| {
        let free = places.filter(|position| status(seat_map.index_at(*position)) == SeatStatus::Available);
        Area::of(row, Some(free.count()), None)
    };
    push_list(out, &seat_map.areas().map(of_area).collect::<Vec<_>>());
}

/// The same without what is left, and with the index of each area's first place, and where it is drawn.
pub fn push_area_places<'a>(out: &mut String, seat_map: &'a SeatMap) {
    let of_area = |(row, places): (&'a Row, Range<u32>)| {
        let first_seat = seat_map.index_at(places.start);
        let place = row.area.as_deref().map(|shape| AreaPlace { first_seat, shape });
        Area::of(row, None, place)
    };
    push_list(out, &seat_map.areas().map(of_area).collect::<Vec<_>>());
}

impl<'a> Area<'a> {
    fn of(row: &'a Row, available: Option<usize>, place: Option<AreaPlace<'a>>) -> Self {
        let category = row.categories.first().and_then(|run| run.category.as_deref());
        Self { id: &row.row, label: &row.row, capacity: row.seats, category, available, place }
    }
}

fn push_list(out: &mut String, areas: &[Area<'_>]) {
    if !areas.is_empty() {
        out.push_str(r#","areas":"#);
        // Texts and numbers: they have a JSON form.
        out.push_str(&serde_json::to_string(areas).unwrap_or_default());
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
