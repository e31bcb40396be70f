//! Locking, whatever has become of other threads.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks even if a thread has panicked meanwhile: every critical section here leaves its data whole.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
