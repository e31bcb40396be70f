//! Blocked seats on seat maps: operators read which they are, everybody else reads that they are reserved, and no cache gives one what is the other's.

use reqwest::Method;
use reqwest::header::{ACCEPT_ENCODING, HeaderMap, IF_NONE_MATCH};
use serde_json::{Value, json};

use crate::http::{House, is_problem};
use crate::services;
use crate::stack::{Answer, Server, Stack};

const PUBLIC: [&str; 4] = ["Reserved", "Reserved", "Reserved", "Available"];

fn statuses(answer: &Answer) -> Vec<&str> {
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body["seats"].as_array().unwrap().iter().map(|seat| seat["status"].as_str().unwrap()).collect()
}

async fn as_operator(server: &Server, path: &str) -> Answer {
    server.send(server.as_operator(Method::GET, path)).await.unwrap()
}

/// A block of two seats, and a customer's hold.
async fn blocked(house: &House) -> (String, u64) {
    let made = house.block(&house.seats[..2]).await;
    let held = house.server.hold(&house.showtime, &house.seats[2..3]).await;
    (made.body["blockId"].as_str().unwrap().to_owned(), held.sequence)
}

/// The same on every profile; `other` is another node, or the same.
async fn operators_see_what_the_house_holds_back(house: &House, other: &Server) {
    let (block, sequence) = blocked(house).await;
    let path = format!("/api/showtimes/{}", house.showtime);
    let at = |sequence: u64| format!("{path}?minSequence={sequence}");
    let public = other.get(&at(sequence)).await;
    assert_eq!(statuses(&public)[..4], PUBLIC);
    let theirs = as_operator(other, &at(sequence)).await;
    assert_eq!(statuses(&theirs)[..4], ["Blocked", "Blocked", "Reserved", "Available"]);
    let mut told = theirs.body.clone();
    for seat in 0..2 {
        told["seats"][seat]["status"] = json!("Reserved");
    }
    assert_eq!(told, public.body, "all else is the same");
    assert_eq!(
        as_operator(other, &format!("{path}/layout")).await.body,
        other.get(&format!("{path}/layout")).await.body
    );
    let status = [as_operator(other, &format!("{path}/status")).await, other.get(&format!("{path}/status")).await];
    assert_eq!(status[0].headers["etag"], status[1].headers["etag"]);

    // Sold out of the block: the customer's.
    let body = json!({"seatIds": house.seats[..1], "userId": "counter", "blockId": block});
    let request = house.server.as_operator(Method::POST, &format!("{path}/bookings")).json(&body);
    let sold = house.server.send(request).await.unwrap();
    let (id, sold_at) = (sold.body["bookingId"].as_str().unwrap(), sold.body["sequence"].as_u64().unwrap());
    assert_eq!(statuses(&as_operator(other, &at(sold_at)).await)[..3], ["Reserved", "Blocked", "Reserved"]);
    let request = house.server.as_operator(Method::POST, &format!("/api/bookings/{id}/cancel")).json(&json!({}));
    assert_eq!(house.server.send(request).await.unwrap().status, 200);
    // Given back by the customer, and had by the block again: two events.
    assert_eq!(statuses(&as_operator(other, &at(sold_at + 2)).await)[..3], ["Blocked", "Blocked", "Reserved"]);
    let ended = house.blocks(Method::DELETE, &format!("/{block}"), Value::Null).await;
    let ended_at = ended.body["sequence"].as_u64().unwrap();
    assert_eq!(statuses(&as_operator(other, &at(ended_at)).await)[..3], ["Available", "Available", "Reserved"]);

    // The past tells it of each moment: scheduled, blocked, held, taken out of the block, reserved, cancelled, had again, ended.
    let then = async |sequence: u64| {
        let past = as_operator(other, &format!("{path}/past?sequence={sequence}")).await;
        statuses(&past)[..3].iter().map(|status| (*status).to_owned()).collect::<Vec<_>>()
    };
    for (sequence, stood) in [
        (1, ["Available", "Available", "Available"]),
        (2, ["Blocked", "Blocked", "Available"]),
        (3, ["Blocked", "Blocked", "Reserved"]),
        (4, ["Available", "Blocked", "Reserved"]),
        (5, ["Reserved", "Blocked", "Reserved"]),
        (6, ["Available", "Blocked", "Reserved"]),
        (7, ["Blocked", "Blocked", "Reserved"]),
        (8, ["Available", "Available", "Reserved"]),
    ] {
        assert_eq!(then(sequence).await, stood, "after event {sequence}");
    }
    assert_eq!(ended_at, 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_see_what_the_house_holds_back_on_the_embedded_profile() {
    let house = House::open().await;
    operators_see_what_the_house_holds_back(&house, &house.server).await;
    house.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_see_what_the_house_holds_back_on_two_nodes() {
    let house = House::open_on(Stack::real(services::shared()).await).await;
    let other = house._stack.start();
    operators_see_what_the_house_holds_back(&house, &other).await;
    house._stack.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cache_keeps_what_is_everybodys_and_gives_it_to_no_operator() {
    let house = House::open().await;
    let (_block, sequence) = blocked(&house).await;
    let path = format!("/api/showtimes/{}?minSequence={sequence}", house.showtime);
    let public = house.server.get(&path).await;
    let head = |headers: &HeaderMap, name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    let caching = |answer: &Answer| ["cache-control", "vary"].map(|name| head(&answer.headers, name).unwrap());
    assert_eq!(caching(&public), ["no-cache", "Accept-Encoding, Authorization"]);
    let tag = head(&public.headers, "etag").unwrap();
    for accepted in ["identity", "gzip"] {
        let request = house.server.as_operator(Method::GET, &path).header(ACCEPT_ENCODING, accepted);
        // As a cache asks that has the public answer.
        let theirs = request.header(IF_NONE_MATCH, &tag).send().await.unwrap();
        assert_eq!(theirs.status(), 200, "never as unchanged");
        let headers = theirs.headers();
        assert_eq!((head(headers, "etag"), head(headers, "last-modified")), (None, None));
        assert_eq!(head(headers, "cache-control").as_deref(), Some("no-store"));
        assert_eq!(head(headers, "vary").as_deref(), Some("Accept-Encoding, Authorization"));
        assert_eq!(head(headers, "content-encoding"), (accepted == "gzip").then(|| "gzip".to_owned()));
    }
    // The operators' answer has left no trace in what buyers get.
    let again = house.server.get(&path).await;
    assert_eq!((&again.body, head(&again.headers, "etag").unwrap()), (&public.body, tag.clone()));
    let known = house.server.request(Method::GET, &path).header(IF_NONE_MATCH, &tag);
    assert_eq!(house.server.send(known).await.unwrap().status, 304);
    // Who is no operator is everybody, whatever he shows.
    for shown in ["Bearer not-the-operators-token", "Basic eDp5", "Bearer"] {
        let request = house.server.request(Method::GET, &path).header("Authorization", shown);
        let answer = house.server.send(request).await.unwrap();
        assert_eq!(
            (statuses(&answer)[..4].to_vec(), head(&answer.headers, "etag").unwrap()),
            (PUBLIC.to_vec(), tag.clone())
        );
    }
    let nowhere = as_operator(&house.server, &format!("/api/showtimes/{}", crate::http::NOWHERE)).await;
    is_problem(&nowhere, 404, "unknown-showtime");
}

/// Where clients on the server's own machine are operators, too, they are shown the public words until they show a token: pages for buyers run there.
#[tokio::test(flavor = "multi_thread")]
async fn an_open_server_shows_buyers_on_its_machine_three_words() {
    let stack = Stack::embedded().without_operator_token().flag("--open");
    let server = stack.start();
    let (showtime, seats) = server.schedule(1).await;
    let house = House { server, showtime, seats, _stack: stack };
    let (_block, sequence) = blocked(&house).await;
    let path = format!("/api/showtimes/{}?minSequence={sequence}", house.showtime);
    assert_eq!(statuses(&house.server.get(&path).await)[..4], PUBLIC);
    let request = house.server.request(Method::GET, &path).bearer_auth("any");
    assert_eq!(statuses(&house.server.send(request).await.unwrap())[..2], ["Blocked", "Blocked"]);
}
