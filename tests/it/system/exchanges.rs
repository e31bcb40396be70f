//! Seats of bookings that are exchanged and refunded on two nodes, while others want the same seats.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::services;
use crate::stack::{Answer, Held, Server, Stack, at_last};

async fn exchange(node: &Server, held: &Held, add: &[String], remove: &[String]) -> Answer {
    let body = json!({"add": add, "remove": remove, "holdToken": held.hold_token});
    patiently(node, &format!("/api/bookings/{}/seats", held.booking_id), &body).await
}

async fn rival(node: &Server, showtime: &str, seats: &[String]) -> Option<Held> {
    let answer = node.reserve_at_last(showtime, seats, "rival").await;
    match (answer.status, answer.body["code"].as_str()) {
        (201, _) => Some(Held::from(&answer.body)),
        (409, Some("seats-taken")) => None,
        _ => panic!("{answer:?}"),
    }
}

fn seats_of(answer: &Answer) -> Vec<String> {
    let seats = answer.body["seatIds"].as_array().unwrap_or_else(|| panic!("{answer:?}"));
    seats.iter().map(|seat| seat.as_str().unwrap().to_owned()).collect()
}

/// One node exchanges a seat for another one that the other node is asked for at the same moment, as it is for the one given back. Whoever
/// looks meanwhile, through either node, sees the old seats or the new ones.
#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_and_a_rival_never_have_the_same_seat() {
    let stack = Stack::real(services::shared()).await;
    let nodes = [stack.start(), stack.start()];
    let (showtime, seats) = nodes[0].schedule(8).await;
    let rows: Vec<&[String]> = seats.chunks(4).collect();
    let mut held = Vec::new();
    for row in &rows {
        held.push(nodes[0].hold(&showtime, &row[..2]).await);
    }
    let raced = rows.iter().zip(&held).enumerate().map(async |(number, (row, held))| {
        let (old, new) = (row[..2].to_vec(), vec![row[1].clone(), row[2].clone()]);
        let (one, other) = (&nodes[number % 2], &nodes[(number + 1) % 2]);
        let looks = async {
            for look in 0..6 {
                let seen = seats_of(&nodes[look % 2].booking(held).await);
                assert!(seen == old || seen == new, "{seen:?} are neither {old:?} nor {new:?}");
            }
        };
        let (answer, wanted, given_back, ()) = tokio::join!(
            exchange(one, held, &row[2..3], &row[..1]),
            rival(other, &showtime, &row[2..4]),
            rival(other, &showtime, &row[..1]),
            looks
        );
        let is_done = match (answer.status, answer.body["code"].as_str()) {
            (200, _) => true,
            (409, Some("seats-taken")) => false,
            _ => panic!("{answer:?}"),
        };
        assert_eq!(is_done, wanted.is_none(), "one of the two has the seat: {answer:?} {wanted:?}");
        assert!(is_done || given_back.is_none(), "what is not given back is nobody else's: {given_back:?}");
        for node in &nodes {
            assert_eq!(seats_of(&node.booking(held).await), if is_done { new.clone() } else { old.clone() });
        }
        is_done
    });
    let done = join_all(raced).await;
    assert!(done.iter().any(|done| *done), "{done:?}");
    stack.check().await;
}

/// The same booking through both nodes: the second finds what the first has made of it.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_exchanges_of_one_seat_one_is_made() {
    let stack = Stack::real(services::shared()).await;
    let nodes = [stack.start(), stack.start()];
    let (showtime, seats) = nodes[0].schedule(4).await;
    for row in seats.chunks(5) {
        let held = nodes[0].hold(&showtime, &row[..2]).await;
        let (one, two) = tokio::join!(
            exchange(&nodes[0], &held, &row[2..3], &row[..1]),
            exchange(&nodes[1], &held, &row[3..4], &row[..1])
        );
        let (made, refused) = if one.status == 200 { (one, two) } else { (two, one) };
        assert_eq!(made.status, 200, "{made:?}");
        assert_eq!((refused.status, refused.body["code"].as_str()), (409, Some("seats-not-in-booking")), "{refused:?}");
        assert_eq!(seats_of(&nodes[1].booking(&held).await), seats_of(&made));
        // What was given back, and what was not taken, others can have through either node.
        let free: Vec<String> = row.iter().take(4).filter(|seat| !seats_of(&made).contains(seat)).cloned().collect();
        assert!(rival(&nodes[1], &showtime, &free).await.is_some());
    }
    stack.check().await;
}

/// Refunded through both nodes at once, in parts that have a seat in common: each seat once, and free at once for everybody.
#[tokio::test(flavor = "multi_thread")]
async fn seats_are_refunded_once_and_free_for_everybody() {
    let stack = Stack::real(services::shared()).await;
    let nodes = [stack.start(), stack.start()];
    let (showtime, seats) = nodes[0].schedule(4).await;
    for (number, row) in seats.chunks(10).enumerate() {
        let held = nodes[0].hold(&showtime, &row[..4]).await;
        assert_eq!(nodes[1].confirm(&held, &format!("payment {number}")).await.status, 200);
        let refund = async |node: &Server, seats: &[String]| {
            let request = node.as_operator(Method::POST, &format!("/api/bookings/{}/refund", held.booking_id));
            node.send(request.json(&json!({"seatIds": seats}))).await.unwrap()
        };
        let (one, two) = tokio::join!(refund(&nodes[0], &row[..2]), refund(&nodes[1], &row[1..3]));
        for answer in [one, two] {
            assert_eq!((answer.status, &answer.body["status"]), (200, &json!("Confirmed")), "{answer:?}");
            assert_eq!(answer.body["refund"], Value::from(format!("payment {number}")), "{answer:?}");
        }
        let booking = nodes[0].booking(&held).await;
        assert_eq!(seats_of(&booking), row[3..4]);
        let mut refunded: Vec<&str> =
            booking.body["refundedSeatIds"].as_array().unwrap().iter().map(|seat| seat.as_str().unwrap()).collect();
        refunded.sort_unstable();
        assert_eq!(refunded, row[..3], "each of them once");
        assert!(rival(&nodes[number % 2], &showtime, &row[..3]).await.is_some());
        let (one, two) = tokio::join!(refund(&nodes[0], &row[..3]), refund(&nodes[1], &row[1..2]));
        for answer in [one, two] {
            assert_eq!((answer.status, answer.body.get("refund")), (200, None), "once is enough: {answer:?}");
            assert!(answer.body["message"].as_str().unwrap().contains("refunded before"), "{answer:?}");
        }
        let rest = refund(&nodes[1], &row[3..4]).await;
        assert_eq!((rest.status, &rest.body["status"]), (200, &json!("Cancelled")), "{rest:?}");
        assert_eq!(rest.body["refund"], Value::from(format!("payment {number}")), "{rest:?}");
    }
    stack.check().await;
}

/// A channel's last seat: wanted by an exchange through one node, and by a reservation through the other one. Both show the key.
#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_and_a_rival_never_have_the_last_seat_of_a_channel() {
    const KEY: &str = "key-of-the-fan-club";
    let stack = Stack::real(services::shared()).await;
    let nodes = [stack.start(), stack.start()];
    let (showtime, seats) = nodes[0].schedule(8).await;
    let raced = seats.chunks(4).enumerate().map(async |(number, row)| {
        let (one, other) = (&nodes[number % 2], &nodes[(number + 1) % 2]);
        let block = json!({"seatIds": row[..2], "type": "presale", "channel": {"name": "Fans", "key": KEY}});
        let path = format!("/api/showtimes/{showtime}/blocks");
        let made = one.send(one.as_operator(Method::POST, &path).json(&block)).await.unwrap();
        assert_eq!(made.status, 201, "{made:?}");
        let buy = async |node: &Server, user: &str, seats: &[String]| {
            let body = json!({"showtimeId": showtime, "seatIds": seats, "userId": user, "channelKey": KEY});
            patiently(node, "/api/bookings", &body).await
        };
        let held = Held::from(&buy(one, "fan", &row[..1]).await.body);
        let body = json!({"add": row[1..2], "channelKey": KEY, "holdToken": held.hold_token});
        let path = format!("/api/bookings/{}/seats", held.booking_id);
        let (answer, rival) = tokio::join!(patiently(one, &path, &body), buy(other, "rival", &row[1..2]));
        match (answer.status, rival.status) {
            (200, 409) => assert_eq!(rival.body["code"], "seats-taken", "{rival:?}"),
            (409, 201) => assert_eq!(answer.body["code"], "seats-taken", "{answer:?}"),
            _ => panic!("one of the two has the seat: {answer:?} {rival:?}"),
        }
        // What both have from the channel goes back to it.
        for held in [Some(held), (rival.status == 201).then(|| Held::from(&rival.body))].into_iter().flatten() {
            assert_eq!(other.cancel(&held).await.status, 200);
        }
        assert_eq!(buy(one, "next", &row[..2]).await.status, 201);
        answer.status == 200
    });
    let done = join_all(raced).await;
    assert!(done.iter().any(|done| *done), "{done:?}");
    stack.check().await;
}

async fn patiently(node: &Server, path: &str, body: &Value) -> Answer {
    at_last(|| async { node.post(path, body).await }).await
}
