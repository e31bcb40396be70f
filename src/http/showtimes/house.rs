//! House: the seats of an auditorium's version, for a showtime that is made from it or moved to it.

use std::collections::HashSet;
use std::sync::Arc;

use actix_web::web;

use crate::box_office::BoxOfficeError;
use crate::domain::{
    AuditoriumId, AuditoriumVersion, Booking, MAX_SEATS_PER_SHOWTIME, NewHouse, Rejection, SeatId, SeatMap,
    SeatMapError, Showtime, ShowtimeId,
};
use crate::http::AppState;
use crate::http::auditoriums::stored_plan;
use crate::http::history::replay;
use crate::http::problem::{BookingInTheWay, Code, FieldError, Further, Problem};

/// Highest version of an auditorium: stores keep it as a signed number of 32 bits.
pub(super) const MOST_VERSION: u32 = 0x7FFF_FFFF;

/// The seats of an auditorium; of its latest version, if none is named. An event may have so many bytes of rows.
pub(super) async fn of(
    state: &AppState,
    (id, version): (AuditoriumId, Option<u32>),
    most_bytes: usize,
) -> Result<NewHouse, Problem> {
    let stored = state.auditoriums.auditorium(id, version).await.map_err(Arc::new)?;
    let stored = stored.ok_or_else(|| unknown_auditorium(version))?;
    let version = AuditoriumVersion { id, version: stored.head.version };
    let seat_map = web::block(move || stored_plan(&stored.plan)?.seat_map().map_err(|error| no_seat_map(&error)));
    let seat_map = seat_map.await.map_err(Problem::bug)??;
    check_size(&seat_map, most_bytes)?;
    Ok(NewHouse { version, seat_map: Arc::new(seat_map), most_bytes })
}

/// The seats of another version of the auditorium that a showtime was made from.
pub(super) async fn of_showtime(state: &AppState, id: ShowtimeId, version: u32) -> Result<NewHouse, Problem> {
    let view = state.journal.view(id).await.map_err(Arc::new)?.ok_or(Rejection::UnknownShowtime)?;
    let auditorium = view.listing.terms.auditorium.ok_or_else(|| {
        let detail = "names a version of no auditorium: the showtime was made of rows";
        Problem::field(FieldError::pointer("/auditoriumVersion", detail))
    })?;
    of(state, (auditorium.id, Some(version)), state.settings.showtime_rows_bytes).await
}

/// Most bookings that a refused move names.
const MOST_BOOKINGS: usize = 100;

/// Why a showtime was not changed. Of a move that would leave out places that somebody has: with the bookings that have them.
pub(super) async fn refused(state: &AppState, id: ShowtimeId, error: BoxOfficeError) -> Problem {
    let taken = if let BoxOfficeError::Rejected(Rejection::Move(refused)) = &error { refused.taken() } else { &[] };
    let seats: HashSet<SeatId> = taken.iter().map(|conflict| conflict.seat_id).collect();
    if seats.is_empty() {
        return error.into();
    }
    let problem = Problem::from(error);
    let look = move |showtime: &Showtime| in_the_way(showtime, &seats);
    match replay(state, id, look).await {
        Ok(bookings) => problem.with(Further { bookings: Some(bookings), ..Further::default() }),
        // The seats are named all the same.
        Err(_) => problem,
    }
}

fn in_the_way(showtime: &Showtime, seats: &HashSet<SeatId>) -> Vec<BookingInTheWay> {
    let has_some = |booking: &&Booking| booking.seat_ids.iter().any(|seat| seats.contains(seat));
    let live = showtime.bookings().filter(|booking| booking.status.is_live());
    let mut found: Vec<&Booking> = live.filter(has_some).collect();
    found.sort_unstable_by_key(|booking| booking.id.0);
    let seat_map = &showtime.facts().seat_map;
    let answer = |booking: &Booking| BookingInTheWay {
        booking_id: booking.id,
        status: booking.status.as_str(),
        block_type: booking.block.as_ref().map(|block| block.kind.clone()),
        user_id: booking.block.is_none().then(|| booking.user_id.clone()),
        seats: booking
            .seat_ids
            .iter()
            .filter(|seat| seats.contains(seat))
            .map(|seat| seat_map.printed(seat.index()).to_string())
            .collect(),
    };
    found.into_iter().take(MOST_BOOKINGS).map(answer).collect()
}

/// Events and documents carry the rows.
pub(super) fn check_size(seat_map: &SeatMap, most_bytes: usize) -> Result<(), Problem> {
    let bytes = serde_json::to_vec(seat_map).map_err(Problem::bug)?.len();
    if bytes > most_bytes {
        let detail = format!(
            "the rows have {bytes} bytes, at most {most_bytes} are taken: shorten their labels, or sell the house in parts"
        );
        return Err(Problem::new(Code::PayloadTooLarge, detail));
    }
    Ok(())
}

fn unknown_auditorium(version: Option<u32>) -> Problem {
    let wrong = match version {
        None => FieldError::pointer("/auditoriumId", "names no auditorium"),
        Some(_) => FieldError::pointer("/auditoriumVersion", "names no version of an auditorium"),
    };
    let detail = "the auditorium is unknown, or has no such version";
    Problem::new(Code::UnknownAuditorium, detail).with_errors(vec![wrong])
}

fn no_seat_map(error: &SeatMapError) -> Problem {
    if *error == SeatMapError::TooManySeats {
        let detail = format!("names an auditorium with more than {MAX_SEATS_PER_SHOWTIME} seats and places of areas");
        return Problem::field(FieldError::pointer("/auditoriumId", detail));
    }
    Problem::field(FieldError::pointer("/auditoriumId", format!("names an auditorium that cannot be sold: {error}")))
}
