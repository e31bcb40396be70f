//! Seat lock in this process's memory: for the embedded profile, where no other process can want the same seats.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::domain::{BookingId, Clock, SeatIndex, ShowtimeId, Timestamp};
use crate::seat_lock::{Claim, Claimed, LockError, Obstacle, SeatLock};

/// Fallen locks are swept out when there are this many locks more than twice the live ones of the last sweep.
const SWEEP_SLACK: usize = 1_024;

/// The adapter.
///
/// **Invariant:** memory is bounded by twice the live locks plus [`SWEEP_SLACK`], as fallen locks are swept out.
pub struct InProcessLock {
    clock: Clock,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    locks: HashMap<(ShowtimeId, SeatIndex), Lock>,
    live_at_last_sweep: usize,
}

#[derive(Clone, Copy)]
struct Lock {
    owner: BookingId,
    /// When it falls by itself; `None` is past every instant that can be expressed.
    until: Option<Instant>,
}

impl Lock {
    fn lasting(owner: BookingId, now: Instant, duration: Duration) -> Self {
        Self { owner, until: now.checked_add(duration) }
    }

    fn is_live(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| until > now)
    }

    fn remaining(&self, now: Instant) -> Duration {
        self.until.map_or(Duration::MAX, |until| until.saturating_duration_since(now))
    }
}

impl InProcessLock {
    /// An empty lock table. Locks fall by tokio's clock; `clock` says how far away a deadline is.
    pub fn new(clock: Clock) -> Self {
        Self { clock, table: Mutex::default() }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // Every change of the table is complete in itself, so a panic elsewhere cannot leave it half done.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn live(&self, showtime: ShowtimeId, seat: SeatIndex, now: Instant) -> Option<Lock> {
        self.locks.get(&(showtime, seat)).copied().filter(|lock| lock.is_live(now))
    }

    fn claim(&mut self, showtime: ShowtimeId, ghosts: &[BookingId], claim: &Claim, lasting: Duration) -> Claimed {
        let now = Instant::now();
        let in_the_way = |lock: &Lock| lock.owner != claim.booking_id && !ghosts.contains(&lock.owner);
        let obstacles: Vec<Obstacle> = claim
            .seats
            .iter()
            .filter_map(|&seat| {
                let lock = self.live(showtime, seat, now).filter(in_the_way)?;
                Some(Obstacle { seat, owner: lock.owner, remaining: lock.remaining(now) })
            })
            .collect();
        if !obstacles.is_empty() {
            return Claimed::Refused(obstacles);
        }
        for &seat in &claim.seats {
            let own = self.live(showtime, seat, now).filter(|lock| lock.owner == claim.booking_id);
            // An own lock that lasts longer stays as it is.
            if own.is_none_or(|lock| lock.remaining(now) < lasting) {
                self.locks.insert((showtime, seat), Lock::lasting(claim.booking_id, now, lasting));
            }
        }
        Claimed::Granted
    }

    /// Sets the claim's own locks to last, or removes them where `lasting` is zero.
    fn keep(&mut self, showtime: ShowtimeId, claim: &Claim, lasting: Duration) {
        let now = Instant::now();
        for &seat in &claim.seats {
            if self.live(showtime, seat, now).is_none_or(|lock| lock.owner != claim.booking_id) {
                continue;
            }
            if lasting.is_zero() {
                self.locks.remove(&(showtime, seat));
            } else {
                self.locks.insert((showtime, seat), Lock::lasting(claim.booking_id, now, lasting));
            }
        }
    }

    fn sweep(&mut self) {
        if self.locks.len() > self.live_at_last_sweep.saturating_mul(2).saturating_add(SWEEP_SLACK) {
            let now = Instant::now();
            self.locks.retain(|_, lock| lock.is_live(now));
            self.live_at_last_sweep = self.locks.len();
        }
    }
}

#[async_trait]
impl SeatLock for InProcessLock {
    async fn claim(&self, showtime: ShowtimeId, claims: Vec<(Claim, Timestamp)>) -> Result<Vec<Claimed>, LockError> {
        let now = (self.clock)();
        let mut table = self.table();
        let claim = |(claim, deadline): &(Claim, Timestamp)| table.claim(showtime, &[], claim, deadline.since(now));
        let answers = claims.iter().map(claim).collect();
        table.sweep();
        Ok(answers)
    }

    async fn take_over(
        &self,
        showtime: ShowtimeId,
        ghosts: Vec<BookingId>,
        claim: Claim,
        deadline: Timestamp,
    ) -> Result<Claimed, LockError> {
        let lasting = deadline.since((self.clock)());
        Ok(self.table().claim(showtime, &ghosts, &claim, lasting))
    }

    async fn keep_until(&self, showtime: ShowtimeId, claims: Vec<(Claim, Timestamp)>) -> Result<(), LockError> {
        let now = (self.clock)();
        let mut table = self.table();
        for (claim, deadline) in &claims {
            table.keep(showtime, claim, deadline.since(now));
        }
        Ok(())
    }

    async fn release(&self, showtime: ShowtimeId, claims: Vec<Claim>) -> Result<(), LockError> {
        let mut table = self.table();
        for claim in &claims {
            table.keep(showtime, claim, Duration::ZERO);
        }
        Ok(())
    }

    async fn ping(&self) -> Result<(), LockError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use uuid::Uuid;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn fallen_locks_do_not_pile_up() {
        let lock = InProcessLock::new(Arc::new(|| Timestamp::from_millis(0)));
        let showtime = ShowtimeId(Uuid::from_u128(1));
        for round in 0..10_000_u32 {
            let claim = Claim { booking_id: BookingId(Uuid::from_u128(round.into())), seats: vec![round] };
            lock.claim(showtime, vec![(claim, Timestamp::from_millis(100))]).await.unwrap();
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        assert!(lock.table().locks.len() <= 2 * 100 + SWEEP_SLACK + 1);
    }
}
