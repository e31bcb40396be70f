//! What the server does not know it refuses by name: a client that sends it means something that would not happen.

use reqwest::Method;
use serde_json::{Value, json};

use crate::http::{House, is_problem, names};
use crate::stack::Answer;

async fn post_text(house: &House, path: &str, body: &str) -> Answer {
    let request = house.server.as_operator(Method::POST, path).header("Content-Type", "application/json");
    house.server.send(request.body(body.to_owned())).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_member_is_named_and_nothing_happens() {
    let house = House::open().await;
    let held = house.server.hold(&house.showtime, &house.seats[..4]).await;
    let cancel = format!("/api/bookings/{}/cancel", held.booking_id);
    let one_of_four = json!({"holdToken": held.hold_token, "seatIds": [house.seats[0]]});
    let answer = house.server.post(&cancel, &one_of_four).await;
    is_problem(&answer, 400, "invalid-fields");
    names(&answer, "pointer", &["/seatIds"]);
    let seats = house.server.seats(&house.showtime, held.sequence).await;
    assert_eq!(seats.iter().filter(|(_, status)| status == "Reserved").count(), 4, "nothing was given up");
    for verb in ["confirm", "extend"] {
        let path = format!("/api/bookings/{}/{verb}", held.booking_id);
        let body = json!({"holdToken": held.hold_token, "paymentReference": "p", "amount": 5, "until": "tomorrow"});
        let answer = house.server.post(&path, &body).await;
        is_problem(&answer, 400, "invalid-fields");
        let told = answer.body["errors"].to_string();
        assert!(told.contains("/amount") && told.contains("/until"), "{told}");
    }
    let mut wanted = house.wanted(&house.seats[4..5]);
    wanted["seats"] = json!([]);
    let answer = house.server.post("/api/bookings", &wanted).await;
    is_problem(&answer, 400, "invalid-fields");
    names(&answer, "pointer", &["/seats"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_member_of_a_row_is_named() {
    let house = House::open().await;
    let rows = json!([{"row": "A", "seats": 4}, {"row": "B", "seats": 4, "price": 900}]);
    let body = json!({"movieTitle": "M", "startTime": "2030-01-01T20:00:00Z", "rows": rows});
    let answer = house.server.post("/api/showtimes", &body).await;
    is_problem(&answer, 400, "invalid-fields");
    names(&answer, "pointer", &["/rows/1/price"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doubled_member_is_named() {
    let house = House::open().await;
    let (showtime, seat) = (&house.showtime, &house.seats[0]);
    let body = format!(r#"{{"showtimeId":"{showtime}","seatIds":["{seat}"],"userId":"a","userId":"b"}}"#);
    let answer = post_text(&house, "/api/bookings", &body).await;
    is_problem(&answer, 400, "invalid-fields");
    names(&answer, "pointer", &["/userId"]);
    let row = r#"{"row":"A","seats":1,"seats":2}"#;
    let body = format!(r#"{{"movieTitle":"M","startTime":"2030-01-01T20:00:00Z","rows":[{row}]}}"#);
    let answer = post_text(&house, "/api/showtimes", &body).await;
    is_problem(&answer, 400, "invalid-fields");
    names(&answer, "pointer", &["/rows/0/seats"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn doubled_and_unknown_query_parameters_are_named() {
    let house = House::open().await;
    let showtime = format!("/api/showtimes/{}", house.showtime);
    for (path, name) in [
        ("/api/showtimes?limit=1&limit=2".to_owned(), "limit"),
        ("/api/showtimes?limits=1".to_owned(), "limits"),
        (format!("{showtime}?minsequence=9"), "minsequence"),
        (format!("{showtime}/status?minSequence=1&minSequence=1"), "minSequence"),
        (format!("{showtime}/layout?minSequence=1"), "minSequence"),
        (format!("/ws/showtimes/{}?afer=1", house.showtime), "afer"),
    ] {
        let answer = house.server.get(&path).await;
        is_problem(&answer, 400, "invalid-fields");
        names(&answer, "parameter", &[name]);
    }
    let answer = house.server.post("/api/bookings?userId=u", &Value::Null).await;
    is_problem(&answer, 400, "invalid-fields");
    names(&answer, "parameter", &["userId"]);
    // What clients add by themselves.
    for path in ["/api/showtimes?_=1735689600000", "/?utm_source=letter", "/docs?x=1", "/readyz?verbose", "/livez?x&x"]
    {
        assert_eq!(house.server.get(path).await.status, 200, "{path}");
    }
    let negotiated = "/hub/bookings/negotiate?negotiateVersion=1&tenant=7";
    assert_eq!(house.server.post(negotiated, &Value::Null).await.status, 200);
}

/// JSON has one kind of number: what has no fraction is whole, however it is written.
#[tokio::test(flavor = "multi_thread")]
async fn a_whole_number_may_be_written_with_a_fraction_of_zero_or_an_exponent() {
    let house = House::open().await;
    let body = |seats: &str| {
        format!(r#"{{"movieTitle":"M","startTime":"2030-01-01T20:00:00Z","rows":[{{"row":"A","seats":{seats}}}]}}"#)
    };
    for (seats, count) in [("3", 3), ("3.0", 3), ("1e1", 10), ("0.3E1", 3), ("30e-1", 3)] {
        let answer = post_text(&house, "/api/showtimes", &body(seats)).await;
        assert_eq!((answer.status, answer.body["seats"].as_u64()), (201, Some(count)), "{seats}: {answer:?}");
    }
    for seats in ["3.5", "-3.0", "1e-1", "4294967299.0", "1e400", "0.0", "200001.0", "\"3.0\"", "[3]", "true"] {
        let answer = post_text(&house, "/api/showtimes", &body(seats)).await;
        is_problem(&answer, 400, "invalid-fields");
        let part = if seats == "200001.0" { "/rows" } else { "/rows/0/seats" };
        names(&answer, "pointer", &[part]);
        let detail = answer.body["detail"].as_str().unwrap();
        assert!(seats != "3.5" || detail.contains("must be a whole number, at least 1"), "{detail}");
    }
}
