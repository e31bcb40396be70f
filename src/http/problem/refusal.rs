//! Refusals: why a command was refused, as clients read it.

use crate::domain::{BlockRejection, BookingStatus, ListingError, MoveRejection, Rejection};
use crate::http::problem::{Code, FieldError, Further, Problem};

/// Seats of a house that a problem names at most.
const MOST_CONFLICTS: usize = 100;

impl Problem {
    fn of_unknown_seats(count: usize, detail: String) -> Self {
        let name = FieldError::pointer("/seatIds", "names a seat that does not exist in this showtime");
        Self::new(Code::UnknownSeats, detail).with_errors(vec![name; count])
    }

    fn of_listing(error: &ListingError, detail: String) -> Self {
        match error {
            ListingError::EmptySale { .. } | ListingError::UnknownCategory { .. } => {
                Self::new(Code::InvalidListing, detail)
            }
            ListingError::NoSuchTime { member, error } => {
                Self::field(FieldError::pointer(format!("/{member}"), error.to_string()))
            }
        }
    }

    fn of_move(rejection: &MoveRejection, detail: String) -> Self {
        let taken = rejection.taken();
        let problem = Self::in_body(Code::OtherSeats, "/auditoriumVersion", detail);
        problem.with_conflicts(taken.get(..MOST_CONFLICTS).unwrap_or(taken))
    }

    fn of_block(rejection: &BlockRejection, detail: String) -> Self {
        match rejection {
            BlockRejection::Unknown => Self::new(Code::UnknownBlock, detail)
                .with_errors(vec![FieldError::parameter("blockId", "names no block")]),
            BlockRejection::SeatsNotInBlock { .. } => Self::new(Code::SeatsNotInBlock, detail),
            BlockRejection::WrongKey => Self::in_body(Code::WrongChannelKey, "/channelKey", detail),
            BlockRejection::Over { .. } => Self::field(FieldError::pointer("/until", "has passed")),
            BlockRejection::TooMany { most } => Self::limited(Code::TooManyBlocks, detail, *most),
        }
    }

    /// So many places are left, of an area if one is named.
    fn too_few(code: Code, detail: String, (left, area_id): (u32, Option<String>)) -> Self {
        Self::new(code, detail).with(Further { area_id, left: Some(left), ..Further::default() })
    }

    fn in_status(code: Code, detail: String, status: BookingStatus) -> Self {
        Self::new(code, detail).with(Further { booking_status: Some(status.as_str()), ..Further::default() })
    }
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Self {
        let detail = rejection.to_string();
        match rejection {
            Rejection::UnknownShowtime => Self::new(Code::UnknownShowtime, detail),
            Rejection::SeatsTaken { conflicts } => Self::new(Code::SeatsTaken, detail).with_conflicts(&conflicts),
            Rejection::UnknownSeats { seat_ids } => Self::of_unknown_seats(seat_ids.len(), detail),
            Rejection::ShowtimeStarted { started_at } => Self::new(Code::ShowtimeStarted, detail)
                .with(Further { started_at: Some(started_at), ..Further::default() }),
            Rejection::NotOnSaleYet { from } => {
                Self::new(Code::NotOnSaleYet, detail).with(Further { on_sale_from: Some(from), ..Further::default() })
            }
            Rejection::SaleEnded { ended_at } => {
                Self::new(Code::SaleEnded, detail).with(Further { on_sale_until: Some(ended_at), ..Further::default() })
            }
            Rejection::ShowtimeCancelled { reason } => {
                Self::new(Code::ShowtimeCancelled, detail).with(Further { reason: Some(reason), ..Further::default() })
            }
            Rejection::Move(rejection) => Self::of_move(&rejection, detail),
            Rejection::BadListing(error) => Self::of_listing(&error, detail),
            Rejection::TooManyPlaces { most, .. } => Self::limited(Code::TooManyPlaces, detail, most),
            Rejection::CustomerLimit { most, .. } => Self::limited(Code::CustomerLimit, detail, most),
            Rejection::HoldsWithoutSale { until, wait, .. } => Self::new(Code::HoldsWithoutSale, detail)
                .with(Further { until: Some(until), ..Further::default() })
                .retry_after(wait),
            Rejection::NotPriced { .. } => Self::new(Code::NotPriced, detail),
            Rejection::OtherCurrency { .. } => Self::new(Code::OtherCurrency, detail),
            Rejection::UnknownTariff { .. } | Rejection::NoTariffs { .. } => {
                Self::in_body(Code::UnknownTariff, "/tariffs", detail)
            }
            Rejection::UnknownArea { .. } => Self::in_body(Code::UnknownSeats, "/areas", detail),
            Rejection::TooFewPlaces { area, left, .. } => Self::too_few(Code::TooFewPlaces, detail, (left, Some(area))),
            Rejection::OperatorsTariff { .. } => Self::in_body(Code::OperatorsTariff, "/tariffs", detail),
            Rejection::UnknownSection { .. } => Self::in_body(Code::UnknownSeats, "/bestAvailable/section", detail),
            Rejection::UnknownCategory { .. } => Self::in_body(Code::UnknownSeats, "/bestAvailable/category", detail),
            Rejection::TooFewSeats { left, .. }
            | Rejection::TooFewBuyable { left, .. }
            | Rejection::TooFewAccessible { left, .. }
            | Rejection::TooFewCompanions { left, .. } => Self::too_few(Code::TooFewSeats, detail, (left, None)),
            Rejection::SeatLeftAlone { .. } => Self::new(Code::SeatLeftAlone, detail),
            Rejection::NotTogether { longest, .. } => {
                Self::new(Code::NotTogether, detail).with(Further { longest: Some(longest), ..Further::default() })
            }
            Rejection::UnknownBooking => Self::new(Code::UnknownBooking, detail),
            Rejection::NotHolder => Self::new(Code::NotHolder, detail),
            Rejection::HoldExpired { expired_at } => Self::expired(Code::HoldExpired, detail, expired_at),
            Rejection::PaymentTooLate { expired_at, conflicts } => {
                Self::expired(Code::PaymentTooLate, detail, expired_at).with_conflicts(&conflicts)
            }
            Rejection::TooManyLatePayments { expired_at } => {
                Self::expired(Code::TooManyLatePayments, detail, expired_at)
            }
            Rejection::BookingNotPending { status } => Self::in_status(Code::BookingNotPending, detail, status),
            Rejection::BookingNotConfirmed { status } => Self::in_status(Code::BookingNotConfirmed, detail, status),
            Rejection::SeatsNotInBooking { .. } => Self::new(Code::SeatsNotInBooking, detail),
            Rejection::Block(rejection) => Self::of_block(&rejection, detail),
            Rejection::NoSeatLeft => Self::new(Code::NoSeatLeft, detail),
            Rejection::PaidOtherwise => Self::new(Code::PaidOtherwise, detail),
            Rejection::PaymentUsed { .. } => Self::new(Code::PaymentUsed, detail)
                .with_errors(vec![FieldError::pointer("/paymentReference", "was used for another booking")]),
            Rejection::ExtensionExhausted { limit } => {
                Self::new(Code::ExtensionExhausted, detail).with(Further { limit: Some(limit), ..Further::default() })
            }
            Rejection::HeldTooLong { until } => {
                Self::new(Code::HeldTooLong, detail).with(Further { until: Some(until), ..Further::default() })
            }
            Rejection::IdempotencyKeyReused => Self::new(Code::IdempotencyKeyReused, detail)
                .with_errors(vec![FieldError::header("Idempotency-Key", "belongs to another request")]),
        }
    }
}
