//! Baselines that the limits are measured against, outside the product: a bare JSON endpoint and a bare broker loop.
//!
//! `baselines endpoint PORT` answers every reservation with one constant refusal and every read with a constant showtime, after
//! parsing the body, on a plain actix-web server. `baselines broker URL RATE SECONDS` publishes, awaits the confirm and receives, and
//! prints the latencies from publishing to receiving as JSON.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a program for developers: it speaks on standard output and may end with a panic"
)]
#![allow(missing_docs, reason = "not a library")]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use actix_web::{App, HttpResponse, HttpServer, web};
use futures_util::StreamExt;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Connection, ConnectionProperties};
use serde::{Deserialize, Serialize};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["endpoint", port] => endpoint(port.parse().expect("a port")),
        ["broker", url, rate, seconds] => {
            broker(url, rate.parse().expect("messages per second"), seconds.parse().expect("seconds"));
        }
        [] => eprintln!("baselines: nothing to do; benches/limits.sh uses it"),
        other => {
            eprintln!("usage: baselines endpoint PORT | broker URL RATE SECONDS, not {other:?}");
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
                .route(
                    "/api/showtimes",
                    web::post().to(|| async {
                        HttpResponse::Created().json(Scheduled { id: uuid::Uuid::from_u128(1), sequence: 1 })
                    }),
                )
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
struct Latencies {
    messages: usize,
    p50_millis: f64,
    p99_millis: f64,
    max_millis: f64,
}

/// A durable quorum queue, persistent messages of 400 bytes, each confirmed before the next is due.
fn broker(url: &str, rate: f64, seconds: f64) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let latencies = runtime.block_on(async {
        let connect = || Connection::connect(url, ConnectionProperties::default());
        let (publishing, receiving) = (connect().await.expect("a broker"), connect().await.expect("a broker"));
        let queue = format!("baseline.{}", uuid::Uuid::new_v4());
        let incoming = receiving.create_channel().await.expect("a channel");
        let mut arguments = FieldTable::default();
        arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
        let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        incoming.queue_declare(queue.as_str().into(), durable, arguments).await.expect("a queue");
        let consume = BasicConsumeOptions::default();
        let mut consumer = incoming
            .basic_consume(queue.as_str().into(), "baseline".into(), consume, FieldTable::default())
            .await
            .expect("a consumer");
        let started = Instant::now();
        let latencies = Arc::new(Mutex::new(Vec::new()));
        let taken = Arc::clone(&latencies);
        let reader = tokio::spawn(async move {
            while let Some(delivery) = consumer.next().await {
                let delivery = delivery.expect("a delivery");
                let sent = u64::from_be_bytes(*delivery.data.first_chunk().expect("eight bytes"));
                let took = started.elapsed().saturating_sub(Duration::from_micros(sent));
                delivery.ack(BasicAckOptions::default()).await.expect("an open channel");
                taken.lock().expect("nobody panicked").push(took);
            }
        });
        let outgoing = publishing.create_channel().await.expect("a channel");
        outgoing.confirm_select(ConfirmSelectOptions::default()).await.expect("confirms");
        let publish = async |stamp: u64| {
            let mut body = stamp.to_be_bytes().to_vec();
            body.resize(400, b' ');
            let properties = BasicProperties::default().with_delivery_mode(2);
            let options = BasicPublishOptions::default();
            let confirm = outgoing.basic_publish("".into(), queue.as_str().into(), options, &body, properties).await;
            confirm.expect("sent").await.expect("confirmed");
        };
        let mut due = tokio::time::interval(Duration::from_secs_f64(1.0 / rate));
        while started.elapsed() < Duration::from_secs_f64(seconds) {
            due.tick().await;
            publish(u64::try_from(started.elapsed().as_micros()).expect("not that long")).await;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        reader.abort();
        incoming
            .queue_delete(queue.as_str().into(), lapin::options::QueueDeleteOptions::default())
            .await
            .expect("deleted");
        std::mem::take(&mut *latencies.lock().expect("nobody panicked"))
    });
    let mut millis: Vec<f64> = latencies.iter().map(|took| took.as_secs_f64() * 1_000.0).collect();
    millis.sort_by(f64::total_cmp);
    let at = |share: usize| millis.get(millis.len() * share / 100).copied().unwrap_or(f64::NAN);
    let answer = Latencies {
        messages: millis.len(),
        p50_millis: at(50),
        p99_millis: at(99),
        max_millis: millis.last().copied().unwrap_or(f64::NAN),
    };
    println!("{}", serde_json::to_string(&answer).expect("JSON"));
}
