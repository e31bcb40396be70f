//! The clock of this node: the write store's, read with each ping, and the monotonic clock in between.
//!
//! **Invariant:** the time never goes back, and nothing that is done to this machine's own clock changes it.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, UNIX_EPOCH};

use tokio::time::Instant;

use crate::domain::{Clock, Timestamp};
use crate::write_store::{Moment, StoreError, WriteStore};

/// Readings at the start; the most exact of them counts. The first may have opened a connection.
const FIRST_READINGS: usize = 3;
/// A reading gets less exact with its age by this part of it, as a divisor: clocks drift.
const DRIFT: u32 = 1_000;
/// How fast the clock runs while it waits for a store that is behind it, as a divisor of the speed of time.
const SLOWED: u32 = 2;
/// An offset of this machine's own clock past which it is reported.
const TOLERATED_OFFSET_MILLISECONDS: i64 = 500;

/// The time by this machine's own clock, in UTC. For what is measured or noted here only: what others rely on is decided by the
/// write store's clock.
#[allow(clippy::disallowed_methods, reason = "the composition root is where the clock is read")]
pub fn machine_time() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// See the module's documentation. Cheap to clone.
#[derive(Clone)]
pub(super) struct StoreClock {
    reading: Arc<RwLock<Reading>>,
}

/// What is known of the store's clock.
#[derive(Clone, Copy, Debug)]
struct Reading {
    /// The store's time at `at`, give or take `error`.
    store: Timestamp,
    at: Instant,
    error: Duration,
    /// What this clock had told when the reading was taken, and when.
    told: (Timestamp, Instant),
}

impl StoreClock {
    /// Reads the store's clock, so that the time is known from the start.
    pub(super) async fn start(store: &dyn WriteStore) -> Result<Self, StoreError> {
        let clock = Self { reading: Arc::new(RwLock::new(Reading::first(&store.ping().await?))) };
        for _ in 1..FIRST_READINGS {
            clock.note(&store.ping().await?);
        }
        Ok(clock)
    }

    /// For everybody who decides by time.
    pub(super) fn clock(&self) -> Clock {
        let clock = self.clone();
        Arc::new(move || clock.now())
    }

    /// Takes a reading into account.
    pub(super) fn note(&self, moment: &Moment) {
        let mut reading = self.reading.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(better) = reading.revised(moment, Instant::now()) {
            *reading = better;
        }
    }

    /// Fails if this machine's own clock is off by more than is tolerated. Nothing here rests on it; logs and other programs do.
    pub(super) fn compare_machine(&self) -> Result<(), String> {
        let offset = machine_time().as_millis().saturating_sub(self.now().as_millis());
        if offset.abs() <= TOLERATED_OFFSET_MILLISECONDS {
            return Ok(());
        }
        let way = if offset > 0 { "ahead of" } else { "behind" };
        Err(format!("this machine's clock is {} ms {way} the write store's", offset.abs()))
    }

    fn now(&self) -> Timestamp {
        let reading = self.reading.read().unwrap_or_else(PoisonError::into_inner);
        // Looked at under the lock: a later reading must not start from an earlier moment.
        reading.at(Instant::now())
    }
}

impl Reading {
    fn first(moment: &Moment) -> Self {
        let error = moment.answered.saturating_duration_since(moment.asked) / 2;
        let at = moment.asked + error;
        Self { store: moment.now, at, error, told: (moment.now, at) }
    }

    /// The time at `now`: the store's, or while the store is found to be behind what was told, that at a slower pace.
    fn at(&self, now: Instant) -> Timestamp {
        let store = self.store + now.saturating_duration_since(self.at);
        let (told, told_at) = self.told;
        store.max(told + now.saturating_duration_since(told_at) / SLOWED)
    }

    /// The reading with a new one taken in: the new one if it is the more exact, or if both cannot be true because the
    /// store's clock was set (or another server took over).
    fn revised(&self, moment: &Moment, now: Instant) -> Option<Self> {
        let new = Self { told: (self.at(now), now), ..Self::first(moment) };
        let age = new.at.saturating_duration_since(self.at);
        let error = self.error + age / DRIFT;
        let expected = self.store + age;
        let apart = expected.since(new.store).max(new.store.since(expected));
        (new.error <= error || apart > new.error + error).then_some(new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn moment(now: Timestamp, asked: Instant, round_trip: Duration) -> Moment {
        Moment { now, asked, answered: asked + round_trip }
    }

    fn start() -> (Timestamp, Instant) {
        (Timestamp::from_millis(1_795_392_000_000), Instant::now())
    }

    #[test]
    fn half_the_round_trip_is_the_way_back() {
        let (time, opened) = start();
        let reading = Reading::first(&moment(time, opened, SECOND));
        assert_eq!(reading.at(opened + SECOND), time + SECOND / 2);
        assert_eq!(reading.at(opened + SECOND * 60), time + SECOND * 60 - SECOND / 2);
    }

    #[test]
    fn a_slow_answer_does_not_spoil_an_exact_reading() {
        let (time, opened) = start();
        let exact = Reading::first(&moment(time, opened, Duration::from_millis(2)));
        let slow = moment(time + SECOND, opened + SECOND, SECOND);
        assert!(exact.revised(&slow, opened + SECOND * 2).is_none());
        let quick = moment(time + SECOND, opened + SECOND, Duration::from_millis(2));
        assert!(exact.revised(&quick, opened + SECOND).is_some());
    }

    #[test]
    fn a_store_that_was_set_forward_is_followed_at_once() {
        let (time, opened) = start();
        let reading = Reading::first(&moment(time, opened, Duration::ZERO));
        let set = time + Duration::from_mins(5);
        let revised = reading.revised(&moment(set, opened + SECOND, SECOND / 10), opened + SECOND).unwrap();
        assert_eq!(revised.at(opened + SECOND + SECOND / 20), set);
    }

    #[test]
    fn a_store_that_was_set_back_is_waited_for_at_half_the_pace() {
        let (time, opened) = start();
        let reading = Reading::first(&moment(time, opened, Duration::ZERO));
        let then = opened + SECOND * 100;
        let revised = reading.revised(&moment(time + SECOND * 90, then, Duration::ZERO), then).unwrap();
        assert_eq!(revised.at(then), time + SECOND * 100, "never back");
        assert_eq!(revised.at(then + SECOND * 10), time + SECOND * 105);
        assert_eq!(revised.at(then + SECOND * 20), time + SECOND * 110, "the store has caught up");
        assert_eq!(revised.at(then + SECOND * 30), time + SECOND * 120);
    }
}
