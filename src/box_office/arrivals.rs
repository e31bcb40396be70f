//! Arrivals: confirmations, extensions and changes of seats that have come and are not answered yet. No expiry decided meanwhile beats one that came in time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::domain::{BookingId, Clock, Timestamp};

/// How long past its deadline a hold waits for a command that came in time: less than the two seconds in which every hold must end.
const GRACE: Duration = Duration::from_millis(1_500);

/// See the module's documentation. As many entries as requests under way.
#[derive(Default, Debug)]
pub(super) struct Arrivals {
    moments: Mutex<HashMap<BookingId, Vec<Timestamp>>>,
}

/// One command on its way, from its arrival to its answer.
#[derive(Debug)]
pub(super) struct Arrival {
    arrivals: Arc<Arrivals>,
    booking_id: BookingId,
    /// When it came.
    pub asked_at: Timestamp,
}

impl Arrivals {
    /// Notes a command about a booking. The time is read under the lock: an expiry that did not see the entry has read an earlier one.
    pub(super) fn note(self: &Arc<Self>, booking_id: BookingId, clock: &Clock) -> Arrival {
        let mut moments = self.lock();
        let asked_at = clock();
        moments.entry(booking_id).or_default().push(asked_at);
        Arrival { arrivals: Arc::clone(self), booking_id, asked_at }
    }

    /// Whether a hold that is due is left alone for now, because a command about it came before the deadline.
    pub(super) fn spare(&self, booking_id: BookingId, deadline: Timestamp, now: Timestamp) -> bool {
        let came_in_time = || {
            let moments = self.lock();
            moments.get(&booking_id).is_some_and(|moments| moments.iter().any(|asked_at| *asked_at < deadline))
        };
        now < deadline + GRACE && came_in_time()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<BookingId, Vec<Timestamp>>> {
        // Consistent after every statement, so a panic elsewhere leaves it usable.
        self.moments.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Arrival {
    fn drop(&mut self) {
        let mut moments = self.arrivals.lock();
        let Some(noted) = moments.get_mut(&self.booking_id) else { return };
        if let Some(position) = noted.iter().position(|asked_at| *asked_at == self.asked_at) {
            noted.swap_remove(position);
        }
        if noted.is_empty() {
            moments.remove(&self.booking_id);
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_hold_is_spared_while_a_command_that_came_in_time_is_under_way() {
        let arrivals = Arc::new(Arrivals::default());
        let booking = BookingId(Uuid::from_u128(1));
        let at = Timestamp::from_millis;
        let clock: Clock = Arc::new(|| Timestamp::from_millis(900));
        let deadline = at(1_000);
        assert!(!arrivals.spare(booking, deadline, at(1_001)));
        let early = arrivals.note(booking, &clock);
        let also = arrivals.note(booking, &clock);
        assert!(arrivals.spare(booking, deadline, at(1_001)));
        assert!(!arrivals.spare(booking, at(900), at(1_001)), "it came at the deadline: too late");
        assert!(!arrivals.spare(BookingId(Uuid::from_u128(2)), deadline, at(1_001)));
        assert!(!arrivals.spare(booking, deadline, deadline + GRACE), "not for ever");
        drop(early);
        assert!(arrivals.spare(booking, deadline, at(1_001)));
        drop(also);
        assert!(!arrivals.spare(booking, deadline, at(1_001)));
        assert!(arrivals.lock().is_empty());
    }
}
