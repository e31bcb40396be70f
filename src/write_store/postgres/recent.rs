//! Recent commits of this node, for its relay: an outbox row that it has just written itself need not be read back with all its events.
//!
//! Kept only while this node leads the relay, and only so many events: what is missing here is read from the journal.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::{EventRun, ShowtimeId, recorded};
use crate::write_store::{Batch, Committed};

/// Which run of events: its showtime and first sequence.
type Key = (ShowtimeId, u64);

/// See the module's documentation.
pub(super) struct Recent {
    max_events: usize,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    is_leading: bool,
    batches: HashMap<Key, (Committed, Arc<Batch>)>,
    /// The keys by age; some may have been taken.
    order: VecDeque<Key>,
    events: usize,
}

impl Recent {
    pub(super) fn new(max_events: usize) -> Self {
        Self { max_events, kept: Mutex::default() }
    }

    /// From now on, or no longer, this node leads the relay.
    pub(super) fn lead(&self, leads: bool) {
        let mut kept = self.kept();
        *kept = Kept { is_leading: leads, ..Kept::default() };
    }

    /// Keeps a batch that is certainly committed.
    pub(super) fn keep(&self, committed: Committed, batch: Arc<Batch>) {
        let key = (batch.showtime_id, committed.first_sequence);
        let mut kept = self.kept();
        if !kept.is_leading {
            return;
        }
        kept.events += batch.events.len();
        kept.order.push_back(key);
        kept.batches.insert(key, (committed, batch));
        // A row that was read back before its batch came here is never asked for: it must not keep the keys behind it.
        while kept.events.max(kept.order.len()) > self.max_events
            && let Some(oldest) = kept.order.pop_front()
        {
            kept.remove(oldest);
        }
    }

    /// The run of events from `first` to `last`, if it is kept. It is not kept any longer.
    pub(super) fn take(&self, showtime: ShowtimeId, first: u64, last: u64) -> Option<EventRun> {
        let (committed, batch) = {
            let mut kept = self.kept();
            let batch = kept.remove((showtime, first))?;
            while kept.order.front().is_some_and(|oldest| !kept.batches.contains_key(oldest)) {
                kept.order.pop_front();
            }
            batch
        };
        let recorded_at = batch.recorded_at;
        let events = Arc::try_unwrap(batch).map_or_else(|shared| shared.events.clone(), |batch| batch.events);
        let recorded = recorded((first, recorded_at), (committed.follows, committed.stamp), events);
        EventRun::new(showtime, recorded.collect()).filter(|run| run.last_sequence() == last)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn remove(&mut self, key: Key) -> Option<(Committed, Arc<Batch>)> {
        let kept = self.batches.remove(&key)?;
        self.events -= kept.1.events.len();
        Some(kept)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::{BookingId, Event, Stamp, Timestamp};

    const SHOWTIME: ShowtimeId = ShowtimeId(Uuid::from_u128(1));

    fn at(first_sequence: u64) -> Committed {
        Committed { first_sequence, follows: Stamp(70), stamp: Stamp(80), fence: 1 }
    }

    fn batch(events: u128) -> Arc<Batch> {
        let event = |number| Event::HoldExpired { booking_id: BookingId(Uuid::from_u128(number)), seat_ids: vec![] };
        Arc::new(Batch {
            showtime_id: SHOWTIME,
            fence: 1,
            recorded_at: Timestamp::from_millis(7),
            events: (0..events).map(event).collect(),
            follows: None,
            listing: None,
            seats: vec![],
            bookings: vec![],
            idempotency: vec![],
            traceparent: None,
        })
    }

    #[test]
    fn a_run_is_given_once_and_only_whole() {
        let recent = Recent::new(100);
        recent.lead(true);
        recent.keep(at(4), batch(3));
        let run = recent.take(SHOWTIME, 4, 6).unwrap();
        assert_eq!((run.first_sequence(), run.last_sequence()), (4, 6));
        assert!(run.events().iter().all(|event| event.recorded_at == Timestamp::from_millis(7)));
        let stamps: Vec<_> = run.events().iter().map(|event| (event.follows.0, event.stamp.0)).collect();
        assert_eq!(stamps, [(70, 78), (78, 79), (79, 80)]);
        assert_eq!(recent.take(SHOWTIME, 4, 6), None);
        recent.keep(at(7), batch(2));
        assert_eq!(recent.take(SHOWTIME, 7, 9), None, "the row names more events than were kept");
    }

    #[test]
    fn the_oldest_make_room_and_only_a_leader_keeps_any() {
        let recent = Recent::new(5);
        recent.keep(at(1), batch(1));
        assert_eq!(recent.take(SHOWTIME, 1, 1), None, "it does not lead");
        recent.lead(true);
        for first in [1, 3, 5] {
            recent.keep(at(first), batch(2));
        }
        assert_eq!(recent.take(SHOWTIME, 1, 2), None, "six events are too many");
        assert!(recent.take(SHOWTIME, 5, 6).is_some());
        assert!(recent.take(SHOWTIME, 3, 4).is_some());
        assert!(recent.kept().order.is_empty() && recent.kept().events == 0);
        recent.keep(at(7), batch(9));
        assert_eq!(recent.take(SHOWTIME, 7, 15), None, "too large to be kept at all");
        recent.keep(at(20), batch(1));
        recent.lead(false);
        assert_eq!(recent.take(SHOWTIME, 20, 20), None);
    }

    #[test]
    fn what_is_never_asked_for_does_not_keep_the_rest() {
        let recent = Recent::new(5);
        recent.lead(true);
        recent.keep(at(1), batch(1));
        for first in 2..1_000 {
            recent.keep(at(first), batch(1));
            assert!(recent.take(SHOWTIME, first, first).is_some());
            assert!(recent.kept().order.len() <= 5, "{} keys", recent.kept().order.len());
        }
        assert_eq!(recent.take(SHOWTIME, 1, 1), None);
        assert_eq!(recent.kept().events, 0);
    }
}
