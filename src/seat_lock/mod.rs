//! Seat lock port, the gatekeeper: refuses a lost race for the price of one call. Adapters: [`valkey`] and [`in_process`].
//!
//! **Contract.** A lock only saves work; it never decides (I9). `lock:{<showtime>}:<seat index>` holds the id of the booking that
//! owns it. A claim takes all its seats or none. An owner's repeated claim succeeds. A call that failed may have been executed:
//! claim again or release, both are safe. Each call is bounded by the adapter's response timeout.

use std::time::Duration;

use async_trait::async_trait;

use crate::domain::{BookingId, SeatIndex, ShowtimeId, Timestamp};

pub mod in_process;
pub mod valkey;

/// The lock service cannot be reached, or did not answer in time. The caller goes on without the lock.
#[derive(Debug, thiserror::Error)]
#[error("the seat lock is unavailable: {reason}")]
pub struct LockError {
    /// What happened, for the log.
    pub reason: String,
}

/// Seats that one booking wants, or has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Claim {
    /// The owner.
    pub booking_id: BookingId,
    /// The seats, no duplicates.
    pub seats: Vec<SeatIndex>,
}

/// A lock in the way of a claim.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Obstacle {
    /// The seat.
    pub seat: SeatIndex,
    /// The booking that owns the lock.
    pub owner: BookingId,
    /// Time until the lock falls by itself.
    pub remaining: Duration,
}

/// What became of a claim.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Claimed {
    /// Every seat is locked for the booking, at least until the deadline.
    Granted,
    /// Nothing was locked; these locks are in the way (all of them).
    Refused(Vec<Obstacle>),
}

/// See the module's documentation.
#[async_trait]
pub trait SeatLock: Send + Sync + 'static {
    /// Decides the claims in order, atomically, in one call. What is granted falls at the claim's deadline, unless the booking had
    /// it for longer. One answer per claim, in order.
    async fn claim(&self, showtime: ShowtimeId, claims: Vec<(Claim, Timestamp)>) -> Result<Vec<Claimed>, LockError>;

    /// Takes over locks by compare-and-set: a seat whose owner is still `ghost` goes to `claim`'s booking. All of the claim's seats or
    /// none, as in [`SeatLock::claim`], seats in no one's or the booking's own hands included.
    async fn take_over(
        &self,
        showtime: ShowtimeId,
        ghosts: Vec<BookingId>,
        claim: Claim,
        deadline: Timestamp,
    ) -> Result<Claimed, LockError>;

    /// Sets the locks that each booking still owns to fall at `deadline`; locks owned by others stay untouched.
    async fn keep_until(&self, showtime: ShowtimeId, claims: Vec<(Claim, Timestamp)>) -> Result<(), LockError>;

    /// Removes the locks that each booking still owns; locks owned by others stay untouched.
    async fn release(&self, showtime: ShowtimeId, claims: Vec<Claim>) -> Result<(), LockError>;

    /// Answers if the lock service can be used.
    async fn ping(&self) -> Result<(), LockError>;
}
