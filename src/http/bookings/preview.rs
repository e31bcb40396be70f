//! Preview: what a reservation would come to, and what may be taken instead of seats that are gone. Decided by the rules of the showtime's actor,
//! on the showtime as readers see it and on what this node knows besides: nothing is held, and somebody else may be faster.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::box_office;
use crate::domain::{
    Alternative, BlockAccess, BookingId, Command, Credential, Decision, Event, HoldToken, Price, Rejection,
    SeatConflict, SeatExchange, SeatId, SeatStatus, Showtime, ShowtimeId, ShowtimeView,
};
use crate::http::AppState;
use crate::http::bookings::price::PriceAnswer;
use crate::http::bookings::reservation::{Seats, Wanted, refused_reservation, unknown_showtime};
use crate::http::problem::{Code, Problem};
use crate::http::request::query::Query;

/// Most blocks that are offered in place of one.
pub(super) const MOST_ALTERNATIVES: u64 = 3;
/// Blocks that are tried in vain for an exchange before fewer are offered.
const MOST_IN_VAIN: usize = 3;

/// What the query of a reservation asks for.
pub(super) struct Asked {
    /// Tell what it would come to; hold nothing.
    pub(super) preview: bool,
    /// Blocks to be offered if the seats are taken.
    pub(super) alternatives: usize,
}

/// What a reservation would come to at this moment. Nothing is held.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ReservationPreview)]
pub(super) struct PreviewAnswer<'a> {
    /// The showtime.
    #[schema(value_type = Uuid)]
    showtime_id: ShowtimeId,
    /// The seats, in the order of the request.
    #[schema(value_type = Vec<Uuid>)]
    seat_ids: &'a [SeatId],
    /// What they cost, if the showtime has prices.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    price: Option<PriceAnswer<'a>>,
    /// Why these seats, for people, if they were chosen by `bestAvailable`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    choice: Option<String>,
    /// The sequence at which the showtime was looked at.
    sequence: u64,
}

impl Asked {
    pub(super) fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let query = Query::of(request, &["preview", "alternatives"])?;
        Ok(Self { preview: query.flag("preview")?, alternatives: alternatives(&query)? })
    }

    /// Of an exchange, which has no preview.
    pub(super) fn of_exchange(request: &HttpRequest) -> Result<Self, Problem> {
        Ok(Self { preview: false, alternatives: alternatives(&Query::of(request, &["alternatives"])?)? })
    }

    /// How many blocks are offered instead.
    fn most(&self, refused: &Rejection) -> usize {
        if let Rejection::SeatsTaken { .. } = refused {
            self.alternatives
        } else if let Rejection::SeatLeftAlone { .. } = refused {
            self.alternatives.max(1)
        } else {
            0
        }
    }

    /// The refusal, with what is offered instead: if that was asked for, or if a seat would be left alone. Without a view, or while many others look at
    /// theirs, nothing is offered.
    pub(super) async fn offer(&self, state: &AppState, refused: Rejection, wanted: &Wanted) -> Problem {
        let most = self.most(&refused);
        let taken = taken(&refused).to_vec();
        let problem = refused_reservation(refused, wanted);
        let Some(_place) = (most > 0).then(|| state.showtimes_seen.try_acquire().ok()).flatten() else {
            return problem;
        };
        let Ok(Some(view)) = state.showtimes.view(wanted.showtime).await else { return problem };
        let named: Vec<_> = wanted.seats.iter().flat_map(Seats::named).map(|seat| seat.index()).collect();
        problem.offering(&Showtime::seen(&as_known(state, &view, &taken)).alternatives(&named, most))
    }

    /// The same for an exchange: blocks that the booking could have instead of the seats that it does not have yet. An exchange may be refused for more
    /// reasons than a reservation, so each of them is tried first.
    pub(super) async fn offer_instead(
        &self,
        state: &AppState,
        (id, holder): (BookingId, Credential),
        exchange: &SeatExchange,
        (refused, problem): (&Rejection, Problem),
    ) -> Problem {
        let most = self.most(refused);
        let Some(_place) = (most > 0).then(|| state.showtimes_seen.try_acquire().ok()).flatten() else {
            return problem;
        };
        let Ok(booking) = state.box_office.booking(id, holder).await else { return problem };
        let Ok(Some(view)) = state.showtimes.view(booking.showtime_id).await else { return problem };
        let view = as_known(state, &view, taken(refused));
        let Ok(mut showtime) = seen(state, &view, exchange.access).await else { return problem };
        let named: Vec<SeatId> = exchange.add.iter().copied().filter(|seat| !booking.seat_ids.contains(seat)).collect();
        showtime.recall(booking);
        let (now, policy) = ((state.clock)(), state.box_office.hold_policy());
        let is_possible = |block: &Alternative| {
            let exchange = exchange.with_others(&named, &block.seat_ids);
            let command = Command::ChangeSeats { booking_id: id, credential: holder, exchange, asked_at: now };
            showtime.decide(&command, now, &policy).is_ok()
        };
        let indices: Vec<_> = named.iter().map(|seat| seat.index()).collect();
        let mut offered = showtime.alternatives(&indices, most + MOST_IN_VAIN);
        offered.retain(is_possible);
        offered.truncate(most);
        problem.offering(&offered)
    }
}

/// Decides the reservation without making it.
pub(super) async fn preview(
    state: &AppState,
    asked: &Asked,
    (seats, wanted): (box_office::Wanted, &Wanted),
) -> Result<HttpResponse, Problem> {
    let place = state.showtimes_seen.try_acquire();
    let place = place.map_err(|_full| Problem::new(Code::Overloaded, "others try their reservations"))?;
    let unreadable = |error| Problem::new(Code::Unavailable, "the read model is unavailable").because(error);
    let Some(view) = state.showtimes.view(wanted.showtime).await.map_err(unreadable)? else {
        if !state.existence.ask(wanted.showtime).await? {
            return Err(unknown_showtime(wanted));
        }
        (state.note_missing)(wanted.showtime);
        return Err(Problem::new(Code::NotCaughtUp, "the view does not have this showtime yet"));
    };
    let view = as_known(state, &view, &[]);
    let mut showtime = seen(state, &view, wanted.buyer.access).await?;
    let now = (state.clock)();
    let (id, token) = (BookingId::new(wanted.showtime, Uuid::now_v7()), HoldToken::from_bytes([0; 32]).hash());
    let command = seats.command(id, (wanted.user.clone(), wanted.buyer.clone()), token, now);
    let events = match showtime.decide(&command, now, &state.box_office.hold_policy()) {
        Ok(Decision::Accepted(event)) => vec![event],
        Ok(Decision::AcceptedAll(events)) => events,
        Ok(other) => return Err(Problem::bug(format!("a new reservation was decided as {other:?}"))),
        Err(refused) => {
            drop(place);
            return Err(asked.offer(state, refused, wanted).await);
        }
    };
    for event in &events {
        showtime.evolve(event, view.sequence, now, None);
    }
    let Some((seat_ids, price)) = events.iter().find_map(reserved) else {
        return Err(Problem::bug(format!("a new reservation was decided as {events:?}")));
    };
    let choice = match &seats {
        box_office::Wanted::Chosen(choice) => showtime.explain(choice, seat_ids),
        box_office::Wanted::Seats(_) => None,
    };
    let answer = PreviewAnswer {
        showtime_id: wanted.showtime,
        seat_ids,
        price: price.map(|price| PriceAnswer::of(price, seat_ids)),
        choice,
        sequence: view.sequence,
    };
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(answer))
}

fn alternatives(query: &Query<'_>) -> Result<usize, Problem> {
    let most = query.number("alternatives", 0, MOST_ALTERNATIVES)?.unwrap_or(0);
    Ok(usize::try_from(most).unwrap_or(usize::MAX))
}

/// The seats that a refusal names as taken.
fn taken(refused: &Rejection) -> &[SeatConflict] {
    if let Rejection::SeatsTaken { conflicts } = refused { conflicts } else { &[] }
}

/// What readers see, without the seats that this node knows to be taken: its readers hear of them a moment later.
fn as_known(state: &AppState, view: &ShowtimeView, taken: &[SeatConflict]) -> ShowtimeView {
    let mut view = view.clone();
    let known = state.box_office.statuses(view.id);
    for (seen, known) in view.statuses.iter_mut().zip(known) {
        if known != SeatStatus::Available {
            *seen = known;
        }
    }
    for seat in taken.iter().filter_map(|conflict| usize::try_from(conflict.seat_id.index()).ok()) {
        if let Some(seen @ SeatStatus::Available) = view.statuses.get_mut(seat) {
            *seen = SeatStatus::Reserved;
        }
    }
    view
}

/// The showtime as its readers see it, with its blocks if one is to be opened. The store may know newer blocks than the view does: then a seat that
/// was just sold is the block's no more.
async fn seen(state: &AppState, view: &ShowtimeView, access: Option<BlockAccess>) -> Result<Showtime, Problem> {
    let mut showtime = Showtime::seen(view);
    if access.is_some() {
        for block in state.box_office.all_blocks(view.id).await? {
            showtime.recall(block);
        }
    }
    Ok(showtime)
}

/// What a reservation has, and what it costs.
fn reserved(event: &Event) -> Option<(&[SeatId], Option<&Price>)> {
    let Event::SeatsReserved { seat_ids, price, .. } = event else { return None };
    Some((seat_ids, price.as_ref()))
}
