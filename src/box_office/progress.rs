//! Progress: which step an open showtime is in, and since when. Written by the actor and its batch, readable by every thread without
//! asking the actor, since an actor that stands still cannot answer.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::ShowtimeId;

/// A step of a showtime's work.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// Nothing to do.
    Idle,
    /// A command has been sent to the actor, or a batch has ended: the actor is to go on.
    Waiting,
    /// The state is being loaded.
    Loading,
    /// Bookings, payments and recorded answers are being read.
    Reading,
    /// The commands are being decided.
    Deciding,
    /// Seat locks are being taken.
    Locking,
    /// The commit is under way.
    Committing,
    /// Other owners' events are being read.
    CatchingUp,
}

impl Step {
    /// What has to happen for the step to end; `None` if nothing has to.
    fn awaited(self) -> Option<&'static str> {
        match self {
            Self::Idle => None,
            Self::Waiting => Some("its actor"),
            Self::Loading => Some("the write store to load it"),
            Self::Reading => Some("the write store to read bookings"),
            Self::Deciding => Some("its commands to be decided"),
            Self::Locking => Some("the seat lock"),
            Self::Committing => Some("the write store to commit"),
            Self::CatchingUp => Some("the write store to read the journal"),
        }
    }
}

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Progress {
    id: ShowtimeId,
    stage: Mutex<Stage>,
}

#[derive(Clone, Copy, Debug)]
struct Stage {
    step: Step,
    since: Instant,
    /// It was noticed that the step lasts too long.
    noticed: bool,
}

impl Stage {
    fn begin(step: Step) -> Self {
        Self { step, since: Instant::now(), noticed: false }
    }
}

/// A step that lasts too long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Standstill {
    /// What has to happen for the step to end.
    pub awaited: &'static str,
    pub waited: Duration,
    /// Nobody was told of it before.
    pub is_new: bool,
}

impl Progress {
    pub(super) fn new(id: ShowtimeId) -> Self {
        Self { id, stage: Mutex::new(Stage::begin(Step::Idle)) }
    }

    /// The step before has ended and this one begins.
    pub(super) fn enter(&self, step: Step) {
        let ended = std::mem::replace(&mut *self.stage(), Stage::begin(step));
        if ended.noticed {
            let (id, seconds) = (self.id, ended.since.elapsed().as_secs());
            tracing::info!(showtime.id = %id, step = ?ended.step, seconds, "showtime {id} goes on after {seconds} s");
        }
    }

    /// A command is sent to the actor. If the actor is idle, it is to begin.
    pub(super) fn call(&self) {
        let mut stage = self.stage();
        if stage.step == Step::Idle {
            *stage = Stage::begin(Step::Waiting);
        }
    }

    /// The step that the showtime is in, if it has lasted for `bound`.
    pub(super) fn standstill(&self, bound: Duration) -> Option<Standstill> {
        let mut stage = self.stage();
        let awaited = stage.step.awaited()?;
        let waited = stage.since.elapsed();
        (waited >= bound).then(|| {
            let is_new = !std::mem::replace(&mut stage.noticed, true);
            Standstill { awaited, waited, is_new }
        })
    }

    fn stage(&self) -> MutexGuard<'_, Stage> {
        // Consistent after every statement, so a panic elsewhere leaves it usable.
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    const BOUND: Duration = Duration::from_secs(15);

    #[tokio::test(start_paused = true)]
    async fn a_step_that_lasts_too_long_is_new_once_and_idleness_is_no_step() {
        let progress = Progress::new(ShowtimeId(Uuid::nil()));
        tokio::time::advance(BOUND * 100).await;
        assert_eq!(progress.standstill(BOUND), None, "it has nothing to do");
        progress.call();
        tokio::time::advance(BOUND / 2).await;
        progress.call();
        assert_eq!(progress.standstill(BOUND), None);
        tokio::time::advance(BOUND / 2).await;
        let waits = |is_new| Some(Standstill { awaited: "its actor", waited: BOUND, is_new });
        assert_eq!(progress.standstill(BOUND), waits(true), "a later command does not make the wait shorter");
        assert_eq!(progress.standstill(BOUND), waits(false));
        progress.enter(Step::Committing);
        assert_eq!(progress.standstill(BOUND), None);
        progress.call();
        tokio::time::advance(BOUND).await;
        let commits = Standstill { awaited: "the write store to commit", waited: BOUND, is_new: true };
        assert_eq!(progress.standstill(BOUND), Some(commits));
        progress.enter(Step::Idle);
        assert_eq!(progress.standstill(Duration::ZERO), None);
    }
}
