//! A write store that takes no bookings for a while: everybody is told so in time, and its return is noticed without a restart.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::free_port::free_port;
use crate::proxy::{Mode, Proxy};
use crate::services;
use crate::stack::{Server, Stack, eventually};

/// Every command is answered in this time, whatever is wrong with the write store.
const ANSWERED: Duration = Duration::from_secs(3);
/// `/readyz` tells in this time that bookings can no longer be committed, and that they can again.
const NOTICED: Duration = Duration::from_secs(5);
/// Longest wait for what a start brings.
const STARTED: Duration = Duration::from_secs(30);

async fn is_ready(server: &Server) -> bool {
    server.get("/readyz").await.status == 200
}

/// Reserves one seat after the other, each refused in time and for certain or not; and `/readyz` follows.
async fn refuses_in_time(server: &Server, showtime: &str, seats: &[String]) {
    let began = Instant::now();
    for seat in seats {
        let asked = Instant::now();
        let answer = server.reserve(showtime, std::slice::from_ref(seat), "late").await;
        assert_eq!(answer.status, 503, "{answer:?}");
        assert!(asked.elapsed() < ANSWERED, "answered after {:?}: {answer:?}", asked.elapsed());
    }
    let left = NOTICED.saturating_sub(began.elapsed()).max(Duration::from_millis(1));
    eventually("the node is not ready", left, || async { !is_ready(server).await }).await;
}

/// Buyers' seat maps come from the read model. Only the write store knows which seats are blocked: operators are told in time that it is away.
async fn seat_maps_are_answered(server: &Server, showtime: &str) {
    let path = format!("/api/showtimes/{showtime}");
    assert_eq!(server.get(&path).await.status, 200);
    let asked = Instant::now();
    let theirs = server.send(server.as_operator(reqwest::Method::GET, &path)).await.unwrap();
    assert_eq!(theirs.status, 503, "{theirs:?}");
    assert!(asked.elapsed() < ANSWERED, "answered after {:?}", asked.elapsed());
}

async fn sells_again(server: &Server, showtime: &str, seats: &[String]) {
    let over = Instant::now();
    eventually("the node sells again", NOTICED, || async {
        server.reserve(showtime, seats, "early").await.status == 201
    })
    .await;
    let left = NOTICED.saturating_sub(over.elapsed()).max(Duration::from_millis(1));
    eventually("the node is ready again", left, || is_ready(server)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_or_absent_postgres_is_answered_in_time_and_noticed() {
    let services = services::shared();
    let mut url = url::Url::parse(&services.postgres).unwrap();
    let proxy = Proxy::to(&format!("{}:{}", url.host_str().unwrap(), url.port().unwrap())).await;
    url.set_port(Some(proxy.address().port())).unwrap();
    let stack = Stack::real(services).await.through(|services| services.postgres = url.to_string());
    let server = stack.start();
    let (showtime, seats) = server.schedule(2).await;
    server.hold(&showtime, &seats[..1]).await;
    eventually("the node is ready", STARTED, || is_ready(&server)).await;
    for (round, mode) in [Mode::Stall, Mode::Refuse].into_iter().enumerate() {
        proxy.set(mode);
        refuses_in_time(&server, &showtime, &seats[1..2]).await;
        seat_maps_are_answered(&server, &showtime).await;
        // A network that swallowed packets forgets its connections.
        proxy.cut_all();
        proxy.set(Mode::Forward);
        sells_again(&server, &showtime, &seats[10 + round..11 + round]).await;
    }
    stack.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn locked_tables_are_answered_in_time_and_noticed() {
    let stack = Stack::real(services::shared()).await;
    let server = stack.start();
    let (showtime, seats) = server.schedule(2).await;
    server.hold(&showtime, &seats[..1]).await;
    eventually("the node is ready", STARTED, || is_ready(&server)).await;
    let (client, connection) = tokio_postgres::connect(&stack.postgres_url(), tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    for (round, table) in ["seats", "journal", "idempotency", "payments"].into_iter().enumerate() {
        client.batch_execute(&format!("BEGIN; LOCK TABLE {table} IN EXCLUSIVE MODE")).await.unwrap();
        refuses_in_time(&server, &showtime, &seats[1..3]).await;
        client.batch_execute("ROLLBACK").await.unwrap();
        sells_again(&server, &showtime, &seats[10 + round..11 + round]).await;
    }
    stack.check().await;
}

/// A server that refuses rows for a reason of its own, as with a full disk, is not ready although it answers everything else.
#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_that_refuses_rows_is_noticed() {
    let stack = Stack::real(services::shared()).await;
    let server = stack.start();
    let (showtime, seats) = server.schedule(2).await;
    server.hold(&showtime, &seats[..1]).await;
    eventually("the node is ready", STARTED, || is_ready(&server)).await;
    let (client, connection) = tokio_postgres::connect(&stack.postgres_url(), tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client
        .batch_execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION \
             'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END$$; \
             CREATE TRIGGER refuse BEFORE INSERT ON bookings FOR EACH ROW EXECUTE FUNCTION refuse()",
        )
        .await
        .unwrap();
    refuses_in_time(&server, &showtime, &seats[1..9]).await;
    client.batch_execute("DROP TRIGGER refuse ON bookings").await.unwrap();
    sells_again(&server, &showtime, &seats[10..11]).await;
    let said = stack.log_lines();
    let told = said.iter().filter(|line| line.contains("bookings cannot be committed")).count();
    assert_eq!(told, 1, "{said:#?}");
    stack.check().await;
}

/// Asks over a connection of its own each time. Each must be answered, whoever answers.
async fn ask_again_and_again(address: String, is_up: Arc<AtomicBool>) {
    let client = reqwest::Client::builder().pool_max_idle_per_host(0).build().unwrap();
    while !is_up.load(Ordering::Relaxed) {
        let answer = client.get(format!("{address}/livez")).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_waits_for_postgres_and_says_so() {
    let services = services::shared();
    let mut url = url::Url::parse(&services.postgres).unwrap();
    let proxy = Proxy::to(&format!("{}:{}", url.host_str().unwrap(), url.port().unwrap())).await;
    url.set_port(Some(proxy.address().port())).unwrap();
    proxy.set(Mode::Stall);
    let listen = format!("127.0.0.1:{}", free_port());
    let stack =
        Stack::real(services).await.through(|services| services.postgres = url.to_string()).with("LISTEN", listen);
    let mut server = stack.start_unready();
    for mode in [Mode::Stall, Mode::Refuse] {
        proxy.set(mode);
        let reason = if mode == Mode::Stall { "no answer" } else { "PostgreSQL" };
        eventually("the reason is told", STARTED, || async {
            let request = server.request(reqwest::Method::GET, "/readyz");
            let Ok(answer) = server.send(request).await else { return false };
            answer.status == 503 && answer.body["detail"].as_str().is_some_and(|detail| detail.contains(reason))
        })
        .await;
        assert_eq!(server.get("/livez").await.status, 200);
    }
    assert!(server.is_running());
    let is_up = Arc::new(AtomicBool::new(false));
    let asking: Vec<_> =
        (0..32).map(|_| tokio::spawn(ask_again_and_again(server.address().to_owned(), Arc::clone(&is_up)))).collect();
    proxy.set(Mode::Forward);
    eventually("the node is ready", STARTED, || is_ready(&server)).await;
    is_up.store(true, Ordering::Relaxed);
    for asking in asking {
        asking.await.unwrap();
    }
    let (showtime, seats) = server.schedule(1).await;
    server.hold(&showtime, &seats[..1]).await;
    stack.check().await;
}
