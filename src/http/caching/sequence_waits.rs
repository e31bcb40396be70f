//! Sequence waits: requests that wait until the read model has a sequence. One look at a time serves all of them.
//!
//! **Invariant:** the number of waiting requests is bounded, and a look asks for all their showtimes at once. So waiting costs
//! the read model the same, whether one request waits or thousands do.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;

use crate::domain::{Place, ShowtimeId};
use crate::read_model::ReadModel;

/// After a look that took long, the next one comes after this many times as long, so that looks take a part of the time only.
const REST: u32 = 2;

/// See the module's documentation.
pub(crate) struct SequenceWaits {
    looks: Arc<Looks>,
    /// Requests that may wait.
    room: Semaphore,
}

struct Looks {
    read_model: Arc<dyn ReadModel>,
    /// From one look to the next, at least.
    interval: Duration,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    /// The last sequence seen of each showtime that is waited for.
    seen: HashMap<ShowtimeId, watch::Sender<u64>>,
    /// A task looks for them.
    looking: bool,
}

/// Why the sequence was not waited for to its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NotReached {
    /// The deadline passed; the read model has this sequence, 0 if it does not know the showtime.
    Late(u64),
    /// As many requests wait as may.
    Full,
}

impl SequenceWaits {
    pub(crate) fn new(read_model: Arc<dyn ReadModel>, interval: Duration, most: usize) -> Self {
        let looks = Looks { read_model, interval, table: Mutex::default() };
        Self { looks: Arc::new(looks), room: Semaphore::new(most) }
    }

    /// The showtime's sequence in the read model once it is at least `wanted`. `have` is what the caller has seen.
    pub(crate) async fn reach(
        &self,
        id: ShowtimeId,
        (have, wanted): (u64, u64),
        deadline: Instant,
    ) -> Result<u64, NotReached> {
        let _place = self.room.try_acquire().map_err(|_full| NotReached::Full)?;
        let mut seen = self.looks.subscribe(id, have);
        let reached = async { seen.wait_for(|sequence| *sequence >= wanted).await.map(|sequence| *sequence) };
        // The sender lives as long as there are receivers, so an error means that the time is over.
        match tokio::time::timeout_at(deadline, reached).await {
            Ok(Ok(sequence)) => Ok(sequence),
            Ok(Err(_)) | Err(_) => Err(NotReached::Late(*seen.borrow())),
        }
    }
}

impl Looks {
    fn subscribe(self: &Arc<Self>, id: ShowtimeId, have: u64) -> watch::Receiver<u64> {
        let mut table = self.lock();
        let seen = table.seen.entry(id).or_insert_with(|| watch::Sender::new(have)).subscribe();
        if !table.looking {
            table.looking = true;
            tokio::spawn(Watch { looks: Arc::clone(self), has_ended: false }.run());
        }
        seen
    }

    /// The showtimes that are still waited for; none ends the task.
    fn wanted(&self) -> Vec<ShowtimeId> {
        let mut table = self.lock();
        table.seen.retain(|_, seen| seen.receiver_count() > 0);
        table.looking = !table.seen.is_empty();
        table.seen.keys().copied().collect()
    }

    fn tell(&self, places: Vec<(ShowtimeId, Place)>) {
        let table = self.lock();
        for (id, Place { sequence, .. }) in places {
            if let Some(seen) = table.seen.get(&id) {
                seen.send_if_modified(|known| std::mem::replace(known, sequence) != sequence);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        // The table is consistent after every statement, so a panic elsewhere leaves it usable.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The task that looks, as long as somebody waits. If it is lost, the next request that waits starts another.
struct Watch {
    looks: Arc<Looks>,
    /// It has found that nobody waits and has said so in the table. Its successor may be looking by now.
    has_ended: bool,
}

impl Drop for Watch {
    fn drop(&mut self) {
        if !self.has_ended {
            self.looks.lock().looking = false;
        }
    }
}

impl Watch {
    async fn run(mut self) {
        let looks = Arc::clone(&self.looks);
        loop {
            let started = Instant::now();
            let wanted = looks.wanted();
            if wanted.is_empty() {
                self.has_ended = true;
                return;
            }
            match looks.read_model.places(wanted).await {
                Ok(places) => looks.tell(places),
                Err(error) => tracing::debug!(%error, "requests wait for a read model that cannot be read"),
            }
            tokio::time::sleep(looks.interval.max(started.elapsed() * REST)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use uuid::Uuid;

    use super::*;
    use crate::domain::{Event, EventRun, RecordedEvent, Row, SeatMap, Stamp, Terms, Timestamp};
    use crate::read_model::embedded::EmbeddedReadModel;

    fn id(id: u128) -> ShowtimeId {
        ShowtimeId(Uuid::from_u128(id))
    }

    fn scheduled(id: ShowtimeId) -> EventRun {
        let rows = SeatMap::new(vec![Row::numbered("A", 1)]).unwrap();
        let (movie_title, terms) = ("M".to_owned(), Terms::default());
        let event = Event::ShowtimeScheduled { movie_title, start_time: Timestamp::MAX, rows, terms };
        EventRun::new(
            id,
            vec![RecordedEvent { sequence: 1, recorded_at: Timestamp::MIN, stamp: Stamp(1), follows: Stamp(0), event }],
        )
        .unwrap()
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(5)
    }

    #[tokio::test(start_paused = true)]
    async fn all_who_wait_are_woken_when_it_comes_and_the_task_ends() {
        let read_model = Arc::new(EmbeddedReadModel::new());
        let waits = SequenceWaits::new(read_model.clone(), Duration::from_millis(15), 100);
        let crowd = join_all((0..100).map(|number| waits.reach(id(number % 3), (0, 1), soon())));
        let apply = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            for number in 0..3 {
                read_model.apply(&scheduled(id(number))).await.unwrap();
            }
        };
        let (crowd, ()) = tokio::join!(crowd, apply);
        assert_eq!(crowd, vec![Ok(1); 100]);
        tokio::time::sleep(Duration::from_secs(1)).await;
        let table = waits.looks.lock();
        assert!(!table.looking && table.seen.is_empty());
    }

    #[test]
    fn a_lost_task_is_replaced_and_one_that_ended_does_not_stand_in_its_successors_place() {
        let waits = SequenceWaits::new(Arc::new(EmbeddedReadModel::new()), Duration::from_millis(15), 1);
        for (has_ended, still_looking) in [(true, true), (false, false)] {
            waits.looks.lock().looking = true;
            drop(Watch { looks: Arc::clone(&waits.looks), has_ended });
            assert_eq!(waits.looks.lock().looking, still_looking);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_too_many_is_refused_and_one_too_late_is_told_what_there_is() {
        let read_model = Arc::new(EmbeddedReadModel::new());
        read_model.apply(&scheduled(id(7))).await.unwrap();
        let waits = SequenceWaits::new(read_model, Duration::from_millis(15), 2);
        let all = join_all((0..3).map(|_| waits.reach(id(7), (1, 2), soon()))).await;
        assert_eq!(all, [Err(NotReached::Late(1)), Err(NotReached::Late(1)), Err(NotReached::Full)]);
        assert_eq!(waits.reach(id(8), (0, 1), soon()).await, Err(NotReached::Late(0)), "there is room again");
    }
}
