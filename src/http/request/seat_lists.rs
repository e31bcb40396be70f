//! Lists of seats in a body, and how a refusal names their entries.

use std::collections::HashSet;

use crate::box_office::BoxOfficeError;
use crate::domain::{BlockRejection, Rejection, SeatId};
use crate::http::problem::{FieldError, Problem};
use crate::http::request::fields::{self, Fields};

/// A list of seats, none twice; `None` if it is not there, or after noting what is wrong.
pub(crate) fn read(fields: &mut Fields<'_>, name: &str, most: usize) -> Option<Vec<SeatId>> {
    let seats = fields.optional_list(name, most, |value| fields::uuid_entry(value).map(SeatId))?;
    let mut known = HashSet::new();
    for (position, seat) in seats.iter().enumerate() {
        if !known.insert(seat) {
            fields.wrong(format!("/{name}/{position}"), "is named twice");
        }
    }
    Some(seats)
}

/// Names the seats that are refused by their place in the body.
pub(crate) fn refused(error: BoxOfficeError, lists: &[(&str, &[SeatId])]) -> Problem {
    let (seat_ids, detail) = if let BoxOfficeError::Rejected(Rejection::UnknownSeats { seat_ids }) = &error {
        (seat_ids.clone(), "does not exist in this showtime")
    } else if let BoxOfficeError::Rejected(Rejection::SeatsNotInBooking { seat_ids, .. }) = &error {
        (seat_ids.clone(), "is not in this booking")
    } else if let BoxOfficeError::Rejected(Rejection::Block(BlockRejection::SeatsNotInBlock { seat_ids, .. })) = &error
    {
        (seat_ids.clone(), "is not in this block")
    } else {
        return error.into();
    };
    let place = |seat: &SeatId| {
        let find = |(name, seats): &(&str, &[SeatId])| {
            seats.iter().position(|known| known == seat).map(|position| format!("/{name}/{position}"))
        };
        FieldError::pointer(lists.iter().find_map(find).unwrap_or_default(), detail)
    };
    let errors = seat_ids.iter().map(place).collect();
    Problem::from(error).with_errors(errors)
}
