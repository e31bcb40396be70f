//! Who may do what: holders with their token, operators with theirs, pages of configured origins.

use reqwest::Method;
use reqwest::header::ORIGIN;
use serde_json::json;

use crate::http::{House, is_problem};
use crate::stack::{OPERATOR, Stack};

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_is_shown_and_changed_only_with_its_token() {
    let house = House::open().await;
    let held = house.server.hold(&house.showtime, &house.seats[..1]).await;
    let other = house.server.hold(&house.showtime, &house.seats[1..2]).await;
    let path = format!("/api/bookings/{}", held.booking_id);
    let bare = house.server.get(&path).await;
    is_problem(&bare, 401, "missing-credential");
    assert!(bare.headers["www-authenticate"].to_str().unwrap().starts_with("Bearer"));
    for scheme in ["Basic eDp5", "Bearer", "Bearer  "] {
        let request = house.server.request(Method::GET, &path).header("Authorization", scheme);
        is_problem(&house.server.send(request).await.unwrap(), 401, "missing-credential");
    }
    for token in [other.hold_token.as_str(), "short", "ä"] {
        let request = house.server.request(Method::GET, &path).header("Authorization", format!("Bearer {token}"));
        let answer = house.server.send(request).await.unwrap();
        if token == "ä" {
            is_problem(&answer, 401, "missing-credential");
        } else {
            is_problem(&answer, 403, "not-holder");
        }
    }
    for verb in ["cancel", "extend"] {
        let answer = house.server.post(&format!("{path}/{verb}"), &json!({"holdToken": other.hold_token})).await;
        is_problem(&answer, 403, "not-holder");
        let answer = house.server.send(house.server.request(Method::POST, &format!("{path}/{verb}"))).await.unwrap();
        is_problem(&answer, 401, "missing-credential");
    }
    let shown = house.server.booking(&held).await;
    assert_eq!((shown.status, shown.body["userId"].as_str()), (200, Some("somebody")), "{shown:?}");
    assert_eq!(shown.headers["cache-control"], "no-store");
    assert!(shown.body.get("holdToken").is_none());
    // Without a body, with the header alone.
    let request = house.server.request(Method::POST, &format!("{path}/extend")).bearer_auth(&held.hold_token);
    let extended = house.server.send(request).await.unwrap();
    assert_eq!(extended.status, 200, "{extended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_show_their_token_where_one_is_configured() {
    let stack = Stack::embedded();
    let server = stack.start();
    let body = json!({"movieTitle": "M", "startTime": "2030-01-01T20:00:00Z", "rows": [{"row": "A", "seats": 2}]});
    let bare = server.request(Method::POST, "/api/showtimes").json(&body);
    is_problem(&server.send(bare).await.unwrap(), 401, "missing-credential");
    let with = |token: &str| server.request(Method::POST, "/api/showtimes").bearer_auth(token).json(&body);
    is_problem(&server.send(with("another secret of theirs")).await.unwrap(), 403, "operator-only");
    let made = server.send(with(OPERATOR)).await.unwrap();
    assert_eq!((made.status, made.body["seats"].as_u64()), (201, Some(2)), "{made:?}");
    let id = made.body["id"].as_str().unwrap();
    assert_eq!(made.headers["location"], format!("/api/showtimes/{id}"));
    let seats: Vec<_> = server.seats(id, 1).await.into_iter().map(|(seat, _)| seat).collect();
    let held = server.hold(id, &seats[..1]).await;
    let path = format!("/api/bookings/{}", held.booking_id);
    let shown = server.send(server.request(Method::GET, &path).bearer_auth(OPERATOR)).await.unwrap();
    assert_eq!(shown.status, 200, "{shown:?}");
    let cancel = server.request(Method::POST, &format!("{path}/cancel")).bearer_auth(OPERATOR);
    assert_eq!(server.send(cancel).await.unwrap().status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_configured_origins_may_use_the_server_and_no_others() {
    let house =
        House::open_on(Stack::embedded().with("CORS_ORIGINS", "http://localhost:3000,https://tickets.example")).await;
    let preflight = |origin: &str, headers: &str| {
        let request = house.server.request(Method::OPTIONS, "/hub/bookings/negotiate").header(ORIGIN, origin);
        let request = request.header("Access-Control-Request-Method", "POST");
        house.server.send(request.header("Access-Control-Request-Headers", headers))
    };
    let wanted = "authorization,content-type,x-requested-with,x-signalr-user-agent,idempotency-key,if-none-match,\
                  traceparent,tracestate,baggage";
    let allowed = preflight("http://localhost:3000", wanted).await.unwrap();
    assert!(allowed.status < 300, "{allowed:?}");
    assert_eq!(allowed.headers["access-control-allow-origin"], "http://localhost:3000");
    assert_eq!(allowed.headers["access-control-allow-credentials"], "true");
    let told = allowed.headers["access-control-allow-headers"].to_str().unwrap().to_ascii_lowercase();
    for name in wanted.split(',') {
        assert!(told.contains(name), "{name} in {told}");
    }
    let refused = preflight("https://evil.example", wanted).await.unwrap();
    assert!(!refused.headers.contains_key("access-control-allow-origin"), "{refused:?}");
    let path = format!("/api/showtimes/{}", house.showtime);
    let from = |origin: &str| house.server.send(house.server.request(Method::GET, &path).header(ORIGIN, origin));
    let read = from("https://tickets.example").await.unwrap();
    assert_eq!(read.headers["access-control-allow-origin"], "https://tickets.example");
    let exposed = read.headers["access-control-expose-headers"].to_str().unwrap().to_ascii_lowercase();
    for name in ["etag", "location", "retry-after", "turnstile-sequence"] {
        assert!(exposed.contains(name), "{name} in {exposed}");
    }
    assert!(!from("https://evil.example").await.unwrap().headers.contains_key("access-control-allow-origin"));
    // A page must be able to read why it was refused.
    let request =
        house.server.request(Method::POST, "/api/bookings").header(ORIGIN, "http://localhost:3000").json(&json!({}));
    let problem = house.server.send(request).await.unwrap();
    is_problem(&problem, 400, "invalid-fields");
    assert_eq!(problem.headers["access-control-allow-origin"], "http://localhost:3000");
}
