//! Sales out of a block on two nodes, while others sell its last seat, give it back to everybody, and want it as customers.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::services;
use crate::stack::{Answer, Held, Server, Stack, at_last};

async fn operator(node: &Server, method: Method, path: &str, body: &Value) -> Answer {
    at_last(|| async { node.send(node.as_operator(method.clone(), path).json(body)).await.unwrap() }).await
}

async fn reserved(node: &Server, showtime: &str, seats: &[String]) -> Answer {
    node.reserve_at_last(showtime, seats, "ada").await
}

/// Two operators sell the last seat of a block through both nodes, and a customer wants it: an operator has it, and once. What is given back through
/// the other node is the block's again there and here.
#[tokio::test(flavor = "multi_thread")]
async fn a_blocks_last_seat_is_sold_once_and_to_no_customer() {
    let stack = Stack::real(services::shared()).await;
    let nodes = [stack.start(), stack.start()];
    let (showtime, seats) = nodes[0].schedule(2).await;
    let blocks = format!("/api/showtimes/{showtime}/blocks");
    let sales = format!("/api/showtimes/{showtime}/bookings");
    let raced = seats.iter().enumerate().map(async |(number, seat)| {
        let (one, other) = (&nodes[number % 2], &nodes[(number + 1) % 2]);
        let seat = std::slice::from_ref(seat);
        let made = operator(one, Method::POST, &blocks, &json!({"seatIds": seat, "type": "house"})).await;
        let body = json!({"seatIds": seat, "userId": "counter", "blockId": made.body["blockId"]});
        let (first, second, customer) = tokio::join!(
            operator(one, Method::POST, &sales, &body),
            operator(other, Method::POST, &sales, &body),
            reserved(other, &showtime, seat)
        );
        assert_eq!(customer.body["code"], "seats-taken", "{customer:?}");
        let (sold, refused) = if first.status == 201 { (first, second) } else { (second, first) };
        assert_eq!((sold.status, &refused.body["code"]), (201, &json!("seats-taken")), "{sold:?} {refused:?}");
        assert_eq!(other.cancel(&Held::from(&sold.body)).await.status, 200);
        for node in [one, other] {
            assert_eq!(reserved(node, &showtime, seat).await.body["code"], "seats-taken", "it is the block's again");
        }
        assert_eq!(operator(one, Method::POST, &sales, &body).await.status, 201);
    });
    join_all(raced).await;
    stack.check().await;
}

/// An operator gives the last seat of a block back to everybody while another one sells it: it is sold out of the block, or the block is over and the
/// seat everybody's.
#[tokio::test(flavor = "multi_thread")]
async fn a_blocks_last_seat_is_sold_or_given_back() {
    let stack = Stack::real(services::shared()).await;
    let nodes = [stack.start(), stack.start()];
    let (showtime, seats) = nodes[0].schedule(3).await;
    let blocks = format!("/api/showtimes/{showtime}/blocks");
    let sales = format!("/api/showtimes/{showtime}/bookings");
    let raced = seats.iter().enumerate().map(async |(number, seat)| {
        let (one, other) = (&nodes[number % 2], &nodes[(number + 1) % 2]);
        let seat = std::slice::from_ref(seat);
        let made = operator(one, Method::POST, &blocks, &json!({"seatIds": seat, "type": "house"})).await;
        let body = json!({"seatIds": seat, "userId": "counter", "blockId": made.body["blockId"], "paymentReference": format!("cash {number}")});
        let release = format!("{blocks}/{}/seats", made.body["blockId"].as_str().unwrap());
        let release_body = json!({"remove": seat});
        let (sale, released) = tokio::join!(
            operator(one, Method::POST, &sales, &body),
            operator(other, Method::POST, &release, &release_body)
        );
        assert_eq!(released.status, 200, "{released:?}");
        let customer = reserved(other, &showtime, seat).await;
        match (sale.status, sale.body["code"].as_str()) {
            (201, _) => {
                assert_eq!(released.body["status"], "Blocked", "it had no seat to give back: {released:?}");
                assert_eq!(customer.body["code"], "seats-taken", "{customer:?}");
            }
            (404, Some("unknown-block")) => {
                assert_eq!(released.body["status"], "Ended", "{released:?}");
                assert_eq!(customer.status, 201, "{customer:?}");
            }
            _ => panic!("{sale:?} {released:?}"),
        }
    });
    join_all(raced).await;
    stack.check().await;
}

/// A node that has not heard of a block sells out of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_has_not_heard_of_a_block_sells_out_of_it() {
    let stack = Stack::real(services::shared()).await;
    let (knows, late) = (stack.start(), stack.start());
    let (showtime, seats) = knows.schedule(1).await;
    // The late node is the last one to open the showtime, and so does not load the block with it.
    assert_eq!(reserved(&knows, &showtime, &seats[5..6]).await.status, 201);
    let held = reserved(&late, &showtime, &seats[7..8]).await;
    let blocks = format!("/api/showtimes/{showtime}/blocks");
    let made = operator(&knows, Method::POST, &blocks, &json!({"seatIds": seats[..2], "type": "house"})).await;
    assert_eq!(made.status, 201, "{made:?}");
    let body = json!({"add": seats[..1], "blockId": made.body["blockId"]});
    let path = format!("/api/bookings/{}/seats", held.body["bookingId"].as_str().unwrap());
    let exchanged = operator(&late, Method::POST, &path, &body).await;
    assert_eq!((exchanged.status, &exchanged.body["seatIds"]), (200, &json!([seats[7], seats[0]])), "{exchanged:?}");
    let body = json!({"seatIds": seats[1..2], "userId": "counter", "blockId": made.body["blockId"]});
    let path = format!("/api/showtimes/{showtime}/bookings");
    assert_eq!(operator(&knows, Method::POST, &path, &body).await.status, 201);
    assert_eq!(late.cancel(&Held::from(&held.body)).await.status, 200);
    let listed = operator(&knows, Method::GET, &blocks, &Value::Null).await;
    assert_eq!(listed.body["items"][0]["seatIds"], json!(seats[..1]), "given back to the block");
    stack.check().await;
}
