//! Limits of all showtimes and seats together: reached, raised, switched off, and not used up by requests that create nothing.

use reqwest::Method;
use serde_json::{Value, json};

use crate::http::is_problem;
use crate::stack::{Answer, Server, Stack};

async fn create(server: &Server, title: &str, seats: u32, key: Option<&str>) -> Answer {
    let rows = json!([{"row": "A", "seats": seats}]);
    let body = json!({"movieTitle": title, "startTime": "2030-01-01T20:00:00Z", "rows": rows});
    let request = server.as_operator(Method::POST, "/api/showtimes").json(&body);
    server.send(if let Some(key) = key { request.header("Idempotency-Key", key) } else { request }).await.unwrap()
}

fn is_refused(answer: &Answer, detail: &str) {
    is_problem(answer, 429, "quota-exceeded");
    assert_eq!(answer.body["detail"], detail);
    let wait: u32 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_third_of_two_showtimes_is_refused_until_the_limit_is_raised_or_off() {
    let stack = Stack::embedded().with("SEED_DEMO", false).with("LIMITS__TOTAL_SHOWTIMES", 2);
    let server = stack.start();
    // Neither a wrong body nor a repeated request creates anything.
    for _ in 0..3 {
        assert_eq!(create(&server, "", 5, None).await.status, 400);
        assert_eq!(create(&server, "one", 5, Some("first")).await.status, 201);
    }
    assert_eq!(create(&server, "two", 5, Some("second")).await.status, 201);
    let said = "there are 2 showtimes, and 1 more would exceed the limit of 2 (setting limits.total_showtimes)";
    is_refused(&create(&server, "three", 5, None).await, said);
    is_refused(&create(&server, "three", 5, Some("third")).await, said);
    let again = create(&server, "two", 5, Some("second")).await;
    assert_eq!((again.status, &again.headers["idempotent-replayed"]), (201, &"true".parse().unwrap()), "{again:?}");
    is_problem(&create(&server, "three", 5, Some("second")).await, 422, "idempotency-key-reused");
    server.terminate().await;

    let server = stack.start_with(vec![("TURNSTILE_LIMITS__TOTAL_SHOWTIMES", "3".to_owned())]);
    assert_eq!(create(&server, "three", 5, Some("third")).await.status, 201, "a refused key was not recorded");
    assert_eq!(create(&server, "four", 5, None).await.status, 429);
    server.terminate().await;

    let server = stack.start_with(vec![("TURNSTILE_LIMITS__TOTAL_SHOWTIMES", "0".to_owned())]);
    for title in ["four", "five"] {
        assert_eq!(create(&server, title, 5, None).await.status, 201);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn seats_have_a_limit_of_their_own() {
    let stack = Stack::embedded().with("SEED_DEMO", false).with("LIMITS__TOTAL_SEATS", 25);
    let server = stack.start();
    assert_eq!(create(&server, "one", 20, None).await.status, 201);
    let said = "there are 20 seats, and 6 more would exceed the limit of 25 (setting limits.total_seats)";
    is_refused(&create(&server, "two", 6, None).await, said);
    assert_eq!(create(&server, "two", 5, None).await.status, 201);
    assert_eq!(create(&server, "three", 1, None).await.status, 429);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_says_that_there_is_a_limit() {
    let server = Stack::embedded();
    let printed = server.run(&["openapi"]).await;
    let document: Value = serde_json::from_slice(&printed.stdout).unwrap();
    let operation = &document["paths"]["/api/showtimes"]["post"];
    assert!(
        operation["responses"]["429"].is_object() && operation["description"].to_string().contains("quota-exceeded")
    );
}
