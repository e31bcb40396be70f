//! Refusals in memory, for one process: the newest ones, within a bound of bytes.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::Timestamp;
use crate::read_model::refusals::{KEPT_FOR, MOST_FOUND, Refusal, RequestId};

/// Most memory that refusals take, in bytes: some 40,000 refusals.
const MOST_BYTES: usize = 32 * 1024 * 1024;

/// The refusals that are kept, oldest first.
#[derive(Default, Debug)]
pub(super) struct Kept(Mutex<Queue>);

#[derive(Default, Debug)]
struct Queue {
    refusals: VecDeque<Arc<Refusal>>,
    bytes: usize,
}

impl Kept {
    pub(super) fn keep(&self, refusals: &[Arc<Refusal>]) {
        let mut queue = self.queue();
        for refusal in refusals {
            queue.push(refusal);
        }
    }

    pub(super) fn find(&self, id: RequestId, since: Timestamp) -> Vec<Refusal> {
        let queue = self.queue();
        let wanted = |refusal: &&Arc<Refusal>| refusal.request_id == id && refusal.refused_at >= since;
        let mut found: Vec<&Arc<Refusal>> = queue.refusals.iter().rev().filter(wanted).collect();
        found.sort_by_key(|refusal| Reverse(refusal.refused_at));
        found.into_iter().take(MOST_FOUND).map(|refusal| (**refusal).clone()).collect()
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn push(&mut self, refusal: &Arc<Refusal>) {
        self.bytes += refusal.size();
        self.refusals.push_back(Arc::clone(refusal));
        let oldest = refusal.refused_at - KEPT_FOR;
        while let Some(first) = self.refusals.front()
            && (self.bytes > MOST_BYTES || first.refused_at < oldest)
        {
            self.bytes -= first.size();
            self.refusals.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn refusal(at: i64, bytes: usize) -> Arc<Refusal> {
        Arc::new(Refusal {
            request_id: RequestId::parse("0af7651916cd43dd8448eb211c80319c").unwrap(),
            refused_at: Timestamp::from_millis(at),
            method: "POST".to_owned(),
            path: "/api/bookings".to_owned(),
            showtime_id: None,
            booking_id: None,
            user_id: None,
            retry_after_seconds: None,
            problem: Bytes::from(vec![b' '; bytes]),
        })
    }

    #[test]
    fn the_oldest_are_forgotten_past_the_bound_and_after_a_day() {
        let mut queue = Queue::default();
        for at in 0..40 {
            queue.push(&refusal(at, 1024 * 1024));
        }
        assert!(queue.bytes <= MOST_BYTES && queue.refusals.len() == 31, "{}", queue.refusals.len());
        assert_eq!(queue.refusals.front().unwrap().refused_at, Timestamp::from_millis(9));
        let next_day = Timestamp::from_millis(40) + KEPT_FOR;
        queue.push(&refusal(next_day.as_millis(), 0));
        assert_eq!(queue.refusals.len(), 1);
        assert_eq!(queue.bytes, queue.refusals.front().unwrap().size());
    }
}
