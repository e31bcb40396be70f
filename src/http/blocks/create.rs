//! Makes a block.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use utoipa::ToSchema;

use crate::box_office::{BoxOfficeError, WantedBlock};
use crate::domain::{Block, BlockType, CancelReason, GivenTime, Rejection, SeatId, SeatSelection, ShowtimeId};
use crate::http::blocks::answers::answer;
use crate::http::problem::{self, FieldError, Problem};
use crate::http::request::body;
use crate::http::request::fields::{self, Fields};
use crate::http::request::query::Query;
use crate::http::request::seat_lists;
use crate::http::{AppState, credential};

/// Seats to hold back.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase", as = NewBlock)]
#[expect(dead_code, reason = "describes the fields that are read one by one")]
pub(super) struct BlockBody {
    /// 1 to 1,000 seats of the showtime, none twice.
    #[schema(value_type = Vec<uuid::Uuid>, min_items = 1, max_items = 1_000)]
    seat_ids: Vec<SeatId>,
    /// What it is for: `house`, `technical`, `press`, or a word of your own.
    #[schema(rename = "type", value_type = String, min_length = 1, max_length = 40)]
    kind: BlockType,
    /// Why, for operators.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    reason: Option<CancelReason>,
    /// When it ends: RFC 3339, or local time at the venue without an offset. Absent: never by itself.
    until: Option<String>,
}

/// `POST /api/showtimes/{id}/blocks`
pub(super) async fn create(
    state: web::Data<AppState>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    credential::require_operator(&state, &request)?;
    Query::none(&request)?;
    let showtime = ShowtimeId(body::path_uuid(&request, "id")?);
    let context = credential::context(&request)?;
    let body = body::json(&request, payload, state.settings.booking_bounds()).await?;
    let (seats, block, until) = read_block(body.fields()?)?;
    // Ask before an actor is opened: a flood of ids that nobody knows shares few queries.
    if !state.box_office.is_open(showtime) && !state.existence.ask(showtime).await? {
        return Err(unknown_showtime());
    }
    let named = SeatSelection::blocked(showtime, seats.clone());
    let named =
        named.map_err(|error| problem::selection(&error, |position| format!("/seatIds/{position}"), "/seatIds"))?;
    let outcome = state.box_office.block(showtime, WantedBlock { seats: named, block, until }, context).await;
    let outcome = outcome.map_err(|error| refused(error, "seatIds", &seats))?;
    answer(StatusCode::CREATED, &outcome, (state.clock)())
}

fn read_block(mut fields: Fields<'_>) -> Result<(Vec<SeatId>, Block, Option<GivenTime>), Problem> {
    let seats =
        fields.optional_list("seatIds", SeatSelection::MAX_BLOCKED, |value| fields::uuid_entry(value).map(SeatId));
    if seats.is_none() && !fields.names("/seatIds") {
        fields.wrong("/seatIds".to_owned(), "is missing");
    }
    let kind = fields.text("type", BlockType::parse);
    let reason = fields.new_text("reason", CancelReason::parse);
    let until = fields.new_text("until", GivenTime::parse);
    let made = seats.zip(kind).map(|(seats, kind)| (seats, Block { kind, reason }, until));
    fields.finish(made)
}

/// Names the seats of this list that are refused by their place in it.
pub(super) fn refused(error: BoxOfficeError, list: &str, seats: &[SeatId]) -> Problem {
    if let BoxOfficeError::Rejected(Rejection::UnknownShowtime) = error {
        return unknown_showtime();
    }
    seat_lists::refused(error, &[(list, seats)])
}

/// No showtime has the id in the path.
pub(super) fn unknown_showtime() -> Problem {
    Problem::from(Rejection::UnknownShowtime).with_errors(vec![FieldError::parameter("id", "names no showtime")])
}
