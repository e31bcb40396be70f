//! Baselines that the limits are measured against, outside the product: a bare JSON endpoint and a bare fan-out loop.
//!
//! `baselines endpoint PORT` answers every reservation with one constant refusal, after parsing the body, on a plain actix-web server.
//!
//! `baselines fan-out PORT` grants every reservation with the next sequence, and one thread writes the delta of each, the very bytes that
//! the product sends, to all WebSockets: what has come while it wrote goes out together in the next round. Nothing is decided, stored or
//! sent through a broker. The load tester measures it as it measures the product.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a program for developers: it speaks on standard output and may end with a panic"
)]
#![allow(missing_docs, reason = "not a library")]

use std::convert::Infallible;
use std::io::{ErrorKind, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_http::ws::{OpCode, Parser};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use actix_web_actors::ws;
use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Serialize};
use socket2::SockRef;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["endpoint", port] => endpoint(port.parse().expect("a port")),
        ["fan-out", port] => fan_out(port.parse().expect("a port")),
        [] => eprintln!("baselines: nothing to do; benches/limits.sh uses it"),
        other => {
            eprintln!("usage: baselines endpoint PORT | fan-out PORT, not {other:?}");
            std::process::exit(2);
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reservation {
    showtime_id: uuid::Uuid,
    seat_ids: Vec<uuid::Uuid>,
    user_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Refused {
    showtime_id: uuid::Uuid,
    seats: usize,
    user: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Scheduled {
    id: uuid::Uuid,
    sequence: u64,
}

const SCHEDULED: Scheduled = Scheduled { id: uuid::Uuid::from_u128(1), sequence: 1 };

/// Worker threads as the product has them: one for each core.
fn endpoint(port: u16) {
    let server = async move {
        HttpServer::new(|| {
            App::new()
                .route(
                    "/api/bookings",
                    web::post().to(|body: web::Json<Reservation>| async move {
                        HttpResponse::Conflict().json(Refused {
                            showtime_id: body.showtime_id,
                            seats: body.seat_ids.len(),
                            user: body.user_id.len(),
                        })
                    }),
                )
                .route("/api/showtimes", web::post().to(|| async { HttpResponse::Created().json(SCHEDULED) }))
        })
        .bind(("127.0.0.1", port))
        .expect("the port is free")
        .run()
        .await
        .expect("the server ran");
    };
    actix_web::rt::System::new().block_on(server);
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Granted {
    booking_id: uuid::Uuid,
    seat_ids: Vec<uuid::Uuid>,
    expires_at: &'static str,
    hold_token: String,
    sequence: u64,
}

/// The last sequence, the way to the loop, and everybody who watches.
struct Hall {
    last: AtomicU64,
    deltas: Sender<Bytes>,
    sockets: Mutex<Vec<TcpStream>>,
}

/// A second handle of a client's connection.
struct Connection(Mutex<Option<TcpStream>>);

fn fan_out(port: u16) {
    rlimit::increase_nofile_limit(u64::MAX).expect("open files can be allowed");
    let (sender, frames) = channel();
    let hall = Arc::new(Hall { last: AtomicU64::default(), deltas: sender, sockets: Mutex::default() });
    let looped = Arc::clone(&hall);
    std::thread::spawn(move || write_to_all(&frames, &looped.sockets));
    let server = async move {
        HttpServer::new(move || {
            App::new()
                .app_data(web::Data::from(Arc::clone(&hall)))
                .route("/api/bookings", web::post().to(grant))
                .route("/api/showtimes", web::post().to(schedule))
                .route("/ws/showtimes/{id}", web::get().to(watch))
        })
        .on_connect(|connection, kept| {
            let stream = connection.downcast_ref::<actix_web::rt::net::TcpStream>().expect("a TCP connection");
            stream.set_nodelay(true).expect("a TCP connection");
            let copy = SockRef::from(stream).try_clone().expect("a file descriptor is free");
            kept.insert(Connection(Mutex::new(Some(copy.into()))));
        })
        // One keeps the deltas in order.
        .workers(1)
        .bind(("127.0.0.1", port))
        .expect("the port is free")
        .run()
        .await
        .expect("the server ran");
    };
    actix_web::rt::System::new().block_on(server);
}

/// A new run: the showtime begins anew, and nobody watches yet.
async fn schedule(hall: web::Data<Hall>) -> HttpResponse {
    hall.last.store(SCHEDULED.sequence, Ordering::Relaxed);
    hall.sockets.lock().expect("nobody panicked").clear();
    HttpResponse::Created().json(SCHEDULED)
}

async fn grant(hall: web::Data<Hall>, body: web::Json<Reservation>) -> HttpResponse {
    let Reservation { showtime_id, seat_ids, user_id: _ } = body.into_inner();
    let seats = seat_ids.iter().map(|seat| format!("\"{seat}\"")).collect::<Vec<_>>().join(",");
    let sequence = hall.last.fetch_add(1, Ordering::Relaxed) + 1;
    let delta = format!(
        "{{\"type\":\"seatsStatusChanged\",\"showtimeId\":\"{showtime_id}\",\"sequence\":{sequence},\"seatIds\":[{seats}],\
         \"status\":\"Reserved\"}}"
    );
    let mut frame = BytesMut::new();
    Parser::write_message(&mut frame, delta, OpCode::Text, true, false);
    // Runs when the worker has written the answer: the delta of a booking that was not answered yet would be seen at once.
    actix_web::rt::spawn(async move { hall.deltas.send(frame.freeze()).expect("the loop runs") });
    HttpResponse::Created().json(Granted {
        booking_id: uuid::Uuid::from_u128(sequence.into()),
        seat_ids,
        expires_at: "2099-01-01T20:00:00Z",
        hold_token: "A".repeat(43),
        sequence,
    })
}

/// actix-web answers the handshake; all else is written by the loop.
async fn watch(hall: web::Data<Hall>, request: HttpRequest) -> Result<HttpResponse, actix_web::Error> {
    let mut answer = ws::handshake(&request)?;
    let connection = request.conn_data::<Connection>().expect("every connection has it");
    let copy = connection.0.lock().expect("nobody panicked").take().expect("one handshake a connection");
    hall.sockets.lock().expect("nobody panicked").push(copy);
    Ok(answer.streaming(futures_util::stream::pending::<Result<Bytes, Infallible>>()))
}

/// Between two rounds. Without it each message would travel by itself, and the load tester, which shares the cores, would read late.
const REST: Duration = Duration::from_millis(5);

/// The loop.
fn write_to_all(frames: &Receiver<Bytes>, sockets: &Mutex<Vec<TcpStream>>) {
    while let Ok(first) = frames.recv() {
        let mut joined = BytesMut::from(first);
        for next in frames.try_iter() {
            joined.extend_from_slice(&next);
        }
        sockets.lock().expect("nobody panicked").retain(|socket| write(socket, &joined).is_ok());
        std::thread::sleep(REST);
    }
}

/// A client without room holds up all others.
fn write(mut socket: &TcpStream, mut bytes: &[u8]) -> std::io::Result<()> {
    while !bytes.is_empty() {
        match socket.write(bytes) {
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::sleep(Duration::from_micros(100)),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
