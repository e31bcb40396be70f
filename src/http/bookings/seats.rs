//! The seats of a booking: exchanged for others, or refunded.

use actix_web::{HttpRequest, HttpResponse, web};
use utoipa::ToSchema;

use crate::box_office::BoxOfficeError;
use crate::domain::{
    BlockAccess, BookingId, BookingStatus, CancelReason, Credential, Rejection, SeatExchange, SeatId, SeatSelection,
};
use crate::http::bookings::access::{read_access, refused_access};
use crate::http::bookings::holder::{self, HoldersCommand};
use crate::http::bookings::outcome::{OutcomeAnswer, answer, refunded, standing};
use crate::http::bookings::places::{read_area, read_tariffs, refused_area, tariffs_of};
use crate::http::bookings::preview::Asked;
use crate::http::problem::Problem;
use crate::http::request::body;
use crate::http::request::fields::Fields;
use crate::http::request::seat_lists;
use crate::http::{AppState, credential};

/// Which seats are refunded, and why.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase", as = Refund)]
#[expect(dead_code, reason = "describes the fields that are read one by one")]
pub(super) struct RefundBody {
    /// Seats of the booking; absent: all that it has.
    #[schema(value_type = Option<Vec<uuid::Uuid>>, min_items = 1, max_items = 20)]
    seat_ids: Option<Vec<SeatId>>,
    /// For people.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    reason: Option<CancelReason>,
}

/// Seats to take, seats to give back, and how many places of areas the booking is to have: one of them at least.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase", as = SeatExchange)]
#[expect(dead_code, reason = "describes the fields that are read one by one")]
pub(super) struct ExchangeBody {
    /// Seats of the showtime that the booking is to have. Those that it has already stay.
    #[schema(value_type = Option<Vec<uuid::Uuid>>, max_items = 20)]
    add: Option<Vec<SeatId>>,
    /// Keys of the tariffs of the seats in `add`, if the showtime has prices: one for each, in their order, or one for all. A seat that the booking has already
    /// gets the tariff, too, at today's price; without tariffs it keeps its own.
    #[schema(max_items = 20)]
    tariffs: Option<Vec<String>>,
    /// Seats of the booking that it is to give back.
    #[schema(value_type = Option<Vec<uuid::Uuid>>, max_items = 20)]
    remove: Option<Vec<SeatId>>,
    /// How many places of areas the booking is to have then, those in `add` not counted. Areas that are not named keep theirs. The last places are given back.
    #[schema(max_items = 20)]
    areas: Option<Vec<AreaTotalBody>>,
    /// The key of a channel: its seats can be taken, too, by name or as places of an area. What the booking has from a channel already needs none.
    #[schema(min_length = 16, max_length = 255, pattern = "^[!-~]*$")]
    channel_key: Option<String>,
    /// Of an operator: a block of the showtime, of any type, instead of `channelKey`. Its seats can be taken as a channel's can. What the booking has from it
    /// already needs none.
    #[schema(value_type = Option<uuid::Uuid>)]
    block_id: Option<BookingId>,
    /// The hold token, if it is not in the `Authorization` header.
    hold_token: Option<String>,
}

/// How many places of an area a booking is to have.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase", as = AreaTotal)]
#[expect(dead_code, reason = "describes what `read_area` reads")]
pub(super) struct AreaTotalBody {
    /// The area, as the showtime names it.
    #[schema(min_length = 1, max_length = 40)]
    area_id: String,
    /// Number of places.
    #[schema(maximum = 20)]
    quantity: u32,
    /// Key of their tariff: only its places are counted, and those that are taken have it. Absent: all places of the area are counted. Places at
    /// several tariffs are several entries.
    #[schema(min_length = 1, max_length = 40)]
    tariff: Option<String>,
}

/// `POST /api/bookings/{id}/seats`
pub(super) async fn exchange(
    state: web::Data<AppState>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let asked = Asked::of_exchange(&request)?;
    let body = body::json(&request, payload, state.settings.booking_bounds());
    let HoldersCommand { id, holder, context, wanted: exchange } =
        holder::command_with_query(&state, &request, body, read_exchange).await?;
    if let (Some(BlockAccess::Block(_)), Credential::Holder(_)) = (exchange.access, holder) {
        credential::require_operator(&state, &request)?;
    }
    let outcome = match state.box_office.change_seats(id, holder, exchange.clone(), context).await {
        Ok(outcome) => outcome,
        Err(BoxOfficeError::Rejected(rejection)) => {
            let problem = refused_exchange(rejection.clone(), &exchange);
            return Err(asked.offer_instead(&state, (id, holder), &exchange, (&rejection, problem)).await);
        }
        Err(error) => return Err(error.into()),
    };
    let message = match outcome.status {
        BookingStatus::Pending => "The seats in seatIds are held until the deadline, which has not moved.",
        BookingStatus::Confirmed => "The booking has the seats in seatIds.",
        BookingStatus::Cancelled | BookingStatus::Expired => standing(outcome.status),
    };
    Ok(answer(&outcome, OutcomeAnswer::of(&outcome, message, (state.clock)())))
}

/// Names wrong parts by their place in the body.
fn refused_exchange(rejection: Rejection, exchange: &SeatExchange) -> Problem {
    let lists = [("add", exchange.add.as_slice()), ("remove", exchange.remove.as_slice())];
    let wrong_area = refused_area(&rejection, &exchange.areas, !exchange.tariffs.are_usual());
    let wrong = wrong_area.or_else(|| refused_access(&rejection));
    wrong.unwrap_or_else(|| seat_lists::refused(rejection.into(), &lists))
}

fn read_exchange(mut fields: Fields<'_>) -> Result<SeatExchange, Problem> {
    let most = SeatSelection::MAX_SEATS;
    let (add, remove) = (seat_lists::read(&mut fields, "add", most), seat_lists::read(&mut fields, "remove", most));
    let areas = fields.optional_list("areas", most, |value| read_area(value, 0));
    let tariffs = read_tariffs(&mut fields);
    let access = read_access(&mut fields);
    let are_wrong = ["/add", "/remove", "/areas"].iter().any(|list| fields.names(list));
    let (add, remove) = (add.unwrap_or_default(), remove.unwrap_or_default());
    let areas = areas.unwrap_or_default();
    if add.is_empty() && remove.is_empty() && areas.is_empty() && !are_wrong {
        fields.wrong("/add".to_owned(), "names no seat, and neither do remove and areas; one of them has to");
    }
    for (position, wanted) in areas.iter().enumerate() {
        if let Some(before) = areas.iter().take(position).position(|before| before.overlaps(wanted)) {
            fields.wrong(format!("/areas/{position}"), format!("counts the same places as /areas/{before}"));
        }
    }
    for position in (0..remove.len()).filter(|position| remove.get(*position).is_some_and(|seat| add.contains(seat))) {
        fields.wrong(format!("/remove/{position}"), "is in add, too");
    }
    let tariffs = match tariffs {
        Some(tariffs) if !tariffs.is_empty() && add.is_empty() => {
            if !are_wrong {
                fields.wrong("/tariffs".to_owned(), "are for the seats in add, and there is none");
            }
            None
        }
        Some(tariffs) if !are_wrong => tariffs_of(tariffs, add.len(), &mut fields),
        Some(_) | None => None,
    };
    fields.finish(tariffs.map(|tariffs| SeatExchange { add, tariffs, remove, areas, access }))
}

/// `POST /api/bookings/{id}/refund`
pub(super) async fn refund(
    state: web::Data<AppState>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let (id, context) = credential::operators_command(&state, &request)?;
    let id = BookingId(id);
    let body = body::optional_json(&request, payload, state.settings.booking_bounds()).await?;
    let mut fields = body.fields()?;
    let seats = seat_lists::read(&mut fields, "seatIds", SeatSelection::MAX_SEATS);
    if seats.as_ref().is_some_and(Vec::is_empty) {
        fields.wrong("/seatIds".to_owned(), "names no seat; leave it out to refund all of them");
    }
    let reason = fields.new_text("reason", CancelReason::parse);
    let (seats, reason) = fields.finish(Some((seats.unwrap_or_default(), reason)))?;
    let outcome = state.box_office.refund(id, seats.clone(), reason, context).await;
    let outcome = outcome.map_err(|error| seat_lists::refused(error, &[("seatIds", seats.as_slice())]))?;
    // Nobody is told twice to return the same payment.
    if outcome.done_before || outcome.replayed {
        let message =
            "These seats were refunded before; nothing was changed now. The event of the refund names its payment.";
        return Ok(answer(&outcome, OutcomeAnswer::of(&outcome, message, (state.clock)())));
    }
    let message = match outcome.status {
        BookingStatus::Cancelled => {
            "The booking is refunded and cancelled; its seats are free again. Return the payment."
        }
        BookingStatus::Pending | BookingStatus::Confirmed | BookingStatus::Expired => {
            "Refunded: the booking keeps the seats in seatIds, the others are free again. Return their part of the payment."
        }
    };
    Ok(answer(&outcome, refunded(&outcome, message, (state.clock)())))
}
