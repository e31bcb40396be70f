//! Contract suite of the seat lock port, run on every adapter, and what only one adapter promises.

mod contract;
mod in_process;
mod valkey;
mod valkey_masters;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use turnstile::domain::{BookingId, Clock, SeatIndex, ShowtimeId, Timestamp};
use turnstile::seat_lock::{Claim, Claimed, SeatLock};
use uuid::Uuid;

/// A time that no test outlives.
const LONG: Duration = Duration::from_mins(1);

/// Makes one test of each function of the contract, on locks that `$pair` gives: two handles of the same lock service.
macro_rules! run_contract {
    ($pair:expr; $($test:ident),+ $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                let (one, other) = $pair.await;
                $crate::ports::seat_lock::contract::$test(one, other).await;
            }
        )+
    };
    ($pair:expr) => {
        $crate::ports::seat_lock::run_contract! { $pair;
            all_seats_of_a_claim_or_none,
            claims_of_one_call_are_decided_in_order,
            every_obstacle_is_named_with_its_owner,
            an_owner_may_claim_again,
            claiming_again_never_shortens_a_lock,
            a_lock_falls_at_its_deadline,
            release_is_checked_against_the_owner,
            a_deadline_is_set_only_by_the_owner,
            a_deadline_in_the_past_frees_the_seat,
            only_a_named_ghost_is_displaced,
            a_takeover_takes_all_or_nothing,
            showtimes_do_not_touch_each_other,
            of_many_concurrent_claimers_exactly_one_wins,
            overlapping_claims_are_granted_whole_or_not_at_all,
            empty_lists_are_fine,
        }
    };
}
use run_contract;

type Locks = (Arc<dyn SeatLock>, Arc<dyn SeatLock>);

fn clock() -> Clock {
    Arc::new(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is after 1970");
        Timestamp::from_millis(since.as_millis().try_into().expect("milliseconds fit"))
    })
}

fn showtime() -> ShowtimeId {
    ShowtimeId(Uuid::new_v4())
}

fn claim(seats: &[SeatIndex]) -> Claim {
    Claim { booking_id: BookingId(Uuid::new_v4()), seats: seats.to_vec() }
}

fn until(lasts: Duration) -> Timestamp {
    clock()() + lasts
}

/// Claims as the lock takes them, all with one deadline.
fn lasting(lasts: Duration, claims: &[Claim]) -> Vec<(Claim, Timestamp)> {
    claims.iter().cloned().map(|claim| (claim, until(lasts))).collect()
}

/// The only answer to a single claim.
async fn claim_one(lock: &dyn SeatLock, showtime: ShowtimeId, claim: &Claim, lasts: Duration) -> Claimed {
    let claims = lasting(lasts, std::slice::from_ref(claim));
    let mut answers = lock.claim(showtime, claims).await.expect("the lock service answers");
    assert_eq!(answers.len(), 1);
    answers.remove(0)
}

/// Who owns the lock of a seat, found out by trying to take it over from nobody.
async fn owner(lock: &dyn SeatLock, showtime: ShowtimeId, seat: SeatIndex) -> Option<BookingId> {
    let probe = claim(&[seat]);
    match claim_one(lock, showtime, &probe, LONG).await {
        Claimed::Refused(obstacles) => Some(obstacles[0].owner),
        Claimed::Granted => {
            lock.release(showtime, vec![probe]).await.expect("the lock service answers");
            None
        }
    }
}

/// Polls until `done` says so; fails after `limit`.
async fn eventually(limit: Duration, what: &str, mut done: impl AsyncFnMut() -> bool) {
    let start = std::time::Instant::now();
    while !done().await {
        assert!(start.elapsed() < limit, "not within {limit:?}: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
