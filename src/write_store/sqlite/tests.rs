//! Tests of what the contract suite cannot see: plans, prepared statements, shared transactions, failures of the disk.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use diesel::connection::{Instrumentation, InstrumentationEvent, SimpleConnection};
use diesel::prelude::*;
use diesel::sql_types::Text;
use uuid::Uuid;

use super::connection::Opener;
use super::statement::Statement;
use super::*;
use crate::domain::{Event, Listing, Row, SeatId, SeatMap, SeatStatus, TokenHash, UserId};
use crate::write_store::{BookingChange, SeatChange};

mod commits;
mod directory;
mod failures;
mod migration;
mod statements;

/// A directory of a test's own, removed at the end.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        Self(std::env::temp_dir().join(format!("turnstile-unit-{}", Uuid::new_v4())))
    }

    fn open(&self) -> Result<SqliteStore, StoreError> {
        SqliteStore::open(&self.0, &Settings::default())
    }

    /// A connection beside the store, for looking on.
    fn connection(&self) -> SqliteConnection {
        let path = self.0.join("turnstile.db").to_str().unwrap().to_owned();
        Opener { path, busy_timeout_milliseconds: 5_000, page_cache_kibibytes: 2_000 }.writer().unwrap()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

fn new_showtime(seats: u32) -> NewShowtime {
    NewShowtime {
        id: ShowtimeId(Uuid::new_v4()),
        listing: Listing::new("Bourne Identity", Timestamp::from_millis(1_000_000)),
        seat_map: SeatMap::new(vec![Row::numbered("A", seats)]).unwrap(),
        recorded_at: Timestamp::from_millis(1),
        idempotency: None,
    }
}

/// Commits to a transaction that the test has opened, or to one of its own.
fn commit_to(connection: &mut SqliteConnection, batch: Arc<Batch>) -> Result<Committed, CommitError> {
    commit::commit(connection, &commit::Prepared::new(batch)?)
}

/// A batch that reserves each of these seats, at version 1, for a booking of its own.
fn reservations(showtime_id: ShowtimeId, seats: std::ops::Range<u32>) -> Arc<Batch> {
    let (now, expires_at) = (Timestamp::from_millis(2), Timestamp::from_millis(3));
    let mut batch = Batch {
        showtime_id,
        fence: 0,
        recorded_at: now,
        events: Vec::new(),
        follows: None,
        listing: None,
        seats: Vec::new(),
        bookings: Vec::new(),
        idempotency: Vec::new(),
        traceparent: None,
    };
    for (event, seat) in seats.enumerate() {
        let (id, user_id) = (BookingId(Uuid::now_v7()), UserId::parse("ada").unwrap());
        let seat_ids = vec![SeatId::new(showtime_id, seat)];
        batch.events.push(Event::SeatsReserved {
            booking_id: id,
            seat_ids: seat_ids.clone(),
            user_id: user_id.clone(),
            expires_at,
            price: None,
            from_blocks: Vec::new(),
        });
        let (status, booking_id) = (SeatStatus::Reserved, Some(id));
        batch.seats.push(SeatChange { seat, expected_version: 1, status, booking_id, event });
        let booking = Booking {
            id,
            showtime_id,
            seat_ids,
            user_id,
            token: TokenHash([7; 32]),
            status: crate::domain::BookingStatus::Pending,
            reserved_at: now,
            expires_at,
            payment_reference: None,
            cancel_reason: None,
            refunded: Vec::new(),
            refused_payment: None,
            block: None,
            from_blocks: Vec::new(),
            version: 0,
            price: None,
        };
        batch.bookings.push(BookingChange { booking, expected_version: None, event });
    }
    Arc::new(batch)
}
