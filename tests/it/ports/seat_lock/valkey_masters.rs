//! The seat lock on Valkey servers whose master changes: with Sentinels, and as a cluster; and TLS.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use turnstile::domain::ShowtimeId;
use turnstile::seat_lock::valkey::{Settings, ValkeyLock};
use turnstile::seat_lock::{Claim, Claimed, SeatLock};

use crate::services;
use crate::tls_front::{CLIENT, ROOT, TlsFront};
use crate::valkey_processes::{Cluster, Process, Watched};

use super::{LONG, claim, clock, eventually, lasting, showtime};

/// Longest time until locks are taken again after the servers have a new master.
const BACK: Duration = Duration::from_secs(10);
/// Longest time for the servers themselves to agree on a new master.
const ELECTION: Duration = Duration::from_secs(30);

async fn connect(url: &str) -> ValkeyLock {
    let settings = Settings { response_timeout_milliseconds: 2_000, ..Settings::default() };
    ValkeyLock::connect(url, &settings, clock()).await.unwrap()
}

/// How many of the claims, one for each showtime and all at once, were granted and how many refused; the others failed.
async fn claimed(lock: &ValkeyLock, claims: &[(ShowtimeId, Claim)]) -> (usize, usize) {
    let calls =
        claims.iter().map(|(showtime, claim)| lock.claim(*showtime, lasting(LONG, std::slice::from_ref(claim))));
    let answers = join_all(calls).await;
    let count = |wanted: fn(&Claimed) -> bool| {
        answers.iter().filter(|answer| answer.as_ref().is_ok_and(|answers| answers.iter().all(wanted))).count()
    };
    (count(|answer| *answer == Claimed::Granted), count(|answer| matches!(answer, Claimed::Refused(_))))
}

fn crowd() -> Vec<(ShowtimeId, Claim)> {
    (0..100).map(|_| (showtime(), claim(&[1, 2]))).collect()
}

async fn takes_locks_again(lock: &ValkeyLock) {
    eventually(BACK, "locks are taken again", async || claimed(lock, &crowd()).await.0 == 100).await;
    lock.ping().await.unwrap();
}

async fn is_master(process: &Process) -> bool {
    process.ask::<String>("INFO replication").await.is_ok_and(|info| info.contains("role:master"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinels_lead_to_the_master_and_after_its_death_to_the_next() {
    let mut watched = Watched::start().await;
    let lock = connect(&watched.url()).await;
    takes_locks_again(&lock).await;

    // A replica answers PING, but takes no locks.
    let replica = connect(&format!("redis://{}", watched.replica.address())).await;
    let error = replica.ping().await.unwrap_err();
    assert!(error.reason.contains("it is a replica"), "{error}");

    watched.master.kill();
    eventually(BACK, "the loss is noticed", async || lock.ping().await.is_err()).await;
    let start = Instant::now();
    assert_eq!(claimed(&lock, &crowd()).await, (0, 0));
    assert!(start.elapsed() < Duration::from_secs(10), "calls without a master took {:?}", start.elapsed());
    eventually(ELECTION, "the replica is promoted", async || is_master(&watched.replica).await).await;
    takes_locks_again(&lock).await;
    takes_locks_again(&replica).await;

    // The dead master comes back, to be a replica: the lock stays where it is.
    watched.master.start_again();
    eventually(ELECTION, "the old master follows the new one", async || {
        watched.master.ask::<String>("INFO replication").await.is_ok_and(|info| info.contains("role:slave"))
    })
    .await;
    takes_locks_again(&lock).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_takes_the_locks_of_all_slots_and_a_new_master_is_found() {
    let mut cluster = Cluster::start().await;
    let (one, other) = (connect(&cluster.url()).await, connect(&cluster.url()).await);
    let (claims, rivals) = (crowd(), crowd());
    let rivals: Vec<_> = claims.iter().zip(rivals).map(|((showtime, _), (_, rival))| (*showtime, rival)).collect();
    assert_eq!(claimed(&one, &claims).await, (100, 0));
    assert_eq!(claimed(&other, &rivals).await, (0, 100));
    for (showtime, claim) in claims {
        one.release(showtime, vec![claim]).await.unwrap();
    }
    assert_eq!(claimed(&other, &rivals).await, (100, 0));

    // A slot moves to another master: the client is told and follows.
    let moved = showtime();
    let slot: u16 = cluster.masters[0].ask(&format!("CLUSTER KEYSLOT lock:{{{moved}}}:1")).await.unwrap();
    let owner = usize::from(slot) * 3 / 16_384;
    let heir = &cluster.masters[if owner == 2 { 1 } else { 2 }];
    let heir: String = heir.ask("CLUSTER MYID").await.unwrap();
    for master in &cluster.masters {
        master.ask::<()>(&format!("CLUSTER SETSLOT {slot} NODE {heir}")).await.unwrap();
    }
    assert_eq!(claimed(&one, &[(moved, claim(&[1]))]).await, (1, 0));

    // One of its servers alone is no lock server.
    let alone = connect(&format!("redis://{}", cluster.masters[2].address())).await;
    let error = alone.ping().await.unwrap_err();
    assert!(error.reason.contains("redis+cluster://"), "{error}");

    cluster.masters[0].kill();
    eventually(ELECTION, "the replica is promoted", async || is_master(&cluster.replica).await).await;
    takes_locks_again(&one).await;
    takes_locks_again(&other).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_needs_the_right_authority_and_the_clients_certificate() {
    let target = services::valkey().replacen("redis://", "", 1);
    let front = TlsFront::of(target.trim_end_matches('/')).await;
    let at = |query: &str| format!("rediss://localhost:{}?{query}", front.port);
    let client = format!("ssl_certfile={CLIENT}&ssl_keyfile={CLIENT}");
    for bad in [at(&client), at(&format!("ssl_ca_certs={ROOT}"))] {
        assert!(connect(&bad).await.ping().await.is_err(), "{bad}");
    }
    let lock = connect(&at(&format!("ssl_ca_certs={ROOT}&{client}"))).await;
    assert_eq!(claimed(&lock, &crowd()).await, (100, 0));
    assert!(front.let_in() >= 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_refuses_calls_is_not_taken_for_a_sound_one() {
    let server = Process::alone().await;
    let lock = connect(&format!("redis://{}", server.address())).await;
    lock.ping().await.unwrap();
    server.ask::<()>("CONFIG SET maxmemory 1").await.unwrap();
    assert_eq!(claimed(&lock, &crowd()).await.0, 0);
    let error = lock.ping().await.unwrap_err();
    assert!(error.reason.contains("maxmemory"), "{error}");
    server.ask::<()>("CONFIG SET maxmemory 0").await.unwrap();
    takes_locks_again(&lock).await;
}
