//! Statements are prepared once, their number does not grow with a batch, and none reads more rows than it is about.

use diesel::sqlite::SqliteConnection;

use super::*;
use crate::write_store::sqlite::{bookings, commit, idempotency, journal, outbox, seats, showtimes};

#[derive(QueryableByName)]
struct Step {
    #[diesel(sql_type = Text)]
    detail: String,
}

fn plan<S: Statement>(connection: &mut SqliteConnection, _statement: S) -> String {
    let steps: Vec<Step> = diesel::sql_query(format!("EXPLAIN QUERY PLAN {}", S::SQL)).load(connection).unwrap();
    steps.into_iter().map(|step| step.detail).collect::<Vec<_>>().join("\n")
}

/// Every table is searched through an index; only the arrays, and what is asked for whole, are scanned.
#[test]
fn no_statement_scans_a_table() {
    let directory = Directory::new();
    drop(directory.open().unwrap());
    let connection = &mut directory.connection();
    let plans = [
        plan(connection, commit::Advance),
        plan(connection, seats::ChangeSeats),
        plan(connection, seats::SeatStatuses),
        plan(connection, seats::WholeSeats),
        plan(connection, bookings::ChangeBookings),
        plan(connection, bookings::ReleaseSeats),
        plan(connection, bookings::InsertBookings),
        plan(connection, bookings::InsertBookingSeats),
        plan(connection, bookings::BookingsWithIds),
        plan(connection, bookings::BookingsOfShowtime),
        plan(connection, bookings::PendingOfShowtime),
        plan(connection, bookings::DueHolds),
        plan(connection, bookings::LiveClaims),
        plan(connection, journal::InsertEvents),
        plan(connection, journal::EventsAfter),
        plan(connection, outbox::InsertRow),
        plan(connection, outbox::UnconfirmedEvents),
        plan(connection, outbox::DeleteRows),
        plan(connection, idempotency::InsertKeys),
        plan(connection, idempotency::FindKeys),
        plan(connection, idempotency::DeleteKeys),
        plan(connection, showtimes::RaiseFence),
        plan(connection, showtimes::ReadShowtime),
        plan(connection, showtimes::HeadsWithIds),
        plan(connection, showtimes::HeadsPage),
    ];
    for plan in &plans {
        for step in plan.lines() {
            // `SCAN outbox` walks the outbox by position up to the limit, `SCAN o` the few rows found so.
            let scan_of_few = ["json_each", "change", "released", "outbox", "o"]
                .iter()
                .any(|few| step == format!("SCAN {few}") || step.starts_with(&format!("SCAN {few} VIRTUAL TABLE")));
            assert!(scan_of_few || !step.starts_with("SCAN"), "a table is read whole:\n{plan}");
            assert!(!step.contains("AUTOMATIC"), "an index is made for one query:\n{plan}");
        }
    }
    // The whole key is used, not only the showtime.
    assert!(plans[1].contains("SEARCH seats USING PRIMARY KEY (showtime_id=? AND seat=?)"), "{}", plans[1]);
    assert!(plans[5].contains("booking_seats_live (showtime_id=? AND seat=? AND booking_id=?)"), "{}", plans[5]);
}

/// Counts the statements, and those that were prepared for the cache.
#[derive(Clone, Default)]
struct Counter(Arc<Mutex<Counted>>);

#[derive(Clone, Copy, Default, PartialEq, Debug)]
struct Counted {
    statements: usize,
    prepared: usize,
}

impl Instrumentation for Counter {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        let mut counted = self.0.lock().unwrap();
        if matches!(event, InstrumentationEvent::StartQuery { .. }) {
            counted.statements += 1;
        } else if matches!(event, InstrumentationEvent::CacheQuery { .. }) {
            counted.prepared += 1;
        }
    }
}

#[test]
fn a_batch_of_any_size_takes_the_same_few_statements_prepared_once() {
    let directory = Directory::new();
    drop(directory.open().unwrap());
    let connection = &mut directory.connection();
    let counter = Counter::default();
    connection.set_instrumentation(counter.clone());
    let new = new_showtime(1_000);
    showtimes::schedule(connection, &new).unwrap();

    let mut counts = Vec::new();
    for seats in [0..1, 1..2, 2..502, 502..1_000] {
        *counter.0.lock().unwrap() = Counted::default();
        commit::commit(connection, &reservations(new.id, seats)).unwrap();
        counts.push(*counter.0.lock().unwrap());
    }
    // The showtime, the seats, the bookings, their seats, the events, the outbox; the last two were prepared by scheduling.
    assert_eq!(counts[0], Counted { statements: 6, prepared: 4 });
    assert_eq!(counts[1..], [Counted { statements: 6, prepared: 0 }; 3]);
}

/// The journal names the kind of each event beside it, as the event itself does.
#[tokio::test(flavor = "multi_thread")]
async fn the_kind_of_each_event_is_its_own_column() {
    #[derive(QueryableByName)]
    struct Kind {
        #[diesel(sql_type = Text)]
        kind: String,
    }
    let directory = Directory::new();
    let store = directory.open().unwrap();
    let new = new_showtime(1);
    store.schedule(new.clone()).await.unwrap();
    store.commit(reservations(new.id, 0..1)).await.unwrap();
    let events = store.journal(new.id, 0, 10).await.unwrap();
    let kinds: Vec<Kind> =
        diesel::sql_query("SELECT kind FROM events ORDER BY sequence").load(&mut directory.connection()).unwrap();
    let kinds: Vec<_> = kinds.iter().map(|row| row.kind.as_str()).collect();
    assert_eq!(kinds, events.iter().map(|recorded| recorded.event.kind().as_str()).collect::<Vec<_>>());
}
