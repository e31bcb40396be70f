//! Past: a showtime as it stood at a time, or after one of its events.

use std::collections::HashSet;
use std::ops::ControlFlow;

use actix_web::{HttpRequest, HttpResponse, web};

use crate::domain::{Event, RecordedEvent, Rejection, SeatIndex, ShowtimeId, ShowtimeView, Timestamp};
use crate::http::caching::encoded_showtime::EncodedShowtime;
use crate::http::caching::representation::Coding;
use crate::http::history::journal;
use crate::http::problem::{Code, FieldError, Problem};
use crate::http::request::body;
use crate::http::request::query::{MOST_SEQUENCE, Query};
use crate::http::showtimes::seat_maps::made_for_one;
use crate::http::{AppState, credential};

/// How far the journal is followed.
#[derive(Clone, Copy)]
enum Until {
    /// To what was decided at this time.
    Time(Timestamp),
    /// To this event.
    Sequence(u64),
}

/// `GET /api/showtimes/{id}/past`
pub(super) async fn show(state: web::Data<AppState>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    credential::require_operator(&state, &request)?;
    let id = ShowtimeId(body::path_uuid(&request, "id")?);
    let query = Query::of(&request, &["time", "sequence"])?;
    let until = match (query.time("time")?, query.number("sequence", 1, MOST_SEQUENCE)?) {
        (Some(time), None) => Until::Time(time),
        (None, Some(sequence)) => Until::Sequence(sequence),
        (None, None) => return Err(wrong("time", "is missing; name a time or a sequence")),
        (Some(_), Some(_)) => return Err(wrong("sequence", "and time are both there; name one of them")),
    };
    let _place = journal::place(&state)?;
    let (view, blocked) = fold(&state, id, until).await?;
    made_for_one(EncodedShowtime::of(&view, None).with_blocks(blocked), Coding::wanted(&request)).await
}

/// The showtime until then.
struct Past {
    view: Option<ShowtimeView>,
    /// The seats that blocks have.
    blocked: HashSet<SeatIndex>,
    /// A later event was met.
    is_over: bool,
}

/// What every event says of seats, it says of all that its booking or block has of them then: so a seat is a block's if the last event about it is that
/// one got it.
fn note_blocked(blocked: &mut HashSet<SeatIndex>, event: &Event) {
    let seats = event.seats_status().seat_ids.iter().map(|seat| seat.index());
    if let Event::SeatsBlocked { .. } = event {
        blocked.extend(seats);
    } else {
        seats.for_each(|seat| {
            blocked.remove(&seat);
        });
    }
}

async fn fold(state: &AppState, id: ShowtimeId, until: Until) -> Result<(ShowtimeView, HashSet<SeatIndex>), Problem> {
    let follow = move |past: &mut Past, recorded: RecordedEvent| {
        past.is_over = until.is_before(&recorded);
        if past.is_over {
            return ControlFlow::Break(());
        }
        note_blocked(&mut past.blocked, &recorded.event);
        match &mut past.view {
            Some(view) => view.follow(&recorded),
            None => past.view = ShowtimeView::scheduled(id, &recorded),
        }
        if past.view.is_some() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    let begin = Past { view: None, blocked: HashSet::new(), is_over: false };
    let Past { view, blocked, is_over } = journal::fold(state, id, begin, follow).await?;
    match (view, until) {
        (None, _) if is_over => Err(wrong("time", "is before the showtime was created")),
        (None, _) if state.existence.ask(id).await? => {
            Err(Problem::new(Code::Internal, "a journal does not begin with its showtime"))
        }
        (None, _) => Err(Rejection::UnknownShowtime.into()),
        (Some(view), Until::Sequence(sequence)) if sequence > view.sequence => {
            let detail = format!("is after the last event, which has the sequence {}", view.sequence);
            Err(wrong("sequence", &detail))
        }
        (Some(view), Until::Sequence(_) | Until::Time(_)) => Ok((view, blocked)),
    }
}

impl Until {
    fn is_before(self, recorded: &RecordedEvent) -> bool {
        match self {
            Self::Time(time) => recorded.recorded_at > time,
            Self::Sequence(sequence) => recorded.sequence > sequence,
        }
    }
}

fn wrong(parameter: &str, detail: &str) -> Problem {
    Problem::field(FieldError::parameter(parameter, detail))
}
