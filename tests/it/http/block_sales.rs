//! Sales out of a block over HTTP: operators name the block, nobody else can, and what is given back is the block's again.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::http::{House, NOWHERE, is_problem, names};
use crate::services;
use crate::stack::{Answer, Held, Stack, eventually};

impl House {
    async fn made_block(&self, seats: &[String]) -> String {
        self.block(seats).await.body["blockId"].as_str().unwrap().to_owned()
    }

    /// An operator's reservation out of a block.
    async fn out_of(&self, block: &str, mut body: Value) -> Answer {
        body["userId"] = json!("counter");
        body["blockId"] = json!(block);
        let path = format!("/api/showtimes/{}/bookings", self.showtime);
        self.server.send(self.server.as_operator(Method::POST, &path).json(&body)).await.unwrap()
    }

    /// The seats of the only block.
    async fn left(&self) -> Value {
        let listed = self.blocks(Method::GET, "", Value::Null).await;
        listed.body["items"][0]["seatIds"].clone()
    }
}

/// The same on every profile.
async fn operators_sell_out_of_a_block(house: &House) {
    let seats = &house.seats;
    let block = house.made_block(&seats[..3]).await;
    let sold = house.out_of(&block, json!({"seatIds": [seats[0], seats[5]], "paymentReference": "cash 1"})).await;
    assert_eq!((sold.status, &sold.body["status"]), (201, &json!("Confirmed")), "{sold:?}");
    assert_eq!(house.left().await, json!(seats[1..3]));
    let best = house.out_of(&block, json!({"bestAvailable": {"quantity": 4}})).await;
    assert_eq!((best.status, &best.body["seatIds"]), (201, &json!(seats[1..5])), "{best:?}");
    assert_eq!(house.left().await, json!([]), "it is sold out, and not over");
    let taken = house.out_of(&block, json!({"seatIds": seats[2..3]})).await;
    is_problem(&taken, 409, "seats-taken");
    assert_eq!(house.server.cancel(&Held::from(&best.body)).await.status, 200);
    assert_eq!(house.left().await, json!(seats[1..3]), "its seats are the block's again, the others everybody's");
    is_problem(&house.server.reserve(&house.showtime, &seats[1..2], "bob").await, 409, "seats-taken");
    let bob = house.server.hold(&house.showtime, &seats[3..4]).await;

    // An exchange of a customer's hold, and back.
    let path = format!("/api/bookings/{}/seats", bob.booking_id);
    let body = json!({"add": seats[1..2], "remove": seats[3..4], "blockId": block});
    let of_holder = house.server.request(Method::POST, &path).bearer_auth(&bob.hold_token);
    is_problem(&house.server.send(of_holder.json(&body)).await.unwrap(), 403, "operator-only");
    let mut with_token = body.clone();
    with_token["holdToken"] = json!(bob.hold_token);
    is_problem(&house.server.post(&path, &with_token).await, 401, "missing-credential");
    let of_operator =
        async || house.server.send(house.server.as_operator(Method::POST, &path).json(&body)).await.unwrap();
    let exchanged = of_operator().await;
    assert_eq!((exchanged.status, &exchanged.body["seatIds"]), (200, &json!(seats[1..2])), "{exchanged:?}");
    assert_eq!(of_operator().await.body["sequence"], exchanged.body["sequence"], "it is so already");
    assert_eq!(house.left().await, json!(seats[2..3]));
    let back = json!({"add": seats[3..4], "remove": seats[1..2], "holdToken": bob.hold_token});
    assert_eq!(house.server.post(&path, &back).await.status, 200);
    assert_eq!(house.left().await, json!([seats[2], seats[1]]));

    // What is sold comes back by a refund, until the block is ended.
    let refund = format!("/api/bookings/{}/refund", sold.body["bookingId"].as_str().unwrap());
    let ended = house.blocks(Method::DELETE, &format!("/{block}"), Value::Null).await;
    assert_eq!(ended.status, 200, "{ended:?}");
    let refunded = house.server.send(house.server.as_operator(Method::POST, &refund).json(&json!({}))).await.unwrap();
    assert_eq!(refunded.status, 200, "{refunded:?}");
    let over = house.out_of(&block, json!({"seatIds": seats[..1]})).await;
    is_problem(&over, 404, "unknown-block");
    names(&over, "pointer", &["/blockId"]);
    assert_eq!(house.server.reserve(&house.showtime, &seats[..3], "eve").await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_sell_out_of_a_block_on_the_embedded_profile() {
    let house = House::open().await;
    operators_sell_out_of_a_block(&house).await;
    house.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_sell_out_of_a_block_on_the_real_stack() {
    let house = House::open_on(Stack::real(services::shared()).await).await;
    operators_sell_out_of_a_block(&house).await;
    house._stack.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_operators_name_a_block_and_every_wrong_part_is_named() {
    let house = House::open().await;
    let block = house.made_block(&house.seats[..2]).await;
    let mut body = house.wanted(&house.seats[..1]);
    body["blockId"] = json!(block);
    is_problem(&house.server.post("/api/bookings", &body).await, 401, "missing-credential");
    is_problem(&house.server.post("/api/bookings?preview=true", &body).await, 401, "missing-credential");
    let foreign = house.server.request(Method::POST, "/api/bookings").bearer_auth("A".repeat(43)).json(&body);
    is_problem(&house.server.send(foreign).await.unwrap(), 403, "operator-only");
    let operator = async |path: &str, body: &Value| {
        house.server.send(house.server.as_operator(Method::POST, path).json(body)).await.unwrap()
    };
    let held = house.server.hold(&house.showtime, &house.seats[4..5]).await;
    let exchange = format!("/api/bookings/{}/seats", held.booking_id);
    let mut change = json!({"add": house.seats[..1]});
    for unknown in [NOWHERE, &held.booking_id] {
        (body["blockId"], change["blockId"]) = (json!(unknown), json!(unknown));
        for (path, body) in [("/api/bookings", &body), ("/api/bookings?preview=true", &body), (&exchange, &change)] {
            let refused = operator(path, body).await;
            is_problem(&refused, 404, "unknown-block");
            names(&refused, "pointer", &["/blockId"]);
        }
    }
    for wrong in [json!(1), json!("x"), json!({})] {
        (body["blockId"], change["blockId"]) = (wrong.clone(), wrong);
        for (path, body) in [("/api/bookings", &body), (exchange.as_str(), &change)] {
            let refused = operator(path, body).await;
            is_problem(&refused, 400, "invalid-fields");
            names(&refused, "pointer", &["/blockId"]);
        }
    }
    (body["blockId"], change["blockId"]) = (json!(block), json!(block));
    (body["channelKey"], change["channelKey"]) = (json!("key-of-the-fan-club"), json!("key-of-the-fan-club"));
    for (path, body) in [("/api/bookings", &body), (exchange.as_str(), &change)] {
        let both = operator(path, body).await;
        is_problem(&both, 400, "invalid-fields");
        names(&both, "pointer", &["/blockId"]);
    }
    assert_eq!(house.left().await, json!(house.seats[..2]), "nothing was taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_request_is_known_with_its_block() {
    let house = House::open().await;
    let block = house.made_block(&house.seats[..3]).await;
    let send = async |path: &str, body: &Value| {
        let request = house.server.as_operator(Method::POST, path).header("Idempotency-Key", "0123456789abcdef");
        house.server.send(request.json(body)).await.unwrap()
    };
    let mut body = house.wanted(&house.seats[..1]);
    body["blockId"] = json!(block);
    let (one, two) = tokio::join!(send("/api/bookings", &body), send("/api/bookings", &body));
    assert_eq!((one.status, two.status, &one.body["bookingId"]), (201, 201, &two.body["bookingId"]), "{one:?} {two:?}");
    for other in [json!(NOWHERE), Value::Null] {
        body["blockId"] = other;
        is_problem(&send("/api/bookings", &body).await, 422, "idempotency-key-reused");
    }
    let path = format!("/api/bookings/{}/seats", one.body["bookingId"].as_str().unwrap());
    let mut body = json!({"add": house.seats[1..2], "blockId": block});
    let (one, two) = (send(&path, &body).await, send(&path, &body).await);
    assert_eq!((one.status, &one.body["sequence"]), (200, &two.body["sequence"]), "{one:?} {two:?}");
    body["blockId"] = json!(NOWHERE);
    is_problem(&send(&path, &body).await, 422, "idempotency-key-reused");
}

#[tokio::test(flavor = "multi_thread")]
async fn previews_know_a_block() {
    let house = House::open().await;
    let seats = &house.seats;
    let block = house.made_block(&seats[4..6]).await;
    let preview = async |mut body: Value, block: Option<&str>| {
        body["userId"] = json!("counter");
        if let Some(block) = block {
            body["blockId"] = json!(block);
        }
        let path = format!("/api/showtimes/{}/bookings?preview=true", house.showtime);
        house.server.send(house.server.as_operator(Method::POST, &path).json(&body)).await.unwrap()
    };
    let (named, best) = (json!({"seatIds": seats[4..6]}), json!({"bestAvailable": {"quantity": 2}}));
    let sees_it = async || preview(named.clone(), None).await.status == 409;
    eventually("readers see the block", Duration::from_secs(20), sees_it).await;
    for wanted in [&named, &best] {
        let shown = preview(wanted.clone(), Some(&block)).await;
        assert_eq!((shown.status, &shown.body["seatIds"]), (200, &json!(seats[4..6])), "{shown:?}");
    }
    assert_ne!(preview(best, None).await.body["seatIds"], json!(seats[4..6]));
    assert_eq!(house.left().await, json!(seats[4..6]), "nothing was held");
    // What is sold is told so at once.
    assert_eq!(house.out_of(&block, json!({"seatIds": seats[4..5]})).await.status, 201);
    is_problem(&preview(named, Some(&block)).await, 409, "seats-taken");
}
