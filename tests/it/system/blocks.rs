//! Blocks on two nodes, while customers want the same seats.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::services;
use crate::stack::{Answer, Held, Server, Stack, at_last, eventually};
use crate::system::valkey::Valkey;

async fn operator(node: &Server, method: Method, path: &str, body: Value) -> Answer {
    at_last(|| async { node.send(node.as_operator(method.clone(), path).json(&body)).await.unwrap() }).await
}

async fn reserved(node: &Server, showtime: &str, seats: &[String]) -> Option<Held> {
    let answer = node.reserve_at_last(showtime, seats, "ada").await;
    match (answer.status, answer.body["code"].as_str()) {
        (201, _) => Some(Held::from(&answer.body)),
        (409, Some("seats-taken")) => None,
        _ => panic!("{answer:?}"),
    }
}

/// A customer and the house want the same seat through different nodes: one of them has it. What the house gives back through the other node is
/// free at once, and no lock is left behind.
#[tokio::test(flavor = "multi_thread")]
async fn of_a_block_and_a_customer_one_has_the_seat() {
    let stack = Stack::real(services::shared()).await;
    let nodes = [stack.start(), stack.start()];
    let (showtime, seats) = nodes[0].schedule(6).await;
    let path = format!("/api/showtimes/{showtime}/blocks");
    let raced = seats.chunks(5).enumerate().map(async |(number, row)| {
        let (one, other) = (&nodes[number % 2], &nodes[(number + 1) % 2]);
        let body = json!({"seatIds": row[..3], "type": "house"});
        let (blocked, held) =
            tokio::join!(operator(one, Method::POST, &path, body), reserved(other, &showtime, &row[2..4]));
        match (blocked.status, blocked.body["code"].as_str()) {
            (201, _) => assert!(held.is_none(), "both have the seat: {blocked:?}"),
            (409, Some("seats-taken")) => assert!(held.is_some(), "nobody has the seat: {blocked:?}"),
            _ => panic!("{blocked:?}"),
        }
        let Some(id) = blocked.body["blockId"].as_str() else { return };
        let released = operator(other, Method::POST, &format!("{path}/{id}/seats"), json!({"remove": row[..1]})).await;
        assert_eq!((released.status, &released.body["seatIds"]), (200, &json!(row[1..3])), "{released:?}");
        assert!(reserved(one, &showtime, &row[..1]).await.is_some(), "given back, so free");
        assert!(reserved(other, &showtime, &row[1..2]).await.is_none());
        let ended = operator(other, Method::DELETE, &format!("{path}/{id}"), Value::Null).await;
        assert_eq!(ended.status, 200, "{ended:?}");
        assert!(reserved(one, &showtime, &row[1..3]).await.is_some());
    });
    join_all(raced).await;
    stack.check().await;
}

/// A block whose node has died ends at its time, and blocks end with their showtime.
#[tokio::test(flavor = "multi_thread")]
async fn blocks_end_without_the_node_that_made_them() {
    let stack = Stack::real(services::shared()).await;
    let (mut made_by, survivor) = (stack.start(), stack.start());
    let (showtime, seats) = made_by.schedule(1).await;
    let path = format!("/api/showtimes/{showtime}/blocks");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let until = i64::try_from((now + Duration::from_secs(12)).as_millis()).unwrap();
    let until = turnstile::domain::Timestamp::from_millis(until).to_string();
    let body = json!({"seatIds": seats[..3], "type": "house", "until": until});
    let made = operator(&made_by, Method::POST, &path, body).await;
    assert_eq!(made.status, 201, "{made:?}");
    // Its seats have two versions then.
    let id = made.body["blockId"].as_str().unwrap();
    operator(&made_by, Method::POST, &format!("{path}/{id}/seats"), json!({"remove": seats[..1]})).await;
    let body = json!({"seatIds": seats[5..], "type": "house"});
    assert_eq!(operator(&made_by, Method::POST, &path, body).await.status, 201);
    made_by.kill();
    let free = async || {
        let seats = survivor.seats(&showtime, 4).await;
        seats.iter().filter(|(_, status)| status == "Available").count()
    };
    assert_eq!(free().await, 3);
    eventually("the block has ended", Duration::from_secs(30), async || free().await == 5).await;
    let cancel = format!("/api/showtimes/{showtime}/cancel");
    assert_eq!(operator(&survivor, Method::POST, &cancel, json!({"reason": "storm"})).await.status, 200);
    eventually("all blocks have ended", Duration::from_secs(30), async || free().await == 10).await;
    stack.check().await;
}

/// Locks that were not released, since Valkey was away then: they keep nobody from the seats that the house gives back or a channel sells.
#[tokio::test(flavor = "multi_thread")]
async fn a_blocks_lock_that_stays_behind_is_nobodys_obstacle() {
    let stack = Stack::real(services::shared()).await;
    let nodes = [stack.start(), stack.start()];
    let (showtime, seats) = nodes[0].schedule(1).await;
    let valkey = Valkey::of(&stack.services().valkey).await;
    let path = format!("/api/showtimes/{showtime}/blocks");
    let key = "key-of-the-fan-club";
    let channel = json!({"name": "Fans", "key": key});
    let house = operator(&nodes[0], Method::POST, &path, json!({"seatIds": seats[..3], "type": "house"})).await;
    let body = json!({"seatIds": seats[3..6], "type": "presale", "channel": channel});
    let fans = operator(&nodes[0], Method::POST, &path, body).await;
    let ids = [&house, &fans].map(|made| made.body["blockId"].as_str().unwrap().to_owned());
    for seat in 0..6 {
        let released = || async { !valkey.is_locked(&showtime, seat).await };
        eventually("the block's lock is released", Duration::from_secs(30), released).await;
        valkey.lock(&showtime, seat, &ids[usize::from(seat >= 3)]).await;
    }
    assert!(reserved(&nodes[1], &showtime, &seats[..1]).await.is_none(), "the house has it");
    for (node, seat) in nodes.iter().zip(3..) {
        let bought = buy(node, &showtime, &seats[seat..=seat], key).await;
        assert_eq!(bought.status, 201, "{bought:?}");
    }
    let back =
        operator(&nodes[0], Method::POST, &format!("{path}/{}/seats", ids[0]), json!({"remove": seats[..1]})).await;
    assert_eq!(back.status, 200, "{back:?}");
    // As if that lock, too, had stayed.
    valkey.lock(&showtime, 0, &ids[0]).await;
    assert!(reserved(&nodes[1], &showtime, &seats[..1]).await.is_some(), "given back");
    let ended = operator(&nodes[1], Method::DELETE, &format!("{path}/{}", ids[0]), Value::Null).await;
    assert_eq!(ended.status, 200, "{ended:?}");
    for (node, seat) in nodes.iter().zip(1..) {
        valkey.lock(&showtime, u32::try_from(seat).unwrap(), &ids[0]).await;
        assert!(reserved(node, &showtime, &seats[seat..=seat]).await.is_some(), "the block is over");
    }
    stack.check().await;
}

async fn buy(node: &Server, showtime: &str, seats: &[String], key: &str) -> Answer {
    let body = json!({"showtimeId": showtime, "seatIds": seats, "userId": "ada", "channelKey": key});
    at_last(|| async { node.post("/api/bookings", &body).await }).await
}

/// The last seat of a channel through both nodes at once, with its key, with another channel's, and without one: it is sold once, to its own. What is
/// given back through one node is the channel's through the other.
#[tokio::test(flavor = "multi_thread")]
async fn a_channels_last_seat_is_sold_once_and_to_nobody_else() {
    let stack = Stack::real(services::shared()).await;
    let nodes = [stack.start(), stack.start()];
    let (showtime, seats) = nodes[0].schedule(4).await;
    let path = format!("/api/showtimes/{showtime}/blocks");
    let keys = ["key-of-the-fan-club", "key-of-the-theatre-club"];
    for (key, seats) in keys.iter().zip(seats.chunks(20)) {
        let body = json!({"seatIds": seats, "type": "presale", "channel": {"name": "Club", "key": key}});
        assert_eq!(operator(&nodes[0], Method::POST, &path, body).await.status, 201);
    }
    let raced = seats[..20].iter().enumerate().map(async |(number, seat)| {
        let seat = std::slice::from_ref(seat);
        let (one, other) = (&nodes[number % 2], &nodes[(number + 1) % 2]);
        let (first, second, foreign, nobody) = tokio::join!(
            buy(one, &showtime, seat, keys[0]),
            buy(other, &showtime, seat, keys[0]),
            buy(other, &showtime, seat, keys[1]),
            reserved(one, &showtime, seat)
        );
        let statuses = [first.status, second.status];
        assert!(statuses == [201, 409] || statuses == [409, 201], "{first:?} {second:?}");
        assert_eq!((foreign.status, &foreign.body["code"]), (409, &json!("seats-taken")), "{foreign:?}");
        assert!(nobody.is_none());
        let held = Held::from(if first.status == 201 { &first.body } else { &second.body });
        if number % 2 == 0 {
            assert_eq!(other.cancel(&held).await.status, 200);
            assert!(reserved(one, &showtime, seat).await.is_none(), "it is the channel's again");
            assert_eq!(buy(one, &showtime, seat, keys[0]).await.status, 201);
        } else {
            assert_eq!(one.confirm(&held, &format!("payment {number}")).await.status, 200);
        }
    });
    join_all(raced).await;
    for node in &nodes {
        let listed = node.send(node.as_operator(Method::GET, &path)).await.unwrap();
        assert_eq!(listed.body["items"][0]["seatIds"], json!([]));
        assert_eq!(listed.body["items"][1]["seatIds"].as_array().map(Vec::len), Some(20));
        assert_eq!(buy(node, &showtime, &seats[..1], "key-of-nobody-at-all").await.body["code"], "wrong-channel-key");
    }
    stack.check().await;
}

/// A hold on a channel's seat whose node has died goes back to the channel.
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_nodes_hold_goes_back_to_its_channel() {
    let stack = Stack::real(services::shared()).await.with("HOLD_SECONDS", 6);
    let (mut dead, survivor) = (stack.start(), stack.start());
    let (showtime, seats) = dead.schedule(1).await;
    let path = format!("/api/showtimes/{showtime}/blocks");
    let key = "key-of-the-fan-club";
    let body = json!({"seatIds": seats[..2], "type": "presale", "channel": {"name": "Fans", "key": key}});
    assert_eq!(operator(&dead, Method::POST, &path, body).await.status, 201);
    assert_eq!(buy(&dead, &showtime, &seats[1..3], key).await.status, 201);
    dead.kill();
    let free = async |seat: usize| survivor.seats(&showtime, 3).await[seat].1 == "Available";
    eventually("the hold has ended", Duration::from_secs(30), async || free(2).await).await;
    assert!(reserved(&survivor, &showtime, &seats[1..2]).await.is_none(), "the channel has it again");
    assert_eq!(buy(&survivor, &showtime, &seats[..2], key).await.status, 201);
    stack.check().await;
}

/// A node learns of a channel only when it meets a booking that has a seat of it. What is given back there is the channel's again all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_has_not_heard_of_a_channel_gives_its_seats_back() {
    let stack = Stack::real(services::shared()).await;
    let (knows, late) = (stack.start(), stack.start());
    let (showtime, seats) = knows.schedule(1).await;
    // The late node is the last one to open the showtime: else its next commit would be fenced, and it would load the channel with the showtime.
    for (node, seat) in [(&knows, 5), (&late, 4)] {
        assert!(reserved(node, &showtime, &seats[seat..=seat]).await.is_some(), "the showtime is open there");
    }
    let key = "key-of-the-fan-club";
    let body = json!({"seatIds": seats[..2], "type": "presale", "channel": {"name": "Fans", "key": key}});
    let made = operator(&knows, Method::POST, &format!("/api/showtimes/{showtime}/blocks"), body).await;
    assert_eq!(made.status, 201, "{made:?}");
    let buy = async |node: &Server, seat: &str| {
        let body = json!({"showtimeId": showtime, "seatIds": [seat], "userId": "fan", "channelKey": key});
        node.post("/api/bookings", &body).await
    };
    let bought = buy(&knows, &seats[0]).await;
    assert_eq!(bought.status, 201, "{bought:?}");
    assert_eq!(late.cancel(&Held::from(&bought.body)).await.status, 200);
    assert!(reserved(&knows, &showtime, &seats[..1]).await.is_none(), "it is the channel's");
    assert!(reserved(&late, &showtime, &seats[..1]).await.is_none(), "it is the channel's");
    for (node, seat) in [(&late, &seats[0]), (&knows, &seats[1])] {
        let again = buy(node, seat).await;
        assert_eq!(again.status, 201, "{again:?}");
    }
    stack.check().await;
}
