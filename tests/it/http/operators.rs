//! Operators: the key of the first start, `--open`, and a proxy on the same machine that makes nobody an operator.

use std::os::unix::fs::PermissionsExt;

use reqwest::Method;
use serde_json::{Value, json};

use crate::http::is_problem;
use crate::nginx::Nginx;
use crate::services;
use crate::stack::{Answer, Server, Stack};

fn showtime() -> Value {
    json!({"movieTitle": "M", "startTime": "2030-01-01T20:00:00Z", "rows": [{"row": "A", "seats": 4}]})
}

async fn create(server: &Server, token: Option<&str>) -> Answer {
    let request = server.request(Method::POST, "/api/showtimes").json(&showtime());
    server.send(if let Some(token) = token { request.bearer_auth(token) } else { request }).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_start_makes_a_key_and_shows_it_once() {
    let stack = Stack::embedded().without_operator_token();
    let server = stack.start();
    let shown = server.operators().to_owned();
    let path = stack.data_dir().join("operator.key");
    let key = std::fs::read_to_string(&path).unwrap().trim().to_owned();
    assert!(shown.ends_with(&key) && key.len() >= 32, "{shown}");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    is_problem(&create(&server, None).await, 401, "missing-credential");
    is_problem(&create(&server, Some("another key of theirs")).await, 403, "operator-only");
    assert_eq!(create(&server, Some(&key)).await.status, 201);
    assert_eq!(server.terminate().await, Some(0));
    let server = stack.start();
    assert!(
        server.operators().contains("operator.key") && !server.operators().contains(&key),
        "{}",
        server.operators()
    );
    assert_eq!(create(&server, Some(&key)).await.status, 201);
    // The load tester finds the key of its own machine's server.
    let output = stack.run(&["loadtest", "storm", "--url", server.address(), "--requests", "20"]).await;
    assert!(output.status.success(), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn on_the_real_stack_nobody_is_an_operator_without_a_configured_token() {
    let stack = Stack::real(services::shared()).await.without_operator_token();
    let server = stack.start();
    assert!(server.operators().contains("TURNSTILE_OPERATOR_TOKEN"), "{}", server.operators());
    let refused = create(&server, None).await;
    is_problem(&refused, 403, "operator-only");
    assert!(refused.body["detail"].as_str().unwrap().contains("TURNSTILE_OPERATOR_TOKEN"), "{refused:?}");
    is_problem(&create(&server, Some("0123456789abcdef")).await, 403, "operator-only");
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_plain_proxy_on_the_same_machine_nobody_becomes_an_operator() {
    for stack in [Stack::embedded().without_operator_token(), Stack::embedded().without_operator_token().flag("--open")]
    {
        let server = stack.start();
        let nginx =
            Nginx::start(&format!("server {{ listen PORT; location / {{ proxy_pass {}; }} }}", server.address()));
        let address = format!("http://127.0.0.1:{}/api/showtimes", nginx.port);
        let client = reqwest::Client::new();
        assert_eq!(client.get(&address).send().await.unwrap().status(), 200, "the proxy works");
        let refused = client.post(&address).json(&showtime()).send().await.unwrap();
        assert!([401, 403].contains(&refused.status().as_u16()), "{refused:?}");
        let listed: Value = client.get(&address).send().await.unwrap().json().await.unwrap();
        assert!(listed["items"].as_array().unwrap().iter().all(|item| item["movieTitle"] != "M"), "{listed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_server_takes_only_plainly_local_requests_for_an_operators() {
    let stack = Stack::embedded().without_operator_token().flag("--open");
    let server = stack.start();
    assert!(server.operators().contains("EVERYBODY ON THIS MACHINE"), "{}", server.operators());
    assert!(!stack.data_dir().join("operator.key").exists());
    let made = create(&server, None).await;
    assert_eq!(made.status, 201, "{made:?}");
    for (name, value) in [
        ("X-Forwarded-For", "203.0.113.7"),
        ("Forwarded", "for=203.0.113.7"),
        ("Via", "1.1 proxy"),
        ("Host", "tickets.example"),
        ("Origin", "https://evil.example"),
    ] {
        let passed_on = server.request(Method::POST, "/api/showtimes").header(name, value).json(&showtime());
        is_problem(&server.send(passed_on).await.unwrap(), 403, "operator-only");
    }
    let id = made.body["id"].as_str().unwrap();
    let seats: Vec<_> = server.seats(id, 1).await.into_iter().map(|(seat, _)| seat).collect();
    let held = server.hold(id, &seats[..1]).await;
    // An operator acts on bookings; a wrong hold token is still a wrong one.
    let path = format!("/api/bookings/{}", held.booking_id);
    let other = server.hold(id, &seats[1..2]).await;
    let wrong = server.post(&format!("{path}/cancel"), &json!({"holdToken": other.hold_token})).await;
    is_problem(&wrong, 403, "not-holder");
    assert_eq!(server.get(&path).await.status, 200);
    assert_eq!(server.post(&format!("{path}/extend"), &json!({})).await.status, 200);
    assert_eq!(server.post(&format!("{path}/confirm"), &json!({"paymentReference": "p"})).await.status, 200);
    assert_eq!(server.post(&format!("/api/bookings/{}/cancel", other.booking_id), &json!({})).await.status, 200);
}
