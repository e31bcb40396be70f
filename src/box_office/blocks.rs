//! Blocks: brings what operators do with places that the house holds back to the actor of their showtime; lists blocks.

use rand::random;
use tokio::time::Instant;
use uuid::Uuid;

use crate::box_office::request::{KeyedRequest, Request, RequestContext};
use crate::box_office::{BoxOffice, BoxOfficeError, Outcome};
use crate::domain::{
    Block, Booking, BookingId, Command, GivenTime, HoldToken, NewBlock, SeatId, SeatSelection, Showtime, ShowtimeId,
    TokenHash,
};

/// A block as operators want it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WantedBlock {
    /// Its seats.
    pub seats: SeatSelection,
    /// What it is for.
    pub block: Block,
    /// When it ends, if it does so by itself.
    pub until: Option<GivenTime>,
    /// Hash of its channel's key, if it has a channel.
    pub channel_key: Option<TokenHash>,
}

impl BoxOffice {
    /// Holds seats back for the house. For operators, whom the caller has authenticated.
    pub async fn block(
        &self,
        showtime_id: ShowtimeId,
        wanted: WantedBlock,
        context: RequestContext,
    ) -> Result<Outcome, BoxOfficeError> {
        let WantedBlock { seats, block, until, channel_key } = wanted;
        let booking_id = BookingId::new(showtime_id, Uuid::now_v7());
        let token = channel_key.unwrap_or_else(|| HoldToken::from_bytes(random()).hash());
        let asked_at = (self.deps().clock)();
        let new = NewBlock { booking_id, seats, block, until, token, asked_at };
        self.house(showtime_id, Command::BlockSeats { new }, context).await
    }

    /// Gives seats of a block back to everybody; all of them, and the block is over, if `seats` is empty. For operators, whom the caller has
    /// authenticated.
    pub async fn unblock(
        &self,
        showtime_id: ShowtimeId,
        booking_id: BookingId,
        seats: Vec<SeatId>,
        context: RequestContext,
    ) -> Result<Outcome, BoxOfficeError> {
        self.house(showtime_id, Command::UnblockSeats { booking_id, seats }, context).await
    }

    /// Up to `limit` live blocks of a showtime with an id above `after`, ascending.
    pub async fn blocks(
        &self,
        showtime_id: ShowtimeId,
        after: Option<BookingId>,
        limit: usize,
    ) -> Result<Vec<Booking>, BoxOfficeError> {
        let found = self.deps().ledger.blocks(showtime_id, after, limit).await;
        found.map_err(|error| self.unavailable(&error))
    }

    /// All live blocks of a showtime.
    pub async fn all_blocks(&self, showtime_id: ShowtimeId) -> Result<Vec<Booking>, BoxOfficeError> {
        let most = usize::try_from(Showtime::MOST_BLOCKS).unwrap_or(usize::MAX);
        self.blocks(showtime_id, None, most).await
    }

    async fn house(
        &self,
        showtime_id: ShowtimeId,
        command: Command,
        context: RequestContext,
    ) -> Result<Outcome, BoxOfficeError> {
        let arrived = Instant::now();
        let keyed = context.key.and_then(|key| KeyedRequest::for_command(&key, showtime_id, &command, random()));
        let traceparent = context.traceparent;
        let request = Request { command, key: keyed, traceparent, repeated: false, _arrival: None, arrived };
        self.submit(showtime_id, request).await?.told.booking()
    }
}
