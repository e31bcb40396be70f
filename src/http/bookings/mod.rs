//! Bookings: reserve, confirm, cancel, extend, exchange and refund seats, and the view that a holder has of its booking.

mod access;
mod changes;
mod find;
mod holder;
mod outcome;
mod places;
mod preview;
mod price;
mod reservation;
mod reserve;
mod seats;
mod show;

use crate::http::bookings::changes::{ConfirmationBody, HolderBody};
use crate::http::bookings::find::BookingPage;
use crate::http::bookings::outcome::OutcomeAnswer;
use crate::http::bookings::preview::{MOST_ALTERNATIVES, PreviewAnswer};
use crate::http::bookings::reserve::{ReservationBody, ReservationHereBody, ReservedAnswer};
use crate::http::bookings::seats::{ExchangeBody, RefundBody};
use crate::http::bookings::show::BookingAnswer;
use crate::http::history::table::FORMATS;
use crate::http::openapi::Describe;
use crate::http::paths::{BOOKING, BOOKING_SEATS, BOOKINGS, CANCEL, CONFIRM, EXTEND, REFUND, SHOWTIME_BOOKINGS};
use crate::http::request::cursor::{CURSOR, CURSOR_CHARACTERS};
use crate::http::route::Route;

const RESERVE_RULE: &str = "With `preview`, the rules are those of a reservation, but for the limit of places of a customer; somebody else may be \
     faster. A 409 `seats-taken` has `alternatives` if they are asked for: as many free seats next to each other, near to the named ones, of \
     their category if they share one, with as many wheelchair places.";
const FIND_RULE: &str = "Who shows a hold token names its `userId`, and nothing else, and gets the pending and confirmed bookings of that customer which the token belongs to. For operators: all filters must hold. All of the journal is read for a page, which takes a moment for a showtime that was sold out. The times of a \
     hold are those of the events that made it.";
const PAID_RULE: &str = "A payment confirms one booking, or came too late for one: so there is one item at most.";
const EXCHANGE_RULE: &str = "The booking has its old seats, or all of its new ones: at no moment others. For the holder while it is pending, and for \
     operators also once it is confirmed. The deadline stays. At least one seat is left: cancel the booking to give back all. The request says what the \
     booking is to have in the end, so repeating it changes nothing. Seats that it had keep their prices, unless another tariff is named for them; others have the chosen tariff, or else that of \
     the booking's first seat, or else the first of their zone. Operators may send `blockId` to take seats out of a block.";
const REFUND_RULE: &str = "The seats are free again for everybody. A booking without seats left is `Cancelled`. `refund` in the answer, and in the \
     event `BookingCancelled` or `SeatsReleased`, names the payment that is to be returned. Seats that were refunded \
     before are not refunded again: a request for such seats only changes nothing, and its answer has no `refund`.";

const DOOR_RULE: &str = "Operators, who show their key, may also choose tariffs that are `operatorsOnly`, and may send a `paymentReference`: then the booking is \
     confirmed in the same step. Such a sale at the door does not ask whether the sale is open; the limits of places hold. With `blockId` they sell out of a block in the same \
     commit: nobody else can have its seats in between. What the booking gives back goes back to the block while it lives.";

pub(super) fn routes() -> Vec<Route> {
    [reservations(), reads(), changes()].into_iter().flatten().collect()
}

fn reservations() -> Vec<Route> {
    let reserving = |name, summary| {
        Describe::new(name, summary, "bookings")
            .text(&format!("{RESERVE_RULE} {DOOR_RULE}"))
            .public_or_operator()
            .flag("preview", "Tell what the reservation would come to, and hold nothing")
            .number("alternatives", "Offer so many blocks if the seats are taken", 0, MOST_ALTERNATIVES)
            .json::<PreviewAnswer<'_>>(200, "What the reservation would come to; nothing is held", &[])
            .json::<ReservedAnswer<'_>>(
                201,
                "The seats are held, or sold at the door",
                &["Location", "Idempotent-Replayed?"],
            )
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
    ]
}

fn reads() -> Vec<Route> {
    vec![
        Route::get(
            SHOWTIME_BOOKINGS,
            find::find,
            Describe::new(
                "findBookings",
                "The bookings of a showtime, newest first, for operators; for a holder his own",
                "bookings",
            )
            .text(FIND_RULE)
            .holder()
            .id("The showtime")
            .words("userId", "Only those of this user", 1..=128)
            .uuid("seatId", "Only those that have this seat, had it last, or had it refunded")
            .words("paymentReference", "Only those with this payment, also if it came too late", 1..=200)
            .choice("status", "Only those that stand so", &find::STATUSES)
            .number("limit", "Bookings on the page, 100 if absent", 1, find::MOST_ON_PAGE)
            .formed("cursor", "`nextCursor` of the page before", CURSOR, CURSOR_CHARACTERS..=CURSOR_CHARACTERS)
            .choice("format", "`json`, if absent, or `csv`: all of them, without pages", &FORMATS)
            .json_or_csv::<BookingPage<'_>>(200, "The bookings")
            .problems(&[400, 401, 403, 404, 500, 503]),
        ),
        Route::get(
            BOOKINGS,
            find::find_paid,
            Describe::new(
                "findPaidBooking",
                "The booking that a payment was for, of any showtime (operators)",
                "bookings",
            )
            .text(PAID_RULE)
            .operator()
            .needed("paymentReference", "The payment", 1..=200)
            .json::<BookingPage<'_>>(200, "The booking, or no item", &[])
            .problems(&[400, 401, 403, 500, 503]),
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
    ]
}

fn changes() -> Vec<Route> {
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
        Route::post(
            BOOKING_SEATS,
            seats::exchange,
            changing("changeSeats", "Exchange seats of a booking for others in one step")
                .text(EXCHANGE_RULE)
                .number("alternatives", "Offer so many blocks if the seats in add are taken", 0, MOST_ALTERNATIVES)
                .body::<ExchangeBody>(),
        ),
        Route::post(
            REFUND,
            seats::refund,
            Describe::new("refundBooking", "Refund a confirmed booking, or some of its seats (operators)", "bookings")
                .text(REFUND_RULE)
                .id("The booking")
                .key()
                .operator()
                .optional_body::<RefundBody>()
                .json::<OutcomeAnswer<'_>>(200, "Done, now or before", &["Idempotent-Replayed?"])
                .problems(&[400, 401, 403, 404, 408, 409, 413, 415, 422, 500, 503]),
        ),
    ]
}
