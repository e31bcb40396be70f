//! Seat lock on Valkey (8 or newer) or Redis (7 or newer), one server or a cluster: one script call for any number of bookings, and of
//! showtimes unless it is a cluster.

mod calls;
mod link;
mod servers;
mod settings;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::domain::{BookingId, Clock, ShowtimeId, Timestamp};
use crate::seat_lock::{Claim, Claimed, LockError, Obstacle, SeatLock};

use self::calls::{Action, Calls, Operation, unexpected};
use self::link::Link;

pub use self::settings::Settings;

/// The adapter. Calls share one multiplexed connection (to each server of a cluster), which is replaced in the background when it breaks.
///
/// **Invariant:** no call takes longer than the response timeout; while there is no connection, calls fail at once.
pub struct ValkeyLock {
    link: Arc<Link>,
    calls: Calls,
    clock: Clock,
    response_timeout: Duration,
}

impl ValkeyLock {
    /// Connects to one server (`redis://host:6379`), to the master that Sentinels name (`redis+sentinel://host1:26379,host2:26379/mymaster`),
    /// or to a cluster (`redis+cluster://host1,host2`). `rediss` in place of `redis` means TLS, with `ssl_ca_certs`, `ssl_certfile` and
    /// `ssl_keyfile`; `valkey` and `valkeys` mean the same. Waits for the first attempt to connect, at most the connect timeout; what
    /// cannot be reached is tried again in the background for ever. Must be called on the runtime that is to own the connection.
    ///
    /// # Errors
    /// Only if the URL is malformed, or a TLS file that it names cannot be used.
    pub async fn connect(url: &str, settings: &Settings, clock: Clock) -> Result<Self, LockError> {
        let link = Arc::new(Link::open(url, settings).await?);
        Ok(Self {
            calls: Calls::open(Arc::clone(&link), settings),
            link,
            clock,
            response_timeout: Duration::from_millis(settings.response_timeout_milliseconds),
        })
    }

    async fn decide(&self, operations: Vec<Operation>) -> Result<Vec<Claimed>, LockError> {
        let answers = self.calls.carry(operations).await?;
        let claimed = |found: Vec<Obstacle>| if found.is_empty() { Claimed::Granted } else { Claimed::Refused(found) };
        Ok(answers.into_iter().map(claimed).collect())
    }

    async fn keep(&self, operations: Vec<Operation>) -> Result<(), LockError> {
        self.calls.carry(operations).await.map(drop)
    }
}

#[async_trait]
impl SeatLock for ValkeyLock {
    async fn claim(&self, showtime: ShowtimeId, claims: Vec<(Claim, Timestamp)>) -> Result<Vec<Claimed>, LockError> {
        let now = (self.clock)();
        let operation = |(claim, deadline): (Claim, Timestamp)| {
            let lasting = deadline.since(now);
            Operation { showtime, claim, action: Action::Claim { ghosts: Vec::new() }, lasting }
        };
        self.decide(claims.into_iter().map(operation).collect()).await
    }

    async fn take_over(
        &self,
        showtime: ShowtimeId,
        ghosts: Vec<BookingId>,
        claim: Claim,
        deadline: Timestamp,
    ) -> Result<Claimed, LockError> {
        let lasting = deadline.since((self.clock)());
        let operation = Operation { showtime, claim, action: Action::Claim { ghosts }, lasting };
        let answers = self.decide(vec![operation]).await?;
        answers.into_iter().next().ok_or_else(|| unexpected("no answer"))
    }

    async fn keep_until(&self, showtime: ShowtimeId, claims: Vec<(Claim, Timestamp)>) -> Result<(), LockError> {
        let now = (self.clock)();
        let operation = |(claim, deadline): (Claim, Timestamp)| {
            let lasting = deadline.since(now);
            Operation { showtime, claim, action: Action::Keep, lasting }
        };
        self.keep(claims.into_iter().map(operation).collect()).await
    }

    async fn release(&self, showtime: ShowtimeId, claims: Vec<Claim>) -> Result<(), LockError> {
        let operation = |claim| Operation { showtime, claim, action: Action::Keep, lasting: Duration::ZERO };
        self.keep(claims.into_iter().map(operation).collect()).await
    }

    async fn ping(&self) -> Result<(), LockError> {
        self.link.probe(self.response_timeout).await
    }
}
