//! Reserves seats: all of them or none.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::box_office::Reserved;
use crate::domain::{SeatId, SeatSelection, ShowtimeId, Timestamp, UserId};
use crate::http::bookings::outcome::{OutcomeAnswer, standing};
use crate::http::bookings::reservation::{Wanted, refused_reservation, refused_selection, unknown_showtime};
use crate::http::problem::Problem;
use crate::http::request::body;
use crate::http::request::fields::{self, Fields};
use crate::http::request::query::Query;
use crate::http::{AppState, credential};

/// Seats to reserve: `seatIds`, or one `seatId`.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase", as = Reservation)]
#[expect(dead_code, reason = "describes the fields that are read one by one")]
pub(super) struct ReservationBody {
    /// The showtime.
    showtime_id: Uuid,
    /// 1 to 20 seats of the showtime, none twice.
    #[schema(value_type = Option<Vec<Uuid>>, min_items = 1, max_items = 20)]
    seat_ids: Option<Vec<SeatId>>,
    /// A single seat, instead of `seatIds`.
    #[schema(value_type = Option<Uuid>)]
    seat_id: Option<SeatId>,
    /// Who books: an opaque name.
    #[schema(value_type = String, min_length = 1, max_length = 128)]
    user_id: UserId,
}

/// Seats of the showtime in the path: `seatIds`, or one `seatId`.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase", as = ReservationHere)]
#[expect(dead_code, reason = "describes the fields that are read one by one")]
pub(super) struct ReservationHereBody {
    /// 1 to 20 seats of the showtime, none twice.
    #[schema(value_type = Option<Vec<Uuid>>, min_items = 1, max_items = 20)]
    seat_ids: Option<Vec<SeatId>>,
    /// A single seat, instead of `seatIds`.
    #[schema(value_type = Option<Uuid>)]
    seat_id: Option<SeatId>,
    /// Who books: an opaque name.
    #[schema(value_type = String, min_length = 1, max_length = 128)]
    user_id: UserId,
}

/// A new booking with its holder's secret.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Reserved)]
pub(super) struct ReservedAnswer<'a> {
    #[serde(flatten)]
    outcome: OutcomeAnswer<'a>,
    /// The holder's secret, to be shown with every command about the booking. Not there in a replayed answer about a booking that has
    /// ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    hold_token: Option<String>,
}

/// `POST /api/bookings`
pub(super) async fn reserve(
    state: web::Data<AppState>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    Query::none(&request)?;
    let body = body::json(&request, payload, state.settings.booking_bounds()).await?;
    let wanted = read_reservation(body.fields()?, None)?;
    place(&state, &request, wanted).await
}

/// `POST /api/showtimes/{id}/bookings`
pub(super) async fn reserve_at(
    state: web::Data<AppState>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    Query::none(&request)?;
    let showtime = body::path_uuid(&request, "id")?;
    let body = body::json(&request, payload, state.settings.booking_bounds()).await?;
    let wanted = read_reservation(body.fields()?, Some(showtime))?;
    place(&state, &request, wanted).await
}

fn read_reservation(mut fields: Fields<'_>, in_path: Option<Uuid>) -> Result<Wanted, Problem> {
    let showtime = match in_path {
        None => fields.text("showtimeId", |text| fields::uuid(&text)),
        Some(in_path) => {
            let named = fields.optional_text("showtimeId");
            if named.is_some_and(|named| Uuid::try_parse(&named) != Ok(in_path)) {
                fields.wrong("/showtimeId".to_owned(), "is not the showtime in the path");
            }
            Some(in_path)
        }
    };
    // More than SeatSelection takes, so that its own refusal counts them; less than would fill an answer.
    let listed = fields.optional_list("seatIds", 1_000, |value| fields::uuid_entry(value).map(SeatId));
    let single = fields.optional_text("seatId");
    let (seats, listed) = match (listed, single) {
        (Some(_), Some(_)) => {
            fields.wrong("/seatId".to_owned(), "seatIds and seatId are both there; send one of them");
            (None, true)
        }
        (Some(seats), None) => (Some(seats), true),
        (None, Some(text)) => {
            let seat = fields::uuid(&text).map_err(|detail| fields.wrong("/seatId".to_owned(), detail)).ok();
            (seat.map(|seat| vec![SeatId(seat)]), false)
        }
        (None, None) => {
            if !fields.names("/seatId") && !fields.names("/seatIds") {
                fields.wrong("/seatIds".to_owned(), "is missing");
            }
            (None, true)
        }
    };
    let user = fields.text("userId", UserId::parse);
    let wanted = showtime.zip(seats).zip(user).map(|((showtime, seats), user)| Wanted {
        showtime: ShowtimeId(showtime),
        seats,
        listed,
        showtime_in_path: in_path.is_some(),
        user,
    });
    fields.finish(wanted)
}

async fn place(state: &AppState, request: &HttpRequest, mut wanted: Wanted) -> Result<HttpResponse, Problem> {
    let context = credential::context(request)?;
    credential::require_secret(&context)?;
    let seats = match SeatSelection::new(wanted.showtime, std::mem::take(&mut wanted.seats)) {
        Ok(seats) => seats,
        Err(error) => return Err(refused_selection(state, &wanted, &error).await),
    };
    // Ask before an actor is opened: a flood of ids that nobody knows shares few queries.
    if !state.box_office.is_open(wanted.showtime) && !state.existence.ask(wanted.showtime).await? {
        return Err(unknown_showtime(&wanted));
    }
    let outcome = state.box_office.reserve(wanted.showtime, seats.clone(), wanted.user.clone(), context).await;
    let reserved = outcome.map_err(|error| refused_reservation(error, &wanted, &seats))?;
    state.metrics.booking_accepted();
    Ok(created(&reserved, (state.clock)()))
}

fn created(reserved: &Reserved, now: Timestamp) -> HttpResponse {
    let outcome = &reserved.outcome;
    let mut response = HttpResponse::Created();
    response.insert_header((header::LOCATION, format!("/api/bookings/{}", outcome.booking_id)));
    response.insert_header((header::CACHE_CONTROL, "no-store"));
    if outcome.replayed {
        response.insert_header(credential::REPLAYED);
    }
    // A repeated request gets the secret again only for a booking that it can still do something with.
    let shows_token = !outcome.replayed || outcome.status.is_live();
    response.json(ReservedAnswer {
        outcome: OutcomeAnswer::of(outcome, standing(outcome.status), now),
        hold_token: shows_token.then(|| reserved.hold_token.expose()),
    })
}
