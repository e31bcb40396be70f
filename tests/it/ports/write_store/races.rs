//! Races: nodes that do not know of each other write to the same seats, and each seat still goes to one.

use std::sync::Arc;

use futures_util::future::join_all;
use turnstile::write_store::CommitError;

use crate::ports::write_store::Adapter;
use crate::ports::write_store::draft::{Draft, booking, key, reserved, scheduled};
use crate::ports::write_store::oracle::{check, holders};

pub async fn two_nodes_race_for_one_seat_and_one_wins<A: Adapter>() {
    const ROUNDS: u32 = 50;
    let adapter = A::fresh().await;
    let nodes = [adapter.store(), adapter.another_node().await];
    let id = scheduled(&nodes[0], ROUNDS).await;
    let fence = nodes[0].load(id).await.unwrap().unwrap().fence;
    for seat in 0..ROUNDS {
        let start = Arc::new(tokio::sync::Barrier::new(2));
        let tasks = nodes.clone().map(|node| {
            let (start, new) = (start.clone(), booking(id, &[seat]));
            tokio::spawn(async move {
                start.wait().await;
                (new.id, node.commit(Draft::new(id, fence).reserve(&new, 1).done()).await)
            })
        });
        let mut winners = Vec::new();
        for task in tasks {
            match task.await.unwrap() {
                (winner, Ok(committed)) => {
                    assert_eq!(committed.first_sequence, u64::from(seat) + 2);
                    winners.push(winner);
                }
                (_, Err(CommitError::Conflict)) => {}
                (_, Err(other)) => panic!("{other:?}"),
            }
        }
        assert_eq!(winners.len(), 1, "seat {seat}");
        let audit = nodes[0].audit(id).await.unwrap().unwrap();
        assert_eq!(holders(&audit).last(), Some(&(seat, winners[0])));
    }
    check(&nodes[0], id).await;
}

/// Bookings of one to five seats in no common order, from two nodes: none deadlocks, each gets all or nothing.
pub async fn many_race_for_overlapping_seats_all_or_nothing<A: Adapter>() {
    const SEATS: u32 = 40;
    const BOOKINGS: u32 = 120;
    let adapter = A::fresh().await;
    let nodes = [adapter.store(), adapter.another_node().await];
    let id = scheduled(&nodes[0], SEATS).await;
    let fence = nodes[0].load(id).await.unwrap().unwrap().fence;
    let tasks: Vec<_> = (0..BOOKINGS)
        .map(|number| {
            let node = if number % 2 == 0 { nodes[0].clone() } else { nodes[1].clone() };
            // A stride of 7 and seats counted down or up: neighbours overlap, and no two agree on an order.
            let mut seats: Vec<u32> = (0..=number % 5).map(|step| (number * 7 + step * 3) % SEATS).collect();
            if number % 3 == 0 {
                seats.reverse();
            }
            let new = booking(id, &seats);
            let batch = Draft::new(id, fence).reserve(&new, 1).done();
            tokio::spawn(async move { (new, node.commit(batch).await) })
        })
        .collect();
    let mut won = Vec::new();
    for task in tasks {
        match task.await.unwrap() {
            (new, Ok(_)) => won.push(new.id),
            (_, Err(CommitError::Conflict)) => {}
            (_, Err(other)) => panic!("{other:?}"),
        }
    }
    let audit = check(&nodes[0], id).await;
    let mut stored: Vec<_> = audit.bookings.iter().map(|booking| booking.id).collect();
    stored.sort_unstable();
    won.sort_unstable();
    assert_eq!(stored, won, "what was accepted is stored, what was refused is not");
    assert!(won.len() > 5, "some win: {}", won.len());
}

/// After a load with a fence has answered, nothing of an earlier owner lands any more.
pub async fn a_fence_beats_commits_in_flight<A: Adapter>() {
    const ROUNDS: u32 = 30;
    let adapter = A::fresh().await;
    let (owner, successor) = (adapter.store(), adapter.another_node().await);
    let id = scheduled(&owner, ROUNDS * 4).await;
    for round in 0..ROUNDS {
        let fence = owner.load(id).await.unwrap().unwrap().fence;
        let tasks: Vec<_> = (0..4)
            .map(|number| {
                let batch = Draft::new(id, fence).reserve(&booking(id, &[4 * round + number]), 1).done();
                let owner = owner.clone();
                tokio::spawn(async move { owner.commit(batch).await })
            })
            .collect();
        let loaded = successor.take_over(id).await.unwrap().unwrap();
        assert!(loaded.fence > fence);
        let mut landed = 0;
        for task in tasks {
            match task.await.unwrap() {
                Ok(committed) => {
                    assert!(committed.first_sequence <= loaded.showtime.sequence(), "landed behind the fence");
                    landed += 1;
                }
                Err(CommitError::Fenced) => {}
                Err(other) => panic!("{other:?}"),
            }
        }
        let audit = check(&successor, id).await;
        assert_eq!(audit.sequence, loaded.showtime.sequence(), "the successor has seen all {landed}");
    }
}

/// Batches of many showtimes at once, which a store may commit together: each wrong one fails for its own reason, and the right ones
/// between them are committed.
pub async fn showtimes_that_commit_together_fail_alone<A: Adapter>() {
    const SHOWTIMES: usize = 42;
    let adapter = A::fresh().await;
    let store = adapter.store();
    let mut batches = Vec::new();
    for number in 0..SHOWTIMES {
        let id = scheduled(&store, 4).await;
        let held = reserved(&store, id, &[0], 1).await;
        let draft = Draft::kept(&store, id).await;
        let batch = match number % 7 {
            1 => draft.reserve(&booking(id, &[1]), 9).done(),
            2 => {
                let mut fenced = draft.reserve(&booking(id, &[1]), 1).done().as_ref().clone();
                fenced.fence += 1;
                Arc::new(fenced)
            }
            3 => {
                // A bug: at the right version, but from another booking's hands.
                draft.reserve(&booking(id, &[0]), held.version).done()
            }
            4 => {
                let mut outdated = draft.confirm(&held, "paid").done().as_ref().clone();
                outdated.bookings[0].expected_version = Some(held.version + 1);
                Arc::new(outdated)
            }
            // The same key for all of these: one of them gets it.
            5 => draft.reserve(&booking(id, &[1]), 1).key(key("shared")).done(),
            _ => draft.reserve(&booking(id, &[1]), 1).reserve(&booking(id, &[3, 2]), 1).done(),
        };
        batches.push(batch);
    }
    let outcomes = join_all(batches.iter().map(|batch| store.commit(Arc::clone(batch)))).await;
    let mut with_key = 0;
    for (number, (batch, outcome)) in batches.iter().zip(outcomes).enumerate() {
        match (number % 7, outcome) {
            (1 | 3 | 4, Err(CommitError::Conflict))
            | (2, Err(CommitError::Fenced))
            | (5, Err(CommitError::DuplicateKey)) => {
                assert_eq!(store.journal(batch.showtime_id, 2, 10).await.unwrap(), []);
            }
            (5, Ok(committed)) => {
                with_key += 1;
                assert_eq!(committed.first_sequence, 3);
            }
            (0 | 6, Ok(committed)) => assert_eq!(committed.first_sequence, 3),
            (kind, other) => panic!("{kind}: {other:?}"),
        }
        check(&store, batch.showtime_id).await;
    }
    assert_eq!(with_key, 1);
}
