//! Migrations: what earlier versions have stored is kept, and is found again by this one.

use std::time::Duration;

use diesel_migrations::MigrationHarness;

use super::commits::assert_chained;
use super::*;
use crate::domain::{BookingStatus, PaymentReference};
use crate::write_store::sqlite::connection::MIGRATIONS;
use crate::write_store::{BookingChange, SeatChange};

/// The database as the first `migrations` of this program left it.
fn database_of(directory: &Directory, migrations: usize) -> SqliteConnection {
    std::fs::create_dir_all(&directory.0).unwrap();
    let mut connection = directory.connection();
    for _ in 0..migrations {
        connection.run_next_migration(MIGRATIONS).unwrap();
    }
    connection
}

/// `down.sql` undoes `up.sql`, so that a migration can be taken back and made again.
#[test]
fn migrations_go_down_and_up_again() {
    let directory = Directory::new();
    drop(directory.open().unwrap());
    let mut connection = directory.connection();
    connection.revert_all_migrations(MIGRATIONS).unwrap();
    drop(connection);
    directory.open().unwrap();
}

/// A database of the first version in which one payment has confirmed two bookings: both stay, and the earliest has the payment.
#[tokio::test]
async fn payments_that_confirmed_twice_before_do_not_stop_the_migration() {
    let directory = Directory::new();
    let mut connection = database_of(&directory, 1);
    connection
        .batch_execute(
            "INSERT INTO showtimes VALUES (zeroblob(16), 'Bourne Identity', 1, '[]', 2, 0, 1, 0);
             INSERT INTO bookings
                 (id, showtime_id, user_id, token_hash, status, reserved_at, expires_at, payment_reference, version)
             SELECT column1, zeroblob(16), 'ada', zeroblob(32), 1, column2, 9, 'pay', 3
             FROM (VALUES (unhex('00000000000000000000000000000002'), 8), (unhex('00000000000000000000000000000001'), 7))",
        )
        .unwrap();
    drop(connection);
    let store = directory.open().unwrap();
    let reference = PaymentReference::parse("pay").unwrap();
    let used = store.payments(vec![reference.clone()]).await.unwrap();
    assert_eq!(used, [(reference, BookingId(Uuid::from_u128(1)))]);
    let bookings = store.bookings(vec![BookingId(Uuid::from_u128(1)), BookingId(Uuid::from_u128(2))]).await.unwrap();
    assert!(bookings.iter().all(|booking| booking.status == BookingStatus::Confirmed && booking.seat_ids.is_empty()));
    assert_eq!(bookings.len(), 2);
}

fn recorded_at() -> Timestamp {
    Timestamp::from_millis(1_795_392_000_123)
}

fn deadline() -> Timestamp {
    recorded_at() + Duration::from_mins(10)
}

fn payment() -> PaymentReference {
    PaymentReference::parse("päy \"1\"").unwrap()
}

/// A showtime of the version before lean commits, with one booking of each kind.
struct Old {
    new: NewShowtime,
    /// Pending, with seats 1 and 0.
    pending: Booking,
    /// Confirmed, with seat 2.
    confirmed: Booking,
    /// Cancelled; it had seats 3 and 2.
    cancelled: Booking,
}

/// An event without its stamps, which earlier versions did not have.
type Plain = (u64, Timestamp, Event);

fn plain(events: &[RecordedEvent]) -> Vec<Plain> {
    events.iter().map(|recorded| (recorded.sequence, recorded.recorded_at, recorded.event.clone())).collect()
}

impl Old {
    fn new() -> Self {
        let new = NewShowtime { recorded_at: recorded_at(), ..new_showtime(4) };
        let (showtime_id, later) = (new.id, recorded_at() + Duration::from_millis(77));
        let booking = |seats: [u32; 2], status, reserved_at, version| Booking {
            id: BookingId(Uuid::now_v7()),
            showtime_id,
            seat_ids: seats.map(|seat| SeatId::new(showtime_id, seat)).to_vec(),
            user_id: UserId::parse("Zoë O'Hara").unwrap(),
            token: TokenHash([0xA7; 32]),
            status,
            reserved_at,
            expires_at: deadline(),
            payment_reference: None,
            cancel_reason: None,
            refunded: Vec::new(),
            refused_payment: None,
            block: None,
            from_blocks: Vec::new(),
            version,
            price: None,
        };
        let cancelled = booking([3, 2], BookingStatus::Cancelled, recorded_at(), 3);
        let pending = booking([1, 0], BookingStatus::Pending, recorded_at(), 4);
        let mut confirmed = booking([2, 2], BookingStatus::Confirmed, later, 6);
        confirmed.seat_ids.pop();
        confirmed.payment_reference = Some(payment());
        Self { new, pending, confirmed, cancelled }
    }

    fn events(&self) -> Vec<Plain> {
        let reserved = |booking: &Booking| Event::SeatsReserved {
            booking_id: booking.id,
            seat_ids: booking.seat_ids.clone(),
            user_id: booking.user_id.clone(),
            expires_at: booking.expires_at,
            price: None,
            from_blocks: Vec::new(),
        };
        let Self { new, pending, confirmed, cancelled } = self;
        let (booking_id, seat_ids, payment_reference) = (confirmed.id, confirmed.seat_ids.clone(), payment());
        let events = vec![
            new.event(),
            reserved(cancelled),
            Event::BookingCancelled {
                booking_id: cancelled.id,
                seat_ids: cancelled.seat_ids.clone(),
                reason: None,
                refund: None,
                refund_amount: None,
            },
            reserved(pending),
            reserved(confirmed),
            Event::BookingConfirmed { booking_id, seat_ids, payment_reference, late_for: None },
        ];
        let recorded = |(sequence, event)| (sequence, recorded_at() + Duration::from_millis(sequence), event);
        (1..).zip(events).map(recorded).collect()
    }

    /// Every seat, as it is after the events.
    fn seats(&self) -> Vec<(SeatStatus, u64, Option<BookingId>)> {
        let held = (SeatStatus::Reserved, 4, Some(self.pending.id));
        let sold = (SeatStatus::Sold, 6, Some(self.confirmed.id));
        vec![held, held, sold, (SeatStatus::Available, 3, None)]
    }

    /// Writes everything as the earlier version did, with the two commits of the last three events unconfirmed.
    fn store(&self, connection: &mut SqliteConnection) {
        let hex = |id: Uuid| format!("x'{}'", id.simple());
        let text = |value: &str| format!("'{}'", value.replace('\'', "''"));
        let id = hex(self.new.id.0);
        let rows = text(&serde_json::to_string(&self.new.seat_map).unwrap());
        let start = self.new.listing.start_time.as_millis();
        let mut sql =
            vec![format!("INSERT INTO showtimes VALUES ({id}, 'Bourne Identity', {start}, {rows}, 4, 0, 6, 5)")];
        for (seat, (status, version, booking)) in self.seats().into_iter().enumerate() {
            let (status, booking) = (status.code(), booking.map_or("NULL".to_owned(), |booking| hex(booking.0)));
            sql.push(format!("INSERT INTO seats VALUES ({id}, {seat}, {status}, {version}, {booking})"));
        }
        for Booking { id: booking, seat_ids, user_id, status, reserved_at, payment_reference, version, .. } in
            [&self.pending, &self.confirmed, &self.cancelled]
        {
            let (booking, user, live) = (hex(booking.0), text(user_id.as_str()), u8::from(status.is_live()));
            let payment = payment_reference.as_ref().map_or("NULL".to_owned(), |payment| text(payment.as_str()));
            sql.push(format!(
                "INSERT INTO bookings VALUES ({booking}, {id}, {user}, x'{}', {}, {}, {}, {payment}, {version})",
                "A7".repeat(32),
                status.code(),
                reserved_at.as_millis(),
                deadline().as_millis(),
            ));
            for (position, seat) in seat_ids.iter().map(|seat| seat.index()).enumerate() {
                sql.push(format!("INSERT INTO booking_seats VALUES ({booking}, {position}, {id}, {seat}, {live})"));
            }
        }
        for (sequence, recorded_at, event) in self.events() {
            let (kind, payload) = (event.kind().as_str(), text(&serde_json::to_string(&event).unwrap()));
            let recorded_at = recorded_at.as_millis();
            sql.push(format!("INSERT INTO events VALUES ({id}, {sequence}, {recorded_at}, '{kind}', {payload})"));
        }
        sql.push(format!("INSERT INTO outbox VALUES (7, {id}, 4, 4, NULL), (8, {id}, 5, 6, 'trace')"));
        sql.push(format!("INSERT INTO payments VALUES ({}, {})", text(payment().as_str()), hex(self.confirmed.id.0)));
        let key = "INSERT INTO idempotency VALUES (zeroblob(32), zeroblob(32), '{\"status\":201}', zeroblob(16), 9, 4)";
        sql.push(key.to_owned());
        connection.batch_execute(&sql.join(";\n")).unwrap();
    }

    /// The bookings, in order of id.
    fn bookings(&self) -> Vec<Booking> {
        let mut bookings = vec![self.pending.clone(), self.confirmed.clone(), self.cancelled.clone()];
        bookings.sort_by_key(|booking| booking.id);
        bookings
    }

    fn audit(&self) -> Audit {
        let (listing, seats, bookings) = (self.new.listing.clone(), self.seats(), self.bookings());
        Audit { sequence: 6, listing, seat_map: self.new.seat_map.clone(), seats, bookings }
    }

    /// Cancels the pending booking, and reserves one of its seats and the free one.
    fn next(&self) -> Batch {
        let Self { pending, .. } = self;
        let mut batch = reservations(self.new.id, 0..1).as_ref().clone();
        batch.fence = 5;
        let seat_ids = pending.seat_ids.clone();
        batch.events.insert(
            0,
            Event::BookingCancelled {
                booking_id: pending.id,
                seat_ids,
                reason: None,
                refund: None,
                refund_amount: None,
            },
        );
        batch.seats[0] = SeatChange { expected_version: 4, event: 1, ..batch.seats[0] };
        let (status, booking_id) = (SeatStatus::Available, None);
        batch.seats.push(SeatChange { seat: 1, expected_version: 4, status, booking_id, event: 0 });
        batch.bookings[0].event = 1;
        let booking = Booking { status: BookingStatus::Cancelled, ..pending.clone() };
        batch.bookings.push(BookingChange { booking, expected_version: Some(4), event: 0 });
        batch
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_stored_before_lean_commits_is_found_and_goes_on() {
    let (directory, old) = (Directory::new(), Old::new());
    let id = old.new.id;
    let mut connection = database_of(&directory, 3);
    old.store(&mut connection);
    let store = directory.open().unwrap();

    assert_eq!(store.audit(id).await.unwrap(), Some(old.audit()));
    let mut bookings = store.bookings(old.bookings().iter().map(|booking| booking.id).collect()).await.unwrap();
    bookings.sort_by_key(|booking| booking.id);
    assert_eq!(bookings, old.bookings());
    let loaded = store.load(id).await.unwrap().unwrap();
    assert_eq!((loaded.fence, loaded.showtime.sequence()), (5, 6));
    assert_eq!(loaded.showtime.bookings().collect::<Vec<_>>(), [&old.pending]);
    let due = store.due(deadline(), 9).await.unwrap();
    assert_eq!(due.iter().map(|due| (&due.booking, due.fence)).collect::<Vec<_>>(), [(&old.pending, 5)]);

    let journal = store.journal(id, 0, 100).await.unwrap();
    assert_eq!(plain(&journal), old.events());
    assert_eq!(store.journal(id, 2, 3).await.unwrap(), journal[2..5]);
    let stamps = store.stamps((1..=6).map(|sequence| (id, sequence)).collect()).await.unwrap();
    let told = |recorded: &RecordedEvent| ((id, recorded.sequence), recorded.stamp);
    assert_eq!(stamps, journal.iter().map(told).collect::<Vec<_>>());
    assert_chained(&mut connection);

    let outbox = store.outbox(9, vec![]).await.unwrap();
    let rows: Vec<_> = outbox.iter().map(|row| (row.position, row.traceparent.as_deref(), row.run.events())).collect();
    assert_eq!(rows, [(7, None, &journal[3..4]), (8, Some("trace"), &journal[4..6])]);
    let keys = store.idempotency(vec![[0; 32]]).await.unwrap();
    assert_eq!(keys.iter().map(|key| key.sequence).collect::<Vec<_>>(), [4]);
    assert_eq!(store.payments(vec![payment()]).await.unwrap(), [(payment(), old.confirmed.id)]);

    assert_eq!(store.commit(Arc::new(old.next())).await.unwrap().first_sequence, 7);
    let seats = store.audit(id).await.unwrap().unwrap().seats;
    let new = seats[0].2;
    assert_eq!(seats[..2], [(SeatStatus::Reserved, 8, new), (SeatStatus::Available, 7, None)]);
    assert_eq!(store.outbox(9, vec![]).await.unwrap()[2].run.first_sequence(), 7);
    assert_eq!(store.journal(id, 5, 9).await.unwrap().len(), 3);
    assert_chained(&mut connection);
}

fn sent(entry: &OutboxEntry) -> (i64, Vec<Plain>) {
    (entry.position, plain(entry.run.events()))
}

/// The last migration taken back and made again changes nothing that the port shows.
#[tokio::test(flavor = "multi_thread")]
async fn lean_commits_are_taken_back_whole() {
    let (directory, old) = (Directory::new(), Old::new());
    let id = old.new.id;
    let mut connection = database_of(&directory, 3);
    old.store(&mut connection);
    let store = directory.open().unwrap();
    store.commit(Arc::new(old.next())).await.unwrap();
    let before = (store.audit(id).await.unwrap(), plain(&store.journal(id, 0, 100).await.unwrap()));
    let outbox: Vec<_> = store.outbox(9, vec![]).await.unwrap().iter().map(sent).collect();
    drop(store);
    // Stamps are drawn anew.
    connection.revert_last_migration(MIGRATIONS).unwrap();
    drop(connection);
    let store = directory.open().unwrap();
    assert_eq!((store.audit(id).await.unwrap(), plain(&store.journal(id, 0, 100).await.unwrap())), before);
    assert_eq!(store.outbox(9, vec![]).await.unwrap().iter().map(sent).collect::<Vec<_>>(), outbox);
    assert_chained(&mut directory.connection());
}
