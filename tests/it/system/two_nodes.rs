//! Two nodes and one client between them: what one node has told is true on the other at once.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::faults::watcher::Watcher;
use crate::services;
use crate::stack::{Held, Stack, eventually};

/// Seats that are freed and booked again.
const ROUNDS: usize = 40;

/// Reserved on B, cancelled on A, reserved again on B: B's board and state still say that the seat is taken.
#[tokio::test(flavor = "multi_thread")]
async fn a_seat_freed_on_one_node_is_booked_at_once_on_the_other() {
    let stack = Stack::real(services::shared()).await;
    let (a, b) = (stack.start(), stack.start());
    let (showtime, seats) = a.schedule(1).await;
    let wanted = seats[..1].to_vec();
    for round in 0..ROUNDS {
        let held = b.hold(&showtime, &wanted).await;
        assert_eq!(b.reserve(&showtime, &wanted, "other").await.status, 409, "it is taken");
        assert_eq!(a.cancel(&held).await.status, 200);
        let again = b.reserve(&showtime, &wanted, &format!("next {round}")).await;
        assert_eq!(again.status, 201, "round {round}: {again:?}");
        assert_eq!(a.cancel(&Held::from(&again.body)).await.status, 200);
    }
    stack.check().await;
}

/// The live feed of a node says that a seat is available: so do its answers.
#[tokio::test(flavor = "multi_thread")]
async fn a_seat_that_the_live_feed_calls_available_is_booked_through_the_same_node() {
    let stack = Stack::real(services::shared()).await;
    let (a, b) = (stack.start(), stack.start());
    let (showtime, seats) = a.schedule(1).await;
    let addresses = Arc::new(Mutex::new(vec![b.address().to_owned()]));
    let feed = Watcher::start(addresses, 0, showtime.clone());
    let wanted = seats[..1].to_vec();
    for round in 0..10 {
        let held = b.hold(&showtime, &wanted).await;
        assert_eq!(b.reserve(&showtime, &wanted, "other").await.status, 409, "it is taken");
        let freed = a.cancel(&held).await.body["sequence"].as_u64().unwrap();
        eventually("the feed tells it", Duration::from_secs(10), async || feed.last() >= freed).await;
        let again = b.reserve(&showtime, &wanted, &format!("next {round}")).await;
        assert_eq!(again.status, 201, "round {round}: {again:?}");
        assert_eq!(b.cancel(&Held::from(&again.body)).await.status, 200);
    }
}

/// Two bookings, one payment, on two nodes at once; and two bookings of one showtime in one batch.
#[tokio::test(flavor = "multi_thread")]
async fn one_payment_confirms_one_booking() {
    let stack = Stack::real(services::shared()).await;
    let (a, b) = (stack.start(), stack.start());
    let (one, seats) = a.schedule(1).await;
    let (two, others) = a.schedule(1).await;
    for round in 0..5 {
        let held = [
            a.hold(&one, &seats[2 * round..=2 * round]).await,
            b.hold(&two, &others[round..=round]).await,
            a.hold(&one, &seats[2 * round + 1..2 * round + 2]).await,
        ];
        let payment = format!("payment {round}");
        let [first, second, third] = &held;
        let answers = tokio::join!(a.confirm(first, &payment), b.confirm(second, &payment), a.confirm(third, &payment));
        let mut refused = 0;
        for (answer, held) in [answers.0, answers.1, answers.2].into_iter().zip(&held) {
            if answer.status == 200 {
                // Asked again, also elsewhere, it is answered the same.
                for node in [&a, &b] {
                    let again = node.confirm(held, &payment).await;
                    assert_eq!((again.status, again.body["status"].as_str()), (200, Some("Confirmed")), "{again:?}");
                }
            } else {
                assert_eq!((answer.status, answer.body["code"].as_str()), (409, Some("payment-used")), "{answer:?}");
                assert_eq!(answer.body["errors"][0]["pointer"], "/paymentReference", "{answer:?}");
                assert!(answer.body["detail"].as_str().unwrap().contains(&payment), "{answer:?}");
                refused += 1;
                let paid = b.confirm(held, &format!("another of {}", held.booking_id)).await;
                assert_eq!(paid.status, 200, "with a payment of its own it goes on: {paid:?}");
            }
        }
        assert_eq!(refused, 2, "one of the three is confirmed");
    }
    stack.check().await;
}

/// Cancelling and reserving again, through either node, does not renew the longest time that a user may hold seats.
#[tokio::test(flavor = "multi_thread")]
async fn a_user_cannot_hold_seats_for_ever_by_reserving_them_again() {
    let stack = Stack::real(services::shared()).await.with("HOLD_SECONDS", 3).with("HOLD_TOTAL_SECONDS", 4);
    let nodes = [stack.start(), stack.start()];
    let (showtime, seats) = nodes[0].schedule(1).await;
    let began = Instant::now();
    let mut held = Held::from(&nodes[0].reserve(&showtime, &seats[..2], "ada").await.body);
    let mut round = 0;
    let refused = loop {
        round += 1;
        tokio::time::sleep(Duration::from_millis(300)).await;
        let ended = nodes[round % 2].cancel(&held).await;
        assert!(ended.status == 200 || ended.body["code"] == "hold-expired", "{ended:?}");
        let answer = nodes[(round / 2) % 2].reserve(&showtime, &seats[..2], "ada").await;
        assert!(began.elapsed() < Duration::from_secs(7), "held for {:?} in all", began.elapsed());
        match (answer.status, answer.body["code"].as_str()) {
            (201, _) => held = Held::from(&answer.body),
            // The last hold has reached its deadline, and its end is not recorded yet.
            (409, Some("seats-taken")) => {}
            _ => break answer,
        }
    };
    assert_eq!((refused.status, refused.body["code"].as_str()), (409, Some("held-too-long")), "{refused:?}");
    assert!(began.elapsed() > Duration::from_secs(3), "not before the total time is over: {:?}", began.elapsed());
    let other = nodes[0].reserve(&showtime, &seats[..2], "bob").await;
    assert_eq!(other.status, 201, "others find the seats free: {other:?}");
}
