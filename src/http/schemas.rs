//! Schemas of what the OpenAPI document describes by hand: words on the wire, and answers that are encoded without serde.

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::http::code::Code;

/// A problem's stable word.
pub(super) struct ProblemCode;

impl PartialSchema for ProblemCode {
    fn schema() -> RefOr<Schema> {
        words("Stable word for programs.", Code::ALL.iter().map(|code| code.as_str()))
    }
}

impl ToSchema for ProblemCode {
    fn name() -> std::borrow::Cow<'static, str> {
        "ProblemCode".into()
    }
}

/// Where a booking stands.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the domain's words to the OpenAPI document")]
pub(super) enum BookingStatus {
    Pending,
    Confirmed,
    Cancelled,
    Expired,
}

/// Why a seat could not be taken.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the domain's words to the OpenAPI document")]
pub(super) enum ConflictReason {
    Reserved,
    Sold,
    Locked,
}

/// What a seat is to the public.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the domain's words to the OpenAPI document")]
pub(super) enum SeatStatus {
    Available,
    Reserved,
    Sold,
}

/// A showtime with all its seats at one sequence.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase", as = Showtime)]
#[expect(dead_code, reason = "describes what encoded_showtime writes by hand")]
pub(super) struct ShowtimeAnswer {
    /// Its id.
    id: uuid::Uuid,
    /// What is shown.
    movie_title: String,
    /// When it starts.
    #[schema(value_type = String, format = DateTime)]
    start_time: String,
    /// Sequence of its last change.
    sequence: u64,
    /// Every seat, row by row.
    #[schema(value_type = Vec<SeatAnswer>)]
    seats: Vec<SeatAnswer>,
}

/// A seat.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase", as = Seat)]
#[expect(dead_code, reason = "describes what encoded_showtime writes by hand")]
pub(super) struct SeatAnswer {
    /// Its id.
    seat_id: uuid::Uuid,
    /// Label of its row.
    row: String,
    /// Its number in the row, from 1.
    #[schema(minimum = 1)]
    number: u32,
    /// What it is now.
    #[schema(value_type = SeatStatus)]
    status: SeatStatus,
}

/// The rows of a showtime, which never change.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase", as = Layout)]
#[expect(dead_code, reason = "describes what encoded_showtime writes by hand")]
pub(super) struct LayoutAnswer {
    /// Its id.
    id: uuid::Uuid,
    /// What is shown.
    movie_title: String,
    /// When it starts.
    #[schema(value_type = String, format = DateTime)]
    start_time: String,
    /// What all its seats' ids begin with; eight hexadecimal digits follow, the seat's count from 0.
    #[schema(pattern = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}$")]
    seat_id_prefix: String,
    /// Its rows, in the order in which seats are counted.
    #[schema(value_type = Vec<RowBody>)]
    rows: Vec<RowBody>,
}

pub(super) fn words(description: &str, words: impl Iterator<Item = &'static str>) -> RefOr<Schema> {
    ObjectBuilder::new()
        .schema_type(SchemaType::new(Type::String))
        .description(Some(description))
        .enum_values(Some(words))
        .into()
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
