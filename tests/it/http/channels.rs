//! Channels over HTTP: their seats are sold to requests that show the key, and the key is never seen again.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::http::{House, is_problem, names};
use crate::services;
use crate::stack::{Answer, Held, Stack, eventually};

const KEY: &str = "key-of-the-fan-club";

impl House {
    async fn channel(&self, seats: &[String], key: &str) -> Answer {
        let body = json!({"seatIds": seats, "type": "presale", "channel": {"name": "Fans", "key": key}});
        let made = self.blocks(Method::POST, "", body).await;
        assert_eq!(made.status, 201, "{made:?}");
        made
    }

    async fn buy(&self, mut body: Value, key: &str) -> Answer {
        body["showtimeId"] = json!(self.showtime);
        body["userId"] = json!("ada");
        body["channelKey"] = json!(key);
        self.server.post("/api/bookings", &body).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channels_seats_are_sold_to_who_shows_its_key() {
    let house = House::open().await;
    let seats = &house.seats;
    let made = house.channel(&seats[..3], KEY).await;
    assert_eq!((&made.body["channel"], made.body.get("key")), (&json!("Fans"), None), "{made:?}");
    is_problem(&house.server.reserve(&house.showtime, &seats[..1], "bob").await, 409, "seats-taken");
    let wrong = house.buy(json!({"seatIds": seats[..1]}), "key-of-nobody-at-all").await;
    is_problem(&wrong, 403, "wrong-channel-key");
    names(&wrong, "pointer", &["/channelKey"]);
    assert_eq!(wrong.body.get("conflicts"), None, "it tells nothing of any seat");
    let free = house.buy(json!({"seatIds": seats[9..]}), "key-of-nobody-at-all").await;
    is_problem(&free, 403, "wrong-channel-key");

    let bought = house.buy(json!({"seatIds": [seats[0], seats[5]]}), KEY).await;
    assert_eq!((bought.status, &bought.body["seatIds"]), (201, &json!([seats[0], seats[5]])), "{bought:?}");
    let best = house.buy(json!({"bestAvailable": {"quantity": 4}}), KEY).await;
    assert_eq!((best.status, &best.body["seatIds"]), (201, &json!(seats[1..5])), "{best:?}");
    let sold_out = house.buy(json!({"seatIds": [seats[1], seats[6]]}), KEY).await;
    is_problem(&sold_out, 409, "seats-taken");
    assert_eq!(sold_out.body["message"], "seat R0-2 is taken");
    let listed = house.blocks(Method::GET, "", Value::Null).await;
    assert_eq!(listed.body["items"][0]["seatIds"], json!([]), "it is sold out, and not over");

    assert_eq!(house.server.cancel(&Held::from(&bought.body)).await.status, 200);
    is_problem(&house.server.reserve(&house.showtime, &seats[..1], "bob").await, 409, "seats-taken");
    assert_eq!(house.server.reserve(&house.showtime, &seats[5..6], "bob").await.status, 201);
    assert_eq!(house.buy(json!({"seatId": seats[0]}), KEY).await.status, 201);
    for line in house._stack.log_lines() {
        assert!(!line.contains(KEY), "{line}");
    }
    house.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_without_seats_outlives_a_restart_and_gets_its_seats_back() {
    let stack = Stack::embedded().with("HOLD_SECONDS", 5);
    let house = House::open_on(stack).await;
    let seats = house.seats.clone();
    house.channel(&seats[..2], KEY).await;
    let held = house.buy(json!({"seatIds": seats[..1]}), KEY).await;
    let sold = Held::from(&house.buy(json!({"seatIds": seats[1..2]}), KEY).await.body);
    assert_eq!((held.status, house.server.confirm(&sold, "pay").await.status), (201, 200));
    let House { mut server, showtime, _stack: stack, .. } = house;
    server.kill();
    drop(server);
    let house = House { server: stack.start(), showtime, seats, _stack: stack };
    let seats = &house.seats;
    assert_eq!(house.buy(json!({"seatIds": seats[4..5]}), KEY).await.status, 201, "its key is known");
    let request = house.server.as_operator(Method::POST, &format!("/api/bookings/{}/refund", sold.booking_id));
    assert_eq!(house.server.send(request.json(&json!({}))).await.unwrap().status, 200);
    // The hold has ended by now, or does so soon.
    crate::stack::eventually("both seats are the channel's", std::time::Duration::from_secs(20), async || {
        let listed = house.blocks(Method::GET, "", Value::Null).await;
        listed.body["items"][0]["seatIds"].as_array().map(Vec::len) == Some(2)
    })
    .await;
    is_problem(&house.server.reserve(&house.showtime, &seats[..1], "bob").await, 409, "seats-taken");
    assert_eq!(house.buy(json!({"seatIds": seats[..2]}), KEY).await.status, 201);
    house.check().await;
}

/// What operators take from a channel does not end it while customers have its seats.
#[tokio::test(flavor = "multi_thread")]
async fn a_channel_whose_last_free_seat_is_taken_from_it_gets_the_others_back() {
    let house = House::open().await;
    let seats = &house.seats;
    let made = house.channel(&seats[..2], KEY).await;
    let id = made.body["blockId"].as_str().unwrap();
    let bought = house.buy(json!({"seatIds": seats[..1]}), KEY).await;
    assert_eq!(bought.status, 201, "{bought:?}");
    let released = house.blocks(Method::POST, &format!("/{id}/seats"), json!({"remove": seats[1..2]})).await;
    assert_eq!((released.status, &released.body["status"]), (200, &json!("Blocked")), "{released:?}");
    assert_eq!(house.server.reserve(&house.showtime, &seats[1..2], "bob").await.status, 201);
    assert_eq!(house.server.cancel(&Held::from(&bought.body)).await.status, 200);
    is_problem(&house.server.reserve(&house.showtime, &seats[..1], "bob").await, 409, "seats-taken");
    assert_eq!(house.buy(json!({"seatIds": seats[..1]}), KEY).await.status, 201);
    let ended = house.blocks(Method::DELETE, &format!("/{id}"), Value::Null).await;
    assert_eq!((ended.status, &ended.body["status"]), (200, &json!("Ended")), "{ended:?}");
    house.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_reservation_is_known_with_its_channel() {
    let house = House::open().await;
    house.channel(&house.seats[..2], KEY).await;
    let mut body = house.wanted(&house.seats[..1]);
    body["channelKey"] = json!(KEY);
    let send = async |body: &Value| {
        let request = house.server.request(Method::POST, "/api/bookings").header("Idempotency-Key", "0123456789abcdef");
        house.server.send(request.json(body)).await.unwrap()
    };
    let (one, two) = (send(&body).await, send(&body).await);
    assert_eq!((one.status, two.status), (201, 201), "{two:?}");
    assert_eq!((&one.body["bookingId"], &one.body["holdToken"]), (&two.body["bookingId"], &two.body["holdToken"]));
    body.as_object_mut().unwrap().remove("channelKey");
    is_problem(&send(&body).await, 422, "idempotency-key-reused");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_wrong_part_of_a_channel_is_named() {
    let house = House::open().await;
    let seats = json!(house.seats[..1]);
    for (channel, part) in [
        (json!("x"), ""),
        (json!({}), "/name"),
        (json!({"name": "Fans"}), "/key"),
        (json!({"name": "Fans", "key": 1}), "/key"),
        (json!({"name": "Fans", "key": "too short"}), "/key"),
        (json!({"name": "Fans", "key": "spaces are none of it"}), "/key"),
        (json!({"name": "Fa\u{200B}ns", "key": KEY}), "/name"),
        (json!({"name": "", "key": KEY}), "/name"),
        (json!({"name": "Fans", "key": KEY, "more": 1}), "/more"),
    ] {
        let refused = house.blocks(Method::POST, "", json!({"seatIds": seats, "type": "x", "channel": channel})).await;
        is_problem(&refused, 400, "invalid-fields");
        names(&refused, "pointer", &[&format!("/channel{part}")]);
    }
    for key in [json!(1), json!("short"), json!("sixteen letters\n"), json!("x".repeat(256))] {
        let body = json!({"showtimeId": house.showtime, "seatIds": seats, "userId": "u", "channelKey": key});
        let refused = house.server.post("/api/bookings", &body).await;
        is_problem(&refused, 400, "invalid-fields");
        names(&refused, "pointer", &["/channelKey"]);
    }
    let held = house.server.hold(&house.showtime, &house.seats[..1]).await;
    let path = format!("/api/bookings/{}/seats", held.booking_id);
    for key in [json!(1), json!("short"), json!("sixteen letters\n"), json!("x".repeat(256))] {
        let body = json!({"add": house.seats[1..2], "channelKey": key, "holdToken": held.hold_token});
        let refused = house.server.post(&path, &body).await;
        is_problem(&refused, 400, "invalid-fields");
        names(&refused, "pointer", &["/channelKey"]);
    }
}

/// The customer of a channel takes another seat of it besides, and one in place of another.
async fn exchanges_take_a_channels_seats(house: &House) {
    let seats = &house.seats;
    house.channel(&seats[..3], KEY).await;
    let bought = Held::from(&house.buy(json!({"seatIds": seats[..1]}), KEY).await.body);
    let path = format!("/api/bookings/{}/seats", bought.booking_id);
    let exchange = async |add: &[String], remove: &[String], key: Option<&str>, once: &str| {
        let mut body = json!({"add": add, "remove": remove});
        if let Some(key) = key {
            body["channelKey"] = json!(key);
        }
        let request = house.server.request(Method::POST, &path).bearer_auth(&bought.hold_token);
        house.server.send(request.header("Idempotency-Key", once).json(&body)).await.unwrap()
    };
    is_problem(&exchange(&seats[1..2], &[], None, "a").await, 409, "seats-taken");
    let wrong = exchange(&seats[1..2], &[], Some("key-of-nobody-at-all"), "b").await;
    is_problem(&wrong, 403, "wrong-channel-key");
    names(&wrong, "pointer", &["/channelKey"]);
    let more = exchange(&seats[1..2], &[], Some(KEY), "c").await;
    assert_eq!((more.status, &more.body["seatIds"]), (200, &json!(seats[..2])), "{more:?}");
    let again = exchange(&seats[1..2], &[], Some(KEY), "c").await;
    assert_eq!((again.status, &again.body["sequence"]), (200, &more.body["sequence"]), "{again:?}");
    is_problem(&exchange(&seats[1..2], &[], None, "c").await, 422, "idempotency-key-reused");
    let other = exchange(&seats[2..3], &seats[..1], Some(KEY), "d").await;
    assert_eq!((other.status, &other.body["seatIds"]), (200, &json!(seats[1..3])), "{other:?}");
    let listed = house.blocks(Method::GET, "", Value::Null).await;
    assert_eq!(listed.body["items"][0]["seatIds"], json!(seats[..1]), "what was given back is the channel's again");
    assert_eq!(house.server.cancel(&bought).await.status, 200);
    assert_eq!(house.buy(json!({"seatIds": seats[..3]}), KEY).await.status, 201, "all of it went back");
}

#[tokio::test(flavor = "multi_thread")]
async fn exchanges_take_a_channels_seats_on_the_embedded_profile() {
    let house = House::open().await;
    exchanges_take_a_channels_seats(&house).await;
    house.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn exchanges_take_a_channels_seats_on_the_real_stack() {
    let house = House::open_on(Stack::real(services::shared()).await).await;
    exchanges_take_a_channels_seats(&house).await;
    house._stack.check().await;
}

/// Who shows the key is told what a reservation would come to; nobody else is told anything of the channel.
async fn previews_know_a_channel(house: &House) {
    let seats = &house.seats;
    house.channel(&seats[4..6], KEY).await;
    let preview = async |wanted: Value, key: Option<&str>| {
        let mut body = wanted;
        (body["userId"], body["showtimeId"]) = (json!("ada"), json!(house.showtime));
        if let Some(key) = key {
            body["channelKey"] = json!(key);
        }
        house.server.post("/api/bookings?preview=true", &body).await
    };
    let (named, best) = (json!({"seatIds": seats[4..6]}), json!({"bestAvailable": {"quantity": 2}}));
    eventually("readers see the block", Duration::from_secs(5), async || {
        preview(named.clone(), None).await.status == 409
    })
    .await;
    let shown = preview(named.clone(), Some(KEY)).await;
    assert_eq!((shown.status, &shown.body["seatIds"]), (200, &json!(seats[4..6])), "{shown:?}");
    let chosen = preview(best.clone(), Some(KEY)).await;
    assert_eq!((chosen.status, &chosen.body["seatIds"]), (200, &json!(seats[4..6])), "{chosen:?}");
    let wrong = preview(best.clone(), Some("key-of-nobody-at-all")).await;
    is_problem(&wrong, 403, "wrong-channel-key");
    names(&wrong, "pointer", &["/channelKey"]);
    assert_ne!(preview(best, None).await.body["seatIds"], json!(seats[4..6]));
    // Nothing was held, and what is sold is told so at once.
    assert_eq!(house.buy(json!({"seatIds": seats[4..5]}), KEY).await.status, 201);
    is_problem(&preview(named, Some(KEY)).await, 409, "seats-taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn previews_know_a_channel_on_the_embedded_profile() {
    previews_know_a_channel(&House::open().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn previews_know_a_channel_on_the_real_stack() {
    previews_know_a_channel(&House::open_on(Stack::real(services::shared()).await).await).await;
}
