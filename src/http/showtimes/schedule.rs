//! Creates a showtime, for operators.

use std::io::Read;
use std::sync::Arc;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::box_office::{BoxOfficeError, IdempotencyKey, Scheduled};
use crate::domain::{AuditoriumId, Listing, ListingError, NewHouse, Prices, Row, SeatMap, SeatMapError};
use crate::http::problem::{FieldError, Problem};
use crate::http::request::body::MediaType;
use crate::http::request::fields::{self, Fields, Object, Wrong};
use crate::http::request::long_list::{self, LongList, LongListOf, WithLongList};
use crate::http::request::query::Query;
use crate::http::showtimes::answers::{PricesBody, RowBody, SummaryAnswer};
use crate::http::showtimes::house::{self, MOST_VERSION, check_size};
use crate::http::showtimes::listing;
use crate::http::{AppState, credential, words};

/// A showtime to create.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase", as = NewShowtime)]
#[expect(dead_code, reason = "describes what `read_showtime` reads")]
pub(super) struct ScheduleBody {
    /// What is shown: 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200)]
    movie_title: String,
    /// When it starts: RFC 3339 such as `2026-12-24T20:00:00+01:00`, or with `timeZone` local time such as `2026-12-24T20:00`.
    start_time: String,
    /// When the sale begins, in the same forms; absent: at once.
    on_sale_from: Option<String>,
    /// When the sale ends, in the same forms; absent: when the showtime starts.
    on_sale_until: Option<String>,
    /// Most places in one booking.
    #[schema(minimum = 1, maximum = 20)]
    places_per_booking: Option<u32>,
    /// Most places in all live bookings of one customer (`userId`).
    #[schema(minimum = 1)]
    places_per_customer: Option<u32>,
    /// Holds of one customer (`userId`) that may be given up or lapse within an hour, with no sale, before he waits for the next: a minute, and twice as long
    /// after each further one, at most 15 minutes (`holds-without-sale`). Operators do not wait.
    #[schema(minimum = 1, maximum = 100)]
    holds_without_sale: Option<u32>,
    /// Seconds for which a reservation, or an extension, holds seats: at most the server's longest total time of a hold. Absent: the server's
    /// default.
    #[schema(minimum = 1)]
    hold_seconds: Option<u32>,
    /// `allow` (if absent), or `refuse`: a reservation of named seats that leaves a free seat without a free neighbour is refused, if as many seats of
    /// the same stretch could be taken without that.
    orphans: Option<words::Orphans>,
    /// From when on, in the same forms, `bestAvailable` chooses wheelchair places and companions' seats for everybody; absent: only for who asks for
    /// them.
    accessible_for_all_from: Option<String>,
    /// The venue's time zone in the IANA database, such as `Europe/Berlin`. A local time that its clocks skip or show twice is refused.
    time_zone: Option<String>,
    /// What its places cost.
    #[schema(value_type = Option<PricesBody>)]
    prices: Option<Prices>,
    /// Its rows of numbered seats, at most 200,000 seats in all. Instead of an auditorium.
    #[schema(value_type = Option<Vec<RowBody>>, min_items = 1)]
    rows: Option<SeatMap>,
    /// The auditorium whose seats and areas are sold, instead of rows.
    #[schema(value_type = Option<Uuid>)]
    auditorium_id: Option<AuditoriumId>,
    /// Its version; absent: the latest. The showtime keeps it. Name it if you send an `Idempotency-Key`: repeated after a change of the auditorium, a
    /// request for the latest is another request.
    #[schema(minimum = 1)]
    auditorium_version: Option<u32>,
}

/// What [`ScheduleBody`] describes.
struct Wanted {
    listing: Listing,
    house: House,
}

/// Where the seats come from.
enum House {
    Rows(SeatMap),
    Auditorium { id: AuditoriumId, version: Option<u32> },
}

/// A showtime that can be created.
struct Ready {
    listing: Listing,
    seat_map: SeatMap,
}

/// Most rows: a seat each.
const MOST_ROWS: usize = 200_000;

/// `POST /api/showtimes`
pub(super) async fn schedule(
    state: web::Data<AppState>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    credential::require_operator(&state, &request)?;
    Query::none(&request)?;
    let key = credential::idempotency_key(&request)?;
    let (most_bytes, longest_hold) = (state.settings.showtime_rows_bytes, state.box_office.longest_hold_seconds());
    let read = move |body: &mut dyn Read| read_showtime(body, most_bytes, longest_hold);
    let (new, _place) = state.intake.clone().read(&request, payload, MediaType::Json, read).await?;
    let new = ready(&state, new?, most_bytes).await?;
    let wrong_prices = |error: ListingError| Problem::field(FieldError::pointer("/prices", error.to_string()));
    new.listing.check_categories(&new.seat_map).map_err(wrong_prices)?;
    let seats = new.seat_map.seat_count();
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
async fn create(state: &AppState, new: &Ready, key: Option<IdempotencyKey>) -> Result<Scheduled, Problem> {
    let Ready { listing, seat_map } = new;
    let creation = match (state.totals.admit(seat_map.seat_count()).await, &key) {
        (Ok(creation), _) => creation,
        (Err(refusal), None) => return Err(refusal),
        // A repeated request is told what the first one has created, however many showtimes there are by now.
        (Err(refusal), Some(key)) => {
            let before = state.box_office.scheduled_before(listing, seat_map, key).await?;
            return before.ok_or(refusal);
        }
    };
    let outcome = state.box_office.schedule(listing.clone(), seat_map.clone(), key).await;
    let may_be_new = match &outcome {
        Ok(scheduled) => !scheduled.replayed,
        Err(error) => matches!(error, BoxOfficeError::ScheduleUnknown { .. }),
    };
    if !may_be_new {
        creation.withdraw();
    }
    Ok(outcome?)
}

/// The seats of the auditorium, if one is named.
async fn ready(state: &AppState, wanted: Wanted, most_bytes: usize) -> Result<Ready, Problem> {
    let Wanted { mut listing, house } = wanted;
    let (id, version) = match house {
        House::Rows(seat_map) => return Ok(Ready { listing, seat_map }),
        House::Auditorium { id, version } => (id, version),
    };
    let NewHouse { version, seat_map, .. } = house::of(state, (id, version), most_bytes).await?;
    listing.terms.auditorium = Some(version);
    Ok(Ready { listing, seat_map: Arc::unwrap_or_clone(seat_map) })
}

fn read_showtime(body: &mut dyn Read, most_bytes: usize, longest_hold: u32) -> Result<Wanted, Problem> {
    let WithLongList { rest, list } =
        long_list::read(body, LongListOf { name: "rows", most: MOST_ROWS, read: read_row })?;
    let mut fields = Fields::of(&rest)?;
    let listing = listing::new(&mut fields, longest_hold);
    let house = read_house(list, &mut fields);
    let made = listing.zip(house).map(|(listing, house)| Wanted { listing, house });
    let made = fields.finish(made)?;
    if let House::Rows(seat_map) = &made.house {
        check_size(seat_map, most_bytes)?;
    }
    Ok(made)
}

/// Rows or an auditorium; `None` after noting what is wrong.
fn read_house(rows: Option<LongList<Row>>, fields: &mut Fields<'_>) -> Option<House> {
    let id = fields.optional_text("auditoriumId");
    let version = fields.optional_value("auditoriumVersion", |value| listing::count(value, MOST_VERSION));
    match (id, rows) {
        (Some(_), Some(_)) => {
            fields.leave_out("rows");
            fields.wrong("/rows".to_owned(), "auditoriumId and rows are both there; send one of them");
            None
        }
        (Some(id), None) => {
            let id = fields::uuid(&id).map_err(|detail| fields.wrong("/auditoriumId".to_owned(), detail)).ok()?;
            Some(House::Auditorium { id: AuditoriumId(id), version })
        }
        (None, None) if fields.names("/auditoriumId") => None,
        (None, rows) => {
            if version.is_some() && rows.is_some() {
                fields.wrong("/auditoriumId".to_owned(), "is missing: auditoriumVersion is a version of it");
            }
            let rows = LongList::entries(rows, "rows", MOST_ROWS, fields)?;
            let made = SeatMap::new(rows);
            made.map_err(|error| fields.wrong(wrong_row(&error), error.to_string())).ok().map(House::Rows)
        }
    }
}

fn read_row(value: &RawValue) -> Result<Row, Wrong> {
    let Some(mut row) = Object::of(value) else {
        return Err(("".into(), "must be an object with row and seats".to_owned()));
    };
    let label: Option<String> = row.take("row").and_then(|label| serde_json::from_str(label.get()).ok());
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
    Ok(Row::numbered(label, seats))
}

fn wrong_row(error: &SeatMapError) -> String {
    match error {
        SeatMapError::NoRows | SeatMapError::TooManySeats | SeatMapError::BadIndices => "/rows".to_owned(),
        SeatMapError::EmptyRow { index, .. } => format!("/rows/{index}/seats"),
        SeatMapError::BadLabel { index, .. } | SeatMapError::DuplicateRow { index, .. } => {
            format!("/rows/{index}/row")
        }
    }
}
