//! Events: what happened in a showtime, page by page.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::{BookingId, Event, RecordedEvent, Rejection, SeatId, ShowtimeId, Timestamp};
use crate::http::history::journal;
use crate::http::problem::{FieldError, Problem};
use crate::http::request::query::{MOST_SEQUENCE, Query};
use crate::http::request::{body, fields};
use crate::http::{AppState, credential};

/// Most events on a page.
pub(super) const MOST_EVENTS: u64 = 1_000;
/// Events that are looked at for one page.
const MOST_READ: usize = 5_000;

/// A page of a showtime's story.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = EventPage)]
pub(super) struct EventsAnswer {
    /// The events, in order.
    items: Vec<EventAnswer>,
    /// The `after` of the next page; absent: there is none yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next_after: Option<u64>,
}

/// Something that happened.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RecordedEvent)]
struct EventAnswer {
    /// Its position in the showtime's journal.
    sequence: u64,
    /// When it was decided.
    #[schema(value_type = String, format = DateTime)]
    recorded_at: Timestamp,
    /// What happened, as on the broker: `type`, and what belongs to it.
    #[schema(value_type = Object)]
    event: Event,
}

/// Which events are wanted.
struct Wanted {
    after: u64,
    limit: usize,
    booking: Option<BookingId>,
    seat: Option<SeatId>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
}

/// `GET /api/showtimes/{id}/events`
pub(super) async fn list(state: web::Data<AppState>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    credential::require_operator(&state, &request)?;
    let id = ShowtimeId(body::path_uuid(&request, "id")?);
    let wanted = Wanted::read(&request)?;
    let _place = journal::place(&state)?;
    let mut answer = EventsAnswer { items: Vec::new(), next_after: None };
    let (mut after, mut looked_at) = (wanted.after, 0);
    loop {
        let (read, is_last) = journal::read(&state, id, after).await?;
        for recorded in read {
            if wanted.is_over(&recorded) {
                return Ok(shown(&answer));
            }
            if wanted.wants(&recorded) {
                if answer.items.len() == wanted.limit {
                    answer.next_after = Some(after);
                    return Ok(shown(&answer));
                }
                let RecordedEvent { sequence, recorded_at, event, .. } = recorded.clone();
                answer.items.push(EventAnswer { sequence, recorded_at, event });
            }
            (after, looked_at) = (recorded.sequence, looked_at + 1);
        }
        if is_last {
            if looked_at == 0 && !state.existence.ask(id).await? {
                return Err(Rejection::UnknownShowtime.into());
            }
            return Ok(shown(&answer));
        }
        if looked_at >= MOST_READ {
            answer.next_after = Some(after);
            return Ok(shown(&answer));
        }
    }
}

impl Wanted {
    fn read(request: &HttpRequest) -> Result<Self, Problem> {
        let query = Query::of(request, &["after", "limit", "bookingId", "seatId", "from", "to"])?;
        let limit = query.number("limit", 1, MOST_EVENTS)?.unwrap_or(100);
        let uuid = |name| query.parsed(name, fields::uuid);
        let (from, to) = (query.time("from")?, query.time("to")?);
        if from.zip(to).is_some_and(|(from, to)| from >= to) {
            return Err(Problem::field(FieldError::parameter("to", "must be after from")));
        }
        let (booking, seat): (Option<Uuid>, Option<Uuid>) = (uuid("bookingId")?, uuid("seatId")?);
        Ok(Self {
            after: query.number("after", 0, MOST_SEQUENCE)?.unwrap_or(0),
            limit: usize::try_from(limit).unwrap_or(usize::MAX),
            booking: booking.map(BookingId),
            seat: seat.map(SeatId),
            from,
            to,
        })
    }

    /// Whether no event from here on is wanted. Events are in order of time, but for what clocks of several nodes differ by; the store's own
    /// clock is one.
    fn is_over(&self, recorded: &RecordedEvent) -> bool {
        self.to.is_some_and(|to| recorded.recorded_at >= to)
    }

    fn wants(&self, RecordedEvent { recorded_at, event, .. }: &RecordedEvent) -> bool {
        self.from.is_none_or(|from| *recorded_at >= from)
            && self.booking.is_none_or(|booking| event.booking_id() == Some(booking))
            && self.seat.is_none_or(|seat| event.seats_status().seat_ids.contains(&seat))
    }
}

fn shown(answer: &EventsAnswer) -> HttpResponse {
    HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(answer)
}
