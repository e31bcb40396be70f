//! The seat lock in this process's memory.

use std::future::{Ready, ready};
use std::sync::Arc;
use std::time::Duration;

use turnstile::seat_lock::in_process::InProcessLock;
use turnstile::seat_lock::{Claimed, SeatLock};

use super::{Locks, claim, claim_one, clock, showtime};

fn pair() -> Ready<Locks> {
    let lock: Arc<dyn SeatLock> = Arc::new(InProcessLock::new(clock()));
    ready((lock.clone(), lock))
}

super::run_contract!(pair());

#[tokio::test(start_paused = true)]
async fn a_lock_falls_at_the_end_of_its_lease_and_not_before() {
    let lock = InProcessLock::new(clock());
    let showtime = showtime();
    let (almost, moment) = (Duration::from_millis(4_999), Duration::from_millis(1));
    let lease = almost + moment;
    claim_one(&lock, showtime, &claim(&[0]), lease).await;
    tokio::time::advance(almost).await;
    assert!(matches!(claim_one(&lock, showtime, &claim(&[0]), lease).await, Claimed::Refused(_)));
    tokio::time::advance(moment).await;
    assert_eq!(claim_one(&lock, showtime, &claim(&[0]), lease).await, Claimed::Granted);
}
