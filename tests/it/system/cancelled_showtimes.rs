//! A large showtime that is cancelled while another one of the same node is sold.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use reqwest::Method;
use serde_json::json;
use uuid::Uuid;

use crate::faults::watcher::Watcher;
use crate::services;
use crate::stack::{Server, Stack, eventually, execute};

/// Live bookings of the large showtime, a seat each.
const BOOKINGS: u64 = 20_000;
/// Bookings of the other showtime before the cancellation.
const BEFORE: usize = 30;
/// Fewest bookings of the other showtime from the cancellation's answer to its end.
const FEWEST: usize = 5;
/// A booking may take so long on a busy machine, whatever else is done.
const STALL: Duration = Duration::from_secs(2);

/// What replaces `{booking}` of the seat `n`: the same id wherever it is asked for.
struct Dialect {
    booking: &'static str,
    numbers: &'static str,
    body: &'static str,
    time: &'static str,
    showtime: &'static str,
}

const SQLITE: Dialect = Dialect {
    booking: "unhex('{prefix}' || printf('%08x', n))",
    numbers: "WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < {last})",
    body: "json_object('seats', json_array(n), 'tokenHash', '{token}', 'reservedAt', 0, 'paymentReference', 'p' || n)",
    time: "0",
    showtime: "unhex('{showtime}')",
};

const POSTGRES: Dialect = Dialect {
    booking: "('{prefix}' || lpad(to_hex(n), 8, '0'))::uuid",
    numbers: "WITH numbers (n) AS (SELECT generate_series(0, {last}))",
    body: "json_build_object('seats', json_build_array(n), 'tokenHash', '{token}', 'reservedAt', 0, 'paymentReference', 'p' || n)",
    time: "now()",
    showtime: "'{showtime}'::uuid",
};

/// Gives each seat of the showtime a paid booking, without a trace in its journal.
async fn plant(stack: &Stack, dialect: &Dialect, showtime: &str) {
    let Dialect { booking, numbers, body, time, showtime: id } = dialect;
    let sql = format!(
        "{numbers} INSERT INTO bookings (id, showtime_id, user_id, status, expires_at, version, body) \
         SELECT {booking}, {id}, 'user ' || n, 1, {time}, 1, {body} FROM numbers; \
         UPDATE seats SET status = 2, booking_id = {} WHERE showtime_id = {id};",
        booking.replace(", n)", ", seat)").replace("(n)", "(seat)")
    );
    let prefix = Uuid::now_v7().simple().to_string();
    let sql = sql.replace("{prefix}", &prefix[..24]).replace("{last}", &(BOOKINGS - 1).to_string());
    let sql = sql.replace("{token}", &"ab".repeat(32)).replace("{showtime}", &showtime.replace('-', ""));
    if std::ptr::eq(dialect, &SQLITE) {
        let file = stack.data_dir().join("turnstile.db");
        SqliteConnection::establish(file.to_str().unwrap()).unwrap().batch_execute(&sql).unwrap();
    } else {
        execute(&stack.postgres_url(), &sql).await;
    }
}

/// The other showtime, seat by seat.
struct Sale<'a> {
    node: &'a Server,
    showtime: String,
    seats: std::vec::IntoIter<String>,
}

impl Sale<'_> {
    /// Books a seat: how long that took, and its sequence.
    async fn book(&mut self) -> (Duration, u64) {
        let seat = [self.seats.next().expect("there are enough seats")];
        let begun = Instant::now();
        let answer = self.node.reserve(&self.showtime, &seat, "somebody").await;
        assert_eq!(answer.status, 201, "{answer:?}");
        (begun.elapsed(), answer.body["sequence"].as_u64().unwrap())
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

async fn others_go_on(stack: Stack, dialect: &Dialect) {
    let node = stack.start();
    let rows = json!([{"row": "A", "seats": BOOKINGS}]);
    let body = json!({"movieTitle": "Metropolis", "startTime": "2030-01-01T20:00:00Z", "rows": rows});
    let large = node.post("/api/showtimes", &body).await.body["id"].as_str().unwrap().to_owned();
    let (showtime, seats) = node.schedule(100).await;
    assert_eq!(node.terminate().await, Some(0));
    plant(&stack, dialect, &large).await;

    let node = stack.start();
    let addresses = Arc::new(Mutex::new(vec![node.address().to_owned()]));
    let watcher = Watcher::start(addresses, 0, showtime.clone());
    let mut sale = Sale { node: &node, showtime, seats: seats.into_iter() };
    sale.book().await;
    let mut before = Vec::new();
    for _ in 0..BEFORE {
        before.push(sale.book().await.0);
    }
    let cancel = node.post(&format!("/api/showtimes/{large}/cancel"), &json!({"reason": "storm"})).await;
    let cancelled_at = cancel.body["sequence"].as_u64().unwrap();
    // One event for each booking follows; this is asked of the write store.
    let events = format!("/api/showtimes/{large}/events?limit=1&after={}", cancelled_at + BOOKINGS - 1);
    let is_over = async || {
        let found = node.send(node.as_operator(Method::GET, &events)).await.unwrap();
        !found.body["items"].as_array().unwrap().is_empty()
    };
    let (mut during, mut told, begun, mut last) = (Vec::new(), 0, Instant::now(), 0);
    let mut longest = Duration::ZERO;
    let lasted = loop {
        let (took, sequence) = sale.book().await;
        // Also of the one that the end falls into: it may have waited for that.
        longest = longest.max(took);
        if is_over().await {
            break begun.elapsed();
        }
        during.push(took);
        if last > 0 && watcher.last() >= last {
            told += 1;
        }
        last = sequence;
    };
    assert!(during.len() >= FEWEST && told > 0, "{} during, {told} told", during.len());
    println!("{} bookings within {lasted:?}, {told} told by the next, the longest {longest:?}", during.len());
    let (before, during) = (median(before), median(during));
    println!("median {during:?}, {before:?} before");
    // Generous: the cancellation takes its share of a busy machine.
    assert!(during < before * 10 + Duration::from_millis(100), "median {during:?}, {before:?} before");
    // One commit for all would hold up a booking for most of the time.
    assert!(longest < (lasted / 2).max(STALL), "a booking took {longest:?} of {lasted:?}");
    eventually("the watcher has heard of all", Duration::from_secs(20), async || watcher.last() >= last).await;
    assert_eq!(watcher.seen().broken, Vec::<String>::new());
    let report = node.as_operator(Method::GET, &format!("/api/showtimes/{large}/report"));
    let report = node.send(report).await.unwrap();
    assert_eq!((&report.body["total"]["sold"], &report.body["total"]["available"]), (&json!(0), &json!(BOOKINGS)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_showtime_does_not_hold_up_others_on_one_machine() {
    others_go_on(Stack::embedded(), &SQLITE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_showtime_does_not_hold_up_others_on_services() {
    others_go_on(Stack::real(services::shared()).await, &POSTGRES).await;
}
