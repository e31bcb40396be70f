//! Statements that see the database as it was before a commit that they waited for: they must still meet its changes.

use std::sync::Arc;

use tokio::task::JoinHandle;
use tokio_postgres::Client;
use turnstile::domain::ShowtimeId;
use turnstile::write_store::{Batch, CommitError, Committed, WriteStore};

use crate::ports::write_store::Adapter;
use crate::ports::write_store::draft::{Draft, booking, key, reserved, scheduled};
use crate::ports::write_store::oracle::check;
use crate::ports::write_store::postgres::Postgres;

type Outcome = Result<Committed, CommitError>;

/// Commits from two nodes, both of which have begun their statement, and so have their snapshot, before either gets the showtime's row.
/// The outcome of the first to get it comes first.
async fn race(adapter: &Postgres, id: ShowtimeId, batches: [Arc<Batch>; 2]) -> [Outcome; 2] {
    let holder = adapter.database.client().await;
    let watcher = adapter.database.client().await;
    holder.batch_execute(&format!("BEGIN; SELECT 1 FROM showtimes WHERE id = '{id}' FOR UPDATE")).await.unwrap();
    let mut running = Vec::new();
    for (number, batch) in (1..).zip(batches) {
        let node: Arc<dyn WriteStore> = adapter.node(&Postgres::patient()).await;
        running.push(tokio::spawn(async move { node.commit(batch).await }));
        until_waiting(&watcher, number, &running).await;
    }
    holder.batch_execute("COMMIT").await.unwrap();
    let (second, first) = (running.pop().unwrap(), running.pop().unwrap());
    [first.await.unwrap(), second.await.unwrap()]
}

async fn until_waiting(watcher: &Client, number: usize, running: &[JoinHandle<Outcome>]) {
    let waiting = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while watcher.query(waiting, &[]).await.unwrap().len() < number {
        assert!(running.iter().all(|task| !task.is_finished()), "each commit waits for the showtime's row");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_commits_of_one_seat_that_waited_together_one_is_refused() {
    let adapter = Postgres::fresh().await;
    let store = adapter.store();
    let id = scheduled(&store, 3).await;
    let batch = |seats: &[u32]| Draft::new(id, 0).reserve(&booking(id, seats), 1).done();
    let outcomes = race(&adapter, id, [batch(&[0, 1]), batch(&[1, 2])]).await;
    assert!(matches!(outcomes[0], Ok(Committed { first_sequence: 2, .. })), "{outcomes:?}");
    assert!(matches!(outcomes[1], Err(CommitError::Conflict)), "{outcomes:?}");
    assert_eq!(check(&store, id).await.sequence, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_ends_of_one_hold_that_waited_together_one_is_refused() {
    let adapter = Postgres::fresh().await;
    let store = adapter.store();
    let id = scheduled(&store, 3).await;
    let held = reserved(&store, id, &[0, 1], 1).await;
    let (confirm, expire) = (Draft::new(id, 0).confirm(&held, "paid").done(), Draft::new(id, 0).expire(&held).done());
    let outcomes = race(&adapter, id, [confirm, expire]).await;
    assert!(matches!(outcomes[0], Ok(Committed { first_sequence: 3, .. })), "{outcomes:?}");
    assert!(matches!(outcomes[1], Err(CommitError::Conflict)), "{outcomes:?}");
    check(&store, id).await;
}

/// The second one's sequences follow the first one's, which it did not see when it began.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_commits_of_other_seats_that_waited_together_both_land_without_a_gap() {
    let adapter = Postgres::fresh().await;
    let store = adapter.store();
    let id = scheduled(&store, 9).await;
    let batch = |seats: [u32; 2]| {
        Draft::new(id, 0).reserve(&booking(id, &seats[..1]), 1).reserve(&booking(id, &seats[1..]), 1).done()
    };
    let outcomes = race(&adapter, id, [batch([0, 1]), batch([2, 3])]).await;
    let firsts = outcomes.map(|outcome| outcome.unwrap().first_sequence);
    assert_eq!(firsts, [2, 4]);
    check(&store, id).await;
}

/// The same request on two nodes: the second hears of the key, not of the seats that it lost to itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_commits_with_one_key_that_waited_together_the_second_hears_of_the_key() {
    let adapter = Postgres::fresh().await;
    let store = adapter.store();
    let id = scheduled(&store, 3).await;
    let batch = || Draft::new(id, 0).reserve(&booking(id, &[0]), 1).key(key("once")).done();
    let outcomes = race(&adapter, id, [batch(), batch()]).await;
    assert!(outcomes[0].is_ok(), "{outcomes:?}");
    assert!(matches!(outcomes[1], Err(CommitError::DuplicateKey)), "{outcomes:?}");
    check(&store, id).await;
}
