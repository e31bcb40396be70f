//! Failures: what shares a transaction with a failing write, what was acknowledged before a crash, and what comes after.

use std::time::Duration;

use super::*;
use crate::write_store::sqlite::failure::{corrupt, failed_to, unavailable};

/// A write that keeps the writer busy until told to go on, so that what is queued meanwhile shares the next transaction.
fn hold(store: &Arc<SqliteStore>) -> (std::sync::mpsc::Sender<()>, tokio::task::JoinHandle<Result<(), StoreError>>) {
    let (go_on, wait) = std::sync::mpsc::channel::<()>();
    let (started, has_started) = std::sync::mpsc::channel();
    let held = store.clone();
    let task = tokio::spawn(async move {
        let work = move |_: &mut SqliteConnection| {
            started.send(()).unwrap();
            wait.recv().map_err(corrupt)
        };
        held.writer.write(work).await
    });
    tokio::task::block_in_place(|| has_started.recv_timeout(Duration::from_secs(10)).unwrap());
    (go_on, task)
}

type Answer = tokio::task::JoinHandle<Result<Committed, CommitError>>;

/// Queues commits of one seat each, in order.
async fn queue(store: &Arc<SqliteStore>, id: ShowtimeId, seats: std::ops::Range<u32>) -> Vec<Answer> {
    let mut answers = Vec::new();
    for seat in seats {
        let (committing, batch) = (store.clone(), reservations(id, seat..seat + 1));
        let before = store.writer.queued();
        answers.push(tokio::spawn(async move { committing.commit(batch).await }));
        for _ in 0..1_000 {
            if store.writer.queued() > before {
                break;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert!(store.writer.queued() > before, "the commit is queued");
    }
    answers
}

async fn scheduled(store: &Arc<SqliteStore>) -> ShowtimeId {
    let new = new_showtime(40);
    let id = new.id;
    store.schedule(new).await.unwrap();
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_that_wait_share_one_transaction_and_a_refused_one_is_undone_alone() {
    let directory = Directory::new();
    let store = Arc::new(directory.open().unwrap());
    let id = scheduled(&store).await;
    store.commit(reservations(id, 3..4)).await.unwrap();

    let (go_on, held) = hold(&store);
    let answers = queue(&store, id, 0..10).await;
    // Inside the shared transaction, after the others: all of them are there, though none is committed yet.
    let (last, beside) = (store.clone(), directory.connection());
    let watch = tokio::spawn(async move {
        let work = move |connection: &mut SqliteConnection| {
            let mut beside = beside;
            Ok::<_, StoreError>((events(connection), events(&mut beside)))
        };
        last.writer.write(work).await
    });
    go_on.send(()).unwrap();
    held.await.unwrap().unwrap();

    let mut sequences = Vec::new();
    for (answer, seat) in answers.into_iter().zip(0..) {
        match answer.await.unwrap() {
            Ok(committed) => sequences.push(committed.first_sequence),
            Err(CommitError::Conflict) => assert_eq!(seat, 3, "only the taken seat is refused"),
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(sequences, (3..12).collect::<Vec<_>>(), "in order, without a gap for the refused one");
    let (inside, outside) = watch.await.unwrap().unwrap();
    assert!(inside == 11 && (outside == 2 || outside == 11), "{inside} inside, {outside} outside");
}

fn events(connection: &mut SqliteConnection) -> i64 {
    diesel::select(diesel::dsl::sql::<diesel::sql_types::BigInt>(
        "(SELECT sum(last_sequence - first_sequence + 1) FROM journal)",
    ))
    .get_result(connection)
    .unwrap()
}

/// A write in the middle of a shared transaction fails in `fail`; whatever that does to the others, what they are told is true.
/// Returns how many of the six others were told that they succeeded, and what the failing one was told.
async fn with_a_failure_in_the_middle(
    fail: fn(&mut SqliteConnection) -> Result<(), CommitError>,
) -> (usize, Result<(), CommitError>) {
    let directory = Directory::new();
    let store = Arc::new(directory.open().unwrap());
    let id = scheduled(&store).await;

    let (go_on, held) = hold(&store);
    let before = queue(&store, id, 0..3).await;
    let failing = store.clone();
    let failing = tokio::spawn(async move { failing.writer.write(fail).await });
    for _ in 0..1_000 {
        if store.writer.queued() >= 4 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let after = queue(&store, id, 3..6).await;
    go_on.send(()).unwrap();
    held.await.unwrap().unwrap();

    let mut told = 0;
    for answer in before.into_iter().chain(after) {
        match answer.await.unwrap() {
            Ok(_) => told += 1,
            Err(CommitError::Store(StoreError::Unavailable { .. })) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    let audit = store.audit(id).await.unwrap().unwrap();
    assert_eq!(audit.bookings.len(), told, "acknowledged and stored are the same");
    assert_eq!(audit.sequence, u64::try_from(told).unwrap() + 1);

    store.commit(reservations(id, 10..11)).await.expect("the writer goes on");
    (told, failing.await.unwrap())
}

/// The disk has room for small writes but not for a great one.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_the_write_that_does_not_fit() {
    let (told, outcome) = with_a_failure_in_the_middle(|connection| {
        // As small as it is, and a few pages for the others.
        connection.batch_execute("PRAGMA max_page_count = 60").map_err(failed_to::<StoreError>("plant a failure"))?;
        showtimes::schedule(connection, &new_showtime(100_000))
    })
    .await;
    assert!(matches!(outcome, Err(CommitError::Store(StoreError::Unavailable { .. }))), "{outcome:?}");
    assert_eq!(told, 6);
}

/// Some failures make SQLite roll the whole transaction back by itself, such as an I/O error. Then nobody in it succeeded.
#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_sqlite_has_ended_is_lost_for_all() {
    let fails = |connection: &mut SqliteConnection| -> Result<(), CommitError> {
        connection.batch_execute("ROLLBACK").map_err(failed_to::<StoreError>("plant a failure"))?;
        Err(unavailable("planted").into())
    };
    let (told, outcome) = with_a_failure_in_the_middle(fails).await;
    assert!(matches!(outcome, Err(CommitError::Store(StoreError::Unavailable { .. }))), "{outcome:?}");
    assert_eq!(told, 0);

    let goes_on = |connection: &mut SqliteConnection| -> Result<(), CommitError> {
        connection.batch_execute("ROLLBACK").map_err(failed_to::<StoreError>("plant a failure"))?;
        Ok(())
    };
    let (told, outcome) = with_a_failure_in_the_middle(goes_on).await;
    assert!(matches!(outcome, Err(CommitError::Store(StoreError::Unavailable { .. }))), "{outcome:?}");
    assert_eq!(told, 0);
}

/// The commit itself fails, here for a foreign key checked at that moment; a disk can fail there too, with the pages half
/// written. Whether they will be found is not for the writer to say, and a load with a fence settles it.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_fails_has_an_unknown_outcome() {
    let directory = Directory::new();
    let store = Arc::new(directory.open().unwrap());
    let id = scheduled(&store).await;
    let outcome: Result<Committed, CommitError> = store
        .writer
        .write(move |connection| {
            let planted = "PRAGMA defer_foreign_keys = ON;
                INSERT INTO outbox (showtime_id, first_sequence, last_sequence) VALUES (x'00', 1, 1);";
            connection.batch_execute(planted).map_err(failed_to::<StoreError>("plant a failure"))?;
            commit_to(connection, reservations(id, 0..1))
        })
        .await;
    assert!(matches!(outcome, Err(CommitError::Unknown { .. })), "{outcome:?}");
    let loaded = store.take_over(id).await.unwrap().unwrap();
    assert_eq!((loaded.showtime.sequence(), loaded.fence), (1, 1));
    let batch = Batch { fence: 1, ..reservations(id, 0..1).as_ref().clone() };
    assert_eq!(store.commit(Arc::new(batch)).await.unwrap().first_sequence, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_a_write_leaves_the_outcome_unknown_and_the_writer_alive() {
    let directory = Directory::new();
    let store = Arc::new(directory.open().unwrap());
    let id = scheduled(&store).await;
    let outcome: Result<(), CommitError> = store
        .writer
        .write(move |connection| {
            commit_to(connection, reservations(id, 0..1))?;
            panic!("planted")
        })
        .await;
    assert!(matches!(outcome, Err(CommitError::Unknown { .. })), "{outcome:?}");
    assert_eq!(store.take_over(id).await.unwrap().unwrap().showtime.sequence(), 1, "nothing of it is there");
    let batch = Batch { fence: 1, ..reservations(id, 0..1).as_ref().clone() };
    store.commit(Arc::new(batch)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_a_read_fails_that_read_only() {
    let directory = Directory::new();
    let store = directory.open().unwrap();
    for _ in 0..5 {
        let read: Result<(), StoreError> = store.readers.read(|_connection| panic!("planted")).await;
        assert!(matches!(read, Err(StoreError::Unavailable { .. })), "{read:?}");
    }
    store.cluster_secret().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_cannot_write() {
    let directory = Directory::new();
    let store = Arc::new(directory.open().unwrap());
    let id = scheduled(&store).await;
    let written = store.readers.read(move |connection| showtimes::raise_fence(connection, id)).await;
    assert!(matches!(written, Err(StoreError::Unavailable { .. })), "{written:?}");
    assert_eq!(store.load(id).await.unwrap().unwrap().fence, 0);
}

/// The files as a crash would leave them, taken the moment a booking was acknowledged and before anything was closed.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_is_in_the_files() {
    let directory = Directory::new();
    let store = Arc::new(directory.open().unwrap());
    let id = scheduled(&store).await;
    for seat in 0..20 {
        store.commit(reservations(id, seat..seat + 1)).await.unwrap();
        let crashed = Directory::new();
        std::fs::create_dir_all(&crashed.0).unwrap();
        for file in ["turnstile.db", "turnstile.db-wal"] {
            std::fs::copy(directory.0.join(file), crashed.0.join(file)).unwrap();
        }
        let recovered = crashed.open().unwrap();
        assert_eq!(recovered.audit(id).await.unwrap(), store.audit(id).await.unwrap());
        assert_eq!(recovered.journal(id, 0, 100).await.unwrap().len(), usize::try_from(seat).unwrap() + 2);
    }
}

/// The promise that an answered commit outlives a loss of power rests on these settings of SQLite.
#[tokio::test(flavor = "multi_thread")]
async fn each_commit_is_synchronised_to_the_disk() {
    let directory = Directory::new();
    let store = directory.open().unwrap();
    let settings: (i32, i32, String) = store
        .writer
        .write(|connection| -> Result<_, StoreError> {
            use diesel::dsl::sql;
            use diesel::sql_types::Integer;
            let synchronous = sql::<Integer>("(SELECT synchronous FROM pragma_synchronous)");
            let foreign_keys = sql::<Integer>("(SELECT foreign_keys FROM pragma_foreign_keys)");
            let journal = sql::<Text>("(SELECT journal_mode FROM pragma_journal_mode)");
            diesel::select((synchronous, foreign_keys, journal))
                .get_result(connection)
                .map_err(failed_to::<StoreError>("plant a failure"))
        })
        .await
        .unwrap();
    assert_eq!(settings, (2, 1, "wal".to_owned()), "2 is FULL");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_refuses_instead_of_growing() {
    let directory = Directory::new();
    let settings = Settings { write_queue: 2, queue_wait_milliseconds: 50, ..Settings::default() };
    let store = Arc::new(SqliteStore::open(&directory.0, &settings).unwrap());
    let (go_on, held) = hold(&store);
    let waiting: Vec<_> = (0..2)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.ping().await })
        })
        .collect();
    for _ in 0..1_000 {
        if store.writer.queued() == 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let refused = store.ping().await;
    assert!(matches!(&refused, Err(StoreError::Unavailable { reason, .. }) if reason.contains("full")), "{refused:?}");
    go_on.send(()).unwrap();
    held.await.unwrap().unwrap();
    for ping in waiting {
        ping.await.unwrap().unwrap();
    }
}

/// The disk hangs: callers are told in time, and of a commit that its outcome is open. A load with a fence waits its turn
/// behind it, and then shows what became of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_hangs_leaves_the_outcome_unknown_in_time() {
    let directory = Directory::new();
    let store = Arc::new(directory.open().unwrap());
    let id = scheduled(&store).await;
    drop(store);
    let settings = Settings { answer_wait_milliseconds: 100, ..Settings::default() };
    let store = Arc::new(SqliteStore::open(&directory.0, &settings).unwrap());
    let (go_on, held) = hold(&store);
    let outcome = store.commit(reservations(id, 0..1)).await;
    assert!(matches!(outcome, Err(CommitError::Unknown { .. })), "{outcome:?}");
    let outcome = store.ping().await;
    assert!(matches!(outcome, Err(StoreError::Unavailable { .. })), "{outcome:?}");
    let outcome = store.take_over(id).await;
    assert!(matches!(outcome, Err(StoreError::Unavailable { .. })), "{outcome:?}");
    go_on.send(()).unwrap();
    assert!(held.await.unwrap().is_err());
    let mut loaded = Err(unavailable("not asked yet"));
    for _ in 0..100 {
        loaded = store.take_over(id).await;
        if loaded.is_ok() {
            break;
        }
    }
    assert_eq!(loaded.unwrap().unwrap().showtime.sequence(), 2, "it had waited its turn and landed");
}

/// The store is dropped while writes are queued: they are carried out first, then the file is free.
#[tokio::test(flavor = "multi_thread")]
async fn dropping_the_store_finishes_what_is_queued() {
    let directory = Directory::new();
    let store = Arc::new(directory.open().unwrap());
    let id = scheduled(&store).await;
    let (go_on, held) = hold(&store);
    let answers = queue(&store, id, 0..5).await;
    // The callers hang up; their tasks held the store, so this is the last of it.
    for answer in &answers {
        answer.abort();
    }
    for answer in answers {
        assert!(answer.await.unwrap_err().is_cancelled());
    }
    held.abort();
    assert!(held.await.unwrap_err().is_cancelled());
    go_on.send(()).unwrap();
    let store = Arc::into_inner(store).expect("nobody else has the store");
    tokio::task::block_in_place(|| drop(store));
    let audit = directory.open().unwrap().audit(id).await.unwrap().unwrap();
    assert_eq!(audit.bookings.len(), 5);
}
