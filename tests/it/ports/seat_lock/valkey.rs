//! The seat lock on Valkey.

use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool_redis::redis;
use futures_util::future::join_all;
use turnstile::domain::{BookingId, ShowtimeId};
use turnstile::seat_lock::valkey::{Settings, ValkeyLock};
use turnstile::seat_lock::{Claim, Claimed, SeatLock};
use uuid::Uuid;

use crate::ports::private_service::PrivateService;
use crate::services;

use super::{LONG, Locks, claim, claim_one, clock, eventually, lasting, owner, showtime};

/// Longest time to be back after the service is.
const BACK: Duration = Duration::from_mins(1);

/// Patient, since the machine may be busy with other tests.
fn settings() -> Settings {
    Settings { response_timeout_milliseconds: 20_000, connect_timeout_milliseconds: 20_000, ..Settings::default() }
}

async fn connect(url: &str) -> ValkeyLock {
    ValkeyLock::connect(url, &settings(), clock()).await.unwrap()
}

async fn pair() -> Locks {
    let url = services::valkey();
    (Arc::new(connect(&url).await), Arc::new(connect(&url).await))
}

super::run_contract!(pair());

/// A plain connection for looking at the server.
async fn inspector(url: &str) -> redis::aio::MultiplexedConnection {
    redis::Client::open(url).unwrap().get_multiplexed_async_connection().await.unwrap()
}

/// How often a client called a command since the statistics were last reset; commands inside scripts are counted too.
async fn calls(inspector: &mut redis::aio::MultiplexedConnection, command: &str) -> u64 {
    let info: String = redis::cmd("INFO").arg("commandstats").query_async(inspector).await.unwrap();
    let prefix = format!("cmdstat_{command}:calls=");
    let line = info.lines().find_map(|line| line.strip_prefix(&prefix));
    line.map_or(0, |line| line.split(',').next().unwrap().parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_claims_are_one_command() {
    let private = PrivateService::start("valkey");
    let settings = Settings { probe_interval_milliseconds: 3_600_000, ..settings() };
    let lock = ValkeyLock::connect(&private.url(), &settings, clock()).await.unwrap();
    let mut inspector = inspector(&private.url()).await;
    let showtime = showtime();
    claim_one(&lock, showtime, &claim(&[9_999]), LONG).await;
    lock.release(showtime, vec![claim(&[9_999])]).await.unwrap();
    redis::cmd("CONFIG").arg("RESETSTAT").query_async::<()>(&mut inspector).await.unwrap();

    let claims: Vec<Claim> = (0..1_000).map(|seat| claim(&[seat, seat + 1_000, seat + 2_000])).collect();
    let answers = lock.claim(showtime, lasting(LONG, &claims)).await.unwrap();
    assert!(answers.iter().all(|answer| *answer == Claimed::Granted));
    assert_eq!(calls(&mut inspector, "evalsha").await, 1);

    let deadline = clock()() + LONG;
    lock.keep_until(showtime, claims.iter().cloned().map(|claim| (claim, deadline)).collect()).await.unwrap();
    lock.release(showtime, claims).await.unwrap();
    assert_eq!(calls(&mut inspector, "evalsha").await, 3);
    // At most the background probe, never one per call.
    assert!(calls(&mut inspector, "ping").await <= 1);
    for other in ["eval", "script|load"] {
        assert_eq!(calls(&mut inspector, other).await, 0, "{other}");
    }
    let left: u64 = redis::cmd("DBSIZE").query_async(&mut inspector).await.unwrap();
    assert_eq!(left, 1, "only the first claim's lock is left");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_lists_are_sent_in_parts_that_split_no_claim() {
    let settings = Settings { max_keys_per_call: 4, ..settings() };
    let lock = ValkeyLock::connect(&services::valkey(), &settings, clock()).await.unwrap();
    let showtime = showtime();
    let claims: Vec<Claim> = (0..10).map(|at| claim(&[at * 3, at * 3 + 1, at * 3 + 2])).collect();
    let wide = claim(&[100, 101, 102, 103, 104, 105]);
    let late = claim(&[100, 0]);
    let all: Vec<Claim> = claims.iter().cloned().chain([wide.clone(), late]).collect();
    let answers = lock.claim(showtime, lasting(LONG, &all)).await.unwrap();
    assert_eq!(answers.len(), 12);
    assert!(answers[..11].iter().all(|answer| *answer == Claimed::Granted));
    assert!(matches!(&answers[11], Claimed::Refused(obstacles) if obstacles.len() == 2));
    lock.release(showtime, all).await.unwrap();
    assert_eq!(owner(&lock, showtime, 29).await, None);
    assert_eq!(owner(&lock, showtime, 105).await, None);
}

/// Makes all the calls while the server is frozen, so that they wait for the first; then thaws it.
async fn claim_while_frozen(
    private: &PrivateService,
    lock: &ValkeyLock,
    calls: Vec<(ShowtimeId, Vec<Claim>)>,
) -> Vec<Option<Vec<Claimed>>> {
    private.pause();
    let calls = calls
        .into_iter()
        .map(|(showtime, claims)| async move { lock.claim(showtime, lasting(LONG, &claims)).await.ok() });
    // Polled last, when every call has been made.
    let thaw = async { private.resume() };
    let (answers, ()) = tokio::join!(join_all(calls), thaw);
    answers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_wait_travel_together() {
    let private = PrivateService::start("valkey");
    let lock = connect(&private.url()).await;
    let mut inspector = inspector(&private.url()).await;
    claim_one(&lock, showtime(), &claim(&[0]), LONG).await;
    redis::cmd("CONFIG").arg("RESETSTAT").query_async::<()>(&mut inspector).await.unwrap();
    let crowd = (0..100).map(|_| (showtime(), vec![claim(&[1])])).collect();
    let answers = claim_while_frozen(&private, &lock, crowd).await;
    assert!(answers.iter().all(|answer| *answer == Some(vec![Claimed::Granted])), "{answers:?}");
    let calls = calls(&mut inspector, "evalsha").await;
    assert!(calls <= 2, "one call for the first and one for all who waited, not {calls}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_calls_that_travel_together_each_fails_for_its_own_fault_only() {
    let private = PrivateService::start("valkey");
    let lock = connect(&private.url()).await;
    let mut inspector = inspector(&private.url()).await;
    let key = |showtime: ShowtimeId| format!("lock:{{{showtime}}}:1");
    for no_string in [None, Some(showtime())] {
        let [first, good, no_booking, taken, last] = std::array::from_fn(|_| showtime());
        redis::cmd("SET").arg(key(no_booking)).arg("somebody").query_async::<()>(&mut inspector).await.unwrap();
        assert_eq!(claim_one(&lock, taken, &claim(&[1]), LONG).await, Claimed::Granted);
        let call = |showtime| (showtime, vec![claim(&[1]), claim(&[2])]);
        // The first may leave alone; all others wait.
        let mut calls = vec![call(first), call(good), call(no_booking), call(taken), call(last)];
        if let Some(no_string) = no_string {
            redis::cmd("LPUSH").arg(key(no_string)).arg("list").query_async::<()>(&mut inspector).await.unwrap();
            calls.push(call(no_string));
        }
        let answers = claim_while_frozen(&private, &lock, calls).await;
        let both = Some(vec![Claimed::Granted; 2]);
        assert_eq!([&answers[0], &answers[1], &answers[4]], [&both; 3]);
        assert_eq!(answers[2], None, "a lock that is no booking");
        assert!(
            matches!(answers[3].as_deref(), Some([Claimed::Refused(one), Claimed::Granted]) if one.len() == 1),
            "{:?}",
            answers[3]
        );
        assert!(answers.iter().skip(5).all(Option::is_none), "a lock that is no string");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_keys_are_the_promised_ones() {
    let lock = connect(&services::valkey()).await;
    let mut inspector = inspector(&services::valkey()).await;
    let showtime = ShowtimeId(Uuid::new_v4());
    let mine = claim(&[42]);
    claim_one(&lock, showtime, &mine, LONG).await;
    let key = format!("lock:{{{}}}:42", showtime.0);
    let value: String = redis::cmd("GET").arg(&key).query_async(&mut inspector).await.unwrap();
    assert_eq!(BookingId(value.parse().unwrap()), mine.booking_id);
    let left: u64 = redis::cmd("PTTL").arg(&key).query_async(&mut inspector).await.unwrap();
    assert!(left > 30_000 && left <= 60_000, "{left}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_that_is_no_booking_is_an_error_and_not_a_free_seat() {
    let lock = connect(&services::valkey()).await;
    let mut inspector = inspector(&services::valkey()).await;
    let showtime = ShowtimeId(Uuid::new_v4());
    let key = format!("lock:{{{}}}:1", showtime.0);
    redis::cmd("SET").arg(&key).arg("somebody").arg("PX").arg(60_000).query_async::<()>(&mut inspector).await.unwrap();
    let error = lock.claim(showtime, lasting(LONG, &[claim(&[0, 1])])).await.unwrap_err();
    assert!(error.reason.contains("no booking id"), "{error}");
    assert_eq!(owner(&lock, showtime, 0).await, None);
    lock.ping().await.expect("the connection is kept");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_malformed_url_is_refused() {
    for bad in ["", "valkey", "http://localhost", "redis://"] {
        assert!(ValkeyLock::connect(bad, &Settings::default(), clock()).await.is_err(), "{bad:?}");
    }
    // Nobody listens on port 1.
    let nowhere = ValkeyLock::connect("redis://127.0.0.1:1", &settings(), clock()).await.unwrap();
    let start = Instant::now();
    let error = nowhere.claim(showtime(), lasting(LONG, &[claim(&[0])])).await.unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(10), "a call without a connection took {:?}", start.elapsed());
    assert!(error.reason.contains("cannot be reached"), "{error}");
    assert!(nowhere.ping().await.is_err());
    // The TLS handshake fails, as the server speaks plain text; it must not panic for want of a crypto provider.
    let tls = services::valkey().replace("redis://", "rediss://");
    let lock = ValkeyLock::connect(&tls, &Settings::default(), clock()).await.unwrap();
    assert!(lock.ping().await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_survives_what_happens_to_the_server() {
    let private = PrivateService::start("valkey");
    let lock = connect(&private.url()).await;
    let mut inspector_connection = inspector(&private.url()).await;
    let showtime = showtime();
    let works = async |seat| {
        let mine = claim(&[seat]);
        let answer = lock.claim(showtime, lasting(LONG, std::slice::from_ref(&mine))).await;
        answer.is_ok_and(|answers| answers == [Claimed::Granted])
    };
    assert!(works(0).await);

    redis::cmd("SCRIPT").arg("FLUSH").query_async::<()>(&mut inspector_connection).await.unwrap();
    assert!(works(1).await, "after SCRIPT FLUSH");
    redis::cmd("FLUSHALL").query_async::<()>(&mut inspector_connection).await.unwrap();
    assert!(works(1).await, "after FLUSHALL the seat is free again");

    private.stop();
    eventually(BACK, "the loss is noticed", async || lock.ping().await.is_err()).await;
    let start = Instant::now();
    assert!(!works(2).await);
    assert!(start.elapsed() < Duration::from_secs(10), "a call without a server took {:?}", start.elapsed());
    private.start_again();
    eventually(BACK, "it connects again after a stop", async || lock.ping().await.is_ok()).await;
    assert!(works(3).await);

    private.kill();
    eventually(BACK, "the loss is noticed", async || !works(4).await).await;
    private.start_again();
    eventually(BACK, "it connects again after a kill", async || lock.ping().await.is_ok()).await;
    assert!(works(5).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_server_costs_no_more_than_the_response_timeout() {
    let private = PrivateService::start("valkey");
    let settings = Settings { response_timeout_milliseconds: 4_000, ..settings() };
    let lock = ValkeyLock::connect(&private.url(), &settings, clock()).await.unwrap();
    let showtime = showtime();
    assert_eq!(claim_one(&lock, showtime, &claim(&[0]), LONG).await, Claimed::Granted);
    private.pause();
    let start = Instant::now();
    let error = lock.claim(showtime, lasting(LONG, &[claim(&[1])])).await.unwrap_err();
    let waited = start.elapsed();
    assert!(waited < Duration::from_secs(15), "{error} after {waited:?}");
    // By then the connection is given up: nobody waits for the frozen server any more.
    let start = Instant::now();
    lock.claim(showtime, lasting(LONG, &[claim(&[1])])).await.unwrap_err();
    lock.ping().await.unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(3), "a call without a connection took {:?}", start.elapsed());
    private.resume();
    eventually(BACK, "it connects again", async || lock.ping().await.is_ok()).await;
    assert_eq!(claim_one(&lock, showtime, &claim(&[2]), LONG).await, Claimed::Granted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_comes_later_is_found() {
    let private = PrivateService::start("valkey");
    let url = private.url();
    private.stop();
    let lock = connect(&url).await;
    assert!(lock.ping().await.is_err());
    private.start_again();
    eventually(BACK, "it connects", async || lock.ping().await.is_ok()).await;
}
