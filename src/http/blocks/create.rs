//! Makes a block.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::box_office::{BoxOfficeError, WantedBlock};
use crate::domain::{
    Block, CancelReason, GivenTime, HouseWord, Rejection, SeatId, SeatSelection, ShowtimeId, TokenHash,
};
use crate::http::blocks::answers::answer;
use crate::http::problem::{self, FieldError, Problem};
use crate::http::request::body;
use crate::http::request::fields::{self, Fields, Object, Wrong};
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
    kind: HouseWord,
    /// Why, for operators.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    reason: Option<CancelReason>,
    /// When it ends: RFC 3339, or local time at the venue without an offset. Absent: never by itself.
    until: Option<String>,
    /// Who sells its seats meanwhile: reservations that show its key.
    channel: Option<ChannelBody>,
}

/// A channel that sells the seats of a block.
#[derive(ToSchema)]
#[schema(as = NewChannel)]
#[expect(dead_code, reason = "describes the fields that are read one by one")]
pub(super) struct ChannelBody {
    /// For operators.
    #[schema(value_type = String, min_length = 1, max_length = 40)]
    name: HouseWord,
    /// A secret that nobody can guess, such as a random UUID; reservations show it as `channelKey`. It is never shown again. Blocks with the same key
    /// are sold together.
    #[schema(min_length = 16, max_length = 255, pattern = "^[!-~]*$")]
    key: String,
}

/// `POST /api/showtimes/{id}/blocks`
pub(super) async fn create(
    state: web::Data<AppState>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let (id, context) = credential::operators_command(&state, &request)?;
    let showtime = ShowtimeId(id);
    let body = body::json(&request, payload, state.settings.booking_bounds()).await?;
    let Read { seats, block, until, channel_key } = read_block(body.fields()?)?;
    // Ask before an actor is opened: a flood of ids that nobody knows shares few queries.
    if !state.box_office.is_open(showtime) && !state.existence.ask(showtime).await? {
        return Err(unknown_showtime());
    }
    let named = SeatSelection::blocked(showtime, seats.clone());
    let named =
        named.map_err(|error| problem::selection(&error, |position| format!("/seatIds/{position}"), "/seatIds"))?;
    let outcome =
        state.box_office.block(showtime, WantedBlock { seats: named, block, until, channel_key }, context).await;
    let outcome = outcome.map_err(|error| refused(error, "seatIds", &seats))?;
    answer(StatusCode::CREATED, &outcome, (state.clock)())
}

/// A block as the body has it.
struct Read {
    seats: Vec<SeatId>,
    block: Block,
    until: Option<GivenTime>,
    channel_key: Option<TokenHash>,
}

fn read_block(mut fields: Fields<'_>) -> Result<Read, Problem> {
    let seats =
        fields.optional_list("seatIds", SeatSelection::MAX_BLOCKED, |value| fields::uuid_entry(value).map(SeatId));
    if seats.is_none() && !fields.names("/seatIds") {
        fields.wrong("/seatIds".to_owned(), "is missing");
    }
    let kind = fields.text("type", HouseWord::parse);
    let reason = fields.new_text("reason", CancelReason::parse);
    let until = fields.new_text("until", GivenTime::parse);
    let channel = match fields.optional_value("channel", |value| Ok(read_channel(value))) {
        None => None,
        Some(Ok(channel)) => Some(channel),
        Some(Err((below, detail))) => {
            fields.wrong(format!("/channel{below}"), detail);
            None
        }
    };
    let (channel, channel_key) = channel.unzip();
    let made =
        seats.zip(kind).map(|(seats, kind)| Read { seats, block: Block { kind, reason, channel }, until, channel_key });
    fields.finish(made)
}

/// The channel and its key; or what is wrong, and in which part of it.
fn read_channel(value: &RawValue) -> Result<(HouseWord, TokenHash), Wrong> {
    let Some(mut object) = Object::of(value) else {
        return Err(("".into(), "must be an object with name and key".to_owned()));
    };
    let wrong = |name: &str, detail: String| -> Wrong { (fields::pointer(name).into(), detail) };
    let mut text = |name: &str| {
        let value = object.take(name).ok_or_else(|| wrong(name, "is missing".to_owned()))?;
        serde_json::from_str::<String>(value.get()).map_err(|_kind| wrong(name, "must be a string".to_owned()))
    };
    let (name, key) = (text("name")?, text("key")?);
    if let Some((name, why)) = object.left_over().next() {
        return Err(wrong(&name, why.to_owned()));
    }
    let name = HouseWord::parse(name).map_err(|error| wrong("name", error.to_string()))?;
    let key = TokenHash::of_channel_key(key).map_err(|error| wrong("key", error.to_string()))?;
    Ok((name, key))
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
