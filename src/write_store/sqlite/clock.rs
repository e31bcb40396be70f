//! The embedded store's clock: the machine's when the store is opened, from then on the monotonic one, brought slowly to the machine's.
//!
//! The process is the store, so no other clock can correct the machine's when somebody or NTP sets it. A step of the machine's
//! clock must neither end holds nor prolong them: it is made good at one hundredth of the speed of time, so a hold of two minutes is
//! wrong by 1.2 s at most. A step forward of more than an hour is taken at once: the machine had started without the time of day.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use diesel::RunQueryDsl;
use diesel::sql_types::BigInt;
use diesel::sqlite::SqliteConnection;
use tokio::time::Instant;

use crate::domain::Timestamp;
use crate::write_store::StoreError;
use crate::write_store::sqlite::failure::failed_to;
use crate::write_store::sqlite::statement::{Statement, statement};

/// The part of the time passed by which the clock is moved towards the machine's, as a divisor.
const CORRECTION: u32 = 100;
/// A machine's clock that is further ahead was not set when the store was opened.
const UNSET: Duration = Duration::from_hours(1);

statement! {
    /// The machine's time in milliseconds since 1970.
    MachineTime -> BigInt = "SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER)"
}

/// The machine's time, as SQLite reads it.
pub(super) fn machine_time(connection: &mut SqliteConnection) -> Result<Timestamp, StoreError> {
    let milliseconds =
        MachineTime.with(&[]).get_result(connection).map_err(failed_to::<StoreError>("read the machine's clock"))?;
    Ok(Timestamp::from_millis(milliseconds))
}

/// See the module's documentation.
#[derive(Default)]
pub(super) struct ProcessClock(Mutex<Option<(Timestamp, Instant)>>);

impl ProcessClock {
    /// The store's time at `moment`, when the machine's was `machine`. Moments must not go back.
    pub(super) fn follow(&self, machine: Timestamp, moment: Instant) -> Timestamp {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = last.map_or(machine, |(then, at)| corrected(then, moment.saturating_duration_since(at), machine));
        *last = Some((now, moment));
        now
    }
}

/// The store's time `passed` after `then`.
fn corrected(then: Timestamp, passed: Duration, machine: Timestamp) -> Timestamp {
    let now = then + passed;
    let step = passed / CORRECTION;
    match machine.since(now) {
        unset if unset > UNSET => machine,
        // The machine's clock is ahead, by nothing at least.
        ahead if machine >= now => now + ahead.min(step),
        _ => now - now.since(machine).min(step),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::MIN;
    const SECOND: Duration = Duration::from_secs(1);

    /// The clock's time after so many looks, one a second, while the machine's clock is `machine(true time)`.
    fn after(looks: u32, machine: impl Fn(Timestamp) -> Timestamp) -> Timestamp {
        let (clock, opened) = (ProcessClock::default(), Instant::now());
        let start = Timestamp::from_millis(0) + Duration::from_hours(24);
        clock.follow(start, opened);
        let mut now = start;
        for look in 1..=looks {
            now = clock.follow(machine(start + SECOND * look), opened + SECOND * look);
        }
        START + now.since(start)
    }

    #[test]
    fn a_step_of_the_machine_moves_the_clock_by_a_hundredth_of_the_time_passed() {
        let (step, passed) = (Duration::from_mins(10), SECOND * 100);
        assert_eq!(after(100, |time| time), START + passed);
        assert_eq!(after(100, |time| time + step), START + passed + SECOND);
        assert_eq!(after(100, |time| time - step), START + passed - SECOND);
    }

    #[test]
    fn the_clock_reaches_the_machines_in_the_end() {
        let (step, passed) = (Duration::from_secs(3), SECOND * 1_000);
        assert_eq!(after(1_000, |time| time + step), START + passed + step);
        assert_eq!(after(1_000, |time| time - step), START + passed - step);
    }

    #[test]
    fn a_machine_that_had_no_time_of_day_is_followed_at_once() {
        let years = Duration::from_hours(24 * 365 * 50);
        assert_eq!(after(1, |time| time + years), START + years + SECOND);
    }
}
