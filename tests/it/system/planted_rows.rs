//! Wrong rows in the write store: `turnstile check` names each of them.

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use reqwest::Method;
use serde_json::{Value, json};

use crate::stack::{Answer, Server, Stack};

const KEY: &str = "key-of-the-fan-club";

/// A channel's block and a customer's booking of one of its seats.
struct Planted {
    stack: Stack,
    showtime: String,
    block: String,
    booking: String,
}

impl Planted {
    /// Seats 0 to 2 are the channel's, a customer has seats 2 and 3; seat 5 is another block's.
    async fn new() -> Self {
        let stack = Stack::embedded();
        let node = stack.start();
        let (showtime, seats) = node.schedule(1).await;
        let blocks = format!("/api/showtimes/{showtime}/blocks");
        let channel = json!({"name": "Fans", "key": KEY});
        let made = post(&node, &blocks, json!({"seatIds": seats[..3], "type": "presale", "channel": channel})).await;
        post(&node, &blocks, json!({"seatIds": seats[5..6], "type": "house"})).await;
        let body = json!({"showtimeId": showtime, "seatIds": seats[2..4], "userId": "fan", "channelKey": KEY});
        let bought = post(&node, "/api/bookings", body).await;
        assert_eq!(node.terminate().await, Some(0));
        stack.check().await;
        let text = |answer: &Answer, member: &str| answer.body[member].as_str().unwrap().to_owned();
        Self { showtime, block: text(&made, "blockId"), booking: text(&bought, "bookingId"), stack }
    }

    /// Runs this SQL, `{booking}` and `{block}` being their ids; returns what a check says then.
    async fn check_after(&self, sql: &str) -> String {
        let blob = |id: &str| format!("x'{}'", id.replace('-', ""));
        let sql = sql.replace("{booking}", &blob(&self.booking)).replace("{block}", &blob(&self.block));
        let file = self.stack.data_dir().join("turnstile.db");
        let mut connection = SqliteConnection::establish(file.to_str().unwrap()).unwrap();
        connection.batch_execute(&sql).unwrap();
        drop(connection);
        let output = self.stack.run(&["check"]).await;
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn line(&self, what: &str) -> String {
        let what = what.replace("{booking}", &self.booking).replace("{block}", &self.block);
        format!("showtime {}: {what}", self.showtime)
    }
}

async fn post(node: &Server, path: &str, body: Value) -> Answer {
    let answer = node.send(node.as_operator(Method::POST, path).json(&body)).await.unwrap();
    assert_eq!(answer.status, 201, "{answer:?}");
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_that_does_not_name_its_channels_block_is_found() {
    let planted = Planted::new().await;
    let said =
        planted.check_after("UPDATE bookings SET body = json_remove(body, '$.fromBlocks') WHERE id = {booking}").await;
    assert!(said.contains(&planted.line("I5: booking {booking} is")), "{said}");
    assert!(said.contains("1 disagreements"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blocks_seat_that_is_not_held_back_is_found() {
    let planted = Planted::new().await;
    let said = planted.check_after("UPDATE seats SET status = 0, booking_id = NULL WHERE seat = 1").await;
    let named = planted.line("I3: seat 1 is Available for None, its bookings say Some((BookingId({block}), Reserved))");
    assert!(said.contains(&named), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_that_became_a_customers_is_found() {
    let planted = Planted::new().await;
    let sql = "UPDATE bookings SET user_id = 'eve', body = json_remove(body, '$.block') WHERE id = {block}";
    let said = planted.check_after(sql).await;
    assert!(said.contains(&planted.line("I5: booking {block} is")), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_has_a_seat_come_from_another_block_is_found() {
    let planted = Planted::new().await;
    let sql = "UPDATE journal SET events = json_replace(events, '$[1].fromBlocks[0].blockId', \
        json_extract(events, '$[1].bookingId')) WHERE last_sequence = 5";
    let said = planted.check_after(sql).await;
    let named = "blocks: booking {booking} is said to have seat 2 from block {booking}, which did not give it";
    assert!(said.contains(&planted.line(named)), "{said}");
}
