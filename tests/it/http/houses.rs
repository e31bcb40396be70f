//! Showtimes of auditoriums: their seats as they are printed, in every answer.

use reqwest::Method;
use serde_json::{Value, json};

use crate::http::{is_problem, names};
use crate::services;
use crate::stack::{Answer, Server, Stack};

/// Two sections with the same row, an aisle, a wheelchair place with its companion's seat, two categories.
fn house() -> Value {
    json!({"name": "Playhouse", "focalPoint": {"x": 0, "y": -100},
    "categories": [{"key": "gold", "name": "Gold"}, {"key": "silver", "name": "Silver"}],
    "sections": [
        {"name": "Stalls", "rows": [
            {"label": "A", "count": 6, "numbering": "odd", "aisleAfter": [3], "category": "gold"},
            {"label": "B", "category": "silver", "seats": [
                {"count": 4}, {"label": "5A", "kind": "wheelchair"}, {"label": "5B", "kind": "companion"}]},
        ]},
        {"name": "Circle 🎭", "rows": [{"label": "A", "count": 4, "category": "silver"}]},
    ]})
}

async fn auditorium(server: &Server, plan: &Value) -> String {
    let answer = server.send(server.as_operator(Method::POST, "/api/auditoriums").json(plan)).await.unwrap();
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.body["id"].as_str().unwrap().to_owned()
}

fn showtime_of(auditorium: &str) -> Value {
    json!({"movieTitle": "Faust", "startTime": "2030-01-01T19:30:00Z", "auditoriumId": auditorium})
}

async fn best(server: &Server, showtime: &str, wanted: Value) -> Answer {
    let body = json!({"showtimeId": showtime, "bestAvailable": wanted, "userId": "ada"});
    server.post("/api/bookings", &body).await
}

/// The same on every profile: what is sold, shown and refused has the names of the auditorium.
async fn a_house_is_sold(server: &Server, other: &Server) {
    let auditorium = auditorium(server, &house()).await;
    let created = server.post("/api/showtimes", &showtime_of(&auditorium)).await;
    assert_eq!(created.status, 201, "{created:?}");
    let made = json!({"id": auditorium, "version": 1});
    assert_eq!((&created.body["seats"], &created.body["auditorium"]), (&json!(16), &made));
    let id = created.body["id"].as_str().unwrap();
    let path = format!("/api/showtimes/{id}");

    let shown = other.get(&format!("{path}?minSequence=1")).await;
    assert_eq!(shown.body["auditorium"], made, "{shown:?}");
    let seats = shown.body["seats"].as_array().unwrap();
    let without_id = |seat: &Value| {
        let mut seat = seat.clone();
        seat.as_object_mut().unwrap().remove("seatId");
        seat
    };
    let third = json!({"section": "Stalls", "row": "A", "number": 5, "category": "gold", "status": "Available"});
    assert_eq!(without_id(&seats[2]), third);
    let wheelchair = json!({"section": "Stalls", "row": "B", "number": 5, "label": "5A", "category": "silver",
        "kind": "wheelchair", "status": "Available"});
    assert_eq!(without_id(&seats[10]), wheelchair);
    let circle = json!({"section": "Circle 🎭", "row": "A", "number": 1, "category": "silver", "status": "Available"});
    assert_eq!(without_id(&seats[12]), circle);
    let layout = other.get(&format!("{path}/layout")).await;
    let first = json!({"row": "A", "seats": 6, "section": "Stalls", "labels": {"from": 1, "step": 2}, "aisleAfter": [3],
        "x": [-15_000, -10_000, -5000, 5000, 10_000, 15_000], "y": {"from": 10_000, "step": 0},
        "categories": [{"to": 6, "category": "gold"}]});
    assert_eq!(layout.body["rows"][0], first, "{layout:?}");

    for (wanted, choice) in [
        (json!({"quantity": 2}), "Stalls row B 3-4, together, no single seat left"),
        (json!({"quantity": 2, "section": "Circle 🎭"}), "Circle 🎭 row A 1-2, together, no single seat left"),
        (json!({"quantity": 3, "category": "gold"}), "Stalls row A 1-5, together, no single seat left"),
        (json!({"quantity": 2, "accessible": 1}), "Stalls row B 5A-5B, together, no single seat left"),
    ] {
        let held = best(server, id, wanted.clone()).await;
        assert_eq!((held.status, held.body["choice"].as_str()), (201, Some(choice)), "{wanted}");
    }
    let taken = json!({"showtimeId": id, "seatIds": [seats[1]["seatId"], seats[10]["seatId"]], "userId": "bob"});
    for node in [server, other] {
        let refused = node.post("/api/bookings", &taken).await;
        is_problem(&refused, 409, "seats-taken");
        assert_eq!(refused.body["message"], "seats Stalls A3 and Stalls B5A are taken");
        let named = json!({"seatId": seats[10]["seatId"], "section": "Stalls", "row": "B", "number": 5, "label": "5A", "reason": "Reserved"});
        assert_eq!(refused.body["conflicts"][1], named);
    }
    let refused = best(other, id, json!({"quantity": 1, "accessible": 1})).await;
    is_problem(&refused, 409, "too-few-seats");
    assert_eq!(refused.body["message"], "1 wheelchair place is wanted, 0 are free");
    for (wanted, pointer) in [
        (json!({"quantity": 1, "section": "Box"}), "/bestAvailable/section"),
        (json!({"quantity": 1, "category": "tin"}), "/bestAvailable/category"),
    ] {
        let refused = best(other, id, wanted).await;
        names(&refused, "pointer", &[pointer]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_house_is_sold_on_the_embedded_profile() {
    let stack = Stack::embedded();
    let server = stack.start();
    a_house_is_sold(&server, &server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_house_is_sold_on_two_nodes() {
    let stack = Stack::real(services::shared()).await;
    let (one, other) = (stack.start(), stack.start());
    a_house_is_sold(&one, &other).await;
    stack.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_showtime_keeps_the_version_that_it_was_made_with() {
    let stack = Stack::embedded();
    let server = stack.start();
    let auditorium = auditorium(&server, &house()).await;
    let first = server.post("/api/showtimes", &showtime_of(&auditorium)).await;
    let mut larger = house();
    larger["sections"][1]["rows"][0]["count"] = json!(9);
    let path = format!("/api/auditoriums/{auditorium}");
    let request = server.as_operator(Method::PUT, &path).header("if-match", "\"1\"").json(&larger);
    assert_eq!(server.send(request).await.unwrap().status, 200);

    let second = server.post("/api/showtimes", &showtime_of(&auditorium)).await;
    assert_eq!((&second.body["seats"], &second.body["auditorium"]["version"]), (&json!(21), &json!(2)));
    let mut old = showtime_of(&auditorium);
    old["auditoriumVersion"] = json!(1);
    let third = server.post("/api/showtimes", &old).await;
    assert_eq!((&third.body["seats"], &third.body["auditorium"]["version"]), (&json!(16), &json!(1)));
    let path = format!("/api/showtimes/{}", first.body["id"].as_str().unwrap());
    let changed = server.send(server.as_operator(Method::PATCH, &path).json(&json!({"movieTitle": "Urfaust"}))).await;
    assert_eq!(changed.unwrap().body["auditorium"]["version"], 1, "a change of the title leaves it");
    let shown = server.get(&format!("{path}?minSequence=2")).await;
    assert_eq!(shown.body["seats"].as_array().unwrap().len(), 16);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_showtime_is_made_of_rows_or_of_an_auditorium() {
    let stack = Stack::embedded();
    let server = stack.start();
    let known = auditorium(&server, &house()).await;
    let field = json!({"name": "Field", "sections": [], "areas": [{"label": "Lawn", "capacity": 200_001}]});
    let too_large = auditorium(&server, &field).await;
    let rows = json!([{"row": "A", "seats": 1}]);
    for (members, status, pointer) in [
        (json!({}), 400, "/rows"),
        (json!({"auditoriumId": known, "rows": rows}), 400, "/rows"),
        (json!({"auditoriumId": "nobody"}), 400, "/auditoriumId"),
        (json!({"auditoriumId": 7}), 400, "/auditoriumId"),
        (json!({"auditoriumId": known, "auditoriumVersion": 0}), 400, "/auditoriumVersion"),
        (json!({"auditoriumId": known, "auditoriumVersion": "1"}), 400, "/auditoriumVersion"),
        (json!({"rows": rows, "auditoriumVersion": 1}), 400, "/auditoriumId"),
        (json!({"auditoriumId": uuid::Uuid::new_v4()}), 404, "/auditoriumId"),
        (json!({"auditoriumId": known, "auditoriumVersion": 2}), 404, "/auditoriumVersion"),
        (json!({"auditoriumId": too_large}), 400, "/auditoriumId"),
    ] {
        let mut body = json!({"movieTitle": "M", "startTime": "2030-01-01T19:30:00Z"});
        body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let answer = server.post("/api/showtimes", &body).await;
        assert_eq!(answer.status, status, "{members}: {answer:?}");
        names(&answer, "pointer", &[pointer]);
    }
}
