//! A reservation as a client asked for it, and how its refusals name the wrong parts by their place in the body.

use crate::box_office;
use crate::domain::{
    AreaPlaces, BestAvailable, Buyer, Choice, Rejection, SeatId, SeatSelection, SeatWish, SelectionError, ShowtimeId,
    Tariffs, UserId,
};
use crate::http::AppState;
use crate::http::bookings::access::refused_access;
use crate::http::bookings::places::{refused_area, tariffs_of};
use crate::http::problem::{self, Code, FieldError, Problem};
use crate::http::request::fields::Fields;

/// A reservation as the body has it, every field read by itself.
pub(super) struct Wanted {
    /// The showtime.
    pub(super) showtime: ShowtimeId,
    /// The seats, not yet checked against each other.
    pub(super) seats: Option<Seats>,
    /// `areas`
    pub(super) areas: Vec<AreaPlaces>,
    /// The path names the showtime, not the body.
    pub(super) showtime_in_path: bool,
    /// Who books.
    pub(super) user: UserId,
    /// What is shown besides.
    pub(super) buyer: Buyer,
}

/// Which seats, as the body has it.
pub(super) enum Seats {
    /// `seatIds`
    Listed(Vec<SeatId>, Tariffs),
    /// `seatId`
    Single(SeatId, Tariffs),
    /// `bestAvailable`
    Best(BestAvailable),
}

impl Seats {
    /// The same at these tariffs; `None` after noting that they are not as many.
    pub(super) fn at(self, tariffs: Vec<String>, fields: &mut Fields<'_>) -> Option<Self> {
        let places = match &self {
            Self::Listed(seats, _) => seats.len(),
            Self::Single(..) => 1,
            Self::Best(best) => usize::try_from(best.quantity()).unwrap_or(usize::MAX),
        };
        let tariffs = tariffs_of(tariffs, places, fields)?;
        Some(match self {
            Self::Listed(seats, _) => Self::Listed(seats, tariffs),
            Self::Single(seat, _) => Self::Single(seat, tariffs),
            Self::Best(best) => Self::Best(best.at(tariffs)),
        })
    }

    /// The seats, checked against each other and the showtime.
    fn checked(&self, showtime: ShowtimeId) -> Result<SeatWish, SelectionError> {
        let (seats, tariffs) = match self {
            Self::Best(best) => return Ok(SeatWish::Best(best.clone())),
            Self::Listed(seats, tariffs) => (seats.clone(), tariffs),
            Self::Single(seat, tariffs) => (vec![*seat], tariffs),
        };
        SeatSelection::new(showtime, seats).map(|seats| SeatWish::Named(seats.at(tariffs.clone())))
    }

    /// Whether tariffs were chosen for them.
    fn have_tariffs(&self) -> bool {
        match self {
            Self::Listed(_, tariffs) | Self::Single(_, tariffs) => !tariffs.are_usual(),
            Self::Best(best) => best.has_tariffs(),
        }
    }

    /// The seats that are named.
    pub(super) fn named(&self) -> &[SeatId] {
        match self {
            Self::Listed(seats, _) => seats,
            Self::Single(seat, _) => std::slice::from_ref(seat),
            Self::Best(_) => &[],
        }
    }

    /// Where in the body the seat at this position is.
    fn place(&self, position: usize) -> String {
        match self {
            Self::Listed(..) => format!("/seatIds/{position}"),
            Self::Single(..) | Self::Best(_) => self.list().to_owned(),
        }
    }

    fn list(&self) -> &'static str {
        match self {
            Self::Listed(..) => "/seatIds",
            Self::Single(..) => "/seatId",
            Self::Best(_) => "/bestAvailable",
        }
    }
}

impl Wanted {
    /// What is wanted, checked against each other and the showtime.
    pub(super) fn checked(&self) -> Result<box_office::Wanted, SelectionError> {
        let seats = self.seats.as_ref().map(|seats| seats.checked(self.showtime)).transpose()?;
        Ok(match (seats, self.areas.as_slice()) {
            (Some(SeatWish::Named(seats)), []) => box_office::Wanted::Seats(seats),
            (seats, areas) => box_office::Wanted::Chosen(Choice::new(seats, areas.to_vec())?),
        })
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
    let list = wanted.seats.as_ref().map_or("/areas", Seats::list);
    let place = |position| wanted.seats.as_ref().map_or(list.to_owned(), |seats| seats.place(position));
    problem::selection(error, place, list)
}

/// Names wrong parts by their place in the body.
pub(super) fn refused_reservation(rejection: Rejection, wanted: &Wanted) -> Problem {
    if rejection == Rejection::UnknownShowtime {
        return unknown_showtime(wanted);
    }
    let have_tariffs = wanted.seats.as_ref().is_some_and(Seats::have_tariffs);
    if let Some(problem) = refused_area(&rejection, &wanted.areas, have_tariffs) {
        return problem;
    }
    let (Rejection::UnknownSeats { seat_ids }, Some(seats)) = (&rejection, &wanted.seats) else {
        return refused_access(&rejection).unwrap_or_else(|| rejection.into());
    };
    let unknown = |seat: &SeatId| {
        let position = match seats {
            Seats::Listed(seats, _) => seats.iter().position(|known| known == seat).unwrap_or_default(),
            Seats::Single(..) | Seats::Best(_) => 0,
        };
        FieldError::pointer(seats.place(position), "does not exist in this showtime")
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
