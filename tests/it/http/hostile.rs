//! Hostile clients: slow, broken, enormous or absurd. None causes a 500, none holds a worker, none disturbs the others.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderName};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use turnstile::domain::{SeatId, ShowtimeId};
use uuid::Uuid;

use crate::http::{House, NOWHERE, contract, is_problem, names};
use crate::stack::{Answer, Stack};

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
        Just(json!(NOWHERE)),
        Just(json!("2030-01-01T20:00:00Z")),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((field(), inner), 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn field() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "showtimeId",
            "seatIds",
            "seatId",
            "userId",
            "holdToken",
            "paymentReference",
            "movieTitle",
            "startTime",
            "rows",
            "row",
            "seats",
        ])
        .prop_map(str::to_owned),
        ".{0,10}",
    ]
}

/// Random bodies on every command: always an answer of the contract (`Server::send` checks it), never a 500.
#[test]
fn random_bodies_never_break_the_server() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let house = runtime.block_on(House::open());
    let paths = [
        "/api/bookings".to_owned(),
        format!("/api/showtimes/{}/bookings", house.showtime),
        "/api/showtimes".to_owned(),
        format!("/api/bookings/{NOWHERE}/confirm"),
        format!("/api/bookings/{NOWHERE}/cancel"),
        format!("/api/bookings/{NOWHERE}/extend"),
    ];
    let mut runner = TestRunner::new(Config { cases: 400, failure_persistence: None, ..Config::default() });
    let fields = prop::collection::vec((field(), any_json()), 0..5);
    let body = fields.prop_map(|fields| Value::Object(fields.into_iter().collect()));
    runner
        .run(&(0..paths.len(), body), |(path, body)| {
            let answer = runtime.block_on(house.server.post(&paths[path], &body));
            prop_assert!(answer.status < 500, "{answer:?}");
            Ok(())
        })
        .unwrap();
    runner
        .run(&(0..paths.len(), prop::collection::vec(any::<u8>(), 0..200)), |(path, body)| {
            let request =
                house.server.as_operator(Method::POST, &paths[path]).header("Content-Type", "application/json");
            let answer = runtime.block_on(house.server.send(request.body(body))).unwrap();
            prop_assert!(answer.status < 500, "{answer:?}");
            Ok(())
        })
        .unwrap();
}

async fn connect(house: &House) -> TcpStream {
    TcpStream::connect(house.server.address().trim_start_matches("http://")).await.unwrap()
}

/// Reads until the server closes the connection; what it said.
async fn until_closed(mut stream: TcpStream, limit: Duration) -> String {
    let mut said = Vec::new();
    tokio::time::timeout(limit, stream.read_to_end(&mut said)).await.expect("the server keeps the connection").unwrap();
    String::from_utf8_lossy(&said).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_clients_are_dropped_and_others_do_not_notice() {
    let stack = Stack::embedded()
        .with("HTTP__HEAD_TIMEOUT_SECONDS", 5)
        .with("HTTP__BODY_TIMEOUT_SECONDS", 5)
        .with("HTTP__WORKERS", 1);
    let house = House::open_on(stack).await;
    let mut slow = Vec::new();
    for _ in 0..200 {
        let mut stream = connect(&house).await;
        stream.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Slow").await.unwrap();
        slow.push(stream);
    }
    let mut slow_body = connect(&house).await;
    slow_body
        .write_all(
            b"POST /api/bookings HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{",
        )
        .await
        .unwrap();
    assert_eq!(house.server.get("/livez").await.status, 200);
    let first = &mut slow[0];
    let waiting = tokio::time::timeout(Duration::ZERO, first.read_u8()).await;
    assert!(waiting.is_err(), "others are served before the slow ones are dropped");
    for stream in slow {
        let said = until_closed(stream, Duration::from_secs(30)).await;
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 408"), "{said}");
    }
    let mut said = vec![0; 4_096];
    let read = tokio::time::timeout(Duration::from_secs(30), slow_body.read(&mut said)).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&said[..read]).into_owned();
    assert!(said.starts_with("HTTP/1.1 408") && said.contains("request-timeout"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_requests_are_refused() {
    let house = House::open().await;
    for request in [
        "nonsense\r\n\r\n".to_owned(),
        "GET / HTTP/9.9\r\n\r\n".to_owned(),
        "POST /api/bookings HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n".to_owned(),
        "POST /api/bookings HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
            .to_owned(),
        format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(200_000)),
        format!("GET / HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "x".repeat(200_000)),
        format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "X: y\r\n".repeat(2_000)),
    ] {
        let mut stream = connect(&house).await;
        // The server may close while a huge request is still being sent.
        let _sent = stream.write_all(request.as_bytes()).await;
        let mut said = vec![0; 64];
        let read = tokio::time::timeout(Duration::from_secs(10), stream.read(&mut said))
            .await
            .expect("no answer")
            .unwrap_or(0);
        let said = String::from_utf8_lossy(&said[..read]).into_owned();
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 4"), "{said} to {}", &request[..request.len().min(60)]);
    }
    assert_eq!(house.server.get("/livez").await.status, 200);
}

/// The parser answers before any handler. Its answers have a problem document, on a fresh connection and after a good request.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_parser_refuses_has_a_problem_document() {
    let house = House::open_on(Stack::embedded().with("HTTP__HEAD_TIMEOUT_SECONDS", 1)).await;
    let many_headers = format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "X: y\r\n".repeat(200));
    for (request, status, code) in [
        ("nonsense\r\n\r\n", "400 Bad Request", "malformed-request"),
        ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n", "400 Bad Request", "malformed-request"),
        (&many_headers, "431 Request Header Fields Too Large", "head-too-large"),
        ("GET / HTTP/1.1\r\nHost: x\r\nX-Slow", "408 Request Timeout", "request-timeout"),
    ] {
        let mut stream = connect(&house).await;
        stream.write_all(request.as_bytes()).await.unwrap();
        is_parsers_problem(&until_closed(stream, Duration::from_secs(10)).await, status, code);
    }
    let mut stream = connect(&house).await;
    stream.write_all(b"HEAD /livez HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut said = vec![0; 4_096];
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read(&mut said)).await.unwrap().unwrap();
    assert!(said[..read].starts_with(b"HTTP/1.1 200"));
    stream.write_all(b"nonsense\r\n\r\n").await.unwrap();
    is_parsers_problem(&until_closed(stream, Duration::from_secs(10)).await, "400 Bad Request", "malformed-request");
}

#[track_caller]
fn is_parsers_problem(said: &str, status: &str, code: &str) {
    let (head, body) = said.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head in {said:?}"));
    assert!(head.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{said}");
    let mut headers = HeaderMap::new();
    for (name, value) in head.lines().skip(1).filter_map(|line| line.split_once(": ")) {
        headers.insert(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
    }
    assert_eq!(headers["content-length"], body.len().to_string(), "{said}");
    assert_eq!(headers["connection"], "close", "{said}");
    assert!(headers.contains_key("date"), "{said}");
    let body: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {said}"));
    let status = status[..3].parse().unwrap();
    contract::hold("GET", "/the/parser/knows/no/path", status, &headers, &body);
    is_problem(&Answer { status, headers, body }, status, code);
}

/// A body without a declared length is counted while it comes, and not read past its bound.
#[tokio::test(flavor = "multi_thread")]
async fn an_endless_body_is_cut_off() {
    let house = House::open().await;
    endless_body(&house, "POST /api/bookings", "HTTP/1.1 413").await;
    endless_body(&house, "POST /nowhere", "HTTP/1.1 404").await;
    endless_body(&house, "GET /livez", "HTTP/1.1 200").await;
}

async fn endless_body(house: &House, line: &str, answer: &str) {
    let mut stream = connect(house).await;
    let head =
        format!("{line} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let (mut reading, mut writing) = stream.into_split();
    let endless = tokio::spawn(async move {
        let chunk = format!("400\r\n{}\r\n", " ".repeat(1_024));
        // Ends when the server has closed.
        while writing.write_all(chunk.as_bytes()).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    let mut said = vec![0; 4_096];
    let read = tokio::time::timeout(Duration::from_secs(10), reading.read(&mut said)).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&said[..read]).into_owned();
    assert!(said.starts_with(answer), "{said}");
    tokio::time::timeout(Duration::from_secs(20), endless).await.expect("the server goes on reading").unwrap();
}

/// A body that ends early, and a client that hangs up in the middle: nothing is reserved, nothing stays behind.
#[tokio::test(flavor = "multi_thread")]
async fn half_a_body_reserves_nothing() {
    let house = House::open().await;
    let body = house.wanted(&house.seats[..1]).to_string();
    for _ in 0..20 {
        let mut stream = connect(&house).await;
        let head = format!(
            "POST /api/bookings HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&body.as_bytes()[..body.len() - 1]).await.unwrap();
        drop(stream);
    }
    assert_eq!(house.server.reserve(&house.showtime, &house.seats[..1], "u").await.status, 201);
    assert_eq!(
        house.server.seats(&house.showtime, 2).await.iter().filter(|(_, status)| status == "Reserved").count(),
        1
    );
}

/// Whoever books at showtimes that do not exist must not cost an actor each; neither one id again and again nor many.
#[tokio::test(flavor = "multi_thread")]
async fn bookings_at_unknown_showtimes_open_no_actor() {
    let house = House::open().await;
    let opened = async || {
        let text = house.server.get("/metrics").await.body;
        let mut lines = text.as_str().unwrap().lines();
        lines.find_map(|line| line.strip_prefix("turnstile_showtimes_opened_total ")).unwrap().parse::<u64>().unwrap()
    };
    let before = opened().await;
    let ids = (0..20).map(|_| NOWHERE.parse().unwrap()).chain((0..100).map(|_| Uuid::new_v4()));
    for chunk in ids.collect::<Vec<_>>().chunks(30) {
        let all = join_all(chunk.iter().map(async |id| {
            let seat = SeatId::new(ShowtimeId(*id), 0);
            let body = json!({"showtimeId": id, "seatIds": [seat], "userId": "u"});
            let answer = house.server.post("/api/bookings", &body).await;
            is_problem(&answer, 404, "unknown-showtime");
            names(&answer, "pointer", &["/showtimeId"]);
            let here = format!("/api/showtimes/{id}/bookings");
            let answer = house.server.post(&here, &json!({"seatId": seat, "userId": "u"})).await;
            is_problem(&answer, 404, "unknown-showtime");
            names(&answer, "parameter", &["id"]);
        }));
        all.await;
    }
    assert_eq!(opened().await, before);
    let (showtime, seats) = house.server.schedule(1).await;
    assert_eq!(house.server.reserve(&showtime, &seats[..1], "u").await.status, 201);
    assert_eq!(opened().await, before + 1);
}

/// A query of thousands of parameters must not cost more than it is long.
#[tokio::test(flavor = "multi_thread")]
async fn absurd_queries_are_refused_at_once() {
    let house = House::open().await;
    let many = (0..6_000).fold(String::new(), |many, number| many + &format!("&p{number}=1"));
    let started = Instant::now();
    let answer = house.server.get(&format!("/api/showtimes?limit=1{many}")).await;
    assert!(answer.status == 400 || answer.status == 414, "{answer:?}");
    assert!(started.elapsed() < Duration::from_secs(5));
}
