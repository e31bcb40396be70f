//! Blocks: places that the house holds back. A block is a booking of the house: it has its seats as a hold has them, and its end is a deadline.
//! No customer can do anything with it.
//!
//! Seats come into a block and leave it by events that name those seats only, so they do not all have the block's version, as those of
//! other live bookings do. Who ends a block has to know its showtime.

use serde::{Deserialize, Serialize};

use crate::domain::seat_names::named;
use crate::domain::text::{self, TextError};
use crate::domain::{BookingId, CancelReason, GivenTime, SeatId, SeatPlace, SeatSelection, Timestamp, TokenHash};

/// What a block is for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Block {
    /// Such as `house`, `technical` or `press`.
    #[serde(rename = "type")]
    pub kind: HouseWord,
    /// Why, for operators.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<CancelReason>,
    /// The channel that sells its seats, by its name. Whoever shows the channel's key may take them; its hash stands where a hold's token does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<HouseWord>,
}

/// What opens blocks to a request: their seats can be taken as if they were free, and go back to them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BlockAccess {
    /// Hash of a channel's key. It opens the channel's blocks, to everybody.
    ChannelKey(TokenHash),
    /// A block of any type, named by an operator. To nobody else it is there.
    Block(BookingId),
}

/// Seats that a booking has from a block.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BlockSeats {
    /// The block.
    #[serde(rename = "blockId")]
    pub id: BookingId,
    /// The seats.
    pub seat_ids: Vec<SeatId>,
}

/// Why a command about a block is refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BlockRejection {
    /// No block of the showtime has this id; or it is over, and seats of it are wanted.
    #[error("there is no block with this id")]
    Unknown,
    /// Seats that the block does not have.
    #[error("{} not in this block", named(places, "is", "are"))]
    SeatsNotInBlock {
        /// The ids.
        seat_ids: Vec<SeatId>,
        /// The same, as they are printed.
        places: Vec<SeatPlace>,
    },
    /// No live channel of the showtime has this key.
    #[error("this is the key of no channel that sells seats of this showtime now")]
    WrongKey,
    /// It would be over before it begins.
    #[error("the block would end at {until}, which has passed")]
    Over {
        /// Its end.
        until: Timestamp,
    },
    /// The showtime has as many blocks as it may have.
    #[error("a showtime has {most} blocks at most")]
    TooMany {
        /// How many it may have.
        most: u32,
    },
}

/// A word of the house's own, such as a block's type or a channel's name: 1 to 40 characters.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HouseWord(String);

/// A block to be made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewBlock {
    /// The id that it will have.
    pub booking_id: BookingId,
    /// Its seats, at most [`SeatSelection::MAX_BLOCKED`].
    pub seats: SeatSelection,
    /// What it is for.
    pub block: Block,
    /// When it ends; without it, with the showtime's cancellation at the latest.
    pub until: Option<GivenTime>,
    /// Hash of its channel's key, or of a token that nobody has.
    pub token: TokenHash,
    /// When it was asked for.
    pub asked_at: Timestamp,
}

impl HouseWord {
    /// Most characters.
    pub const MAX_CHARACTERS: usize = 40;

    /// A word that a client gives, in the form in which it is kept: see the module `text`.
    ///
    /// # Errors
    /// It is empty, too long, or has characters that cannot be seen.
    pub fn parse(text: impl AsRef<str>) -> Result<Self, TextError> {
        text::plain(text.as_ref(), Self::MAX_CHARACTERS).map(Self)
    }

    /// The word as it is kept.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
