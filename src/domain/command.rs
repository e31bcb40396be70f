//! Commands: what clients and clocks ask of one showtime.

use std::time::Duration;

use crate::domain::{
    BlockAccess, BookingId, CancelReason, Choice, ListingChange, NewBlock, PaymentReference, SeatExchange, SeatId,
    SeatSelection, Terms, Timestamp, TokenHash, UserId,
};

/// A request to change one showtime. Every command may be repeated: a second time it changes nothing and is answered as the first time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// Hold seats for a new booking: all of them or none.
    ReserveSeats {
        /// The id that the booking will have.
        booking_id: BookingId,
        /// The seats, checked to be of this showtime.
        seats: SeatSelection,
        /// Who books.
        user_id: UserId,
        /// Hash of the token that the holder will show.
        token: TokenHash,
        /// When it was asked: the hold's deadline is reckoned from here, so that seats can be locked until then before it is decided.
        asked_at: Timestamp,
        /// What is shown besides.
        buyer: Buyer,
    },
    /// Hold places for a new booking: all of them or none. Some of them are chosen when it is decided, together with all other commands.
    ReserveChosen {
        /// The id that the booking will have.
        booking_id: BookingId,
        /// How many, and which ones may be chosen.
        choice: Choice,
        /// Who books.
        user_id: UserId,
        /// Hash of the token that the holder will show.
        token: TokenHash,
        /// When it was asked: the hold's deadline is reckoned from here.
        asked_at: Timestamp,
        /// What is shown besides.
        buyer: Buyer,
    },
    /// Hold seats back for the house. Asked by operators only.
    BlockSeats {
        /// The block.
        new: NewBlock,
    },
    /// Give seats of a block back to everybody. Asked by operators only.
    UnblockSeats {
        /// The block.
        booking_id: BookingId,
        /// Which of its seats; none: all of them, and the block is over.
        seats: Vec<SeatId>,
    },
    /// Turn a hold into a sale.
    ConfirmBooking {
        /// The booking.
        booking_id: BookingId,
        /// Who asks.
        credential: Credential,
        /// What the payment provider calls the payment.
        payment_reference: PaymentReference,
        /// When it was asked: in time if that was before the deadline, however long it waited to be decided.
        asked_at: Timestamp,
    },
    /// Give a hold up.
    CancelBooking {
        /// The booking.
        booking_id: BookingId,
        /// Who asks.
        credential: Credential,
    },
    /// Give seats of a confirmed booking back, and return their payment. Asked by operators only.
    RefundBooking {
        /// The booking.
        booking_id: BookingId,
        /// Which of its seats; none: all of them.
        seats: Vec<SeatId>,
        /// Why, for people.
        reason: Option<CancelReason>,
    },
    /// Take and give back seats in one step; the deadline stays. The holder of a pending booking, or an operator also of a confirmed one.
    ChangeSeats {
        /// The booking.
        booking_id: BookingId,
        /// Who asks.
        credential: Credential,
        /// Which seats.
        exchange: SeatExchange,
        /// When it was asked: in time if that was before the deadline.
        asked_at: Timestamp,
    },
    /// Move a hold's deadline, within [`HoldPolicy::max_total`].
    ExtendHold {
        /// The booking.
        booking_id: BookingId,
        /// Who asks.
        credential: Credential,
        /// When it was asked: in time if that was before the deadline. The new deadline is reckoned from here, so that the command has
        /// one effect however often it is tried.
        asked_at: Timestamp,
    },
    /// End a hold or a block whose deadline has passed, or a booking of a cancelled showtime. Asked by clocks only.
    ExpireHold {
        /// The booking.
        booking_id: BookingId,
    },
    /// Change the showtime's listing. Asked by operators only.
    ChangeShowtime {
        /// The new values.
        change: ListingChange,
    },
    /// Cancel the showtime for good. Asked by operators only.
    CancelShowtime {
        /// Why, for people.
        reason: CancelReason,
    },
}

impl Command {
    /// The booking that the command is about; `None` for those about the whole showtime.
    pub fn booking_id(&self) -> Option<BookingId> {
        match self {
            Self::ReserveSeats { booking_id, .. }
            | Self::ReserveChosen { booking_id, .. }
            | Self::BlockSeats { new: NewBlock { booking_id, .. } }
            | Self::UnblockSeats { booking_id, .. }
            | Self::ConfirmBooking { booking_id, .. }
            | Self::CancelBooking { booking_id, .. }
            | Self::RefundBooking { booking_id, .. }
            | Self::ChangeSeats { booking_id, .. }
            | Self::ExtendHold { booking_id, .. }
            | Self::ExpireHold { booking_id } => Some(*booking_id),
            Self::ChangeShowtime { .. } | Self::CancelShowtime { .. } => None,
        }
    }

    /// Whether it moves the showtime to another version of its auditorium.
    pub fn moves(&self) -> bool {
        matches!(self, Self::ChangeShowtime { change } if change.house.is_some())
    }

    /// Of a reservation or a block: the hash of the token that its holder will show, and when it was asked.
    pub fn new_hold(&self) -> Option<(TokenHash, Timestamp)> {
        match self {
            Self::ReserveSeats { token, asked_at, .. }
            | Self::ReserveChosen { token, asked_at, .. }
            | Self::BlockSeats { new: NewBlock { token, asked_at, .. } } => Some((*token, *asked_at)),
            Self::UnblockSeats { .. }
            | Self::ConfirmBooking { .. }
            | Self::CancelBooking { .. }
            | Self::RefundBooking { .. }
            | Self::ChangeSeats { .. }
            | Self::ExtendHold { .. }
            | Self::ExpireHold { .. }
            | Self::ChangeShowtime { .. }
            | Self::CancelShowtime { .. } => None,
        }
    }

    /// The seats that it takes by name: for which booking, which ones, and when it was asked. `None` if it takes none.
    pub fn named_seats(&self) -> Option<(BookingId, &[SeatId], Timestamp)> {
        match self {
            Self::ReserveSeats { booking_id, seats, asked_at, .. } => Some((*booking_id, seats.as_slice(), *asked_at)),
            Self::ReserveChosen { booking_id, choice, asked_at, .. } => {
                choice.named().map(|seats| (*booking_id, seats.as_slice(), *asked_at))
            }
            Self::BlockSeats { new: NewBlock { booking_id, seats, asked_at, .. } } => {
                Some((*booking_id, seats.as_slice(), *asked_at))
            }
            Self::ChangeSeats { booking_id, exchange, asked_at, .. } if !exchange.add.is_empty() => {
                Some((*booking_id, &exchange.add, *asked_at))
            }
            Self::ChangeSeats { .. }
            | Self::UnblockSeats { .. }
            | Self::ConfirmBooking { .. }
            | Self::CancelBooking { .. }
            | Self::RefundBooking { .. }
            | Self::ExtendHold { .. }
            | Self::ExpireHold { .. }
            | Self::ChangeShowtime { .. }
            | Self::CancelShowtime { .. } => None,
        }
    }

    /// The payment that it would confirm a booking with.
    pub fn payment_reference(&self) -> Option<&PaymentReference> {
        match self {
            Self::ConfirmBooking { payment_reference, .. } => Some(payment_reference),
            Self::ReserveSeats { buyer, .. } | Self::ReserveChosen { buyer, .. } => buyer.payment.as_ref(),
            Self::BlockSeats { .. }
            | Self::UnblockSeats { .. }
            | Self::CancelBooking { .. }
            | Self::RefundBooking { .. }
            | Self::ChangeSeats { .. }
            | Self::ExtendHold { .. }
            | Self::ExpireHold { .. }
            | Self::ChangeShowtime { .. }
            | Self::CancelShowtime { .. } => None,
        }
    }
}

/// What is shown with a reservation. Most show nothing.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Buyer {
    /// Opens blocks: their seats can be taken, too.
    pub access: Option<BlockAccess>,
    /// An operator, already authenticated, asks.
    pub is_operator: bool,
    /// Sold at once, for this payment: an operator's sale at the door.
    pub payment: Option<PaymentReference>,
}

impl Buyer {
    /// Whether it can have no seats but free ones, and only while the sale is open.
    pub fn is_like_all(&self) -> bool {
        self.access.is_none() && self.payment.is_none()
    }

    /// Whether it shows what only operators may show.
    pub fn needs_operator(&self) -> bool {
        self.payment.is_some() || matches!(self.access, Some(BlockAccess::Block(_)))
    }
}

/// Whose hold a reservation makes.
pub(super) struct NewHold<'a> {
    pub(super) booking_id: BookingId,
    pub(super) user_id: &'a UserId,
    pub(super) asked_at: Timestamp,
    pub(super) buyer: &'a Buyer,
}

/// What a client shows to act on a booking.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Credential {
    /// Somebody with a hold token; this is its hash.
    Holder(TokenHash),
    /// An operator, already authenticated.
    Operator,
}

/// How long holds live: by the server's settings, or, after [`HoldPolicy::on`], in one showtime.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HoldPolicy {
    /// From the reservation, or from an extension, to the deadline.
    pub hold: Duration,
    /// From the reservation to the last deadline that extensions can reach.
    pub max_total: Duration,
}

impl HoldPolicy {
    /// The policy of a showtime on these terms, where this is the server's: its holds are as long as it says, within the same longest total time.
    #[must_use]
    pub fn on(&self, terms: &Terms) -> Self {
        Self { hold: terms.hold_seconds.map_or(self.hold, |seconds| Duration::from_secs(seconds.into())), ..*self }
    }

    /// From a reservation to the first deadline of its hold.
    pub fn first_hold(&self) -> Duration {
        self.hold.min(self.max_total)
    }

    /// The first deadline of a hold asked for at `now`.
    pub fn first_deadline(&self, now: Timestamp) -> Timestamp {
        now + self.first_hold()
    }

    /// A user who takes seats again this soon after giving them up has not stopped holding them: a minute, or a hold if that is shorter.
    pub fn break_between_holds(&self) -> Duration {
        self.hold.min(Duration::from_mins(1))
    }

    /// The deadline that an extension asked at `now` gives to a hold made at `reserved_at`.
    pub fn extended_deadline(&self, reserved_at: Timestamp, now: Timestamp) -> Timestamp {
        (now + self.hold).min(reserved_at + self.max_total)
    }
}
