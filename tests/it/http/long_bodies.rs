//! Long bodies that create showtimes: read as they arrive, whatever the lengths of their rows.

use std::time::{Duration, Instant};

use reqwest::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::http::{is_problem, names};
use crate::stack::{Answer, OPERATOR, Server, Stack};

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
    let begun = Instant::now();
    let answer = post(&server, body).await;
    assert_eq!((answer.status, answer.body["seats"].as_u64()), (201, Some(200_000)), "{answer:?}");
    println!("created in {:?}", begun.elapsed());
    // Generous for an unoptimised build on a busy machine.
    assert!(begun.elapsed() < Duration::from_secs(40), "{:?}", begun.elapsed());
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
