//! What the bus repeats, delays, shuffles or loses, clients see exactly once and in order.

use std::time::Duration;

use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use turnstile::domain::EventRun;
use turnstile::event_bus::EventBus as _;
use turnstile::live::Settings;

use crate::live::stage::{Stage, quick};
use crate::live::viewer::Viewer;
use crate::live::web_socket::Client;

#[tokio::test(flavor = "multi_thread")]
async fn shuffled_repeated_and_lost_deliveries_are_seen_once_and_in_order() {
    for seed in 0..5_u64 {
        let mut random = rand::rngs::StdRng::seed_from_u64(seed);
        let stage = Stage::open(Settings { ring_events: 64, journal_page: 9, ..quick() }).await;
        let mut owner = stage.services.showtime(30).await;
        let mut clients = Vec::new();
        for after in [None, Some(0), Some(1)] {
            clients.push((Client::open(&stage.plain_url(owner.id, after)).await, Viewer::at(after.unwrap_or(0))));
        }
        for _ in 0..8 {
            let mut deliveries = unruly(&owner.act(20).await, &mut random);
            deliveries.shuffle(&mut random);
            for run in deliveries {
                stage.services.publish(&run).await;
            }
        }
        for (client, viewer) in &mut clients {
            client.catch_up(viewer, &owner).await;
            client.is_quiet_at(owner.sequence()).await;
        }
        assert!(clients[0].1.agrees_with(&owner), "seed {seed}");
    }
}

/// Some runs joined into longer ones, some repeated, some lost.
fn unruly(runs: &[EventRun], random: &mut rand::rngs::StdRng) -> Vec<EventRun> {
    let id = runs[0].showtime_id();
    let mut deliveries = Vec::new();
    let mut rest = runs;
    while !rest.is_empty() {
        let (joined, later) = rest.split_at(random.random_range(1..=rest.len().min(4)));
        rest = later;
        let events = joined.iter().flat_map(|run| run.events().to_vec()).collect();
        let run = EventRun::new(id, events).unwrap();
        for _ in 0..random.random_range(0..3) {
            deliveries.push(run.clone());
        }
        // A late copy of a part of it.
        if random.random_bool(0.3) {
            deliveries.push(joined[0].clone());
        }
    }
    deliveries
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_bus_the_feed_goes_on_from_the_journal() {
    let stage = Stage::open(quick()).await;
    let mut owner = stage.services.showtime(30).await;
    let mut client = Client::open(&stage.plain_url(owner.id, None)).await;
    let mut viewer = Viewer::default();
    for _ in 0..3 {
        owner.act(10).await;
        client.catch_up(&mut viewer, &owner).await;
    }
    assert!(viewer.agrees_with(&owner));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_is_closed_at_once_when_a_later_event_comes() {
    // Polls are far away: only the later event can tell.
    let stage = Stage::open(Settings { poll_milliseconds: 3_600_000, ..quick() }).await;
    let mut owner = stage.services.showtime(30).await;
    let mut client = Client::open(&stage.plain_url(owner.id, Some(1))).await;
    client.is_quiet_at(1).await;
    let before = stage.hub.statistics().refetches;
    let runs = owner.act(10).await;
    stage.services.publish(&runs[9]).await;
    client.catch_up(&mut Viewer::at(1), &owner).await;
    assert_eq!(stage.hub.statistics().refetches, before + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interruption_is_followed_by_a_poll_at_once() {
    let stage = Stage::open(Settings { poll_milliseconds: 3_600_000, ..quick() }).await;
    let mut owner = stage.services.showtime(30).await;
    let mut client = Client::open(&stage.plain_url(owner.id, Some(1))).await;
    client.is_quiet_at(1).await;
    owner.act(10).await;
    // Another showtime's flood makes the bus tell its subscribers that they have lost messages.
    let noise = stage.services.showtime(5).await.first_run();
    let flood = std::thread::spawn({
        let (services, runtime) = (stage.services.clone(), tokio::runtime::Handle::current());
        move || {
            let messages = turnstile::event_bus::Message { run: std::sync::Arc::new(noise), traceparent: None };
            for _ in 0..3_000 {
                runtime.block_on(services.bus.publish(vec![messages.clone()]));
            }
        }
    });
    client.catch_up(&mut Viewer::at(1), &owner).await;
    flood.join().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn many_showtimes_do_not_disturb_each_other() {
    let stage = Stage::open(Settings { refetches_in_flight: 1, ..quick() }).await;
    let mut shows = Vec::new();
    for _ in 0..6 {
        let owner = stage.services.showtime(10).await;
        let client = Client::open(&stage.plain_url(owner.id, None)).await;
        shows.push((owner, client, Viewer::default()));
    }
    for round in 0..10 {
        for (index, (owner, _, _)) in shows.iter_mut().enumerate() {
            for run in owner.act(3).await {
                // Each showtime loses other messages.
                if (usize::try_from(run.first_sequence()).unwrap() + index + round) % 3 != 0 {
                    stage.services.publish(&run).await;
                }
            }
        }
    }
    for (owner, client, viewer) in &mut shows {
        client.catch_up(viewer, owner).await;
        assert!(viewer.agrees_with(owner));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_show_the_same() {
    let first = Stage::open(quick()).await;
    let second = Stage::join(first.services.clone(), quick()).await;
    let mut owner = first.services.showtime(30).await;
    let mut near = (Client::open(&first.plain_url(owner.id, None)).await, Viewer::default());
    let mut far = (Client::open(&second.plain_url(owner.id, None)).await, Viewer::default());
    for run in owner.act(40).await {
        first.services.publish(&run).await;
    }
    near.0.catch_up(&mut near.1, &owner).await;
    // The second client changes nodes in mid-stream.
    far.0.follow(&mut far.1, 10).await;
    drop(far.0);
    let mut moved = Client::open(&first.plain_url(owner.id, Some(far.1.sequence))).await;
    moved.catch_up(&mut far.1, &owner).await;
    assert!(near.1.agrees_with(&owner) && far.1.agrees_with(&owner));
    assert_eq!((near.1.deltas, far.1.deltas, far.1.snapshots), (40, 40, 1));
    tokio::time::timeout(Duration::from_secs(30), second.hub.drain(Duration::ZERO)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_write_store_is_down_clients_wait_and_then_miss_nothing() {
    // Nothing but what failed brings the feed or the client forward again: pings are far away.
    let settings =
        Settings { ring_events: 8, ping_milliseconds: 60_000, client_timeout_milliseconds: 120_000, ..quick() };
    let stage = Stage::open(settings).await;
    let mut owner = stage.services.showtime(30).await;
    owner.act(40).await;
    let url = |after| stage.plain_url(owner.id, Some(after));
    let mut watching = Client::open(&url(41)).await;
    watching.is_quiet_at(41).await;

    let unopened = stage.services.store_only_showtime(5).await;

    stage.services.store.set_down(true);
    let (far_behind, ahead) = (url(1), url(50));
    // The feed is open, so that a client is let in; the journal that it needs cannot be read.
    let mut behind = Client::open(&far_behind).await;
    behind.is_quiet_at(1).await;
    assert_eq!(Client::try_open(&ahead, None).await.err(), Some(503));
    assert_eq!(Client::try_open(&stage.plain_url(unopened.id, None), None).await.err(), Some(503));
    let runs = owner.act(9).await;
    stage.services.publish(&runs[8]).await;
    watching.is_quiet_at(41).await;

    stage.services.store.set_down(false);
    watching.catch_up(&mut Viewer::at(41), &owner).await;
    behind.catch_up(&mut Viewer::at(1), &owner).await;
    Client::open(&ahead).await.is_quiet_at(50).await;
    Client::open(&stage.plain_url(unopened.id, None)).await.json().await;
}
