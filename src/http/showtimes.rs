//! Showtimes: the list of them, and the operator's way to create one.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::sync::SemaphorePermit;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::box_office::{BoxOfficeError, IdempotencyKey, Scheduled};
use crate::domain::ShowtimeSummary;
use crate::domain::{Row, SeatMap, SeatMapError, ShowtimeId, Timestamp, movie_title};
use crate::http::AppState;
use crate::http::body::{self, Body, Bounds};
use crate::http::code::Code;
use crate::http::credential;
use crate::http::describe::Describe;
use crate::http::document::FieldError;
use crate::http::fields::{self, Object, Wrong};
use crate::http::paths::SHOWTIMES;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::http::route::Route;
use crate::http::schemas::RowBody;
use crate::http::seat_maps::unreadable;

/// A showtime to create.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase", as = NewShowtime)]
struct ScheduleBody {
    /// What is shown: 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200)]
    movie_title: String,
    /// When it starts, RFC 3339.
    #[schema(value_type = String, format = DateTime)]
    start_time: Timestamp,
    /// Its rows, at most 200,000 seats in all.
    #[schema(value_type = Vec<RowBody>, min_items = 1)]
    rows: SeatMap,
}

/// A line of the list of showtimes.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ShowtimeSummary)]
struct SummaryAnswer {
    /// Its id.
    #[schema(value_type = Uuid)]
    id: ShowtimeId,
    /// What is shown.
    movie_title: String,
    /// When it starts.
    #[schema(value_type = String, format = DateTime)]
    start_time: Timestamp,
    /// Sequence of its last change.
    sequence: u64,
    /// Number of seats.
    seats: u32,
    /// How many of them are available.
    available: u32,
}

/// A page of the list of showtimes, ordered by start time, then id.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ShowtimePage)]
struct PageAnswer {
    /// The showtimes.
    items: Vec<SummaryAnswer>,
    /// Where the next page begins, as `?cursor=`; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next_cursor: Option<String>,
}

/// What a cursor looks like: 24 bytes in base64 for URLs.
const CURSOR: &str = "^[A-Za-z0-9_-]{32}$";
/// Characters of a cursor.
const CURSOR_CHARACTERS: usize = 32;
/// Most rows: a seat each.
const MOST_ROWS: usize = 200_000;
/// A longer body needs a place among the few that are in memory at once.
const LARGE_BODY_BYTES: usize = 1024 * 1024;
/// A longer body is taken apart off the HTTP workers, which would stand still for milliseconds.
const BYTES_READ_INLINE: usize = 64 * 1024;

/// Default of the setting `page_showtimes`.
const PAGE_SHOWTIMES: u64 = 200;
const TOTALS_RULE: &str = "All showtimes, and all seats, have a limit that operators set. Beyond it the answer is 429 with the code `quota-exceeded`.";

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get(
            SHOWTIMES,
            list,
            Describe::new("listShowtimes", "Showtimes to come by start time, page by page", "showtimes")
                .public()
                .number("limit", "Showtimes on the page, 50 if absent", 1, PAGE_SHOWTIMES)
                .formed("cursor", "`nextCursor` of the page before", CURSOR, CURSOR_CHARACTERS)
                .flag("past", "true: also those that have started, the oldest first")
                .json::<PageAnswer>(200, "A page", &["Link?"])
                .problems(&[400, 500, 503]),
        ),
        Route::post(
            SHOWTIMES,
            schedule,
            Describe::new("scheduleShowtime", "Create a showtime with its seats (operators)", "showtimes")
                .text(TOTALS_RULE)
                .key()
                .operator()
                .body::<ScheduleBody>()
                .json::<SummaryAnswer>(201, "Created", &["Location", "Idempotent-Replayed?"])
                .problems(&[400, 401, 403, 408, 413, 415, 422, 500, 503]),
        ),
    ]
}

/// `POST /api/showtimes`
async fn schedule(
    state: web::Data<AppState>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    credential::require_operator(&state, &request)?;
    Query::none(&request)?;
    let key = credential::idempotency_key(&request)?;
    let _room = room(&state, &request)?;
    let bounds = Bounds { bytes: state.settings.showtime_body_bytes, time: state.settings.body_timeout() };
    let body = body::json(&request, payload, bounds).await?;
    let new = if body.length() > BYTES_READ_INLINE {
        web::block(move || read_showtime(&body)).await.map_err(Problem::bug)??
    } else {
        read_showtime(&body)?
    };
    let seats = new.rows.seat_count();
    let scheduled = create(&state, &new, key).await?;
    state.existence.note_created(scheduled.showtime_id);
    let answer = SummaryAnswer {
        id: scheduled.showtime_id,
        movie_title: new.movie_title,
        start_time: new.start_time,
        sequence: scheduled.sequence,
        seats,
        available: seats,
    };
    let mut response = HttpResponse::Created();
    response.insert_header((header::LOCATION, format!("/api/showtimes/{}", answer.id)));
    response.insert_header((header::CACHE_CONTROL, "no-store"));
    if scheduled.replayed {
        response.insert_header(credential::REPLAYED);
    }
    Ok(response.json(answer))
}

/// Creates the showtime if there may be one more.
async fn create(state: &AppState, new: &ScheduleBody, key: Option<IdempotencyKey>) -> Result<Scheduled, Problem> {
    let ScheduleBody { movie_title, start_time, rows } = new;
    let creation = match (state.totals.admit(rows.seat_count()).await, &key) {
        (Ok(creation), _) => creation,
        (Err(refusal), None) => return Err(refusal),
        // A repeated request is told what the first one has created, however many showtimes there are by now.
        (Err(refusal), Some(key)) => {
            let before = state.box_office.scheduled_before(movie_title, *start_time, rows, key).await?;
            return before.ok_or(refusal);
        }
    };
    let outcome = state.box_office.schedule(movie_title.clone(), *start_time, rows.clone(), key).await;
    let may_be_new = match &outcome {
        Ok(scheduled) => !scheduled.replayed,
        Err(error) => matches!(error, BoxOfficeError::ScheduleUnknown { .. }),
    };
    if !may_be_new {
        creation.withdraw();
    }
    Ok(outcome?)
}

/// A place among the few large bodies that are in memory at once; none is needed for a small one.
fn room<'a>(state: &'a AppState, request: &HttpRequest) -> Result<Option<SemaphorePermit<'a>>, Problem> {
    let declared = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    if declared.and_then(|length| length.parse().ok()).is_some_and(|length: usize| length <= LARGE_BODY_BYTES) {
        return Ok(None);
    }
    let place = state.large_bodies.try_acquire();
    place.map(Some).map_err(|_full| Problem::new(Code::Overloaded, "other large showtimes are being created"))
}

fn read_showtime(body: &Body) -> Result<ScheduleBody, Problem> {
    let mut fields = body.fields()?;
    let title = fields.text("movieTitle", movie_title);
    let start = fields.text("startTime", |text| Timestamp::parse(&text));
    let rows = fields.list("rows", MOST_ROWS, read_row);
    let seat_map = rows.and_then(|rows| {
        let made = SeatMap::new(rows);
        made.map_err(|error| fields.wrong(wrong_row(&error), error.to_string())).ok()
    });
    let made = title.zip(start).zip(seat_map).map(|((movie_title, start_time), rows)| ScheduleBody {
        movie_title,
        start_time,
        rows,
    });
    fields.finish(made)
}

fn read_row(value: &RawValue) -> Result<Row, Wrong> {
    let Some(mut row) = Object::of(value) else {
        return Err(("".into(), "must be an object with row and seats".to_owned()));
    };
    let label = row.take("row").and_then(|label| serde_json::from_str(label.get()).ok());
    let seats = row.take("seats").and_then(fields::whole_number);
    if let Some((name, why)) = row.left_over().next() {
        return Err((fields::pointer(&name).into(), why.to_owned()));
    }
    let Some(label) = label else {
        return Err(("/row".into(), "must be a string".to_owned()));
    };
    let Some(seats) = seats else {
        return Err(("/seats".into(), "must be a whole number, at least 1".to_owned()));
    };
    Ok(Row { row: label, seats })
}

fn wrong_row(error: &SeatMapError) -> String {
    match error {
        SeatMapError::NoRows | SeatMapError::TooManySeats => "/rows".to_owned(),
        SeatMapError::EmptyRow { index, .. } => format!("/rows/{index}/seats"),
        SeatMapError::BadLabel { index, .. } | SeatMapError::DuplicateRow { index, .. } => {
            format!("/rows/{index}/row")
        }
    }
}

/// `GET /api/showtimes`
async fn list(state: web::Data<AppState>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let query = Query::of(&request, &["limit", "cursor", "past"])?;
    let limit =
        query.number("limit", 1, state.settings.page_showtimes)?.unwrap_or(state.settings.page_showtimes.min(50));
    let past = query.flag("past")?;
    let start = match query.get("cursor") {
        None if past => None,
        None => Some(upcoming((state.clock)())),
        Some(cursor) => Some(read_cursor(cursor).ok_or_else(|| {
            Problem::field(FieldError::parameter("cursor", "is not a cursor that this server has given out"))
        })?),
    };
    let size = usize::try_from(limit).unwrap_or(usize::MAX);
    let found = state.looks.list(start, size.saturating_add(1)).await.map_err(|error| unreadable(&error))?;
    let page = found.get(..size).unwrap_or(&found);
    let more = found.len() > page.len();
    let next_cursor = if more { page.last().map(|last| cursor(last.start_time, last.id)) } else { None };
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CACHE_CONTROL, "no-cache"));
    if let Some(next) = &next_cursor {
        response.insert_header((header::LINK, format!("</api/showtimes?limit={limit}&cursor={next}>; rel=\"next\"")));
    }
    Ok(response.json(PageAnswer { items: page.iter().map(SummaryAnswer::from).collect(), next_cursor }))
}

/// Where the list of showtimes that have not started begins. In whole seconds, so that many requests share one call.
fn upcoming(now: Timestamp) -> (Timestamp, ShowtimeId) {
    let second = now.as_millis().div_euclid(1_000) * 1_000;
    (Timestamp::from_millis(second - 1), ShowtimeId(Uuid::max()))
}

impl From<&ShowtimeSummary> for SummaryAnswer {
    fn from(summary: &ShowtimeSummary) -> Self {
        Self {
            id: summary.id,
            movie_title: summary.movie_title.clone(),
            start_time: summary.start_time,
            sequence: summary.sequence,
            seats: summary.seats,
            available: summary.available,
        }
    }
}

/// Opaque to clients: start time and id of the last line, so that a page begins right after it, whatever was added since.
fn cursor(start_time: Timestamp, id: ShowtimeId) -> String {
    let mut bytes = start_time.as_millis().to_be_bytes().to_vec();
    bytes.extend_from_slice(id.0.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Every text of a cursor's form is a place in the order. A start time out of range counts as the first or the last one.
fn read_cursor(text: &str) -> Option<(Timestamp, ShowtimeId)> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (time, id) = bytes.split_first_chunk::<8>()?;
    let time = Timestamp::from_millis(i64::from_be_bytes(*time));
    Some((time, ShowtimeId(Uuid::from_slice(id).ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_come_back_and_others_are_refused() {
        let place = (Timestamp::from_millis(-5), ShowtimeId(Uuid::from_u128(9)));
        assert_eq!(read_cursor(&cursor(place.0, place.1)), Some(place));
        for wrong in ["", "x", "AAAA", &"A".repeat(64), "!!!!", &URL_SAFE_NO_PAD.encode(&[0xff; 24][..23])] {
            assert_eq!(read_cursor(wrong), None, "{wrong}");
        }
        let mut beyond = i64::MAX.to_be_bytes().to_vec();
        beyond.extend_from_slice(&[0; 16]);
        let beyond = URL_SAFE_NO_PAD.encode(beyond);
        assert_eq!(read_cursor(&beyond), Some((Timestamp::MAX, ShowtimeId(Uuid::nil()))));
        assert_eq!(beyond.len(), CURSOR_CHARACTERS);
    }
}
