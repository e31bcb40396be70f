//! Creates a showtime, for operators.

use std::io::Read;
use std::sync::Arc;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::box_office::{BoxOfficeError, IdempotencyKey, Scheduled};
use crate::domain::{Listing, Row, SeatMap, SeatMapError, Timestamp};
use crate::http::problem::{Code, Problem};
use crate::http::request::body::MediaType;
use crate::http::request::fields::{self, Fields, Object, Wrong};
use crate::http::request::long_list::{self, LongList, LongListOf, WithLongList};
use crate::http::request::query::Query;
use crate::http::showtimes::answers::{RowBody, SummaryAnswer};
use crate::http::showtimes::listing;
use crate::http::{AppState, credential};

/// A showtime to create.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase", as = NewShowtime)]
#[expect(dead_code, reason = "describes what `read_showtime` reads")]
pub(super) struct ScheduleBody {
    /// What is shown: 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200)]
    movie_title: String,
    /// When it starts, RFC 3339.
    #[schema(value_type = String, format = DateTime)]
    start_time: Timestamp,
    /// When the sale begins; absent: at once.
    #[schema(value_type = Option<String>, format = DateTime)]
    on_sale_from: Option<Timestamp>,
    /// When the sale ends; absent: when the showtime starts.
    #[schema(value_type = Option<String>, format = DateTime)]
    on_sale_until: Option<Timestamp>,
    /// Most places in one booking.
    #[schema(minimum = 1, maximum = 20)]
    places_per_booking: Option<u32>,
    /// Most places in all live bookings of one customer (`userId`).
    #[schema(minimum = 1)]
    places_per_customer: Option<u32>,
    /// Its rows, at most 200,000 seats in all.
    #[schema(value_type = Vec<RowBody>, min_items = 1)]
    rows: SeatMap,
}

/// What [`ScheduleBody`] describes.
struct Wanted {
    listing: Listing,
    rows: SeatMap,
}

/// Most rows: a seat each.
const MOST_ROWS: usize = 200_000;
/// Bytes of a row in an event besides its label.
const ROW_BYTES: usize = 24;

/// `POST /api/showtimes`
pub(super) async fn schedule(
    state: web::Data<AppState>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    credential::require_operator(&state, &request)?;
    Query::none(&request)?;
    let key = credential::idempotency_key(&request)?;
    let most_bytes = state.settings.showtime_rows_bytes;
    let read = move |body: &mut dyn Read| read_showtime(body, most_bytes);
    let (new, _place) = state.intake.clone().read(&request, payload, MediaType::Json, read).await?;
    let new = new?;
    let seats = new.rows.seat_count();
    let scheduled = create(&state, &new, key).await?;
    state.existence.note_created(scheduled.showtime_id);
    let answer = SummaryAnswer {
        id: scheduled.showtime_id,
        listing: Arc::new(new.listing),
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
async fn create(state: &AppState, new: &Wanted, key: Option<IdempotencyKey>) -> Result<Scheduled, Problem> {
    let Wanted { listing, rows } = new;
    let creation = match (state.totals.admit(rows.seat_count()).await, &key) {
        (Ok(creation), _) => creation,
        (Err(refusal), None) => return Err(refusal),
        // A repeated request is told what the first one has created, however many showtimes there are by now.
        (Err(refusal), Some(key)) => {
            let before = state.box_office.scheduled_before(listing, rows, key).await?;
            return before.ok_or(refusal);
        }
    };
    let outcome = state.box_office.schedule(listing.clone(), rows.clone(), key).await;
    let may_be_new = match &outcome {
        Ok(scheduled) => !scheduled.replayed,
        Err(error) => matches!(error, BoxOfficeError::ScheduleUnknown { .. }),
    };
    if !may_be_new {
        creation.withdraw();
    }
    Ok(outcome?)
}

fn read_showtime(body: &mut dyn Read, most_bytes: usize) -> Result<Wanted, Problem> {
    let WithLongList { rest, list } =
        long_list::read(body, LongListOf { name: "rows", most: MOST_ROWS, read: read_row })?;
    let mut fields = Fields::of(&rest)?;
    let listing = listing::new(&mut fields);
    let rows = LongList::entries(list, "rows", MOST_ROWS, &mut fields);
    let seat_map = rows.and_then(|rows| {
        let made = SeatMap::new(rows);
        made.map_err(|error| fields.wrong(wrong_row(&error), error.to_string())).ok()
    });
    let made = listing.zip(seat_map).map(|(listing, rows)| Wanted { listing, rows });
    let made = fields.finish(made)?;
    let bytes: usize = made.rows.rows().iter().map(|row| row.row.len() + ROW_BYTES).sum();
    if bytes > most_bytes {
        let detail = format!("the rows have {bytes} bytes, at most {most_bytes} are taken: shorten their labels");
        return Err(Problem::new(Code::PayloadTooLarge, detail));
    }
    Ok(made)
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
