//! The plain protocol: snapshots, deltas and resumption.

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio_tungstenite::tungstenite::Message;
use turnstile::domain::ShowtimeId;
use turnstile::live::Settings;

use crate::live::stage::{PATIENCE, Stage, eventually, quick};
use crate::live::viewer::Viewer;
use crate::live::web_socket::{Client, Closed};

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_then_every_delta() {
    let stage = Stage::open(quick()).await;
    let mut owner = stage.services.showtime(20).await;
    for run in owner.act(5).await {
        stage.services.project(run).await;
    }
    let mut client = Client::open(&stage.plain_url(owner.id, None)).await;
    let snapshot = client.json().await;
    assert_eq!(snapshot["type"], "snapshot");
    assert_eq!(snapshot["showtimeId"], owner.id.to_string());
    assert_eq!(snapshot["movieTitle"], "Bourne \"Identity\"");
    assert_eq!(snapshot["sequence"], 6);
    let told = || stage.services.told.load(Ordering::SeqCst);
    assert_eq!(told(), 6, "noted before it is told");
    assert_eq!((&snapshot["part"], &snapshot["final"]), (&0.into(), &true.into()));
    assert_eq!(snapshot["seats"][3]["row"], "R0");
    assert_eq!(snapshot["seats"][3]["number"], 4);
    let mut viewer = Viewer::default();
    viewer.see(&snapshot);
    assert!(viewer.agrees_with(&owner));

    for run in owner.act(60).await {
        stage.services.publish(&run).await;
    }
    client.catch_up(&mut viewer, &owner).await;
    assert!(viewer.agrees_with(&owner));
    assert_eq!((viewer.snapshots, viewer.deltas, told()), (1, 60, 66));
    client.is_quiet_at(66).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delta_names_its_seats_and_status() {
    let stage = Stage::open(quick()).await;
    let mut owner = stage.services.showtime(20).await;
    let mut client = Client::open(&stage.plain_url(owner.id, Some(0))).await;
    let first = client.json().await;
    let expected = serde_json::json!({
        "type": "seatsStatusChanged", "showtimeId": owner.id, "sequence": 1, "seatIds": [], "status": "Available"
    });
    assert_eq!(first, expected);
    for run in owner.act(1).await {
        stage.services.publish(&run).await;
    }
    let seat = turnstile::domain::SeatId::new(owner.id, 1);
    let expected = serde_json::json!({
        "type": "seatsStatusChanged", "showtimeId": owner.id, "sequence": 2, "seatIds": [seat], "status": "Reserved"
    });
    assert_eq!(client.json().await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_house_comes_in_parts_of_bounded_size() {
    let stage = Stage::open(quick()).await;
    let mut owner = stage.services.showtime(20_000).await;
    let mut client = Client::open(&stage.plain_url(owner.id, None)).await;
    let mut viewer = Viewer::default();
    for run in owner.act(3).await {
        stage.services.publish(&run).await;
    }
    client.catch_up(&mut viewer, &owner).await;
    assert!(viewer.agrees_with(&owner));
    assert_eq!(viewer.snapshots, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn resuming_sends_the_deltas_after_a_sequence() {
    // A ring of 8: what is older comes from the journal, in pages of 7.
    let settings = Settings { ring_events: 8, catch_up_page: 7, ..quick() };
    let stage = Stage::open(settings).await;
    let mut owner = stage.services.showtime(20).await;
    owner.act(50).await;
    for after in [0, 1, 20, 42, 43, 44, 50, 51] {
        let mut client = Client::open(&stage.plain_url(owner.id, Some(after))).await;
        let mut viewer = Viewer::at(after);
        client.catch_up(&mut viewer, &owner).await;
        assert_eq!((viewer.snapshots, viewer.deltas), (0, 51 - after), "after {after}");
        client.is_quiet_at(51).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn resuming_from_an_impossible_or_distant_sequence_gives_a_snapshot() {
    let settings = Settings { ring_events: 8, resume_events: 10, ..quick() };
    let stage = Stage::open(settings).await;
    let mut owner = stage.services.showtime(20).await;
    for run in owner.act(30).await {
        stage.services.project(run).await;
    }
    for (after, snapshots) in [(32, 1), (u64::MAX, 1), (20, 1), (21, 0), (31, 0)] {
        let mut client = Client::open(&stage.plain_url(owner.id, Some(after))).await;
        let mut viewer = if snapshots == 0 { Viewer::at(after) } else { Viewer::default() };
        client.catch_up(&mut viewer, &owner).await;
        assert_eq!(viewer.snapshots, snapshots, "after {after}");
        client.is_quiet_at(31).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sequence_seen_on_another_node_is_looked_up() {
    // This node hears nothing and polls hardly ever: only the look into the journal can tell that 12 exists.
    let stage = Stage::open(Settings { poll_milliseconds: 3_600_000, ..quick() }).await;
    let mut owner = stage.services.showtime(20).await;
    let mut first = Client::open(&stage.plain_url(owner.id, Some(1))).await;
    first.is_quiet_at(1).await;
    owner.act(11).await;
    let mut second = Client::open(&stage.plain_url(owner.id, Some(12))).await;
    second.is_quiet_at(12).await;
    assert_eq!(stage.services.told.load(Ordering::SeqCst), 12, "noted before it is told");
    let mut viewer = Viewer::at(1);
    first.catch_up(&mut viewer, &owner).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_behind_or_without_the_read_model_misses_nothing() {
    let settings = Settings { ring_events: 8, ..quick() };
    let stage = Stage::open(settings).await;
    let mut owner = stage.services.showtime(20).await;
    // The read model stays at sequence 1, far behind the ring's start.
    owner.act(40).await;
    let mut viewer = Viewer::default();
    let mut client = Client::open(&stage.plain_url(owner.id, None)).await;
    client.catch_up(&mut viewer, &owner).await;
    assert!(viewer.agrees_with(&owner));
    assert_eq!((viewer.snapshots, viewer.deltas), (1, 40));

    stage.services.break_model();
    let mut other = stage.services.store_only_showtime(20).await;
    other.act(25).await;
    let mut viewer = Viewer::default();
    let mut client = Client::open(&stage.plain_url(other.id, None)).await;
    client.catch_up(&mut viewer, &other).await;
    assert!(viewer.agrees_with(&other));
    assert_eq!((viewer.snapshots, viewer.deltas), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_model_behind_the_bound_is_passed_over() {
    let settings = Settings { ring_events: 8, resume_events: 20, ..quick() };
    let stage = Stage::open(settings).await;
    let mut owner = stage.services.showtime(20).await;
    owner.act(40).await;
    let mut viewer = Viewer::default();
    let mut client = Client::open(&stage.plain_url(owner.id, None)).await;
    client.catch_up(&mut viewer, &owner).await;
    assert!(viewer.agrees_with(&owner));
    assert_eq!((viewer.snapshots, viewer.deltas), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_come_at_once_share_one_snapshot() {
    let stage = Stage::open(quick()).await;
    let owner = stage.services.showtime(500).await;
    let url = stage.plain_url(owner.id, None);
    let opened = futures_util::future::join_all((0..50).map(|_| Client::open(&url))).await;
    for mut client in opened {
        let mut viewer = Viewer::default();
        client.catch_up(&mut viewer, &owner).await;
        assert!(viewer.agrees_with(&owner));
    }
    assert_eq!(stage.hub.statistics().snapshots, 1);
    assert_eq!(stage.hub.statistics().showtimes, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_cannot_be_served_are_refused_before_the_upgrade() {
    let stage = Stage::open(Settings { max_sessions: 1, ..quick() }).await;
    let owner = stage.services.showtime(5).await;
    let unknown = ShowtimeId(uuid::Uuid::new_v4());
    let url = stage.plain_url(owner.id, None);
    assert_eq!(Client::try_open(&stage.plain_url(unknown, None), None).await.err(), Some(404));
    assert_eq!(Client::try_open(&stage.plain_url(unknown, Some(3)), None).await.err(), Some(404));
    assert_eq!(Client::try_open(&url, Some("https://evil.example")).await.err(), Some(403));
    let page = reqwest::get(url.replace("ws://", "http://")).await.unwrap();
    assert_eq!(page.status(), 426);
    for origin in [None, Some("https://tickets.example"), Some(&*format!("http://{}", stage.address))] {
        let mut allowed = Client::try_open(&url, origin).await.unwrap();
        assert_eq!(allowed.json().await["type"], "snapshot");
        assert_eq!(Client::try_open(&url, None).await.err(), Some(503), "one client at a time");
        allowed.0.close(None).await.unwrap();
        stage.sessions(0).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_clients_are_pinged_and_dropped_and_live_ones_kept() {
    let settings = Settings { ping_milliseconds: 300, client_timeout_milliseconds: 3_000, ..quick() };
    let stage = Stage::open(settings).await;
    let owner = stage.services.showtime(5).await;
    let url = stage.plain_url(owner.id, Some(1));
    let mut lively = Client::open(&url).await;
    let silent = Client::open(&url).await;
    stage.sessions(2).await;
    // Reading answers pings; a client that is not run answers none, though its system takes the bytes.
    let mut pings = 0;
    while stage.hub.sessions() == 2 {
        let message = lively.0.next().await.unwrap().unwrap();
        assert!(matches!(message, Message::Ping(_)), "{message:?}");
        pings += 1;
    }
    assert!(pings >= 2, "{pings}");
    assert_eq!(stage.hub.statistics().silent, 1);
    drop(silent);
    lively.is_quiet_at(1).await;
}

/// The client of a busy showtime sends nothing by itself: only its pongs tell that it is there.
#[tokio::test(flavor = "multi_thread")]
async fn clients_are_pinged_between_the_changes_of_a_busy_showtime() {
    let stage = Stage::open(quick()).await;
    let mut owner = stage.services.showtime(20).await;
    let mut client = Client::open(&stage.plain_url(owner.id, Some(1))).await;
    let until = tokio::time::Instant::now() + PATIENCE;
    let mut pings = 0;
    while pings < 3 {
        assert!(tokio::time::Instant::now() < until, "{pings} pings");
        for run in owner.act(1).await {
            stage.services.publish(&run).await;
        }
        while matches!(client.0.next().await.unwrap().unwrap(), Message::Ping(_)) {
            pings += 1;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_says_goodbye_to_all_over_time_and_refuses_new_clients() {
    // One leaves in each round of 50 ms.
    const CLIENTS: usize = 40;
    let stage = Stage::open(quick()).await;
    let owner = stage.services.showtime(5).await;
    let url = stage.plain_url(owner.id, Some(1));
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        clients.push(Client::open(&url).await);
    }
    stage.sessions(CLIENTS).await;
    let hub = stage.hub.clone();
    let started = tokio::time::Instant::now();
    let mut goodbyes = tokio::task::JoinSet::new();
    for mut client in clients {
        goodbyes.spawn(async move {
            let closed = client.closed().await;
            assert_eq!(closed, Closed { code: 1001, reason: "the server is shutting down".to_owned() });
            tokio::time::Instant::now()
        });
    }
    let drained = tokio::spawn(async move { hub.drain(Duration::from_secs(2)).await });
    eventually("new clients are refused", || stage.hub.negotiate(None)["error"].is_string()).await;
    assert_eq!(Client::try_open(&url, None).await.err(), Some(503));
    let mut times = goodbyes.join_all().await;
    drained.await.unwrap();
    assert_eq!(stage.hub.sessions(), 0);
    times.sort();
    let spread = times[CLIENTS - 1].duration_since(times[0]);
    assert!(spread >= Duration::from_secs(1), "{spread:?}");
    assert!(started.elapsed() < Duration::from_secs(15));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_showtime_that_nobody_watches_is_forgotten_and_no_longer_listened_for() {
    let stage = Stage::open(Settings { idle_milliseconds: 50, ..quick() }).await;
    let bus = &stage.services.bus;
    let mut owner = stage.services.showtime(5).await;
    assert_eq!(bus.listeners(), 0);
    let mut client = Client::open(&stage.plain_url(owner.id, None)).await;
    client.json().await;
    assert_eq!(stage.hub.statistics().showtimes, 1);
    eventually("the node listens", || bus.listeners() == 1).await;
    drop(client);
    eventually("no feed", || stage.hub.statistics().showtimes == 0).await;
    eventually("nobody listens", || bus.listeners() == 0).await;
    owner.act(3).await;
    let mut client = Client::open(&stage.plain_url(owner.id, Some(1))).await;
    client.catch_up(&mut Viewer::at(1), &owner).await;
    eventually("the node listens again", || bus.listeners() == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_loss_snapshots_come_from_the_write_store() {
    let stage = Stage::open(quick()).await;
    let mut owner = stage.services.showtime(20).await;
    for run in owner.act(5).await {
        stage.services.project(run).await;
    }
    let _unseen = owner.act(5).await;
    let mut client = Client::open(&stage.plain_url(owner.id, None)).await;
    assert_eq!(client.json().await["sequence"], 6, "from the read model");
    stage.services.store.set_lost(true);
    while client.json().await["type"] != "snapshot" {}
    stage.services.store.set_lost(false);
    let mut late = Client::open(&stage.plain_url(owner.id, None)).await;
    assert_eq!(late.json().await["sequence"], 11, "the read model may show what is lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_ahead_of_the_feed_is_noted_before_it_is_told() {
    let stage = Stage::open(Settings { poll_milliseconds: 3_600_000, ..quick() }).await;
    let mut owner = stage.services.showtime(20).await;
    let mut first = Client::open(&stage.plain_url(owner.id, Some(1))).await;
    first.is_quiet_at(1).await;
    for run in owner.act(5).await {
        stage.services.project(run).await;
    }
    let mut second = Client::open(&stage.plain_url(owner.id, None)).await;
    assert_eq!(second.json().await["sequence"], 6);
    assert_eq!(stage.services.told.load(Ordering::SeqCst), 6);
}
