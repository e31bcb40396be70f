//! Showtimes as clients read them. Seats and layouts are encoded without serde, and only described here.

use std::sync::Arc;

use serde::{Serialize, Serializer};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::{Listing, ShowtimeId, ShowtimeSummary};
use crate::http::words::{self, SeatStatus};

/// A line of the list of showtimes.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ShowtimeSummary)]
pub(super) struct SummaryAnswer {
    /// Its id.
    #[schema(value_type = Uuid)]
    pub(super) id: ShowtimeId,
    #[serde(flatten, serialize_with = "shown")]
    #[schema(value_type = ListingAnswer)]
    pub(super) listing: Arc<Listing>,
    /// Sequence of its last change.
    pub(super) sequence: u64,
    /// Number of seats.
    pub(super) seats: u32,
    /// How many of them are free: not held, sold or blocked. Those that cost nothing that a customer could choose are counted, too: of a showtime with
    /// `prices`, the places whose category has no zone, or only tariffs for operators.
    pub(super) available: u32,
}

impl From<&ShowtimeSummary> for SummaryAnswer {
    fn from(summary: &ShowtimeSummary) -> Self {
        Self {
            id: summary.id,
            listing: Arc::clone(&summary.listing),
            sequence: summary.sequence,
            seats: summary.seats,
            available: summary.available,
        }
    }
}

/// Writes a listing as clients read it.
pub(super) fn shown<S: Serializer>(listing: &Arc<Listing>, serializer: S) -> Result<S::Ok, S::Error> {
    listing.shown().serialize(serializer)
}

/// What is shown, when, and on which terms. A term that is not set is absent.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase", as = Listing)]
#[expect(dead_code, reason = "describes the domain's Listing to the OpenAPI document")]
pub(super) struct ListingAnswer {
    /// What is shown.
    movie_title: String,
    /// When it starts.
    #[schema(value_type = String, format = DateTime)]
    start_time: String,
    /// The auditorium whose seats are sold, and its version; absent: they are numbered rows.
    #[schema(nullable = false)]
    auditorium: Option<AuditoriumVersion>,
    /// When the sale begins; absent: it has begun.
    #[schema(value_type = Option<String>, format = DateTime, nullable = false)]
    on_sale_from: Option<String>,
    /// When the sale ends; absent: when the showtime starts.
    #[schema(value_type = Option<String>, format = DateTime, nullable = false)]
    on_sale_until: Option<String>,
    /// Most places in one booking.
    #[schema(nullable = false)]
    places_per_booking: Option<u32>,
    /// Most places in all live bookings of one customer.
    #[schema(nullable = false)]
    places_per_customer: Option<u32>,
    /// Holds of one customer that may end without a sale, within an hour, before he waits for the next. Absent: any number.
    #[schema(nullable = false)]
    holds_without_sale: Option<u32>,
    /// Seconds for which a reservation, or an extension, holds seats; absent: the server's default.
    #[schema(nullable = false)]
    hold_seconds: Option<u32>,
    /// `refuse`: a reservation of named seats may not leave a free seat without a free neighbour. Absent: it may.
    #[schema(nullable = false)]
    orphans: Option<words::Orphans>,
    /// From when on `bestAvailable` chooses wheelchair places and companions' seats for everybody; absent: only for who asks for them.
    #[schema(value_type = Option<String>, format = DateTime, nullable = false)]
    accessible_for_all_from: Option<String>,
    /// What its places cost; absent: the shop knows.
    #[schema(nullable = false)]
    prices: Option<PricesBody>,
    /// The venue's time zone in the IANA database.
    #[schema(nullable = false)]
    time_zone: Option<String>,
    /// When it starts by the venue's clocks, with their offset; absent without `timeZone`.
    #[schema(value_type = Option<String>, format = DateTime, nullable = false)]
    start_time_local: Option<String>,
    /// Why the showtime was cancelled; absent: it was not.
    #[schema(nullable = false)]
    cancelled: Option<String>,
}

/// The prices of a showtime.
#[derive(ToSchema)]
#[schema(as = Prices)]
#[expect(dead_code, reason = "describes the domain's Prices to the OpenAPI document")]
pub(super) struct PricesBody {
    /// ISO 4217 code.
    #[schema(pattern = "^[A-Z]{3}$", min_length = 3, max_length = 3)]
    currency: String,
    /// Each category once; at most one zone for all other places.
    #[schema(min_items = 1, max_items = 100)]
    zones: Vec<PriceZone>,
}

/// What the places of one category cost.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the domain's PriceZone to the OpenAPI document")]
pub(super) struct PriceZone {
    /// The category's key; absent: all places whose category has no zone of its own, or that have none.
    #[schema(nullable = false, min_length = 1, max_length = 100)]
    category: Option<String>,
    /// The first is for who chooses none.
    #[schema(min_items = 1, max_items = 100)]
    tariffs: Vec<Tariff>,
}

/// A price and for whom it is.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the domain's Tariff to the OpenAPI document")]
pub(super) struct Tariff {
    /// What reservations choose it by; unique in its zone.
    #[schema(min_length = 1, max_length = 40)]
    key: String,
    /// What people read; absent: the key.
    #[schema(nullable = false, min_length = 1, max_length = 100)]
    name: Option<String>,
    /// In minor units of the currency; 0 for free places.
    #[schema(minimum = 0, maximum = 1_000_000_000)]
    amount: u32,
    /// Only operators may choose it.
    #[schema(rename = "operatorsOnly", required = false)]
    operators_only: bool,
}

/// A version of an auditorium, which never changes.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the domain's AuditoriumVersion to the OpenAPI document")]
pub(super) struct AuditoriumVersion {
    /// The auditorium.
    id: Uuid,
    /// Its version.
    #[schema(minimum = 1)]
    version: u32,
}

/// A showtime with all its seats at one sequence.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase", as = Showtime)]
#[expect(dead_code, reason = "describes what encoded_showtime writes by hand")]
pub(crate) struct ShowtimeAnswer {
    /// Its id.
    id: Uuid,
    #[serde(flatten)]
    #[schema(inline)]
    listing: ListingAnswer,
    /// Sequence of its last change.
    sequence: u64,
    /// The areas, with how many of their places are available; absent: there are none.
    #[schema(value_type = Option<Vec<AreaAnswer>>, nullable = false)]
    areas: Option<Vec<AreaAnswer>>,
    /// Every seat, row by row, then every place of an area.
    #[schema(value_type = Vec<SeatAnswer>)]
    seats: Vec<SeatAnswer>,
}

/// Places without seats. They are counted, not chosen: `POST /api/bookings` takes `areas`.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase", as = Area)]
#[expect(dead_code, reason = "describes what seat_json writes")]
pub(super) struct AreaAnswer {
    /// What reservations name it by. Stays what it is.
    area_id: String,
    /// What people read.
    label: String,
    /// Number of places.
    #[schema(minimum = 1, maximum = 200_000)]
    capacity: u32,
    /// What its price goes by: a category's key in the auditorium.
    #[schema(nullable = false)]
    category: Option<String>,
    /// How many places are available.
    available: u32,
}

/// An area and where it is drawn.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "describes what seat_json writes")]
pub(super) struct LayoutArea {
    /// What reservations name it by. Stays what it is.
    area_id: String,
    /// What people read.
    label: String,
    /// Number of places.
    #[schema(minimum = 1, maximum = 200_000)]
    capacity: u32,
    /// What its price goes by: a category's key in the auditorium.
    #[schema(nullable = false)]
    category: Option<String>,
    /// Index of its first place; the others follow, unless the area's row has `indices`.
    first_seat: u32,
    /// Of its upper left corner: how far to the right of the focal point, in hundredths of the auditorium's unit; absent: it is not drawn.
    #[schema(nullable = false)]
    x: Option<i64>,
    /// Of the same corner: how far from the stage, seen from the focal point.
    #[schema(nullable = false)]
    y: Option<i64>,
    /// In the same unit.
    #[schema(nullable = false)]
    width: Option<i64>,
    /// In the same unit.
    #[schema(nullable = false)]
    height: Option<i64>,
}

/// A seat, or a place of an area.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase", as = Seat)]
#[expect(dead_code, reason = "describes what encoded_showtime writes by hand")]
pub(super) struct SeatAnswer {
    /// Its id.
    seat_id: Uuid,
    /// Its section, if it is of an auditorium.
    #[schema(nullable = false)]
    section: Option<String>,
    /// The area that it is a place of; absent: it is a seat.
    #[schema(nullable = false)]
    area: Option<String>,
    /// Label of its row, or of its area.
    row: String,
    /// Its number as printed; if it has none, its place in the row, from 1.
    #[schema(minimum = 1)]
    number: u32,
    /// Its label as printed; absent: the number.
    #[schema(nullable = false)]
    label: Option<String>,
    /// What its price goes by: a category's key in the auditorium.
    #[schema(nullable = false)]
    category: Option<String>,
    /// `wheelchair`, `companion` or `restrictedView`; absent: a seat like most.
    #[schema(nullable = false)]
    kind: Option<String>,
    /// What it is now.
    #[schema(value_type = SeatStatus)]
    status: SeatStatus,
}

/// The rows of a showtime.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase", as = Layout)]
#[expect(dead_code, reason = "describes what encoded_showtime writes by hand")]
pub(super) struct LayoutAnswer {
    /// Its id.
    id: Uuid,
    #[serde(flatten)]
    #[schema(inline)]
    listing: ListingAnswer,
    /// What all its seats' ids begin with; eight hexadecimal digits follow, the seat's count from 0.
    #[schema(pattern = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}$")]
    seat_id_prefix: String,
    /// The areas; absent: there are none. Their places are the last of `rows`, too.
    #[schema(value_type = Option<Vec<LayoutArea>>, nullable = false)]
    areas: Option<Vec<LayoutArea>>,
    /// Its rows, in the order in which seats are counted. Those with `area` are areas.
    #[schema(value_type = Vec<LayoutRow>)]
    rows: Vec<LayoutRow>,
}

/// A row of seats. All members but the first two are of rows of an auditorium. Seats are counted from the left, from 1. Places are told from the
/// focal point, in hundredths of the auditorium's unit.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "describes the domain's Row to the OpenAPI document")]
pub(super) struct LayoutRow {
    /// Label, unique in its section.
    row: String,
    /// Number of seats.
    #[schema(minimum = 1, maximum = 200_000)]
    seats: u32,
    /// Its section.
    #[schema(nullable = false)]
    section: Option<String>,
    /// The seats' labels: `{from, step}` for numbers at even distances, or a list of all; absent: 1, 2, 3 and so on.
    #[schema(value_type = Option<serde_json::Value>, nullable = false)]
    labels: Option<String>,
    /// How far to the right each seat is: `{from, step}` or a list of all.
    #[schema(value_type = Option<serde_json::Value>, nullable = false)]
    x: Option<String>,
    /// How far from the stage each seat is, seen from the focal point: `{from, step}` or a list of all.
    #[schema(value_type = Option<serde_json::Value>, nullable = false)]
    y: Option<String>,
    /// The seats that have an aisle on their right.
    #[schema(nullable = false)]
    aisle_after: Option<Vec<u32>>,
    /// The seats' categories, from the left: `{to, category}`, where `to` is the last seat that has it.
    #[schema(value_type = Option<Vec<serde_json::Value>>, nullable = false)]
    categories: Option<Vec<String>>,
    /// Seats that are not like most: `{seat, kind, companionOf, note}`.
    #[schema(value_type = Option<Vec<serde_json::Value>>, nullable = false)]
    special: Option<Vec<String>>,
    /// It is an area: `row` is its label, `seats` its capacity.
    #[schema(value_type = Option<serde_json::Value>, nullable = false)]
    area: Option<String>,
    /// The indices with which the seats' ids end, from the left: `{to, from}`, where `to` is the last seat of a run of indices that begins with
    /// `from`. Absent: they are the seats' places in the order of all rows, from 0. Only showtimes that were moved to a version of their auditorium
    /// with other seats have rows with them.
    #[schema(value_type = Option<Vec<serde_json::Value>>, nullable = false)]
    indices: Option<Vec<String>>,
}

/// A row of seats, numbered from 1.
#[derive(ToSchema)]
#[schema(as = Row)]
#[expect(dead_code, reason = "describes the domain's Row to the OpenAPI document")]
pub(super) struct RowBody {
    /// Label, unique in the showtime.
    #[schema(min_length = 1, max_length = 16)]
    row: String,
    /// Number of seats.
    #[schema(minimum = 1, maximum = 200_000)]
    seats: u32,
}
