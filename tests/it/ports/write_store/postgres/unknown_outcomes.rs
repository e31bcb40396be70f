//! Commits whose outcome nobody heard: they are called unknown, and a load with the fence settles them for good.

use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::Client;
use turnstile::domain::{Booking, ShowtimeId};
use turnstile::write_store::postgres::{PostgresStore, Settings};
use turnstile::write_store::{CommitError, Role, StoreError, WriteStore};

use crate::ports::write_store::Adapter;
use crate::ports::write_store::draft::{Draft, booking, scheduled};
use crate::ports::write_store::oracle::{check, picture};
use crate::ports::write_store::postgres::{Database, Postgres};
use crate::proxy::{Mode, Proxy};

/// A store behind a proxy, with one connection that has committed before, and a showtime.
struct Scene {
    adapter: Postgres,
    proxy: Proxy,
    store: Arc<dyn WriteStore>,
    id: ShowtimeId,
    fence: u64,
}

impl Scene {
    async fn new(settings: Settings) -> Self {
        let adapter = Postgres::fresh().await;
        let proxy = Proxy::to(&Database::server()).await;
        let url = adapter.database.url_through(proxy.address());
        let settings = Settings { pool_size: 1, ..settings };
        let store: Arc<dyn WriteStore> = Arc::new(PostgresStore::connect(&url, &settings).await.unwrap());
        let id = scheduled(&store, 9).await;
        let fence = store.take_over(id).await.unwrap().unwrap().fence;
        store.commit(Draft::new(id, fence).reserve(&booking(id, &[8]), 1).done()).await.unwrap();
        Self { adapter, proxy, store, id, fence }
    }

    /// Starts a commit of a booking of seats 0 and 1.
    fn commit(&self) -> (Booking, tokio::task::JoinHandle<Result<u64, CommitError>>) {
        let new = booking(self.id, &[0, 1]);
        let batch = Draft::new(self.id, self.fence).reserve(&new, 1).done();
        let store = self.store.clone();
        (new, tokio::spawn(async move { store.commit(batch).await.map(|committed| committed.first_sequence) }))
    }

    /// Loads with the fence, checks that the booking is there or not, and that this is the last word.
    async fn settles(&self, new: &Booking, landed: bool) {
        let loaded = self.store.take_over(self.id).await.unwrap().unwrap();
        assert!(loaded.fence > self.fence);
        assert_eq!(loaded.showtime.sequence(), if landed { 3 } else { 2 });
        assert_eq!(loaded.showtime.booking(new.id).is_some(), landed);
        let before = picture(&self.store, self.id).await;
        let late = self.store.commit(Draft::new(self.id, self.fence).reserve(&booking(self.id, &[5]), 1).done()).await;
        assert!(matches!(late, Err(CommitError::Fenced)), "{late:?}");
        assert_eq!(picture(&self.store, self.id).await, before);
        check(&self.store, self.id).await;
    }

    /// A session that holds the showtime's row, so that commits of it wait.
    async fn hold_the_row(&self) -> Client {
        let client = self.adapter.database.client().await;
        let statement = format!("BEGIN; SELECT FROM showtimes WHERE id = '{}' FOR UPDATE", self.id);
        client.batch_execute(&statement).await.unwrap();
        client
    }

    /// Waits until `count` sessions of the store wait for a lock; returns their process ids.
    async fn waiting(&self, count: usize) -> Vec<i32> {
        let client = self.adapter.database.client().await;
        let statement = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() \
                         AND application_name = 'turnstile' AND wait_event_type = 'Lock'";
        for _ in 0..400 {
            let rows = client.query(statement, &[]).await.unwrap();
            if rows.len() == count {
                return rows.iter().map(|row| row.get(0)).collect();
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("{count} sessions should wait for a lock");
    }
}

fn is_unknown(outcome: &Result<u64, CommitError>) -> bool {
    matches!(outcome, Err(CommitError::Unknown { .. }))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_cut_off_after_the_commit() {
    for mode in [Mode::CutBeforeReply, Mode::CutBeforeRequest] {
        let scene = Scene::new(Settings::default()).await;
        scene.proxy.set(mode);
        let (new, commit) = scene.commit();
        let outcome = commit.await.unwrap();
        assert!(is_unknown(&outcome), "{mode:?}: {outcome:?}");
        scene.proxy.set(Mode::Forward);
        scene.settles(&new, mode == Mode::CutBeforeReply).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_that_swallows_everything() {
    let scene = Scene::new(Settings { commit_timeout_milliseconds: 1_000, ..Settings::default() }).await;
    scene.proxy.set(Mode::Stall);
    let (new, commit) = scene.commit();
    let outcome = commit.await.unwrap();
    assert!(is_unknown(&outcome), "{outcome:?}");
    scene.proxy.cut_all();
    scene.proxy.set(Mode::Forward);
    scene.settles(&new, false).await;
}

/// The server goes on with a statement after its client is gone: the fence waits for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_lands_after_its_connection_is_gone() {
    let scene = Scene::new(Postgres::patient()).await;
    let holder = scene.hold_the_row().await;
    let (new, commit) = scene.commit();
    scene.waiting(1).await;
    scene.proxy.cut_all();
    let outcome = commit.await.unwrap();
    assert!(is_unknown(&outcome), "{outcome:?}");

    let (store, id) = (scene.store.clone(), scene.id);
    let load = tokio::spawn(async move { store.take_over(id).await });
    scene.waiting(2).await;
    assert!(!load.is_finished(), "the fence does not answer while the commit may still land");
    holder.batch_execute("COMMIT").await.unwrap();
    let loaded = load.await.unwrap().unwrap().unwrap();
    assert_eq!(loaded.showtime.sequence(), 3, "the commit came first");
    assert!(loaded.showtime.booking(new.id).is_some());
    scene.settles(&new, true).await;
}

/// The other order: the fence is raised before the commit gets the row, and the commit is void.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_overtaken_by_the_fence() {
    let scene = Scene::new(Postgres::patient()).await;
    let holder = scene.adapter.database.client().await;
    let raise = format!("BEGIN; UPDATE showtimes SET fence = fence + 1 WHERE id = '{}'", scene.id);
    holder.batch_execute(&raise).await.unwrap();
    let (new, commit) = scene.commit();
    scene.waiting(1).await;
    holder.batch_execute("COMMIT").await.unwrap();
    let outcome = commit.await.unwrap();
    assert!(matches!(outcome, Err(CommitError::Fenced)), "{outcome:?}");
    scene.settles(&new, false).await;
}

/// The server says why it ends a session, but not whether the statement was done: that is no refusal.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_ended_in_the_middle_of_a_commit() {
    let scene = Scene::new(Postgres::patient()).await;
    let holder = scene.hold_the_row().await;
    let (new, commit) = scene.commit();
    let pid = scene.waiting(1).await[0];
    holder.execute("SELECT pg_terminate_backend($1)", &[&pid]).await.unwrap();
    let outcome = commit.await.unwrap();
    assert!(is_unknown(&outcome), "{outcome:?}");
    holder.batch_execute("COMMIT").await.unwrap();
    scene.settles(&new, false).await;
}

/// A statement that the server gave up is known not to be committed, and its connection stays in use.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_not_got_in_time_is_no_unknown_outcome() {
    let scene = Scene::new(Settings { lock_timeout_milliseconds: 200, ..Settings::default() }).await;
    let connections = scene.proxy.connections();
    let holder = scene.hold_the_row().await;
    let (new, commit) = scene.commit();
    let outcome = commit.await.unwrap();
    assert!(matches!(outcome, Err(CommitError::Store(StoreError::Unavailable { .. }))), "{outcome:?}");
    holder.batch_execute("COMMIT").await.unwrap();
    assert_eq!(scene.proxy.connections(), connections);
    scene.settles(&new, false).await;
}

/// A commit given up after its time is not stopped on the server: stopped in the wait for a standby, it would be on one machine only.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_given_up_is_not_cancelled_and_the_fence_waits_for_it() {
    let settings = Settings { commit_timeout_milliseconds: 1_000, ..Postgres::patient() };
    let scene = Scene::new(settings).await;
    let holder = scene.hold_the_row().await;
    let (new, commit) = scene.commit();
    let outcome = commit.await.unwrap();
    assert!(is_unknown(&outcome), "{outcome:?}");
    let store = scene.store.clone();
    let id = scene.id;
    let fencing = tokio::spawn(async move { store.take_over(id).await });
    scene.waiting(2).await;
    holder.batch_execute("COMMIT").await.unwrap();
    fencing.await.unwrap().unwrap();
    let loaded = scene.store.load(id).await.unwrap().unwrap();
    assert!(loaded.showtime.booking(new.id).is_some(), "it landed");
    check(&scene.store, id).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_server_nothing_is_unknown() {
    let scene = Scene::new(Settings::default()).await;
    scene.proxy.set(Mode::Refuse);
    let store = scene.store.clone();
    // The closed connection may not have been noticed by the very first commit.
    let (new, commit) = scene.commit();
    drop(commit.await.unwrap());
    let (_, commit) = scene.commit();
    let outcome = commit.await.unwrap();
    assert!(matches!(outcome, Err(CommitError::Store(StoreError::Unavailable { .. }))), "{outcome:?}");
    assert!(matches!(store.ping().await, Err(StoreError::Unavailable { .. })));
    assert!(matches!(store.lead(Role::Relay).await, Err(StoreError::Unavailable { .. })));
    scene.proxy.set(Mode::Forward);
    store.ping().await.unwrap();
    scene.settles(&new, false).await;
}
