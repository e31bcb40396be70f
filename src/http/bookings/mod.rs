//! Bookings: reserve, confirm, cancel, extend, and the view that a holder has of its booking.

mod changes;
mod outcome;
mod reservation;
mod reserve;
mod show;

use crate::http::bookings::changes::{ConfirmationBody, HolderBody};
use crate::http::bookings::outcome::OutcomeAnswer;
use crate::http::bookings::reserve::{ReservationBody, ReservationHereBody, ReservedAnswer};
use crate::http::bookings::show::BookingAnswer;
use crate::http::openapi::Describe;
use crate::http::paths::{BOOKING, BOOKINGS, CANCEL, CONFIRM, EXTEND, SHOWTIME_BOOKINGS};
use crate::http::route::Route;

pub(super) fn routes() -> Vec<Route> {
    let reserving = |name, summary| {
        Describe::new(name, summary, "bookings")
            .public()
            .json::<ReservedAnswer<'_>>(201, "The seats are held", &["Location", "Idempotent-Replayed?"])
            .problems(&[400, 404, 408, 409, 413, 415, 422, 500, 503])
    };
    let changing = |name, summary| {
        Describe::new(name, summary, "bookings")
            .id("The booking")
            .key()
            .holder_or_body()
            .json::<OutcomeAnswer<'_>>(200, "Done, now or before", &["Idempotent-Replayed?"])
            .problems(&[400, 401, 403, 404, 408, 409, 413, 415, 422, 500, 503])
    };
    vec![
        Route::post(
            BOOKINGS,
            reserve::reserve,
            reserving("reserveSeats", "Reserve seats: all of them or none").secret_key().body::<ReservationBody>(),
        ),
        Route::post(
            SHOWTIME_BOOKINGS,
            reserve::reserve_at,
            reserving("reserveSeatsAt", "Reserve seats of the showtime in the path")
                .id("The showtime")
                .secret_key()
                .body::<ReservationHereBody>(),
        ),
        Route::get(
            BOOKING,
            show::show,
            Describe::new("showBooking", "A booking, for its holder or an operator", "bookings")
                .id("The booking")
                .holder()
                .json::<BookingAnswer<'_>>(200, "The booking", &[])
                .problems(&[400, 401, 403, 404, 500, 503]),
        ),
        Route::post(
            CONFIRM,
            changes::confirm,
            changing("confirmBooking", "Confirm a booking with its payment: the seats are sold")
                .body::<ConfirmationBody>(),
        ),
        Route::post(
            CANCEL,
            changes::cancel,
            changing("cancelBooking", "Cancel a booking: the seats are free again").optional_body::<HolderBody>(),
        ),
        Route::post(
            EXTEND,
            changes::extend,
            changing("extendHold", "Move a hold's deadline, within its longest total time")
                .optional_body::<HolderBody>(),
        ),
    ]
}
