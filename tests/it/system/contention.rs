//! Many clients race for the same seats: each seat is sold once, every loser is told why.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use crate::services;
use crate::stack::{Held, Server, Stack, eventually};
use crate::system::valkey::Valkey;

/// Everybody wants the same seat.
async fn one_seat(servers: Vec<Server>, clients: usize) {
    let (showtime, seats) = servers[0].schedule(1).await;
    let wanted = vec![seats[0].clone()];
    let servers = Arc::new(servers);
    let mut tasks = Vec::new();
    for client in 0..clients {
        let (servers, showtime, wanted) = (Arc::clone(&servers), showtime.clone(), wanted.clone());
        tasks.push(tokio::spawn(async move {
            servers[client % servers.len()].reserve_at_last(&showtime, &wanted, &format!("client {client}")).await
        }));
    }
    let mut won = 0;
    for task in tasks {
        let answer = task.await.unwrap();
        match answer.status {
            201 => won += 1,
            409 => {
                let conflicts = answer.body["conflicts"].as_array().unwrap();
                assert_eq!(conflicts.len(), 1, "{answer:?}");
                assert_eq!(conflicts[0]["seatId"], wanted[0], "{answer:?}");
            }
            _ => panic!("neither granted nor refused: {answer:?}"),
        }
    }
    assert_eq!(won, 1);
}

/// Clients want random overlapping sets of seats, several times each, on every node.
async fn overlapping_sets(servers: Vec<Server>, clients: usize, rounds: usize) {
    let (showtime, seats) = servers[0].schedule(10).await;
    let servers = Arc::new(servers);
    let seats = Arc::new(seats);
    let mut tasks = Vec::new();
    for client in 0..clients {
        let (servers, showtime, seats) = (Arc::clone(&servers), showtime.clone(), Arc::clone(&seats));
        tasks.push(tokio::spawn(async move {
            let mut random = SmallRng::seed_from_u64(u64::try_from(client).unwrap());
            let mut granted = Vec::new();
            for _ in 0..rounds {
                let count = random.random_range(1..=8);
                let wanted: Vec<String> = seats.sample(&mut random, count).cloned().collect();
                let server = &servers[random.random_range(0..servers.len())];
                let answer = server.reserve_at_last(&showtime, &wanted, &format!("client {client}")).await;
                match answer.status {
                    201 => {
                        let held = Held::from(&answer.body);
                        assert_eq!(held.seat_ids, wanted);
                        granted.push(held);
                    }
                    409 => {
                        let named = answer.body["conflicts"].as_array().unwrap();
                        assert!(!named.is_empty(), "{answer:?}");
                        for conflict in named {
                            assert!(wanted.iter().any(|seat| conflict["seatId"] == **seat), "{answer:?}");
                        }
                    }
                    _ => panic!("neither granted nor refused: {answer:?}"),
                }
            }
            granted
        }));
    }
    let mut owners: HashMap<String, String> = HashMap::new();
    let mut sequences = HashSet::new();
    let mut last = 0;
    for task in tasks {
        for held in task.await.unwrap() {
            assert!(sequences.insert(held.sequence), "sequence {} was given twice", held.sequence);
            last = last.max(held.sequence);
            for seat in &held.seat_ids {
                let other = owners.insert(seat.clone(), held.booking_id.clone());
                assert_eq!(other, None, "seat {seat} was granted twice");
            }
            let read = servers[0].booking(&held).await;
            assert_eq!((read.status, read.body["status"].as_str()), (200, Some("Pending")), "{read:?}");
            assert_eq!(read.body["seatIds"].as_array().unwrap().len(), held.seat_ids.len(), "all or none: {read:?}");
        }
    }
    // All or nothing, seen from outside: exactly the granted seats are taken.
    let taken: HashSet<String> = servers[0]
        .seats(&showtime, last)
        .await
        .into_iter()
        .filter(|(_, status)| status != "Available")
        .map(|(seat, _)| seat)
        .collect();
    assert_eq!(taken, owners.into_keys().collect());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_clients_want_one_seat_on_the_embedded_profile() {
    let stack = Stack::embedded();
    one_seat(vec![stack.start()], 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_clients_want_one_seat_on_the_real_stack() {
    let stack = Stack::real(services::shared()).await;
    one_seat(vec![stack.start(), stack.start()], 200).await;
    stack.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_clients_want_overlapping_sets_on_the_embedded_profile() {
    let stack = Stack::embedded();
    overlapping_sets(vec![stack.start()], 50, 6).await;
    stack.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_clients_want_overlapping_sets_on_two_nodes() {
    let stack = Stack::real(services::shared()).await;
    overlapping_sets(vec![stack.start(), stack.start()], 50, 6).await;
    stack.check().await;
}

/// The first of two reservations is being committed for longer than the second may wait.
#[tokio::test(flavor = "multi_thread")]
async fn who_waits_too_long_behind_a_commit_is_refused_and_locks_nothing() {
    let stack = Stack::real(services::shared()).await.with("BOX_OFFICE__QUEUE_SECONDS", 1);
    let stack = ["LOCK", "STATEMENT", "COMMIT"]
        .iter()
        .fold(stack, |stack, of| stack.with(&format!("POSTGRES__{of}_TIMEOUT_SECONDS"), 60));
    let server = Arc::new(stack.start());
    let (showtime, seats) = server.schedule(1).await;
    server.hold(&showtime, &seats[9..]).await;
    let mut holder = AsyncPgConnection::establish(&stack.postgres_url()).await.unwrap();
    let hold = format!("BEGIN; SELECT 1 FROM showtimes WHERE id = '{showtime}' FOR UPDATE");
    holder.batch_execute(&hold).await.unwrap();
    let locks = Valkey::of(&stack.services().valkey).await;
    let reserve = |seat: &String| {
        let (server, id, wanted) = (Arc::clone(&server), showtime.clone(), vec![seat.clone()]);
        tokio::spawn(async move { server.reserve(&id, &wanted, "u").await })
    };
    let first = reserve(&seats[0]);
    eventually("the seat is locked", Duration::from_secs(8), async || locks.is_locked(&showtime, 0).await).await;
    let second = reserve(&seats[1]);
    eventually("the second waits", Duration::from_secs(8), async || {
        let metrics = server.get("/metrics").await;
        metrics.body.as_str().unwrap().lines().any(|line| line == "turnstile_commands_waiting 2")
    })
    .await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert!(!first.is_finished(), "it is being committed");
    holder.batch_execute("COMMIT").await.unwrap();
    assert_eq!(first.await.unwrap().status, 201);
    let second = second.await.unwrap();
    assert_eq!(second.status, 503, "{second:?}");
    assert!(!locks.is_locked(&showtime, 1).await);
    server.seats(&showtime, 3).await;
    stack.check().await;
}
