//! The seat lock in this process's memory.

use std::future::{Ready, ready};
use std::sync::Arc;
use std::time::Duration;

use turnstile::domain::Timestamp;
use turnstile::seat_lock::in_process::InProcessLock;
use turnstile::seat_lock::{Claimed, SeatLock};

use super::{Locks, claim, clock, showtime};

fn pair() -> Ready<Locks> {
    let lock: Arc<dyn SeatLock> = Arc::new(InProcessLock::new(clock()));
    ready((lock.clone(), lock))
}

super::run_contract!(pair());

#[tokio::test(start_paused = true)]
async fn a_lock_falls_at_its_deadline_and_not_before() {
    // How far away the deadline is is asked once, at the claim.
    let lock = InProcessLock::new(Arc::new(|| Timestamp::from_millis(0)));
    let showtime = showtime();
    let take = async || lock.claim(showtime, vec![(claim(&[0]), Timestamp::from_millis(5_000))]).await.unwrap();
    assert_eq!(take().await, [Claimed::Granted]);
    tokio::time::advance(Duration::from_millis(4_999)).await;
    assert!(matches!(take().await[..], [Claimed::Refused(_)]));
    tokio::time::advance(Duration::from_millis(1)).await;
    assert_eq!(take().await, [Claimed::Granted]);
}
