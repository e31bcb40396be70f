//! What this node wrote last about each showtime, so that the next write need not read it again. Bounded; losing it costs a read.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::domain::ShowtimeId;

use super::protocol::Remembered;

/// A showtime in a generation.
type Key = (u64, ShowtimeId);

/// See the module's documentation.
pub(super) struct Memory {
    most_chunks: usize,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    remembered: HashMap<Key, Remembered>,
    chunks: usize,
}

impl Memory {
    /// Remembers at most so many chunks (a head counts as one more).
    pub(super) fn new(most_chunks: usize) -> Self {
        Self { most_chunks, held: Mutex::default() }
    }

    /// Taken out, so that of two writers of one showtime only one goes by it.
    pub(super) fn take(&self, key: Key) -> Option<Remembered> {
        let mut held = self.held();
        let taken = held.remembered.remove(&key)?;
        held.chunks = held.chunks.saturating_sub(taken.size());
        Some(taken)
    }

    /// Puts back what is known after a write. When there is too much, all else is forgotten: what is busy comes back at once.
    pub(super) fn put(&self, key: Key, remembered: Option<Remembered>) {
        let Some(remembered) = remembered else {
            return;
        };
        let mut held = self.held();
        if held.chunks.saturating_add(remembered.size()) > self.most_chunks {
            *held = Held::default();
        }
        held.chunks = held.chunks.saturating_add(remembered.size());
        if let Some(other) = held.remembered.insert(key, remembered) {
            held.chunks = held.chunks.saturating_sub(other.size());
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
