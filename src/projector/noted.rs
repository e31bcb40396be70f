//! Noted showtimes: those that the next sweep is to look at because this node wrote or missed them since the last one.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::domain::ShowtimeId;

/// Most showtimes that are noted. Past it the next sweep looks at all there are.
const MOST: usize = 10_000;

/// See the module's documentation.
#[derive(Default)]
pub(super) struct Noted(Mutex<HashSet<ShowtimeId>>);

impl Noted {
    /// To be looked at in the next sweep.
    pub(super) fn note(&self, id: ShowtimeId) {
        let mut noted = self.lock();
        if noted.len() <= MOST {
            noted.insert(id);
        }
    }

    /// The showtimes noted since the last call; `None` if there were too many.
    pub(super) fn take(&self) -> Option<HashSet<ShowtimeId>> {
        let noted = std::mem::take(&mut *self.lock());
        (noted.len() <= MOST).then_some(noted)
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<ShowtimeId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
