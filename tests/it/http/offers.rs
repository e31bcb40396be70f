//! What a customer is told before and instead of a reservation: previews, alternatives, and seats that may not be left alone.

use reqwest::Method;
use serde_json::{Value, json};

use crate::http::{is_problem, names};
use crate::services;
use crate::stack::{Answer, Held, Server, Stack, eventually};

/// Two rows of eight seats; the ids of the seats.
async fn house(server: &Server, terms: Value) -> (String, Vec<String>) {
    let mut body = json!({"movieTitle": "M", "startTime": "2030-01-01T20:00:00Z", "rows": [{"row": "A", "seats": 8}, {"row": "B", "seats": 8}]});
    body.as_object_mut().unwrap().extend(terms.as_object().unwrap().clone());
    let made = server.post("/api/showtimes", &body).await;
    assert_eq!(made.status, 201, "{made:?}");
    let id = made.body["id"].as_str().unwrap().to_owned();
    let seats = server.seats(&id, 1).await.into_iter().map(|(seat, _)| seat).collect();
    (id, seats)
}

async fn ask(server: &Server, showtime: &str, query: &str, wanted: &Value) -> Answer {
    let mut body = json!({"userId": "ada"});
    body.as_object_mut().unwrap().extend(wanted.as_object().unwrap().clone());
    server.post(&format!("/api/showtimes/{showtime}/bookings{query}"), &body).await
}

/// The same on every profile; what is read comes from the other node.
async fn the_rules_hold(server: &Server, other: &Server) {
    let prices = json!({"currency": "EUR", "zones": [{"tariffs": [{"key": "full", "amount": 1200}]}]});
    let (showtime, seats) = house(server, json!({"prices": prices})).await;
    let best = json!({"bestAvailable": {"quantity": 2}});
    let seen = ask(server, &showtime, "?preview=true", &best).await;
    let price = json!({"currency": "EUR", "total": 2400, "places": [
        {"seatId": seats[3], "tariff": "full", "amount": 1200}, {"seatId": seats[4], "tariff": "full", "amount": 1200}]});
    let choice = "row A 4-5, together, no single seat left";
    let expected =
        json!({"showtimeId": showtime, "seatIds": seats[3..5], "price": price, "choice": choice, "sequence": 1});
    assert_eq!((seen.status, &seen.body), (200, &expected));
    assert_eq!(ask(server, &showtime, "?preview=true", &best).await.body, expected, "nothing was held");
    let held = ask(server, &showtime, "?preview=false", &best).await;
    assert_eq!((held.status, &held.body["choice"]), (201, &json!(choice)), "{held:?}");

    // Readers see it a moment later.
    let named = json!({"seatIds": seats[3..5]});
    eventually("the seats are seen taken", std::time::Duration::from_secs(30), || async {
        ask(other, &showtime, "?preview=true", &named).await.status == 409
    })
    .await;
    for (query, count) in [("?preview=true&alternatives=2", 2), ("?alternatives=3", 3), ("", 0), ("?alternatives=0", 0)]
    {
        let refused = ask(other, &showtime, query, &named).await;
        is_problem(&refused, 409, "seats-taken");
        let offered = refused.body.get("alternatives").map_or(0, |offered| offered.as_array().unwrap().len());
        assert_eq!(offered, count, "{query}: {refused:?}");
    }
    let refused = ask(other, &showtime, "?alternatives=1", &named).await;
    let offered = &refused.body["alternatives"][0];
    assert_eq!(offered["choice"], "row B 4-5, together, no single seat left");
    let taken = ask(other, &showtime, "", &json!({"seatIds": offered["seatIds"]})).await;
    assert_eq!(taken.status, 201, "{taken:?}");
}

/// Readers see a moment later what is taken. Nobody is offered meanwhile what he was just refused.
async fn a_crowd_is_offered_other_seats(nodes: [&Server; 2]) {
    let (showtime, seats) = house(nodes[0], json!({})).await;
    for pair in seats.chunks(2) {
        let wanted = json!({"seatIds": pair});
        let answers = (0..8).map(|client| ask(nodes[client % 2], &showtime, "?alternatives=3", &wanted));
        for answer in futures_util::future::join_all(answers).await {
            for offered in answer.body["alternatives"].as_array().into_iter().flatten() {
                let conflicts = answer.body["conflicts"].as_array().unwrap().iter();
                for refused in conflicts.map(|conflict| &conflict["seatId"]) {
                    assert!(!offered["seatIds"].as_array().unwrap().contains(refused), "{answer:?}");
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn previews_and_alternatives_on_the_real_stack() {
    let stack = Stack::real(services::shared()).await;
    let (one, two) = (stack.start(), stack.start());
    the_rules_hold(&one, &two).await;
    a_crowd_is_offered_other_seats([&one, &two]).await;
    stack.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn previews_and_alternatives_on_the_embedded_profile() {
    let stack = Stack::embedded();
    let server = stack.start();
    the_rules_hold(&server, &server).await;
    a_crowd_is_offered_other_seats([&server, &server]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_is_refused_as_the_reservation_would_be() {
    let stack = Stack::embedded();
    let server = stack.start();
    let (showtime, seats) = house(&server, json!({"placesPerBooking": 2})).await;
    let preview = async |wanted: Value| ask(&server, &showtime, "?preview=true", &wanted).await;
    is_problem(&preview(json!({"seatIds": seats[..3]})).await, 409, "too-many-places");
    is_problem(&preview(json!({"bestAvailable": {"quantity": 2, "section": "Balcony"}})).await, 400, "unknown-seats");
    let refused = preview(json!({"seatIds": [format!("{}ffffffff", &showtime[..28])]})).await;
    assert!(matches!(refused.status, 400 | 422), "{refused:?}");
    let (nowhere, best) = ("00000000-0000-7000-8000-000000000000", json!({"bestAvailable": {"quantity": 1}}));
    is_problem(&ask(&server, nowhere, "?preview=true", &best).await, 404, "unknown-showtime");
    for query in ["?preview=maybe", "?alternatives=4", "?alternatives=-1", "?alternatives=x", "?previews=true"] {
        let refused = ask(&server, &showtime, query, &json!({"seatIds": seats[..1]})).await;
        is_problem(&refused, 400, "invalid-fields");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_showtime_may_refuse_to_leave_a_seat_alone() {
    let stack = Stack::embedded();
    let server = stack.start();
    let (showtime, seats) = house(&server, json!({"orphans": "refuse"})).await;
    let refused = ask(&server, &showtime, "", &json!({"seatIds": seats[1..3]})).await;
    is_problem(&refused, 409, "seat-left-alone");
    let detail = "seat A1 would be left alone";
    assert_eq!(refused.body["detail"], detail);
    let instead = &refused.body["alternatives"][0];
    assert_eq!(instead, &json!({"seatIds": seats[..2], "choice": "row A 1-2, together, no single seat left"}));
    let held = ask(&server, &showtime, "", &json!({"seatIds": instead["seatIds"]})).await;
    assert_eq!(held.status, 201, "{held:?}");

    // Who exchanges a seat may not do so either, but an operator may.
    let path = format!("/api/bookings/{}/seats", held.body["bookingId"].as_str().unwrap());
    let exchange = json!({"add": [seats[3]], "remove": [], "holdToken": held.body["holdToken"]});
    let refused = server.post(&path, &exchange).await;
    is_problem(&refused, 409, "seat-left-alone");
    let instead = &refused.body["alternatives"][0];
    assert_eq!(refused.body["alternatives"].as_array().map(Vec::len), Some(1), "{refused:?}");
    let offered = json!({"add": instead["seatIds"], "remove": [], "holdToken": held.body["holdToken"]});
    let made = server.post(&path, &offered).await;
    assert_eq!(made.status, 200, "what is offered can be had: {made:?}");
    let back = json!({"remove": instead["seatIds"], "holdToken": held.body["holdToken"]});
    assert_eq!(server.post(&path, &back).await.status, 200);
    let alone = json!({"add": [seats[4]], "remove": [seats[0]], "holdToken": held.body["holdToken"]});
    let refused = server.post(&path, &alone).await;
    is_problem(&refused, 409, "seat-left-alone");
    assert_eq!(refused.body.get("alternatives"), None, "seat A1 would be left alone whatever is taken: {refused:?}");
    let exchange = json!({"add": [seats[3]], "remove": []});
    let made = server.send(server.as_operator(Method::POST, &path).json(&exchange)).await.unwrap();
    assert_eq!(made.status, 200, "{made:?}");

    let listing = format!("/api/showtimes/{showtime}");
    let change =
        async |change: Value| server.send(server.as_operator(Method::PATCH, &listing).json(&change)).await.unwrap();
    for wrong in [json!("never"), json!(1), json!(["refuse"])] {
        names(&change(json!({"orphans": wrong})).await, "pointer", &["/orphans"]);
    }
    assert_eq!(change(json!({"orphans": null})).await.body.get("orphans"), None);
    assert_eq!(ask(&server, &showtime, "", &json!({"seatIds": seats[9..11]})).await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn accessible_places_are_for_everybody_from_a_time_on() {
    let stack = Stack::embedded();
    let server = stack.start();
    let plan = json!({"name": "House", "sections": [{"name": "Stalls", "rows": [
        {"label": "A", "seats": [{"label": "1", "kind": "wheelchair"}, {"label": "2", "kind": "companion", "companionOf": "1"}]}]}]});
    let made = server.send(server.as_operator(Method::POST, "/api/auditoriums").json(&plan)).await.unwrap();
    let body = json!({"movieTitle": "M", "startTime": "2030-01-01T20:00:00Z", "auditoriumId": made.body["id"],
                      "accessibleForAllFrom": "2029-12-31T20:00:00Z"});
    let made = server.post("/api/showtimes", &body).await;
    assert_eq!((made.status, &made.body["accessibleForAllFrom"]), (201, &body["accessibleForAllFrom"]), "{made:?}");
    let id = made.body["id"].as_str().unwrap();
    let best = json!({"bestAvailable": {"quantity": 2}});
    is_problem(&ask(&server, id, "", &best).await, 409, "too-few-seats");
    let change = json!({"accessibleForAllFrom": "2020-01-01T00:00:00Z"});
    let path = format!("/api/showtimes/{id}");
    let changed = server.send(server.as_operator(Method::PATCH, &path).json(&change)).await.unwrap();
    assert_eq!(changed.status, 200, "{changed:?}");
    let held = ask(&server, id, "", &best).await;
    assert_eq!(
        (held.status, &held.body["choice"]),
        (201, &json!("Stalls row A 1-2, together, no single seat left")),
        "{held:?}"
    );
}

/// The same on every profile: who exchanges seats for some that are taken is offered others, as who reserves them.
async fn an_exchange_is_offered_other_seats(server: &Server) {
    let (showtime, seats) = house(server, json!({})).await;
    let held = ask(server, &showtime, "", &json!({"seatIds": seats[..2]})).await;
    let taken = ask(server, &showtime, "", &json!({"seatIds": seats[3..5]})).await;
    assert_eq!((held.status, taken.status), (201, 201), "{held:?} {taken:?}");
    let token = &held.body["holdToken"];
    let path = format!("/api/bookings/{}/seats", held.body["bookingId"].as_str().unwrap());
    let wanted = json!({"add": [seats[1], seats[3], seats[4]], "remove": [seats[0]], "holdToken": token});
    eventually("readers see the seats taken", std::time::Duration::from_secs(5), async || {
        ask(server, &showtime, "?preview=true", &json!({"seatIds": seats[3..5]})).await.status == 409
    })
    .await;
    for (query, count) in [("", None), ("?alternatives=0", None), ("?alternatives=2", Some(2))] {
        let refused = server.post(&format!("{path}{query}"), &wanted).await;
        is_problem(&refused, 409, "seats-taken");
        let offered = refused.body.get("alternatives").and_then(Value::as_array).map(Vec::len);
        assert_eq!(offered, count, "{query}: {refused:?}");
    }
    let refused = server.post(&format!("{path}?alternatives=1"), &wanted).await;
    let block = refused.body["alternatives"][0]["seatIds"].as_array().unwrap();
    assert_eq!(block.len(), 2, "as many as it does not have yet: {refused:?}");
    let made = json!({"add": [seats[1], block[0], block[1]], "remove": [seats[0]], "holdToken": token});
    let made = server.post(&path, &made).await;
    assert_eq!((made.status, &made.body["seatIds"]), (200, &json!([seats[1], block[0], block[1]])), "{made:?}");
    for query in ["?alternatives=4", "?alternatives=x", "?preview=true"] {
        is_problem(&server.post(&format!("{path}{query}"), &wanted).await, 400, "invalid-fields");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_is_offered_other_seats_on_the_embedded_profile() {
    let stack = Stack::embedded();
    an_exchange_is_offered_other_seats(&stack.start()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_is_offered_other_seats_on_the_real_stack() {
    let stack = Stack::real(services::shared()).await;
    an_exchange_is_offered_other_seats(&stack.start()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_a_preview_offers_can_be_held_by_name() {
    let stack = Stack::embedded();
    let server = stack.start();
    let plan = json!({"name": "House", "sections": [{"name": "S", "rows": [{"label": "A", "seats": [
        {"label": "1"}, {"label": "W", "kind": "wheelchair"}, {"label": "C", "kind": "companion"}, {"label": "3"}, {"label": "4"}]}]}]});
    let made = server.send(server.as_operator(Method::POST, "/api/auditoriums").json(&plan)).await.unwrap();
    let body = json!({"movieTitle": "M", "startTime": "2030-01-01T20:00:00Z", "auditoriumId": made.body["id"], "orphans": "refuse"});
    let made = server.post("/api/showtimes", &body).await;
    let id = made.body["id"].as_str().unwrap();
    // Previews are made from what readers see.
    server.seats(id, 1).await;
    for (wanted, choice) in [
        (json!({"quantity": 1, "accessible": 1}), "S row A W, leaves seat S A1 alone"),
        (json!({"quantity": 2, "accessible": 1, "companions": 1}), "S row A W-C, together, leaves seat S A1 alone"),
        (json!({"quantity": 2, "accessible": 1, "companions": 0}), "S row A 1-W, together, no single seat left"),
    ] {
        let seen = ask(&server, id, "?preview=true", &json!({"bestAvailable": wanted})).await;
        assert_eq!((seen.status, &seen.body["choice"]), (200, &json!(choice)), "{seen:?}");
        let held = ask(&server, id, "", &json!({"seatIds": seen.body["seatIds"]})).await;
        assert_eq!(held.status, 201, "{held:?}");
        let given_up = server.cancel(&Held::from(&held.body)).await;
        assert_eq!(given_up.status, 200, "{given_up:?}");
        // The next preview sees it.
        server.seats(id, held.body["sequence"].as_u64().unwrap() + 1).await;
    }
    for (wanted, message) in [
        (json!({"quantity": 2, "accessible": 1, "companions": 2}), None),
        (json!({"quantity": 2, "companions": 1}), None),
        (json!({"quantity": 2, "accessible": 1, "companions": "one"}), None),
        (
            json!({"quantity": 3, "accessible": 1, "companions": 2}),
            Some("2 companion seats are wanted, 1 is free beside a wheelchair place that is free"),
        ),
    ] {
        let refused = ask(&server, id, "", &json!({"bestAvailable": wanted})).await;
        match message {
            None => names(&refused, "pointer", &["/bestAvailable/companions"]),
            Some(message) => {
                is_problem(&refused, 409, "too-few-seats");
                assert_eq!((&refused.body["message"], &refused.body["left"]), (&json!(message), &json!(1)));
            }
        }
    }
}
