//! Listings: what is shown, when, and on which terms it is sold, as clients write and read it; and the operator's ways to change it.

use std::fmt::Display;
use std::sync::Arc;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_path_to_error::Segment;
use utoipa::ToSchema;

use crate::box_office::{Listed, RequestContext};
use crate::domain::{
    CancelReason, GivenTime, Listing, ListingChange, ListingError, Orphans, PriceFault, Prices, ShowtimeId, TermChange,
    TimeZone, Timestamp, movie_title,
};
use crate::http::problem::Problem;
use crate::http::request::body::{self, Body};
use crate::http::request::fields::{self, Fields};
use crate::http::showtimes::answers::{ListingAnswer, PricesBody, shown};
use crate::http::showtimes::house::{self, MOST_VERSION};
use crate::http::{AppState, credential, words};

/// New values for parts of a showtime. What is absent stays; `null` takes a term away.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase", as = ShowtimeChange)]
#[expect(dead_code, reason = "describes what `read_change` reads")]
pub(super) struct ChangeBody {
    /// What is shown: 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200)]
    movie_title: Option<String>,
    /// When it starts: RFC 3339, or local time at the venue without an offset.
    start_time: Option<String>,
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
    /// default. Holds that were made before keep their deadline.
    #[schema(minimum = 1)]
    hold_seconds: Option<u32>,
    /// `allow` (if absent), or `refuse`: a reservation of named seats that leaves a free seat without a free neighbour is refused, if as many seats of
    /// the same stretch could be taken without that.
    orphans: Option<words::Orphans>,
    /// From when on, in the same forms, `bestAvailable` chooses wheelchair places and companions' seats for everybody; absent: only for who asks for
    /// them.
    accessible_for_all_from: Option<String>,
    /// The venue's time zone in the IANA database. Local times of the same change are read in it; times that are not changed stay where they are.
    time_zone: Option<String>,
    /// What its places cost. Bookings keep the prices that they were made with.
    prices: Option<PricesBody>,
    /// Another version of the auditorium that it was made from. Seats that both have keep their ids and bookings; new ones are on sale at once; one
    /// that somebody has cannot be left out.
    #[schema(minimum = 1)]
    auditorium_version: Option<u32>,
}

/// Why a showtime is cancelled.
#[derive(ToSchema)]
#[schema(as = Cancellation)]
#[expect(dead_code, reason = "describes what `cancel` reads")]
pub(super) struct CancelBody {
    /// For people: 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200)]
    reason: String,
}

/// A showtime's listing after a change.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ShowtimeOutcome)]
pub(super) struct ListedAnswer {
    /// Its id.
    #[schema(value_type = uuid::Uuid)]
    id: ShowtimeId,
    #[serde(flatten, serialize_with = "shown")]
    #[schema(value_type = ListingAnswer)]
    listing: Arc<Listing>,
    /// A sequence at which the showtime has this listing.
    sequence: u64,
}

/// Most places in one booking that can be set: no booking has more.
const MOST_PER_BOOKING: u32 = 20;
/// Most holds without a sale that can be set: as many are remembered.
const MOST_WITHOUT_SALE: u32 = 100;

/// `PATCH /api/showtimes/{id}`
pub(super) async fn change(
    state: web::Data<AppState>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let (id, context, body) = command(&state, &request, payload).await?;
    let mut fields = body.fields()?;
    let change = read_change(&mut fields, state.box_office.longest_hold_seconds());
    let version = fields.optional_value("auditoriumVersion", |value| count(value, MOST_VERSION));
    let mut change = fields.finish(Some(change))?;
    if let Some(version) = version {
        change.house = Some(house::of_showtime(&state, id, version).await?);
    }
    match state.box_office.change_showtime(id, change, context).await {
        Ok(listed) => Ok(answer(id, listed)),
        Err(error) => Err(house::refused(&state, id, error).await),
    }
}

/// `POST /api/showtimes/{id}/cancel`
pub(super) async fn cancel(
    state: web::Data<AppState>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let (id, context, body) = command(&state, &request, payload).await?;
    let mut fields = body.fields()?;
    let reason = fields.text("reason", CancelReason::parse);
    let reason = fields.finish(reason)?;
    Ok(answer(id, state.box_office.cancel_showtime(id, reason, context).await?))
}

/// The parts of an operator's command about a showtime: its id, what is sent along, and the body.
async fn command(
    state: &AppState,
    request: &HttpRequest,
    payload: web::Payload,
) -> Result<(ShowtimeId, RequestContext, Body), Problem> {
    let (id, context) = credential::operators_command(state, request)?;
    Ok((ShowtimeId(id), context, body::json(request, payload, state.settings.booking_bounds()).await?))
}

/// The listing of a new showtime, whose holds may have so many seconds at most; `None` after noting what is wrong.
pub(super) fn new(fields: &mut Fields<'_>, longest_hold: u32) -> Option<Listing> {
    let title = fields.text("movieTitle", movie_title);
    let start = fields.text("startTime", GivenTime::parse);
    let terms = ListingChange { start_time: start, ..read_terms(fields, longest_hold) };
    start?;
    // The zone in which local times would be read is not known.
    if fields.names("/timeZone") {
        return None;
    }
    // The terms bring the start.
    match Listing::new(title?, Timestamp::MIN).changed(&terms) {
        Ok(listing) => return Some(listing),
        Err(ListingError::NoSuchTime { member, error }) => fields.wrong(format!("/{member}"), error.to_string()),
        Err(error @ (ListingError::EmptySale { .. } | ListingError::UnknownCategory { .. })) => {
            fields.wrong("/onSaleFrom".to_owned(), error.to_string());
        }
    }
    None
}

fn read_change(fields: &mut Fields<'_>, longest_hold: u32) -> ListingChange {
    fields.refuse_null("movieTitle");
    fields.refuse_null("startTime");
    let movie_title = fields.new_text("movieTitle", movie_title);
    let start_time = fields.new_text("startTime", GivenTime::parse);
    ListingChange { movie_title, start_time, ..read_terms(fields, longest_hold) }
}

fn read_terms(fields: &mut Fields<'_>, longest_hold: u32) -> ListingChange {
    ListingChange {
        movie_title: None,
        start_time: None,
        on_sale_from: fields.new_value("onSaleFrom", |value| text(value, GivenTime::parse)),
        on_sale_until: fields.new_value("onSaleUntil", |value| text(value, GivenTime::parse)),
        places_per_booking: fields.new_value("placesPerBooking", |value| count(value, MOST_PER_BOOKING)),
        places_per_customer: fields.new_value("placesPerCustomer", |value| count(value, u32::MAX)),
        holds_without_sale: fields.new_value("holdsWithoutSale", |value| count(value, MOST_WITHOUT_SALE)),
        hold_seconds: fields.new_value("holdSeconds", |value| count(value, longest_hold)),
        orphans: fields.new_value("orphans", orphans),
        accessible_for_all_from: fields.new_value("accessibleForAllFrom", |value| text(value, GivenTime::parse)),
        time_zone: fields.new_value("timeZone", |value| text(value, TimeZone::parse)),
        prices: read_prices(fields),
        house: None,
    }
}

/// New prices; what is wrong in them is named by its place.
fn read_prices(fields: &mut Fields<'_>) -> TermChange<Prices> {
    let read = fields.new_value("prices", |value| Ok::<_, String>(prices(value).and_then(Prices::checked)));
    match read {
        TermChange::Keep => TermChange::Keep,
        TermChange::Set(None) => TermChange::Set(None),
        TermChange::Set(Some(Ok(prices))) => TermChange::Set(Some(prices)),
        TermChange::Set(Some(Err(faults))) => {
            for PriceFault { pointer, detail } in faults {
                fields.wrong(format!("/prices{pointer}"), detail);
            }
            TermChange::Keep
        }
    }
}

/// Prices as a client writes them; of what is no price, the first fault.
fn prices(value: &RawValue) -> Result<Prices, Vec<PriceFault>> {
    let mut json = serde_json::Deserializer::from_str(value.get());
    serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let step = |segment: &Segment| match segment {
            Segment::Seq { index } => format!("/{index}"),
            Segment::Map { key } => fields::pointer(key),
            Segment::Enum { variant } => fields::pointer(variant),
            Segment::Unknown => String::new(),
        };
        let detail = error.inner().to_string();
        // Where the text is wrong, the pointer says better.
        let detail = detail.split(" at line ").next().unwrap_or_default().to_owned();
        vec![PriceFault { pointer: error.path().iter().map(step).collect(), detail }]
    })
}

fn text<T, E: Display>(value: &RawValue, read: impl FnOnce(String) -> Result<T, E>) -> Result<T, String> {
    let text =
        serde_json::from_str(value.get()).map_err(|_kind| format!("must be a string, not {}", fields::kind(value)))?;
    read(text).map_err(|error| error.to_string())
}

fn orphans(value: &RawValue) -> Result<Orphans, String> {
    serde_json::from_str(value.get()).map_err(|_other| "must be allow or refuse".to_owned())
}

/// A whole number from 1 to `most`.
pub(super) fn count(value: &RawValue, most: u32) -> Result<u32, String> {
    let number = fields::whole_number(value).filter(|number| (1..=most).contains(number));
    number.ok_or_else(|| format!("must be a whole number from 1 to {most}"))
}

fn answer(id: ShowtimeId, listed: Listed) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CACHE_CONTROL, "no-store"));
    if listed.replayed {
        response.insert_header(credential::REPLAYED);
    }
    response.json(ListedAnswer { id, listing: listed.listing, sequence: listed.sequence })
}
