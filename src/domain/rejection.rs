//! Rejections: why a command is refused. Expected outcomes, not errors; each states a fact.

use std::time::Duration;

use crate::domain::seat_names::named;
use crate::domain::{
    BlockRejection, BookingStatus, CancelReason, Currency, ListingError, MoveRejection, PaymentReference,
    RefusedPayment, SeatConflict, SeatId, SeatPlace, Timestamp,
};

/// Seats that a customer may take instead of others.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Alternative {
    /// The seats, in seat order, next to each other; in several stretches, if the others were.
    pub seat_ids: Vec<SeatId>,
    /// Which they are, for people: `row C 7-10, together, no single seat left`.
    pub choice: String,
}

/// Why a command was refused. A refused command changed nothing.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Rejection {
    /// No showtime has this id.
    #[error("there is no showtime with this id")]
    UnknownShowtime,
    /// At least one seat is taken; all that are, are named.
    #[error("{}", taken(conflicts))]
    SeatsTaken {
        /// The seats in the way.
        conflicts: Vec<SeatConflict>,
    },
    /// The showtime has started: its seats are no longer sold. A hold made before may still be paid.
    #[error("the showtime started at {started_at}")]
    ShowtimeStarted {
        /// Its start.
        started_at: Timestamp,
    },
    /// The sale has not begun.
    #[error("the sale begins at {from}")]
    NotOnSaleYet {
        /// Its beginning.
        from: Timestamp,
    },
    /// The sale is over, though the showtime has not started.
    #[error("the sale ended at {ended_at}")]
    SaleEnded {
        /// Its end.
        ended_at: Timestamp,
    },
    /// The showtime will not take place.
    #[error("the showtime is cancelled: {}", reason.as_str())]
    ShowtimeCancelled {
        /// Why.
        reason: CancelReason,
    },
    /// The showtime cannot be moved to another version of its auditorium.
    #[error(transparent)]
    Move(#[from] MoveRejection),
    /// A new listing makes no sense.
    #[error(transparent)]
    BadListing(#[from] ListingError),
    /// More places than one booking may have.
    #[error("{wanted} places are wanted, one booking may have {most} at most")]
    TooManyPlaces {
        /// Places asked for.
        wanted: u32,
        /// Most places in one booking.
        most: u32,
    },
    /// The customer would have more places than he may.
    #[error("this customer has {held} places and wants {wanted} more; {most} are allowed at most")]
    CustomerLimit {
        /// Places in his live bookings.
        held: u32,
        /// Places asked for.
        wanted: u32,
        /// Most places in all his live bookings.
        most: u32,
    },
    /// The customer's holds have ended without a sale again and again.
    #[error("{holds} holds of this customer ended without a sale; the next can be made after {until}")]
    HoldsWithoutSale {
        /// How many of them count.
        holds: u32,
        /// From when on he may reserve again.
        until: Timestamp,
        /// From the request until then.
        wait: Duration,
    },
    /// Fewer seats are free than are wanted.
    #[error("{} wanted, {} free", several(*wanted, "seat"), count_is(*left))]
    TooFewSeats {
        /// Seats asked for.
        wanted: u32,
        /// Free seats.
        left: u32,
    },
    /// Fewer seats are free than are wanted, apart from those that have no price for this request.
    #[error(
        "{} wanted, {} free that this request can buy; {} no such price",
        several(*wanted, "seat"),
        count_is(*left),
        others_have(*others)
    )]
    TooFewBuyable {
        /// Seats asked for.
        wanted: u32,
        /// Free seats that can be bought.
        left: u32,
        /// Other free seats.
        others: u32,
    },
    /// The house has no such area.
    #[error("there is no area {area:?} in this showtime")]
    UnknownArea {
        /// Its label.
        area: String,
    },
    /// Fewer places of an area are free than are wanted.
    #[error("area {area}: {}", wanted_and_left(*wanted, *left))]
    TooFewPlaces {
        /// The area's label.
        area: String,
        /// Places asked for.
        wanted: u32,
        /// Free places.
        left: u32,
    },
    /// Fewer wheelchair places are free than are wanted.
    #[error("{} wanted, {} free", several(*wanted, "wheelchair place"), count_is(*left))]
    TooFewAccessible {
        /// Places asked for.
        wanted: u32,
        /// Free places.
        left: u32,
    },
    /// Fewer companions' seats are free beside free wheelchair places than are wanted.
    #[error("{} wanted, {} free beside a wheelchair place that is free", several(*wanted, "companion seat"), count_is(*left))]
    TooFewCompanions {
        /// Seats asked for.
        wanted: u32,
        /// Free seats.
        left: u32,
    },
    /// The house has no such section.
    #[error("there is no section {section:?} in this showtime")]
    UnknownSection {
        /// Its name.
        section: String,
    },
    /// No seat of the house has such a category.
    #[error("there is no seat of category {category:?} in this showtime")]
    UnknownCategory {
        /// Its key.
        category: String,
    },
    /// The reservation would leave a seat alone that need not be, and the terms refuse that.
    #[error("seat {place} would be left alone")]
    SeatLeftAlone {
        /// The seat.
        place: SeatPlace,
    },
    /// Enough seats are free, but not as they may lie.
    #[error("there are no {wanted} free seats together as wanted; the longest block in one row has {longest}")]
    NotTogether {
        /// Seats asked for.
        wanted: u32,
        /// Most free seats next to each other.
        longest: u32,
    },
    /// No price is set for a seat.
    #[error("{} {place} has no price", place.noun())]
    NotPriced {
        /// The seat.
        place: SeatPlace,
    },
    /// A booking keeps its currency, and the showtime has other prices now, or none.
    #[error("the booking is in {}, and {}", booking.as_str(), sells_in(showtime.as_ref()))]
    OtherCurrency {
        /// The booking's.
        booking: Currency,
        /// That of the showtime's prices.
        showtime: Option<Currency>,
    },
    /// A seat's zone has no such tariff.
    #[error("{} {place} has no tariff {tariff:?}", place.noun())]
    UnknownTariff {
        /// The tariff's key.
        tariff: String,
        /// The seat.
        place: SeatPlace,
    },
    /// The tariff is not for customers.
    #[error("tariff {tariff:?} of {} {place} is for operators only", place.noun())]
    OperatorsTariff {
        /// The tariff's key.
        tariff: String,
        /// The seat.
        place: SeatPlace,
    },
    /// A tariff is chosen, and the showtime has no prices.
    #[error("this showtime has no prices, and so no tariff {tariff:?}")]
    NoTariffs {
        /// The tariff's key.
        tariff: String,
    },
    /// Ids that name no seat of the showtime.
    #[error("{} of the seats {} not exist in this showtime", seat_ids.len(), if seat_ids.len() == 1 { "does" } else { "do" })]
    UnknownSeats {
        /// The ids.
        seat_ids: Vec<SeatId>,
    },
    /// No booking of the showtime has this id.
    #[error("there is no booking with this id")]
    UnknownBooking,
    /// The hold token is not this booking's.
    #[error("the hold token does not belong to this booking")]
    NotHolder,
    /// The hold's deadline has passed.
    #[error("the hold expired at {expired_at}")]
    HoldExpired {
        /// The deadline.
        expired_at: Timestamp,
    },
    /// The payment came after the deadline, and the seats could not be taken again. It is to be returned; an event says so.
    #[error("the hold expired at {expired_at}, and {}: the payment is to be returned", gone(conflicts))]
    PaymentTooLate {
        /// The deadline.
        expired_at: Timestamp,
        /// The seats that others have; none if the customer may not have so many places any more.
        conflicts: Vec<SeatConflict>,
    },
    /// Like [`Rejection::PaymentTooLate`], but so many payments came for this booking that no more are recorded.
    #[error(
        "the hold expired at {expired_at}, and {} payments for it were refused already: this one was not recorded, and no event tells of it",
        RefusedPayment::MOST
    )]
    TooManyLatePayments {
        /// The deadline.
        expired_at: Timestamp,
    },
    /// The booking is confirmed or cancelled, and the command needs a pending one.
    #[error("the booking is {}", status.as_str())]
    BookingNotPending {
        /// What the booking is.
        status: BookingStatus,
    },
    /// The booking was never paid, so there is nothing to refund.
    #[error("the booking is {}, and only a confirmed one is refunded", status.as_str())]
    BookingNotConfirmed {
        /// What the booking is.
        status: BookingStatus,
    },
    /// Seats that the booking does not have.
    #[error("{} not in this booking", named(places, "is", "are"))]
    SeatsNotInBooking {
        /// The ids.
        seat_ids: Vec<SeatId>,
        /// The same, as they are printed.
        places: Vec<SeatPlace>,
    },
    /// About a block.
    #[error(transparent)]
    Block(#[from] BlockRejection),
    /// Without these seats the booking would have none: it is to be cancelled instead.
    #[error("the booking would have no seat left; cancel it instead")]
    NoSeatLeft,
    /// The booking is confirmed with another payment.
    #[error("the booking is confirmed with another payment reference")]
    PaidOtherwise,
    /// The payment was used for another booking, which it has confirmed or came too late for: one payment, one booking.
    #[error("payment reference {} was used for another booking", payment_reference.as_str())]
    PaymentUsed {
        /// The payment.
        payment_reference: PaymentReference,
    },
    /// Extensions have reached the hold's longest total time.
    #[error("the hold cannot be extended past {limit}")]
    ExtensionExhausted {
        /// The last possible deadline.
        limit: Timestamp,
    },
    /// The user has held these seats as long as a hold may live, and has not left them to others since.
    #[error("these seats were held as long as a hold may last; they can be reserved again after {until}")]
    HeldTooLong {
        /// From when on the same user may reserve them again, if nobody else has.
        until: Timestamp,
    },
    /// The idempotency key was used before, for another request.
    #[error("the idempotency key was used for another request")]
    IdempotencyKeyReused,
}

/// `1 seat is`, `2 seats are`
fn several(count: u32, what: &str) -> String {
    if count == 1 { format!("1 {what} is") } else { format!("{count} {what}s are") }
}

/// `1 is`, `2 are`
fn count_is(count: u32) -> String {
    format!("{count} {}", if count == 1 { "is" } else { "are" })
}

/// `1 other has`, `2 others have`
fn others_have(count: u32) -> String {
    if count == 1 { "1 other has".to_owned() } else { format!("{count} others have") }
}

/// `3 places are wanted, 2 are left`
fn wanted_and_left(wanted: u32, left: u32) -> String {
    format!("{} wanted, {} left", several(wanted, "place"), count_is(left))
}

/// Why a booking with a price can have no other seats.
fn sells_in(currency: Option<&Currency>) -> String {
    match currency {
        Some(currency) => format!("the showtime sells in {} now", currency.as_str()),
        None => "the showtime has no prices now".to_owned(),
    }
}

/// Why a late payment did not take its seats again.
fn gone(conflicts: &[SeatConflict]) -> String {
    if conflicts.is_empty() {
        return "this customer may not have so many places any more".to_owned();
    }
    taken(conflicts)
}

/// `seat F3 is taken`; `seats F3, F4 and F5 are taken`.
fn taken(conflicts: &[SeatConflict]) -> String {
    let places: Vec<SeatPlace> = conflicts.iter().map(|conflict| conflict.place.clone()).collect();
    format!("{} taken", named(&places, "is", "are"))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::ConflictReason;

    #[test]
    fn taken_seats_are_named_as_they_are_printed() {
        let conflict = |number| SeatConflict {
            seat_id: SeatId(Uuid::from_u128(u128::from(number))),
            place: SeatPlace::numbered("F", number),
            reason: ConflictReason::Sold,
        };
        let said = |numbers: &[u32]| {
            Rejection::SeatsTaken { conflicts: numbers.iter().copied().map(conflict).collect() }.to_string()
        };
        assert_eq!(said(&[3]), "seat F3 is taken");
        assert_eq!(said(&[3, 4]), "seats F3 and F4 are taken");
        assert_eq!(said(&[3, 4, 5]), "seats F3, F4 and F5 are taken");
    }

    #[test]
    fn one_of_something_is_and_several_are() {
        let seats = |count| vec![SeatId(Uuid::nil()); count];
        for (rejection, said) in [
            (Rejection::TooFewSeats { wanted: 2, left: 1 }, "2 seats are wanted, 1 is free"),
            (Rejection::TooFewSeats { wanted: 1, left: 0 }, "1 seat is wanted, 0 are free"),
            (Rejection::TooFewAccessible { wanted: 2, left: 1 }, "2 wheelchair places are wanted, 1 is free"),
            (
                Rejection::TooFewCompanions { wanted: 2, left: 1 },
                "2 companion seats are wanted, 1 is free beside a wheelchair place that is free",
            ),
            (
                Rejection::TooFewBuyable { wanted: 2, left: 1, others: 1 },
                "2 seats are wanted, 1 is free that this request can buy; 1 other has no such price",
            ),
            (
                Rejection::TooFewBuyable { wanted: 3, left: 2, others: 4 },
                "3 seats are wanted, 2 are free that this request can buy; 4 others have no such price",
            ),
            (
                Rejection::TooFewPlaces { area: "Pit".to_owned(), wanted: 2, left: 1 },
                "area Pit: 2 places are wanted, 1 is left",
            ),
            (Rejection::UnknownSeats { seat_ids: seats(1) }, "1 of the seats does not exist in this showtime"),
            (Rejection::UnknownSeats { seat_ids: seats(2) }, "2 of the seats do not exist in this showtime"),
        ] {
            assert_eq!(rejection.to_string(), said);
        }
    }
}
