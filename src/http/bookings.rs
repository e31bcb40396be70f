//! Bookings: reserve, confirm, cancel, extend, and the view that a holder has of its booking.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::box_office::{Outcome, Reserved};
use crate::domain::{BookingId, BookingStatus, PaymentReference, SeatId, SeatSelection, ShowtimeId, Timestamp, UserId};
use crate::http::AppState;
use crate::http::body::{self, Bounds};
use crate::http::booking_answers::{BookingAnswer, OutcomeAnswer, ReservedAnswer};
use crate::http::credential;
use crate::http::describe::Describe;
use crate::http::fields::{self, Fields};
use crate::http::paths::{BOOKING, BOOKINGS, CANCEL, CONFIRM, EXTEND, SHOWTIME_BOOKINGS};
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::http::reservation::{Wanted, refused_reservation, refused_selection, unknown_showtime};
use crate::http::route::Route;

pub(super) fn routes() -> Vec<Route> {
    let reserving = |name, summary| {
        Describe::new(name, summary, "bookings")
            .public()
            .json::<ReservedAnswer<'_>>(201, "The seats are held", &["Location", "Idempotent-Replayed?"])
            .problems(&[400, 404, 408, 409, 413, 415, 422, 500, 503])
    };
    let changing = |name, summary| {
        Describe::new(name, summary, "bookings")
            .id("The booking")
            .key()
            .holder_or_body()
            .json::<OutcomeAnswer<'_>>(200, "Done, now or before", &["Idempotent-Replayed?"])
            .problems(&[400, 401, 403, 404, 408, 409, 413, 415, 422, 500, 503])
    };
    vec![
        Route::post(
            BOOKINGS,
            reserve,
            reserving("reserveSeats", "Reserve seats: all of them or none").secret_key().body::<ReservationBody>(),
        ),
        Route::post(
            SHOWTIME_BOOKINGS,
            reserve_at,
            reserving("reserveSeatsAt", "Reserve seats of the showtime in the path")
                .id("The showtime")
                .secret_key()
                .body::<ReservationHereBody>(),
        ),
        Route::get(
            BOOKING,
            show,
            Describe::new("showBooking", "A booking, for its holder or an operator", "bookings")
                .id("The booking")
                .holder()
                .json::<BookingAnswer<'_>>(200, "The booking", &[])
                .problems(&[400, 401, 403, 404, 500, 503]),
        ),
        Route::post(
            CONFIRM,
            confirm,
            changing("confirmBooking", "Confirm a booking with its payment: the seats are sold")
                .body::<ConfirmationBody>(),
        ),
        Route::post(
            CANCEL,
            cancel,
            changing("cancelBooking", "Cancel a booking: the seats are free again").optional_body::<HolderBody>(),
        ),
        Route::post(
            EXTEND,
            extend,
            changing("extendHold", "Move a hold's deadline, within its longest total time")
                .optional_body::<HolderBody>(),
        ),
    ]
}

/// Seats to reserve: `seatIds`, or one `seatId`.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase", as = Reservation)]
#[expect(dead_code, reason = "describes the fields that are read one by one")]
struct ReservationBody {
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
struct ReservationHereBody {
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

/// Proof of payment.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase", as = Confirmation)]
#[expect(dead_code, reason = "describes the fields that are read one by one")]
struct ConfirmationBody {
    /// What the payment provider calls the payment.
    #[schema(value_type = String, min_length = 1, max_length = 200)]
    payment_reference: PaymentReference,
    /// The hold token, if it is not in the `Authorization` header.
    hold_token: Option<String>,
}

/// The hold token, for clients that cannot set the `Authorization` header.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase", as = HolderProof)]
#[expect(dead_code, reason = "describes the fields that are read one by one")]
struct HolderBody {
    /// The hold token.
    hold_token: Option<String>,
}

/// `POST /api/bookings`
async fn reserve(
    state: web::Data<AppState>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    Query::none(&request)?;
    let body = body::json(&request, payload, bounds(&state)).await?;
    let wanted = read_reservation(body.fields()?, None)?;
    place(&state, &request, wanted).await
}

/// `POST /api/showtimes/{id}/bookings`
async fn reserve_at(
    state: web::Data<AppState>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    Query::none(&request)?;
    let showtime = body::path_uuid(&request, "id")?;
    let body = body::json(&request, payload, bounds(&state)).await?;
    let wanted = read_reservation(body.fields()?, Some(showtime))?;
    place(&state, &request, wanted).await
}

/// `POST /api/bookings/{id}/confirm`
async fn confirm(
    state: web::Data<AppState>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    Query::none(&request)?;
    let id = BookingId(body::path_uuid(&request, "id")?);
    let body = body::json(&request, payload, bounds(&state)).await?;
    let mut fields = body.fields()?;
    let hold_token = fields.optional_text("holdToken");
    let reference = fields.text("paymentReference", PaymentReference::parse);
    let reference = fields.finish(reference)?;
    let holder = credential::of_booking(&state, &request, hold_token.as_deref())?;
    let context = credential::context(&request)?;
    let outcome = state.box_office.confirm(id, holder, reference, context).await?;
    Ok(answer(&state, &outcome, standing(outcome.status)))
}

/// `POST /api/bookings/{id}/cancel`
async fn cancel(
    state: web::Data<AppState>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    Query::none(&request)?;
    let id = BookingId(body::path_uuid(&request, "id")?);
    let holder = holder(&state, &request, payload).await?;
    let context = credential::context(&request)?;
    let outcome = state.box_office.cancel(id, holder, context).await?;
    Ok(answer(&state, &outcome, standing(outcome.status)))
}

/// `POST /api/bookings/{id}/extend`
async fn extend(
    state: web::Data<AppState>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    Query::none(&request)?;
    let id = BookingId(body::path_uuid(&request, "id")?);
    let holder = holder(&state, &request, payload).await?;
    let context = credential::context(&request)?;
    let outcome = state.box_office.extend(id, holder, context).await?;
    let is_pending = outcome.status == BookingStatus::Pending;
    Ok(answer(&state, &outcome, if is_pending { "The hold has a new deadline." } else { standing(outcome.status) }))
}

/// `GET /api/bookings/{id}`
async fn show(state: web::Data<AppState>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    Query::none(&request)?;
    let id = BookingId(body::path_uuid(&request, "id")?);
    let holder = credential::of_booking(&state, &request, None)?;
    let booking = state.box_office.booking(id, holder).await?;
    let body = BookingAnswer::of(&booking, (state.clock)());
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(body))
}

/// Where a booking stands, for people.
fn standing(status: BookingStatus) -> &'static str {
    match status {
        BookingStatus::Pending => "The seats are held until the deadline; confirm before it passes.",
        BookingStatus::Confirmed => "The booking is confirmed; the seats are sold.",
        BookingStatus::Cancelled => "The booking is cancelled; the seats are free again.",
        BookingStatus::Expired => "The hold has expired; the seats are free again. Do not pay for it.",
    }
}

fn answer(state: &AppState, outcome: &Outcome, message: &'static str) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CACHE_CONTROL, "no-store"));
    if outcome.replayed {
        response.insert_header(credential::REPLAYED);
    }
    response.json(OutcomeAnswer::of(outcome, message, (state.clock)()))
}

fn bounds(state: &AppState) -> Bounds {
    Bounds { bytes: state.settings.booking_body_bytes, time: state.settings.body_timeout() }
}

async fn holder(
    state: &AppState,
    request: &HttpRequest,
    payload: web::Payload,
) -> Result<crate::domain::Credential, Problem> {
    let body = body::optional_json(request, payload, bounds(state)).await?;
    let mut fields = body.fields()?;
    let hold_token = fields.optional_text("holdToken");
    fields.finish(Some(()))?;
    credential::of_booking(state, request, hold_token.as_deref())
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
