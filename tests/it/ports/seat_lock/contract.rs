//! What every seat lock promises. Each function gets two handles of the same lock service and uses showtimes of its own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use turnstile::domain::{SeatIndex, ShowtimeId};
use turnstile::seat_lock::{Claim, Claimed, SeatLock};

use super::{LONG, claim, claim_one, clock, eventually, lasting, owner, showtime, until};

type Lock = Arc<dyn SeatLock>;

/// Longest wait for a lock to fall.
const FALLEN: Duration = Duration::from_secs(30);

fn refused_by(answer: &Claimed, other: &Claim) -> bool {
    matches!(answer, Claimed::Refused(obstacles) if obstacles.iter().all(|it| it.owner == other.booking_id))
}

pub async fn all_seats_of_a_claim_or_none(lock: Lock, other: Lock) {
    let showtime = showtime();
    let (first, second) = (claim(&[1]), claim(&[0, 1, 2]));
    assert_eq!(claim_one(&*lock, showtime, &first, LONG).await, Claimed::Granted);
    assert!(refused_by(&claim_one(&*other, showtime, &second, LONG).await, &first));
    assert_eq!(owner(&*lock, showtime, 0).await, None);
    assert_eq!(owner(&*lock, showtime, 2).await, None);
    assert_eq!(owner(&*other, showtime, 1).await, Some(first.booking_id));
}

pub async fn claims_of_one_call_are_decided_in_order(lock: Lock, _other: Lock) {
    let showtime = showtime();
    let claims = vec![claim(&[0, 1]), claim(&[1, 2]), claim(&[2, 3]), claim(&[4]), claim(&[3, 4])];
    let answers = lock.claim(showtime, lasting(LONG, &claims)).await.unwrap();
    assert_eq!(answers[0], Claimed::Granted);
    assert!(refused_by(&answers[1], &claims[0]));
    assert_eq!(answers[2], Claimed::Granted, "the refused claim before it has locked nothing");
    assert_eq!(answers[3], Claimed::Granted);
    let Claimed::Refused(obstacles) = &answers[4] else { panic!("seats 3 and 4 are taken") };
    let owners: Vec<_> = obstacles.iter().map(|it| (it.seat, it.owner)).collect();
    assert_eq!(owners, [(3, claims[2].booking_id), (4, claims[3].booking_id)]);
}

pub async fn every_obstacle_is_named_with_its_owner(lock: Lock, other: Lock) {
    let showtime = showtime();
    let (first, second) = (claim(&[7]), claim(&[3]));
    claim_one(&*lock, showtime, &first, LONG).await;
    claim_one(&*lock, showtime, &second, LONG / 2).await;
    let Claimed::Refused(obstacles) = claim_one(&*other, showtime, &claim(&[9, 7, 5, 3]), LONG).await else {
        panic!("seats 7 and 3 are taken")
    };
    let named: Vec<_> = obstacles.iter().map(|it| (it.seat, it.owner)).collect();
    assert_eq!(named, [(7, first.booking_id), (3, second.booking_id)]);
    assert!(obstacles[0].remaining > LONG * 3 / 4 && obstacles[0].remaining <= LONG, "{obstacles:?}");
    assert!(obstacles[1].remaining > LONG / 4 && obstacles[1].remaining <= LONG / 2, "{obstacles:?}");
}

pub async fn an_owner_may_claim_again(lock: Lock, other: Lock) {
    let showtime = showtime();
    let mine = claim(&[0, 1]);
    claim_one(&*lock, showtime, &mine, LONG).await;
    assert_eq!(claim_one(&*other, showtime, &mine, LONG).await, Claimed::Granted);
    let more = Claim { seats: vec![1, 2], ..mine.clone() };
    assert_eq!(claim_one(&*lock, showtime, &more, LONG).await, Claimed::Granted);
    assert_eq!(owner(&*lock, showtime, 2).await, Some(mine.booking_id));
}

pub async fn claiming_again_never_shortens_a_lock(lock: Lock, other: Lock) {
    let showtime = showtime();
    let mine = claim(&[0]);
    let remaining = async || match claim_one(&*other, showtime, &claim(&[0]), LONG).await {
        Claimed::Refused(obstacles) => obstacles[0].remaining,
        Claimed::Granted => panic!("the lock has fallen"),
    };
    claim_one(&*lock, showtime, &mine, LONG).await;
    claim_one(&*lock, showtime, &mine, Duration::from_secs(1)).await;
    assert!(remaining().await > LONG / 2, "shortened");
    claim_one(&*lock, showtime, &mine, LONG * 3).await;
    assert!(remaining().await > LONG * 2, "not lengthened");
}

pub async fn a_lock_falls_at_its_deadline(lock: Lock, other: Lock) {
    let showtime = showtime();
    let lasts = Duration::from_millis(300);
    let start = Instant::now();
    assert_eq!(claim_one(&*lock, showtime, &claim(&[0, 1]), lasts).await, Claimed::Granted);
    let next = claim(&[0, 1]);
    eventually(FALLEN, "the lock falls", async || claim_one(&*other, showtime, &next, LONG).await == Claimed::Granted)
        .await;
    assert!(start.elapsed() >= lasts, "the lock fell after {:?}", start.elapsed());
}

pub async fn release_is_checked_against_the_owner(lock: Lock, other: Lock) {
    let showtime = showtime();
    let mine = claim(&[0, 1, 2]);
    claim_one(&*lock, showtime, &mine, LONG).await;
    other.release(showtime, vec![claim(&[0, 1]), Claim { seats: vec![1], ..mine.clone() }]).await.unwrap();
    assert_eq!(owner(&*lock, showtime, 0).await, Some(mine.booking_id), "somebody else's release had an effect");
    assert_eq!(owner(&*lock, showtime, 1).await, None);
    assert_eq!(owner(&*lock, showtime, 2).await, Some(mine.booking_id));
    other.release(showtime, vec![mine.clone(), mine]).await.unwrap();
    assert_eq!(owner(&*lock, showtime, 0).await, None);
}

pub async fn a_deadline_is_set_only_by_the_owner(lock: Lock, other: Lock) {
    let showtime = showtime();
    let (mine, theirs) = (claim(&[0]), claim(&[1]));
    // Longer than it takes to keep it.
    let short = Duration::from_secs(3);
    lock.claim(showtime, lasting(short, &[mine.clone(), theirs.clone()])).await.unwrap();
    let deadline = clock()() + LONG;
    let both = Claim { seats: vec![0, 1, 2], ..mine.clone() };
    other.keep_until(showtime, vec![(both, deadline)]).await.unwrap();
    // Theirs still falls soon, mine does not, and a seat without a lock did not get one.
    assert_eq!(owner(&*lock, showtime, 2).await, None);
    eventually(FALLEN, "the other lock falls", async || owner(&*lock, showtime, 1).await.is_none()).await;
    let Claimed::Refused(obstacles) = claim_one(&*other, showtime, &claim(&[0]), LONG).await else {
        panic!("the lock fell before its deadline")
    };
    assert_eq!(obstacles[0].owner, mine.booking_id);
    assert!(obstacles[0].remaining > LONG / 2 && obstacles[0].remaining <= LONG, "{obstacles:?}");
    // A deadline may also come closer.
    lock.keep_until(showtime, vec![(mine, clock()() + Duration::from_millis(100))]).await.unwrap();
    eventually(FALLEN, "the lock falls", async || owner(&*lock, showtime, 0).await.is_none()).await;
}

pub async fn a_deadline_in_the_past_frees_the_seat(lock: Lock, other: Lock) {
    let showtime = showtime();
    let (mine, theirs) = (claim(&[0]), claim(&[1]));
    lock.claim(showtime, lasting(LONG, &[mine.clone(), theirs.clone()])).await.unwrap();
    let past = clock()() - Duration::from_secs(1);
    let wide = Claim { seats: vec![0, 1], ..mine };
    lock.keep_until(showtime, vec![(wide, past)]).await.unwrap();
    assert_eq!(owner(&*other, showtime, 0).await, None);
    assert_eq!(owner(&*other, showtime, 1).await, Some(theirs.booking_id));
}

pub async fn only_a_named_ghost_is_displaced(lock: Lock, other: Lock) {
    let showtime = showtime();
    let (ghost, living, mine) = (claim(&[0]), claim(&[1]), claim(&[0, 1]));
    lock.claim(showtime, lasting(LONG, &[ghost.clone(), living.clone()])).await.unwrap();
    let answer = other.take_over(showtime, vec![ghost.booking_id], mine.clone(), until(LONG)).await.unwrap();
    assert!(refused_by(&answer, &living), "{answer:?}");
    assert_eq!(owner(&*lock, showtime, 0).await, Some(ghost.booking_id), "nothing may be taken on a refusal");
    let one = Claim { seats: vec![0], ..mine.clone() };
    let nobody = lock.take_over(showtime, vec![claim(&[]).booking_id], one.clone(), until(LONG)).await.unwrap();
    assert!(refused_by(&nobody, &ghost));
    assert_eq!(lock.take_over(showtime, vec![ghost.booking_id], one, until(LONG)).await.unwrap(), Claimed::Granted);
    assert_eq!(owner(&*other, showtime, 0).await, Some(mine.booking_id));
    assert_eq!(owner(&*other, showtime, 1).await, Some(living.booking_id));
}

pub async fn a_takeover_takes_all_or_nothing(lock: Lock, other: Lock) {
    let showtime = showtime();
    let ghosts = [claim(&[0]), claim(&[1])];
    let mine = claim(&[0, 1, 2, 3]);
    lock.claim(showtime, lasting(LONG, &ghosts)).await.unwrap();
    claim_one(&*lock, showtime, &Claim { seats: vec![2], ..mine.clone() }, LONG).await;
    // Two ghosts, one own lock and one free seat.
    let names = ghosts.iter().map(|ghost| ghost.booking_id).collect();
    assert_eq!(other.take_over(showtime, names, mine.clone(), until(LONG)).await.unwrap(), Claimed::Granted);
    for seat in 0..4 {
        assert_eq!(owner(&*lock, showtime, seat).await, Some(mine.booking_id), "seat {seat}");
    }
}

pub async fn showtimes_do_not_touch_each_other(lock: Lock, other: Lock) {
    let (here, there) = (showtime(), showtime());
    let mine = claim(&[0]);
    claim_one(&*lock, here, &mine, LONG).await;
    assert_eq!(claim_one(&*other, there, &claim(&[0]), LONG).await, Claimed::Granted);
    lock.release(there, vec![mine.clone()]).await.unwrap();
    assert_eq!(owner(&*other, here, 0).await, Some(mine.booking_id));
}

pub async fn of_many_concurrent_claimers_exactly_one_wins(lock: Lock, other: Lock) {
    let showtime = showtime();
    for round in 0..100 {
        let seats: Vec<SeatIndex> = vec![round, round + 1_000];
        let claimers: Vec<Claim> = (0..8).map(|_| claim(&seats)).collect();
        let mut tasks = Vec::new();
        for (position, claimer) in claimers.iter().cloned().enumerate() {
            let lock = if position % 2 == 0 { lock.clone() } else { other.clone() };
            tasks.push(tokio::spawn(async move { claim_one(&*lock, showtime, &claimer, LONG).await }));
        }
        let mut answers = Vec::new();
        for task in tasks {
            answers.push(task.await.unwrap());
        }
        let winners: Vec<_> = (0..8).filter(|position| answers[*position] == Claimed::Granted).collect();
        assert_eq!(winners.len(), 1, "round {round}: {answers:?}");
        let winner = &claimers[winners[0]];
        assert!(answers.iter().filter(|answer| **answer != Claimed::Granted).all(|answer| refused_by(answer, winner)));
    }
}

pub async fn overlapping_claims_are_granted_whole_or_not_at_all(lock: Lock, other: Lock) {
    let showtime = showtime();
    let mut tasks = Vec::new();
    for start in 0..60_u32 {
        let lock = if start % 2 == 0 { lock.clone() } else { other.clone() };
        let mine = claim(&[(start * 7) % 60, (start * 7 + 1) % 60, (start * 7 + 2) % 60]);
        tasks.push(tokio::spawn(async move {
            let granted = claim_one(&*lock, showtime, &mine, LONG).await == Claimed::Granted;
            (mine, granted)
        }));
    }
    let mut granted = Vec::new();
    for task in tasks {
        let (mine, won) = task.await.unwrap();
        if won {
            granted.push(mine);
        }
    }
    assert!(!granted.is_empty());
    assert_eq!(owned_seats(&*lock, showtime, 60).await, granted.iter().map(|it| it.seats.len()).sum::<usize>());
    for mine in &granted {
        for seat in &mine.seats {
            assert_eq!(owner(&*lock, showtime, *seat).await, Some(mine.booking_id));
        }
    }
}

async fn owned_seats(lock: &dyn SeatLock, showtime: ShowtimeId, seats: SeatIndex) -> usize {
    let mut owned = 0;
    for seat in 0..seats {
        owned += usize::from(owner(lock, showtime, seat).await.is_some());
    }
    owned
}

pub async fn empty_lists_are_fine(lock: Lock, _other: Lock) {
    let showtime = showtime();
    assert_eq!(lock.claim(showtime, Vec::new()).await.unwrap(), []);
    assert_eq!(claim_one(&*lock, showtime, &claim(&[]), LONG).await, Claimed::Granted);
    lock.release(showtime, Vec::new()).await.unwrap();
    lock.keep_until(showtime, Vec::new()).await.unwrap();
    lock.ping().await.unwrap();
}
