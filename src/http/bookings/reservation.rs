//! A reservation as a client asked for it, and how its refusals name the wrong parts by their place in the body.

use crate::box_office::BoxOfficeError;
use crate::domain::{Rejection, SeatId, SeatSelection, SelectionError, ShowtimeId, UserId};
use crate::http::AppState;
use crate::http::problem::{self, Code, FieldError, Problem};

/// A reservation as the body has it, every field read by itself.
pub(super) struct Wanted {
    /// The showtime.
    pub(super) showtime: ShowtimeId,
    /// The seats, not yet checked against each other.
    pub(super) seats: Vec<SeatId>,
    /// `seatIds` was used, not `seatId`.
    pub(super) listed: bool,
    /// The path names the showtime, not the body.
    pub(super) showtime_in_path: bool,
    /// Who books.
    pub(super) user: UserId,
}

impl Wanted {
    /// Where in the body the seat at this position is.
    fn place(&self, position: usize) -> String {
        if self.listed { format!("/seatIds/{position}") } else { self.list().to_owned() }
    }

    fn list(&self) -> &'static str {
        if self.listed { "/seatIds" } else { "/seatId" }
    }
}

/// Seats that are no selection. If there is no such showtime, that is the better answer to seats that are not its own.
pub(super) async fn refused_selection(state: &AppState, wanted: &Wanted, error: &SelectionError) -> Problem {
    if let SelectionError::Foreign { .. } = error {
        match state.exists(wanted.showtime).await {
            Ok(true) => {}
            Ok(false) => return unknown_showtime(wanted),
            Err(problem) => return problem,
        }
    }
    problem::selection(error, |position| wanted.place(position), wanted.list())
}

/// Names wrong parts by their place in the body.
pub(super) fn refused_reservation(error: BoxOfficeError, wanted: &Wanted, seats: &SeatSelection) -> Problem {
    let BoxOfficeError::Rejected(rejection) = error else {
        return error.into();
    };
    if rejection == Rejection::UnknownShowtime {
        return unknown_showtime(wanted);
    }
    let Rejection::UnknownSeats { seat_ids } = rejection else {
        return rejection.into();
    };
    let unknown = |seat: &SeatId| {
        let position = seats.as_slice().iter().position(|known| known == seat).unwrap_or_default();
        FieldError::pointer(wanted.place(position), "does not exist in this showtime")
    };
    let errors = seat_ids.iter().map(unknown).collect();
    Problem::new(Code::UnknownSeats, "some seats do not exist in this showtime").with_errors(errors)
}

/// No showtime has the id; names the place where it stands.
pub(super) fn unknown_showtime(wanted: &Wanted) -> Problem {
    let detail = "names no showtime";
    let error = if wanted.showtime_in_path {
        FieldError::parameter("id", detail)
    } else {
        FieldError::pointer("/showtimeId", detail)
    };
    Problem::from(Rejection::UnknownShowtime).with_errors(vec![error])
}
