//! Payments at and after the deadline, on two nodes: nobody loses seats that are his, and no payment buys seats twice.

use std::time::Duration;

use futures_util::future::join_all;

use crate::services;
use crate::stack::{Answer, Held, Server, Stack, at_last, eventually};

/// What became of a payment that may have come too late.
#[track_caller]
fn is_paid(answer: &Answer) -> bool {
    match (answer.status, answer.body["code"].as_str()) {
        (200, _) => true,
        (409, Some("payment-too-late")) => {
            assert!(!answer.body["conflicts"].as_array().unwrap().is_empty(), "{answer:?}");
            false
        }
        _ => panic!("{answer:?}"),
    }
}

async fn pay(node: &Server, held: &Held, payment: &str) -> Answer {
    at_last(|| async { node.confirm(held, payment).await }).await
}

/// Somebody else who wants this seat through a node, and pays for it at once if he gets it.
async fn rival(node: &Server, showtime: &str, seat: &String, payment: &str) -> bool {
    let answer = node.reserve_at_last(showtime, std::slice::from_ref(seat), "rival").await;
    if answer.status == 201 {
        let paid = pay(node, &Held::from(&answer.body), payment).await;
        assert_eq!(paid.status, 200, "who has got a seat keeps it: {paid:?}");
    }
    answer.status == 201
}

/// How often the journal says that this payment is to be returned, and that it bought something.
async fn told(stack: &Stack, payment: &str) -> (usize, usize) {
    let (client, connection) = tokio_postgres::connect(&stack.postgres_url(), tokio_postgres::NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    let of = async |kind: &str, member: &str| {
        let sql = "SELECT count(*) FROM journal, json_array_elements(events) AS event
            WHERE event ->> 'type' = $1 AND event ->> $2 = $3";
        let count: i64 = client.query_one(sql, &[&kind, &member, &payment]).await.unwrap().get(0);
        usize::try_from(count).unwrap()
    };
    let counts = (of("PaymentRefused", "refund").await, of("BookingConfirmed", "paymentReference").await);
    connection.abort();
    counts
}

/// Every hold is paid through both nodes at the moment at which it expires: all of them are sold, since nobody else wants the seats.
#[tokio::test(flavor = "multi_thread")]
async fn a_payment_beats_the_expiry_of_a_hold_that_nobody_else_wants() {
    let stack = Stack::real(services::shared()).await.with("HOLD_SECONDS", 1);
    let nodes = [stack.start(), stack.start()];
    let (showtime, seats) = nodes[0].schedule(4).await;
    let mut held = Vec::new();
    for pair in seats.chunks(2) {
        held.push(nodes[held.len() % 2].hold(&showtime, pair).await);
    }
    let paid = held.iter().enumerate().map(async |(number, held)| {
        tokio::time::sleep(Duration::from_millis(700 + 25 * u64::try_from(number).unwrap())).await;
        let payment = format!("payment {number}");
        tokio::join!(pay(&nodes[0], held, &payment), pay(&nodes[1], held, &payment))
    });
    let mut sequence = 0;
    for (one, two) in join_all(paid).await {
        for answer in [one, two] {
            assert_eq!((answer.status, answer.body["status"].as_str()), (200, Some("Confirmed")), "{answer:?}");
            sequence = sequence.max(answer.body["sequence"].as_u64().unwrap());
        }
    }
    let sold = nodes[1].seats(&showtime, sequence).await;
    assert!(sold.iter().all(|(_, status)| status == "Sold"), "{sold:?}");
    stack.check().await;
}

/// The hold has expired; its payment comes through both nodes, and others want the seats at that moment through both.
#[tokio::test(flavor = "multi_thread")]
async fn a_late_payment_takes_no_seat_from_a_new_owner() {
    let stack = Stack::real(services::shared()).await.with("HOLD_SECONDS", 2);
    let nodes = [stack.start(), stack.start()];
    let (showtime, seats) = nodes[0].schedule(4).await;
    let mut late = Vec::new();
    for pair in seats.chunks(2) {
        late.push(nodes[0].hold(&showtime, pair).await);
    }
    // The read model must have the last hold before its end counts.
    let last = late.iter().map(|held| held.sequence).max().unwrap();
    let all_free = async || {
        let seats = nodes[0].seats(&showtime, last).await;
        seats.iter().all(|(_, status)| status == "Available")
    };
    eventually("all holds have expired", Duration::from_secs(30), all_free).await;
    // The rivals' holds last until they pay.
    let change = nodes[0].as_operator(reqwest::Method::PATCH, &format!("/api/showtimes/{showtime}"));
    let changed = nodes[0].send(change.json(&serde_json::json!({"holdSeconds": 60}))).await.unwrap();
    assert_eq!(changed.status, 200, "{changed:?}");
    let raced = late.iter().enumerate().map(async |(number, held)| {
        let payment = format!("late {number}");
        let rivals = [format!("{payment}, rival 0"), format!("{payment}, rival 1")];
        let (one, first, second, two) = tokio::join!(
            pay(&nodes[0], held, &payment),
            rival(&nodes[1], &showtime, &held.seat_ids[0], &rivals[0]),
            rival(&nodes[0], &showtime, &held.seat_ids[1], &rivals[1]),
            pay(&nodes[1], held, &payment),
        );
        assert_eq!((one.status, &one.body["conflicts"]), (two.status, &two.body["conflicts"]), "{one:?} {two:?}");
        assert_eq!(is_paid(&one), !first && !second, "the late payment or a rival: {one:?} {first} {second}");
        (held, payment, one)
    });
    let mut refused = Vec::new();
    for (held, payment, first) in join_all(raced).await {
        // The same answer each time, on either node, and one event.
        for node in &nodes {
            let again = node.confirm(held, &payment).await;
            assert_eq!((again.status, &again.body["message"]), (first.status, &first.body["message"]), "{again:?}");
        }
        let expected = if is_paid(&first) { (0, 1) } else { (1, 0) };
        assert_eq!(told(&stack, &payment).await, expected, "{payment}");
        if !is_paid(&first) {
            refused.push(payment);
        }
    }
    // A payment that is to be returned pays for nothing else.
    let (other, others) = nodes[0].schedule(1).await;
    let other = nodes[1].hold(&other, &others[..1]).await;
    for payment in refused {
        let answer = nodes[0].confirm(&other, &payment).await;
        assert_eq!((answer.status, answer.body["code"].as_str()), (409, Some("payment-used")), "{answer:?}");
    }
    stack.check().await;
}
