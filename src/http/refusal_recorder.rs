//! Recorder: takes refused commands in, and writes them down in the background. A refusal never waits for it: past a bound it is counted and
//! forgotten.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use actix_web::http::Method;
use tokio::runtime::Handle;

use crate::domain::Timestamp;
use crate::http::problem::Code;
use crate::read_model::ReadError;
use crate::read_model::refusals::{KEPT_FOR, MOST_FOUND, Refusal, Refusals, RequestId};
use crate::telemetry::metrics::{Counter, Registry};

/// Memory for refusals that wait to be written, in bytes: some 10,000 of them. Past it refusals are dropped.
const MOST_WAITING_BYTES: usize = 8 * 1024 * 1024;
/// Largest refusal that is kept, in bytes. The refusal of 20 seats with three alternatives has 6,000.
const MOST_REFUSAL_BYTES: usize = 8 * 1024;
/// Time between two batches.
const PAUSE: Duration = Duration::from_millis(500);
/// Most refusals in a batch: so a herd's refusals take no more than some percent of a core from those who sell.
const MOST_IN_BATCH: usize = 1_000;
/// Bytes that may be written at once after a quiet time: the refusals of one on-sale.
const BURST_BYTES: usize = 64 * 1024 * 1024;
/// Bytes that may be written in each pause besides, so that a node writes some 1.5 GB a day at most.
const BYTES_PER_PAUSE: usize = 8 * 1024;

/// See the module's documentation.
pub struct RefusalRecorder {
    store: Arc<dyn Refusals>,
    /// Oldest first. A refusal leaves when it is written, so that it can be found all the time.
    waiting: Mutex<VecDeque<Arc<Refusal>>>,
    /// Bytes of those that wait.
    waiting_bytes: AtomicUsize,
    /// Held by whoever writes.
    writing: tokio::sync::Mutex<()>,
    kept: Counter,
    dropped: Counter,
}

/// What floods are refused with, and what says nothing about a customer: no credential, more requests than one client may send, no such resource.
const NOT_KEPT: [Code; 4] = [Code::MissingCredential, Code::QuotaExceeded, Code::NotFound, Code::MethodNotAllowed];

/// True for a command whose refusal is kept.
pub(super) fn is_kept(method: &Method, path: &str, code: Code) -> bool {
    let is_command = [Method::POST, Method::PUT, Method::PATCH, Method::DELETE].contains(method);
    is_command && path.starts_with("/api/") && !NOT_KEPT.contains(&code)
}

impl RefusalRecorder {
    /// Writes to `store` from a task on this runtime, until the recorder is dropped.
    pub fn start(store: Arc<dyn Refusals>, runtime: &Handle, metrics: &Registry) -> Arc<Self> {
        let recorder = Arc::new(Self::new(store));
        metrics.add("refusals_kept", "Refused commands written down for operators", recorder.kept.clone());
        let dropped = "Refused commands that could not be kept: too many, too large, or the store was away";
        metrics.add("refusals_dropped", dropped, recorder.dropped.clone());
        runtime.spawn(write_all(Arc::downgrade(&recorder)));
        recorder
    }

    fn new(store: Arc<dyn Refusals>) -> Self {
        Self {
            store,
            waiting: Mutex::default(),
            waiting_bytes: AtomicUsize::new(0),
            writing: tokio::sync::Mutex::default(),
            kept: Counter::default(),
            dropped: Counter::default(),
        }
    }

    /// Takes a refusal in. It is not made if there is no room.
    pub(super) fn record(&self, make: impl FnOnce() -> Option<Refusal>) {
        if self.is_full() {
            self.dropped.inc();
            return;
        }
        let Some(refusal) = make() else { return };
        let size = refusal.size();
        if size > MOST_REFUSAL_BYTES {
            self.dropped.inc();
            return;
        }
        let refusal = Arc::new(refusal);
        self.waiting_bytes.fetch_add(size, Ordering::Relaxed);
        self.waiting().push_back(refusal);
    }

    /// The newest refusals of this request within a day, newest first, at most [`MOST_FOUND`].
    pub(super) async fn find(&self, id: RequestId, now: Timestamp) -> Result<Vec<Refusal>, ReadError> {
        let since = now - KEPT_FOR;
        let is_wanted = |refusal: &&Arc<Refusal>| refusal.request_id == id && refusal.refused_at >= since;
        let waiting = self.waiting().iter().rev().filter(is_wanted).take(MOST_FOUND).cloned().collect::<Vec<_>>();
        let mut found: Vec<Refusal> = waiting.iter().map(|refusal| (**refusal).clone()).collect();
        match self.store.find(id, since).await {
            // What was written meanwhile is in both, and what was written twice after a lost answer.
            Ok(stored) => {
                for refusal in stored {
                    if !found.contains(&refusal) {
                        found.push(refusal);
                    }
                }
            }
            Err(error) if found.is_empty() => return Err(error),
            Err(error) => tracing::debug!(%error, "only refusals that wait to be written were found"),
        }
        found.sort_by_key(|refusal| Reverse(refusal.refused_at));
        found.truncate(MOST_FOUND);
        Ok(found)
    }

    /// Writes what waits, as far as the store takes it.
    pub async fn finish(&self) {
        while self.write(usize::MAX).await.1 {}
    }

    /// Writes the oldest refusals that wait, a batch of at most so many bytes. Returns their bytes, and whether they were
    /// written. Those that were not are sent again.
    async fn write(&self, most_bytes: usize) -> (usize, bool) {
        let _writing = self.writing.lock().await;
        let mut bytes = 0_usize;
        let fits = |refusal: &&Arc<Refusal>| {
            bytes += refusal.size();
            bytes <= most_bytes
        };
        let batch: Vec<_> = self.waiting().iter().take(MOST_IN_BATCH).take_while(fits).cloned().collect();
        let sent = batch.iter().map(|refusal| refusal.size()).sum();
        if batch.is_empty() {
            return (0, false);
        }
        let kept = self.store.keep(&batch).await;
        match &kept {
            Ok(()) => {
                self.kept.inc_by(count(&batch));
                self.forget(&batch);
            }
            Err(error) => {
                tracing::debug!(%error, "{} refusals could not be written down", batch.len());
                // They can be found on this node meanwhile. The newest ones are asked for most, so the oldest make room.
                if self.is_full() {
                    self.dropped.inc_by(count(&batch));
                    self.forget(&batch);
                }
            }
        }
        (sent, kept.is_ok())
    }

    /// The first refusals wait no longer.
    fn forget(&self, batch: &[Arc<Refusal>]) {
        let bytes = batch.iter().map(|refusal| refusal.size()).sum();
        self.waiting().drain(..batch.len());
        self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn is_full(&self) -> bool {
        self.waiting_bytes.load(Ordering::Relaxed) >= MOST_WAITING_BYTES
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Arc<Refusal>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn count(batch: &[Arc<Refusal>]) -> u64 {
    u64::try_from(batch.len()).unwrap_or(u64::MAX)
}

async fn write_all(recorder: Weak<RefusalRecorder>) {
    let mut allowed = BURST_BYTES;
    loop {
        tokio::time::sleep(PAUSE).await;
        let Some(recorder) = recorder.upgrade() else { return };
        allowed = BURST_BYTES.min(allowed + BYTES_PER_PAUSE);
        if let (sent, true) = recorder.write(allowed).await {
            allowed -= sent;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use async_trait::async_trait;
    use bytes::Bytes;

    use super::*;
    use crate::read_model::embedded::EmbeddedReadModel;

    const ID: &str = "0af7651916cd43dd8448eb211c80319c";
    const NOW: i64 = 1_795_392_000_000;

    /// A store that may be away.
    #[derive(Default)]
    struct Store {
        embedded: EmbeddedReadModel,
        is_away: AtomicBool,
    }

    impl Store {
        fn answered(&self) -> Result<&EmbeddedReadModel, ReadError> {
            let is_away = self.is_away.load(Ordering::SeqCst);
            if is_away { Err(ReadError { reason: "away".to_owned() }) } else { Ok(&self.embedded) }
        }
    }

    #[async_trait]
    impl Refusals for Store {
        async fn keep(&self, refusals: &[Arc<Refusal>]) -> Result<(), ReadError> {
            self.answered()?.keep(refusals).await
        }

        async fn find(&self, id: RequestId, since: Timestamp) -> Result<Vec<Refusal>, ReadError> {
            self.answered()?.find(id, since).await
        }
    }

    fn refusal(at: i64, bytes: usize) -> Refusal {
        Refusal {
            request_id: RequestId::parse(ID).unwrap(),
            refused_at: Timestamp::from_millis(NOW + at),
            method: "POST".to_owned(),
            path: "/api/bookings".to_owned(),
            showtime_id: None,
            booking_id: None,
            user_id: None,
            retry_after_seconds: None,
            problem: Bytes::from(vec![b' '; bytes]),
        }
    }

    /// When those that are found were refused, in milliseconds after `NOW`.
    async fn found(recorder: &RefusalRecorder) -> Vec<i64> {
        let found = recorder.find(RequestId::parse(ID).unwrap(), Timestamp::from_millis(NOW)).await.unwrap();
        found.iter().map(|refusal| refusal.refused_at.as_millis() - NOW).collect()
    }

    fn away() -> (Arc<Store>, RefusalRecorder) {
        let store = Arc::new(Store::default());
        store.is_away.store(true, Ordering::SeqCst);
        (Arc::clone(&store), RefusalRecorder::new(store))
    }

    #[test]
    fn commands_are_kept_unless_floods_are_refused_like_that() {
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            for code in
                [Code::InvalidFields, Code::NotHolder, Code::UnknownBooking, Code::SeatsTaken, Code::HoldsWithoutSale]
            {
                assert!(is_kept(&method, "/api/bookings", code), "{method} {code:?}");
            }
            for code in [Code::MissingCredential, Code::QuotaExceeded, Code::NotFound, Code::MethodNotAllowed] {
                assert!(!is_kept(&method, "/api/bookings", code), "{method} {code:?}");
            }
            assert!(!is_kept(&method, "/hub/bookings/negotiate", Code::NotHolder));
        }
        assert!(!is_kept(&Method::GET, "/api/bookings", Code::UnknownBooking));
    }

    #[tokio::test]
    async fn past_the_bound_refusals_are_counted_and_not_made() {
        let (_store, recorder) = away();
        let mut made = 0;
        while !recorder.is_full() {
            recorder.record(|| Some(refusal(0, 7_000)));
            made += 1;
        }
        assert!(made * 7_000 <= MOST_WAITING_BYTES, "{made}");
        recorder.record(|| unreachable!("there is no room"));
        assert_eq!(recorder.dropped.get(), 1);
    }

    #[tokio::test]
    async fn what_is_too_large_is_counted_and_not_kept() {
        let (_store, recorder) = away();
        recorder.record(|| Some(refusal(0, MOST_REFUSAL_BYTES)));
        assert_eq!((recorder.dropped.get(), recorder.waiting().len()), (1, 0));
    }

    #[tokio::test]
    async fn refusals_are_found_while_the_store_is_away_and_once_when_it_is_back() {
        let (store, recorder) = away();
        for at in 1..=3 {
            recorder.record(|| Some(refusal(at, 500)));
        }
        assert!(!recorder.write(usize::MAX).await.1);
        assert_eq!(found(&recorder).await, [3, 2, 1], "they wait");
        store.is_away.store(false, Ordering::SeqCst);
        // The store had kept them, and its answer was lost.
        let waiting: Vec<_> = recorder.waiting().iter().cloned().collect();
        store.embedded.keep(&waiting).await.unwrap();
        recorder.finish().await;
        assert_eq!(found(&recorder).await, [3, 2, 1]);
        assert_eq!((recorder.waiting().len(), recorder.waiting_bytes.load(Ordering::SeqCst)), (0, 0));
        assert_eq!((recorder.kept.get(), recorder.dropped.get()), (3, 0));
        store.is_away.store(true, Ordering::SeqCst);
        let id = RequestId::parse(ID).unwrap();
        assert!(recorder.find(id, Timestamp::from_millis(NOW)).await.is_err(), "nobody can say that there is none");
    }

    #[tokio::test]
    async fn while_the_store_is_away_the_oldest_make_room() {
        let (_store, recorder) = away();
        let mut at = 0;
        while !recorder.is_full() {
            recorder.record(|| Some(refusal(at, 7_000)));
            at += 1;
        }
        assert!(!recorder.write(usize::MAX).await.1);
        let dropped = recorder.dropped.get();
        assert_eq!(usize::try_from(dropped), Ok(MOST_IN_BATCH));
        recorder.record(|| Some(refusal(at, 7_000)));
        assert_eq!(found(&recorder).await.first(), Some(&at));
        assert_eq!(recorder.waiting().front().unwrap().refused_at.as_millis() - NOW, dropped.cast_signed());
    }

    #[tokio::test]
    async fn a_batch_has_no_more_bytes_than_are_allowed() {
        let recorder = RefusalRecorder::new(Arc::new(Store::default()));
        for at in 0..5 {
            recorder.record(|| Some(refusal(at, 500)));
        }
        let size = refusal(0, 500).size();
        assert_eq!(recorder.write(2 * size + 1).await, (2 * size, true));
        assert_eq!(recorder.waiting().len(), 3);
        assert_eq!(recorder.write(size - 1).await, (0, false));
        assert_eq!(found(&recorder).await, [4, 3, 2, 1, 0]);
    }

    #[tokio::test]
    async fn a_refusal_is_found_for_a_day_whether_it_is_written_or_waits() {
        let recorder = RefusalRecorder::new(Arc::new(Store::default()));
        let day = i64::try_from(KEPT_FOR.as_millis()).unwrap();
        for at in [-day - 1, -day, 0] {
            recorder.record(|| Some(refusal(at, 500)));
        }
        assert_eq!(found(&recorder).await, [0, -day]);
        recorder.finish().await;
        assert_eq!(found(&recorder).await, [0, -day]);
    }
}
