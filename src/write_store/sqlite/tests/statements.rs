//! Statements are prepared once, their number grows with nothing but the rows that change, and none reads more rows than it is about.

use diesel::sqlite::SqliteConnection;

use super::*;
use crate::write_store::sqlite::{bookings, commit, idempotency, journal, outbox, payments, seats, showtimes};

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
        plan(connection, seats::ChangeSeat),
        plan(connection, seats::SeatStatuses),
        plan(connection, seats::WholeSeats),
        plan(connection, bookings::ChangeBooking),
        plan(connection, bookings::InsertBooking),
        plan(connection, bookings::BookingsWithIds),
        plan(connection, bookings::BookingsOfShowtime),
        plan(connection, bookings::PendingOfShowtime),
        plan(connection, bookings::LiveBlocks),
        plan(connection, bookings::DueHolds),
        plan(connection, payments::InsertPayment),
        plan(connection, payments::FindPayments),
        plan(connection, journal::InsertRow),
        plan(connection, journal::RowsAfter),
        plan(connection, journal::CommitsAt),
        plan(connection, outbox::InsertRow),
        plan(connection, outbox::UnconfirmedRows),
        plan(connection, outbox::DeleteRows),
        plan(connection, idempotency::InsertKey),
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
            let scan_of_few = ["json_each", "outbox", "o"]
                .iter()
                .any(|few| step == format!("SCAN {few}") || step.starts_with(&format!("SCAN {few} VIRTUAL TABLE")));
            assert!(scan_of_few || !step.starts_with("SCAN"), "a table is read whole:\n{plan}");
            assert!(!step.contains("AUTOMATIC"), "an index is made for one query:\n{plan}");
        }
    }
    // The whole key is used, not only the showtime.
    assert!(plans[1].contains("SEARCH seats USING PRIMARY KEY (showtime_id=? AND seat=?)"), "{}", plans[1]);
    assert!(plans[1].contains("SEARCH bookings USING PRIMARY KEY (id=?)"), "{}", plans[1]);
    assert!(plans[4].contains("SEARCH bookings USING PRIMARY KEY (id=?)"), "{}", plans[4]);
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
fn a_batch_takes_three_statements_and_one_for_each_row_prepared_once() {
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
        commit_to(connection, reservations(new.id, seats)).unwrap();
        counts.push(*counter.0.lock().unwrap());
    }
    // The showtime, the journal, the outbox, and for each booking its row and its seat's; journal and outbox were prepared by scheduling.
    assert_eq!(counts[0], Counted { statements: 5, prepared: 3 });
    let statements = |bookings: usize| Counted { statements: 3 + 2 * bookings, prepared: 0 };
    assert_eq!(counts[1..], [statements(1), statements(500), statements(498)]);
}
