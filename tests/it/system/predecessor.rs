//! The holes of the server that this one succeeds, each with the request that showed it. Each test would fail on its design.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use turnstile::domain::Timestamp;

use crate::services::{self, Breakable};
use crate::stack::{Answer, Stack, eventually};
use crate::system::valkey::Valkey;

/// Its write store accepted a second reservation over a reserved seat as soon as the lock was gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_lock_does_not_sell_a_seat_twice() {
    let breakable = Breakable::take().await;
    let stack = Stack::real(breakable.services.clone()).await;
    let (one, two) = (stack.start(), stack.start());
    let (showtime, seats) = one.schedule(1).await;
    // The other node knows the showtime from before, so that its state is old.
    two.hold(&showtime, &seats[9..]).await;
    one.hold(&showtime, &seats[..1]).await;
    Valkey::of(&breakable.services.valkey).await.flush_all().await;
    let answer = two.reserve(&showtime, &seats[..1], "second").await;
    assert_eq!(answer.status, 409, "{answer:?}");
    stack.check().await;
}

/// Its version token was never incremented, so a stale writer was not noticed: two nodes with old states write in turn here.
#[tokio::test(flavor = "multi_thread")]
async fn a_stale_writer_is_noticed() {
    let stack = Stack::real(services::shared()).await;
    let (one, two) = (stack.start(), stack.start());
    let (showtime, seats) = one.schedule(1).await;
    two.hold(&showtime, &seats[9..]).await;
    let held = one.hold(&showtime, &seats[..1]).await;
    assert_eq!(one.confirm(&held, "p").await.status, 200);
    // The sale released the lock; the other node's state still shows the seat as available.
    assert_eq!(two.reserve(&showtime, &seats[..1], "stale").await.status, 409);
    stack.check().await;
}

/// Its sweeper freed the seats but left the lock: they looked free and answered 409 for minutes.
#[tokio::test(flavor = "multi_thread")]
async fn an_expired_hold_leaves_no_lock_behind() {
    let stack = Stack::real(services::shared()).await.with("HOLD_SECONDS", 1);
    let server = stack.start();
    let (showtime, seats) = server.schedule(1).await;
    server.hold(&showtime, &seats[..1]).await;
    eventually("the seat is shown as available", Duration::from_secs(30), || async {
        server.get(&format!("/api/showtimes/{showtime}?minSequence=3")).await.body["seats"][0]["status"] == "Available"
    })
    .await;
    let answer = server.reserve(&showtime, &seats[..1], "next").await;
    assert_eq!(answer.status, 201, "what looks free can be booked: {answer:?}");
}

/// A lock whose release was lost must not refuse a free seat either.
#[tokio::test(flavor = "multi_thread")]
async fn a_ghost_lock_is_taken_over() {
    let breakable = Breakable::take().await;
    let stack = Stack::real(breakable.services.clone()).await;
    let server = stack.start();
    let (showtime, seats) = server.schedule(1).await;
    let held = server.hold(&showtime, &seats[..1]).await;
    // While Valkey is frozen the cancellation goes through, and its release is lost.
    breakable.control("pause", &["valkey"]).await;
    assert_eq!(server.cancel(&held).await.status, 200);
    breakable.control("kill", &["valkey"]).await;
    breakable.control("start", &["valkey"]).await;
    Valkey::of(&breakable.services.valkey).await.lock(&showtime, 0, &held.booking_id).await;
    eventually("the server reaches Valkey again", Duration::from_secs(30), || async {
        server.get("/readyz").await.body.to_string().contains("\"degraded\"").eq(&false)
    })
    .await;
    let answer = server.reserve(&showtime, &seats[..1], "next").await;
    assert_eq!(answer.status, 201, "{answer:?}");
}

/// A node that died between lock and commit leaves a lock that no booking stands behind: it counts for a lease, no longer.
#[tokio::test(flavor = "multi_thread")]
async fn a_lock_without_a_booking_counts_for_a_lease() {
    const LEASE: Duration = Duration::from_secs(6);
    let stack = Stack::real(services::shared()).await.with("BOX_OFFICE__LEASE_SECONDS", LEASE.as_secs());
    let server = stack.start();
    let (showtime, seats) = server.schedule(1).await;
    let locks = Valkey::of(&stack.services().valkey).await;
    let locked = std::time::Instant::now();
    locks.lock(&showtime, 0, &uuid::Uuid::new_v4().to_string()).await;
    let refused = server.reserve(&showtime, &seats[..1], "soon").await;
    assert!(locked.elapsed() < LEASE, "too slow to see the lock count");
    assert_eq!((refused.status, refused.body["conflicts"][0]["reason"].as_str()), (409, Some("Locked")), "{refused:?}");
    eventually("the lease is over", Duration::from_secs(30), || async {
        server.reserve(&showtime, &seats[..1], "later").await.status == 201
    })
    .await;
    assert!(locked.elapsed() >= LEASE, "taken over after {:?}", locked.elapsed());
}

/// One owner sets both clocks: a lock falls when its hold ends, whether it is as it was claimed or extended.
#[tokio::test(flavor = "multi_thread")]
async fn a_lock_falls_when_its_hold_ends() {
    let stack = Stack::real(services::shared()).await;
    let server = stack.start();
    let (showtime, seats) = server.schedule(1).await;
    let locks = Valkey::of(&stack.services().valkey).await;
    // How far apart the two ends are, in milliseconds, as far as can be told.
    let apart = async |held: &Answer, seat: u32| {
        let deadline: Timestamp = serde_json::from_value(held.body["expiresAt"].clone()).unwrap();
        let before = now();
        let (left, owner) = locks.left(&showtime, seat).await;
        assert_eq!(owner, held.body["bookingId"].as_str().unwrap());
        (before + left - deadline.as_millis()).max(deadline.as_millis() - now() - left)
    };
    let held = join_all((0..8).map(|seat| server.reserve(&showtime, &seats[seat..=seat], "u"))).await;
    for (seat, held) in (0..).zip(&held) {
        let apart = apart(held, seat).await;
        assert!(apart < 500, "the lock of seat {seat} falls {apart} ms before or after its hold");
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (first, token) = (&held[0].body["bookingId"], &held[0].body["holdToken"]);
    let path = format!("/api/bookings/{}/extend", first.as_str().unwrap());
    let extended = server.post(&path, &json!({ "holdToken": token })).await;
    eventually("the lock is extended too", Duration::from_secs(5), || async { apart(&extended, 0).await < 500 }).await;
}

fn now() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    now.as_millis().try_into().unwrap()
}

/// Its N replicas expired one booking N times.
#[tokio::test(flavor = "multi_thread")]
async fn several_nodes_end_a_hold_once() {
    let stack = Stack::real(services::shared()).await.with("HOLD_SECONDS", 1);
    let servers = [stack.start(), stack.start(), stack.start()];
    let (showtime, seats) = servers[0].schedule(1).await;
    // Each node has an actor for the showtime, each with a clock.
    for (server, seat) in servers.iter().zip(&seats) {
        server.hold(&showtime, std::slice::from_ref(seat)).await;
    }
    // Three holds and three ends.
    let path = format!("/api/showtimes/{showtime}?minSequence=7");
    eventually("all holds have ended", Duration::from_secs(30), || async {
        let shown = servers[0].get(&path).await;
        let seats = shown.body["seats"].as_array().map(Vec::as_slice).unwrap_or_default();
        shown.status == 200 && seats.iter().all(|seat| seat["status"] == "Available")
    })
    .await;
    let showtime = servers[0].get(&format!("/api/showtimes/{showtime}")).await;
    assert_eq!(showtime.body["sequence"], 7, "three holds and three ends: {}", showtime.body["sequence"]);
    stack.check().await;
}

/// An invalid seat was a 500.
#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_seat_is_the_clients_error() {
    let stack = Stack::embedded();
    let server = stack.start();
    let (showtime, seats) = server.schedule(1).await;
    let (_, foreign) = server.schedule(1).await;
    let bad = [
        json!({"showtimeId": showtime, "seatIds": ["no uuid"], "userId": "u"}),
        json!({"showtimeId": showtime, "seatIds": ["00000000-0000-0000-0000-000000000000"], "userId": "u"}),
        json!({"showtimeId": showtime, "seatIds": [foreign[0]], "userId": "u"}),
        json!({"showtimeId": showtime, "seatIds": [seats[0], seats[0]], "userId": "u"}),
        json!({"showtimeId": showtime, "seatIds": [], "userId": "u"}),
        json!({"showtimeId": showtime, "userId": "u"}),
        json!({"showtimeId": showtime, "seatId": seats[0]}),
        json!({"showtimeId": "nonsense", "seatId": seats[0], "userId": "u"}),
        json!({"showtimeId": showtime, "seatId": 7, "userId": "u"}),
        json!([]),
    ];
    for body in bad {
        let answer = server.post("/api/bookings", &body).await;
        assert!((400..500).contains(&answer.status), "{body}: {answer:?}");
        assert_eq!(answer.headers["content-type"], "application/problem+json", "{body}");
        assert!(answer.body["code"].is_string() && answer.body["detail"].is_string(), "{body}: {answer:?}");
    }
    let unknown = json!({"showtimeId": uuid::Uuid::new_v4(), "seatId": seats[0], "userId": "u"});
    assert!((400..500).contains(&server.post("/api/bookings", &unknown).await.status));
    assert_eq!(server.hold(&showtime, &seats[..1]).await.sequence, 2, "nothing of it changed anything");
}
