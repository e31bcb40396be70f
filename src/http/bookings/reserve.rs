//! Reserves seats: all of them or none.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::box_office::{BoxOfficeError, RequestContext, Reserved};
use crate::domain::{
    AreaPlaces, BestAvailable, BookingId, Buyer, PaymentReference, SeatId, SeatSelection, ShowtimeId, Tariffs,
    TermChange, Timestamp, Together, UserId, Within,
};
use crate::http::bookings::access::read_access;
use crate::http::bookings::find::held_by;
use crate::http::bookings::outcome::{OutcomeAnswer, standing};
use crate::http::bookings::places::{AreaPlacesBody, read_area, read_tariffs};
use crate::http::bookings::preview::{self, Asked};
use crate::http::bookings::reservation::{Seats, Wanted, refused_selection, unknown_showtime};
use crate::http::problem::{Code, Problem};
use crate::http::request::body;
use crate::http::request::fields::{self, Fields, Object, Wrong};
use crate::http::{AppState, credential, words};

/// The ways to say which seats.
const WAYS: [&str; 3] = ["seatIds", "seatId", "bestAvailable"];
/// What is wrong with a number of companions' seats.
const WRONG_COMPANIONS: &str = "must be a whole number, with accessible not above quantity, and 0 without accessible";

/// Seats to reserve: `seatIds`, or one `seatId`, or `bestAvailable`, and `areas`.
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
    /// The best seats that are free, instead of `seatIds`.
    best_available: Option<BestAvailableBody>,
    /// Places of areas, which have no seats to choose from: alone, or together with seats. All of them or none, at most 20 places in all.
    #[schema(min_items = 1, max_items = 20)]
    areas: Option<Vec<AreaPlacesBody>>,
    /// Keys of the tariffs of the seats, if the showtime has prices: one for each, in the order of the seats, or one for all. Absent: the first of each
    /// seat's zone.
    #[schema(max_items = 20)]
    tariffs: Option<Vec<String>>,
    /// Who books: an opaque name.
    #[schema(value_type = String, min_length = 1, max_length = 128)]
    user_id: UserId,
    /// The key of a channel: its seats can be taken, too, by name or as the best available.
    #[schema(min_length = 16, max_length = 255, pattern = "^[!-~]*$")]
    channel_key: Option<String>,
    /// Of an operator: a block of the showtime, of any type, instead of `channelKey`. Its seats can be taken as a channel's can.
    #[schema(value_type = Option<Uuid>)]
    block_id: Option<BookingId>,
    /// Of an operator: what the payment is called that was taken at the door. The booking is confirmed at once.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    payment_reference: Option<PaymentReference>,
}

/// Seats of the showtime in the path: `seatIds`, or one `seatId`, or `bestAvailable`, and `areas`.
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
    /// The best seats that are free, instead of `seatIds`.
    best_available: Option<BestAvailableBody>,
    /// Places of areas, which have no seats to choose from: alone, or together with seats. All of them or none, at most 20 places in all.
    #[schema(min_items = 1, max_items = 20)]
    areas: Option<Vec<AreaPlacesBody>>,
    /// Keys of the tariffs of the seats, if the showtime has prices: one for each, in the order of the seats, or one for all. Absent: the first of each
    /// seat's zone.
    #[schema(max_items = 20)]
    tariffs: Option<Vec<String>>,
    /// Who books: an opaque name.
    #[schema(value_type = String, min_length = 1, max_length = 128)]
    user_id: UserId,
    /// The key of a channel: its seats can be taken, too, by name or as the best available.
    #[schema(min_length = 16, max_length = 255, pattern = "^[!-~]*$")]
    channel_key: Option<String>,
    /// Of an operator: a block of the showtime, of any type, instead of `channelKey`. Its seats can be taken as a channel's can.
    #[schema(value_type = Option<Uuid>)]
    block_id: Option<BookingId>,
    /// Of an operator: what the payment is called that was taken at the door. The booking is confirmed at once.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    payment_reference: Option<PaymentReference>,
}

/// The best seats that are free: near the auditorium's focal point or the middle of the front, next to each other, with no single seat left where that can be avoided.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase", as = BestAvailable)]
#[expect(dead_code, reason = "describes the fields that are read one by one")]
pub(super) struct BestAvailableBody {
    /// Number of seats.
    #[schema(minimum = 1, maximum = 20)]
    quantity: u32,
    /// `required` (if absent): next to each other in one row, or not at all. `rows`: else in blocks of about the same size in neighbouring
    /// rows. `preferred`: else in as few blocks as possible.
    together: Option<words::Together>,
    /// Seats of this category only: its key in the auditorium.
    category: Option<String>,
    /// Seats of this section only.
    section: Option<String>,
    /// So many of them are wheelchair places; the seats beside are for companions or for anybody. All of them lie together then. If it is
    /// absent, neither wheelchair places nor companions' seats are chosen, until the showtime's `accessibleForAllFrom`.
    #[schema(minimum = 1, maximum = 20)]
    accessible: Option<u32>,
    /// So many of the seats beside the wheelchair places are the companions' seats that belong to these; with `accessible` at most `quantity`. More
    /// of them are chosen only where a block has no others. If it is absent, companions' seats are preferred to others.
    #[schema(maximum = 19)]
    companions: Option<u32>,
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
    /// Why it has these seats, for people, if they were chosen by `bestAvailable`. Not there in a replayed answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    choice: Option<&'a str>,
}

/// `POST /api/bookings`
pub(super) async fn reserve(
    state: web::Data<AppState>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let asked = Asked::of(&request)?;
    let body = body::json(&request, payload, state.settings.booking_bounds()).await?;
    let wanted = read_reservation(body.fields()?, None)?;
    place(&state, &request, wanted, &asked).await
}

/// `POST /api/showtimes/{id}/bookings`
pub(super) async fn reserve_at(
    state: web::Data<AppState>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let asked = Asked::of(&request)?;
    let showtime = body::path_uuid(&request, "id")?;
    let body = body::json(&request, payload, state.settings.booking_bounds()).await?;
    let wanted = read_reservation(body.fields()?, Some(showtime))?;
    place(&state, &request, wanted, &asked).await
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
    let places = read_places(&mut fields);
    let user = fields.text("userId", UserId::parse);
    let access = read_access(&mut fields);
    let payment = fields.new_text("paymentReference", PaymentReference::parse);
    let wanted = showtime.zip(places).zip(user).map(|((showtime, (seats, areas)), user)| Wanted {
        showtime: ShowtimeId(showtime),
        seats,
        areas,
        showtime_in_path: in_path.is_some(),
        user,
        buyer: Buyer { access, payment, is_operator: false },
    });
    fields.finish(wanted)
}

/// The seats at their tariffs, if any, and the places of areas; `None` after noting what is wrong.
fn read_places(fields: &mut Fields<'_>) -> Option<(Option<Seats>, Vec<AreaPlaces>)> {
    let areas = fields.optional_list("areas", SeatSelection::MAX_SEATS, |value| read_area(value, 1));
    let are_wrong = areas.is_none() && fields.names("/areas");
    if areas.as_ref().is_some_and(Vec::is_empty) {
        fields.wrong("/areas".to_owned(), "names no area; leave it out to have seats only");
    }
    let seats = read_seats(fields, areas.is_some() || are_wrong);
    let tariffs = read_tariffs(fields)?;
    let seats = match seats {
        Some(seats) => Some(seats.at(tariffs, fields)?),
        None if WAYS.iter().any(|way| fields.names(&format!("/{way}"))) => return None,
        None => {
            if !tariffs.is_empty() {
                fields.wrong("/tariffs".to_owned(), "are for seats, and there is none; name an area's tariff in areas");
            }
            None
        }
    };
    (!are_wrong).then(|| (seats, areas.unwrap_or_default()))
}

/// The seats, in one of the three ways to say it; `None` if there are none, or after noting what is wrong.
fn read_seats(fields: &mut Fields<'_>, may_be_none: bool) -> Option<Seats> {
    // More than SeatSelection takes, so that its own refusal counts them; less than would fill an answer.
    let listed = fields.optional_list("seatIds", 1_000, |value| fields::uuid_entry(value).map(SeatId));
    let single = fields.optional_text("seatId");
    let best = match fields.new_value("bestAvailable", |value| Ok(read_best(value))) {
        TermChange::Set(Some(Ok(best))) => Some(best),
        TermChange::Set(Some(Err((place, detail)))) => {
            fields.wrong(format!("/bestAvailable{place}"), detail);
            None
        }
        TermChange::Set(None) | TermChange::Keep => None,
    };
    let are_there = [listed.is_some(), single.is_some(), best.is_some()];
    let mut there = WAYS.into_iter().zip(are_there).filter_map(|(way, is_there)| is_there.then_some(way));
    if let (Some(one), Some(other)) = (there.next(), there.next()) {
        fields.wrong(format!("/{other}"), format!("{one} and {other} are both there; send one of them"));
        return None;
    }
    if let Some(seats) = listed {
        return Some(Seats::Listed(seats, Tariffs::default()));
    }
    if let Some(text) = single {
        let seat = fields::uuid(&text).map_err(|detail| fields.wrong("/seatId".to_owned(), detail)).ok();
        return seat.map(|seat| Seats::Single(SeatId(seat), Tariffs::default()));
    }
    if best.is_none() && !may_be_none && !WAYS.iter().any(|way| fields.names(&format!("/{way}"))) {
        fields.wrong("/seatIds".to_owned(), "is missing");
    }
    best.map(Seats::Best)
}

/// The wish; or what is wrong with it, and in which part of it.
fn read_best(value: &RawValue) -> Result<BestAvailable, Wrong> {
    let whole = |detail: String| -> Wrong { ("".into(), detail) };
    let Some(mut object) = Object::of(value) else {
        return Err(whole("must be an object with quantity".to_owned()));
    };
    let quantity = object.take("quantity").and_then(fields::whole_number);
    let accessible = object.take("accessible").map_or(Some(0), fields::whole_number);
    let companions = object.take("companions").map(fields::whole_number);
    let mut text = |name: &str| match object.take(name) {
        None => Ok(None),
        Some(text) => read_name(text).map(Some).map_err(|detail| -> Wrong { (format!("/{name}").into(), detail) }),
    };
    let (category, section) = (text("category")?, text("section")?);
    let together = object.take("together").map(|word| serde_json::from_str::<Together>(word.get()));
    if let Some((name, why)) = object.left_over().next() {
        return Err(whole(format!("{name} {why}")));
    }
    let Ok(together) = together.unwrap_or(Ok(Together::Required)) else {
        return Err(whole("together must be required, rows or preferred".to_owned()));
    };
    let Some(accessible) = accessible else {
        return Err(whole("accessible must be a whole number".to_owned()));
    };
    let within = Within { category, section, accessible, companions: None, accessible_for_all: false };
    let best = |within| quantity.and_then(|quantity| BestAvailable::new(quantity, together, within));
    let most = SeatSelection::MAX_SEATS;
    let made = best(within.clone());
    let made = made
        .ok_or_else(|| whole(format!("quantity must be a whole number from 1 to {most}, and not below accessible")))?;
    match companions {
        None => Ok(made),
        Some(companions) => companions
            .and_then(|companions| best(Within { companions: Some(companions), ..within }))
            .ok_or_else(|| ("/companions".into(), WRONG_COMPANIONS.to_owned())),
    }
}

/// What something of the house is called.
fn read_name(value: &RawValue) -> Result<String, String> {
    let name = serde_json::from_str::<String>(value.get()).map_err(|_kind| "must be a string".to_owned())?;
    Within::name(&name).map_err(|error| error.to_string())
}

async fn place(
    state: &AppState,
    request: &HttpRequest,
    mut wanted: Wanted,
    asked: &Asked,
) -> Result<HttpResponse, Problem> {
    let placed = place_wanted(state, request, &mut wanted, asked).await;
    placed.map_err(|problem| problem.naming(wanted.showtime, &wanted.user))
}

async fn place_wanted(
    state: &AppState,
    request: &HttpRequest,
    wanted: &mut Wanted,
    asked: &Asked,
) -> Result<HttpResponse, Problem> {
    let operator = credential::require_operator(state, request);
    wanted.buyer.is_operator = operator.is_ok();
    if wanted.buyer.needs_operator() {
        operator?;
    }
    let context = RequestContext { buyer: wanted.buyer.clone(), ..credential::context(request)? };
    credential::require_secret(&context)?;
    let seats = match wanted.checked() {
        Ok(seats) => seats,
        Err(error) => return Err(refused_selection(state, wanted, &error).await),
    };
    if asked.preview {
        return preview::preview(state, asked, (seats, wanted)).await;
    }
    // Ask before an actor is opened: a flood of ids that nobody knows shares few queries.
    if !state.box_office.is_open(wanted.showtime) && !state.existence.ask(wanted.showtime).await? {
        return Err(unknown_showtime(wanted));
    }
    let outcome = state.box_office.reserve(wanted.showtime, seats, wanted.user.clone(), context).await;
    let reserved = match outcome {
        Ok(reserved) => reserved,
        Err(BoxOfficeError::Rejected(refused)) => {
            let problem = asked.offer(state, refused, wanted).await;
            return Err(with_own_seats(state, request, wanted, problem).await);
        }
        Err(error) => return Err(error.into()),
    };
    state.metrics.booking_accepted();
    Ok(created(&reserved, (state.clock)()))
}

/// The refusal, with the seats among the taken ones that the client holds himself, if he shows the hold token. Without the store's answer none is
/// marked.
async fn with_own_seats(state: &AppState, request: &HttpRequest, wanted: &Wanted, problem: Problem) -> Problem {
    if problem.code() != Code::SeatsTaken {
        return problem;
    }
    let Ok(Some(holder)) = credential::holder(state, request) else { return problem };
    match held_by(state, (wanted.showtime, wanted.user.clone()), &holder).await {
        Ok(own) => problem.marking_own(|seat| own.iter().any(|booking| booking.seat_ids.contains(&seat))),
        Err(_unread) => problem,
    }
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
        choice: outcome.choice.as_deref(),
    })
}
