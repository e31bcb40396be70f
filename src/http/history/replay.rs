//! Replay: a showtime with every booking that it ever had, from its journal.

use std::ops::ControlFlow;
use std::sync::Arc;

use actix_web::web;

use crate::domain::{Event, HoldToken, Listing, RecordedEvent, Rejection, Showtime, ShowtimeFacts, ShowtimeId};
use crate::http::AppState;
use crate::http::history::journal;
use crate::http::problem::Problem;

/// How far a replay is.
enum Replayed {
    /// No event yet.
    Nothing,
    Showtime(Box<Showtime>),
    /// The first event does not make a showtime.
    NoBeginning,
}

/// What `tell` makes of the showtime as its last event leaves it. Nobody has the tokens of its bookings.
pub(crate) async fn replay<T: Send + 'static>(
    state: &AppState,
    id: ShowtimeId,
    tell: impl FnOnce(&Showtime) -> T + Send + 'static,
) -> Result<T, Problem> {
    let _place = journal::place(state)?;
    let token = HoldToken::from_bytes(rand::random()).hash();
    let follow = move |replayed: &mut Replayed, RecordedEvent { sequence, recorded_at, event, .. }: RecordedEvent| {
        match replayed {
            Replayed::Showtime(showtime) => showtime.evolve(&event, sequence, recorded_at, Some(token)),
            Replayed::Nothing | Replayed::NoBeginning => {
                let begun = scheduled(id, &event).map(Box::new);
                *replayed = begun.map_or(Replayed::NoBeginning, Replayed::Showtime);
            }
        }
        if let Replayed::NoBeginning = replayed { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    match journal::fold(state, id, Replayed::Nothing, follow).await? {
        Replayed::Showtime(showtime) => web::block(move || tell(&showtime)).await.map_err(Problem::bug),
        Replayed::Nothing => Err(Rejection::UnknownShowtime.into()),
        Replayed::NoBeginning => {
            Err(Problem::bug(format!("the journal of showtime {id} does not begin with its making")))
        }
    }
}

fn scheduled(id: ShowtimeId, first: &Event) -> Option<Showtime> {
    let Event::ShowtimeScheduled { rows, .. } = first else { return None };
    let facts = ShowtimeFacts { id, seat_map: Arc::new(rows.clone()) };
    Some(Showtime::scheduled(facts, Listing::scheduled(first)?))
}
