//! Replay: a showtime with every booking that it ever had, from its journal.

use std::sync::Arc;

use crate::domain::{Event, HoldToken, Listing, RecordedEvent, Rejection, Showtime, ShowtimeFacts, ShowtimeId};
use crate::http::AppState;
use crate::http::history::journal;
use crate::http::problem::Problem;

/// The showtime as its last event leaves it. Nobody has the tokens of its bookings.
pub(crate) async fn replay(state: &AppState, id: ShowtimeId) -> Result<Showtime, Problem> {
    let _place = journal::place(state)?;
    let token = HoldToken::from_bytes(rand::random()).hash();
    let mut showtime: Option<Showtime> = None;
    loop {
        let after = showtime.as_ref().map_or(0, Showtime::sequence);
        let (events, is_last) = journal::read(state, id, after).await?;
        for RecordedEvent { sequence, recorded_at, event, .. } in events {
            match &mut showtime {
                Some(showtime) => showtime.evolve(&event, sequence, recorded_at, Some(token)),
                None => showtime = scheduled(id, &event),
            }
        }
        match showtime {
            Some(showtime) if is_last => return Ok(showtime),
            Some(_) => {}
            None if after == 0 && is_last => return Err(Rejection::UnknownShowtime.into()),
            None => return Err(Problem::bug(format!("the journal of showtime {id} does not begin with its making"))),
        }
    }
}

fn scheduled(id: ShowtimeId, first: &Event) -> Option<Showtime> {
    let Event::ShowtimeScheduled { rows, .. } = first else { return None };
    let facts = ShowtimeFacts { id, seat_map: Arc::new(rows.clone()) };
    Some(Showtime::scheduled(facts, Listing::scheduled(first)?))
}
