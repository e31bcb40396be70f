//! Long bodies that create showtimes: read as they arrive, whatever the lengths of their rows.

use std::time::{Duration, Instant};

use reqwest::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::http::{is_problem, names};
use crate::stack::{Answer, OPERATOR, Server, Stack};

/// Most memory for each row of a showtime that is created. It stands in the new house, in its first event, in the read model's document and in
/// texts on their ways: some 1,200 bytes, and as many for what the allocator keeps.
const BYTES_PER_ROW: u64 = 2_400;
/// Longest body that the server reads.
const MOST_BYTES: u64 = 64 * 1024 * 1024;
/// How often a text without an end is in memory at most: a buffer that grows is copied to one of twice its size, of which half is used. Measured: 1.4.
const COPIES: u64 = 3;
const AUDITORIUMS: &str = "/api/auditoriums";
const SHOWTIMES: &str = "/api/showtimes";

/// A showtime of these rows, each with one seat.
fn showtime(rows: impl Iterator<Item = String>) -> String {
    let rows: Vec<String> = rows.collect();
    format!(r#"{{"movieTitle":"M","rows":[{}],"startTime":"2030-01-01T20:00:00Z"}}"#, rows.join(","))
}

async fn post(server: &Server, body: String) -> Answer {
    let request = server.as_operator(Method::POST, "/api/showtimes").header("content-type", "application/json");
    server.send(request.body(body)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_thousand_rows_of_one_seat_are_taken_in_seconds() {
    let stack = Stack::embedded();
    let server = stack.start();
    // As tools print JSON for people: more than 16 MiB.
    let row = |number| {
        format!("\n        {{\n            \"row\" : \"Row {number:012}\",\n            \"seats\": 1\n        }}")
    };
    let body = showtime((0..200_000).map(row));
    assert!(body.len() > 16 * 1024 * 1024, "{} bytes", body.len());
    let (begun, before) = (Instant::now(), server.peak_memory());
    // As many at once as the server takes.
    let (one, other) = tokio::join!(post(&server, body.clone()), post(&server, body));
    let (took, grown) = (begun.elapsed(), server.peak_memory() - before);
    println!("created in {took:?} with {grown} bytes");
    for answer in [one, other] {
        assert_eq!((answer.status, answer.body["seats"].as_u64()), (201, Some(200_000)), "{answer:?}");
    }
    // Generous for an unoptimised build on a busy machine.
    assert!(took < Duration::from_secs(60), "{took:?}");
    assert!(grown < 2 * 200_000 * BYTES_PER_ROW, "{grown} bytes");
}

/// Sends a body that never ends until the server has answered; returns the answer's status line.
async fn endless(server: &Server, path: &str, begin: &str, again: &str) -> String {
    let stream = TcpStream::connect(server.address().trim_start_matches("http://")).await.unwrap();
    let (mut answer, mut request) = stream.into_split();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {OPERATOR}\r\n\
         Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{begin}\r\n",
        begin.len()
    );
    let data = again.repeat(64 * 1024 / again.len());
    let sending = tokio::spawn(async move {
        let chunk = format!("{:x}\r\n{data}\r\n", data.len());
        request.write_all(head.as_bytes()).await.unwrap();
        // Fails once the server has answered and closed the connection.
        while request.write_all(chunk.as_bytes()).await.is_ok() {}
    });
    let mut status = [0; 12];
    answer.read_exact(&mut status).await.unwrap();
    sending.abort();
    String::from_utf8_lossy(&status).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_without_an_end_are_refused_in_bounded_memory() {
    let stack = Stack::embedded();
    let server = stack.start();
    let before = server.peak_memory();
    // Two at once, as many as the server takes: texts that have to be whole before they can be judged; what is no JSON, and a list of wrong entries.
    let entry = format!("\"{}\",", "x".repeat(1_000));
    for [one, other] in [
        [(AUDITORIUMS, r#"{"name":""#, "é"), (SHOWTIMES, r#"{"movieTitle":"M","rows":[{"row":""#, "é")],
        [(AUDITORIUMS, "", "\u{1}"), (SHOWTIMES, r#"{"movieTitle":"M","rows":["#, &entry)],
    ] {
        let send = |(path, begin, again)| endless(&server, path, begin, again);
        let (begun, statuses) = (Instant::now(), tokio::join!(send(one), send(other)));
        println!("{statuses:?} in {:?}, {} bytes", begun.elapsed(), server.peak_memory() - before);
        for status in [statuses.0, statuses.1] {
            assert!(["HTTP/1.1 400", "HTTP/1.1 413"].contains(&status.as_str()), "{status}");
        }
    }
    let grown = server.peak_memory() - before;
    assert!(grown < 2 * COPIES * MOST_BYTES, "{grown} bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_in_a_long_body_is_named() {
    let stack = Stack::embedded();
    let server = stack.start();
    let row = |number: u32| match number {
        90_000 => r#"{"row":"x","seats":1,"price":2}"#.to_owned(),
        90_001 => r#"["x",1]"#.to_owned(),
        90_002 => r#"{"row":"x","seats":0.5}"#.to_owned(),
        _ => format!(r#"{{"row":"{number}","seats":1}}"#),
    };
    let answer = post(&server, showtime((0..100_000).map(row))).await;
    is_problem(&answer, 400, "invalid-fields");
    names(&answer, "pointer", &["/rows/90000/price", "/rows/90001", "/rows/90002/seats"]);
    let too_many =
        post(&server, showtime((0..200_001).map(|number| format!(r#"{{"row":"{number}","seats":1}}"#)))).await;
    names(&too_many, "pointer", &["/rows"]);
    let count = |number: u32| format!(r#"{{"row":"{}{number:08}","seats":1}}"#, "\u{1F3AD}".repeat(8));
    let wide = post(&server, showtime((0..200_000).map(count))).await;
    assert_eq!(wide.status, 201, "{wide:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_too_long_for_an_event_are_refused() {
    let stack = Stack::embedded();
    let server = stack.start();
    // Sixteen characters of four bytes each. RabbitMQ takes messages of up to 16 MiB.
    let letter = |number: u32| char::from_u32(0x1_7000 + number).unwrap();
    let row = |number: u32| {
        let label = format!("{}{}{}", "\u{1F3AD}".repeat(14), letter(number / 500), letter(number % 500));
        format!(r#"{{"row":"{label}","seats":1}}"#)
    };
    is_problem(&post(&server, showtime((0..200_000).map(row))).await, 413, "payload-too-large");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_body_may_come_in_chunks_without_a_length() {
    let stack = Stack::embedded();
    let server = stack.start();
    let body = showtime((0..45_000).map(|number| format!(r#"{{"row":"{number}","seats":1}}"#)));
    assert!(body.len() > 1024 * 1024);
    let mut stream = TcpStream::connect(server.address().trim_start_matches("http://")).await.unwrap();
    let head = format!(
        "POST /api/showtimes HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {OPERATOR}\r\n\
         Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    for chunk in body.as_bytes().chunks(10_007) {
        stream.write_all(format!("{:x}\r\n", chunk.len()).as_bytes()).await.unwrap();
        stream.write_all(chunk).await.unwrap();
        stream.write_all(b"\r\n").await.unwrap();
    }
    stream.write_all(b"0\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 201") && answer.contains("\"seats\":45000"), "{answer}");
}
