//! Showtimes: scheduled, loaded, fenced and audited as a whole.

use std::sync::Arc;

use diesel::RunQueryDsl;
use diesel::sql_types::{BigInt, Binary, Text};
use diesel::sqlite::SqliteConnection;

use crate::domain::{Listing, SeatMap, Showtime, ShowtimeFacts, ShowtimeId, Stamp, Stored};
use crate::write_store::sqlite::columns::{bits, count, hex_id, json, showtime_id, stamp, unsigned};
use crate::write_store::sqlite::failure::{corrupt, failed_to, refused_or_failed_to};
use crate::write_store::sqlite::statement::{Bind, Statement, statement};
use crate::write_store::sqlite::{bookings, idempotency, journal, outbox, seats};
use crate::write_store::{Audit, CommitError, Head, Loaded, NewShowtime, StoreError, Totals};

statement!(
    InsertShowtime -> () = "
        INSERT INTO showtimes (id, listing, rows, seat_count, created_at, sequence, fence, follows, stamp)
        VALUES (?, ?, ?, ?, ?, 1, 0, 0, ?)"
);

statement!(RaiseFence -> BigInt = "UPDATE showtimes SET fence = fence + 1 WHERE id = ? RETURNING fence");

statement!(
    ReadShowtime -> (BigInt, BigInt, BigInt, BigInt, Text, Text) = "
        SELECT sequence, stamp, fence, seat_count, listing, rows FROM showtimes WHERE id = ?"
);

statement!(
    HeadsWithIds -> (Binary, BigInt) = "
        SELECT id, sequence FROM showtimes WHERE id IN (SELECT unhex(value) FROM json_each(?))"
);

statement!(HeadsPage -> (Binary, BigInt) = "SELECT id, sequence FROM showtimes WHERE id > ? ORDER BY id LIMIT ?");

statement!(CountAll -> (BigInt, BigInt) = "SELECT count(*), coalesce(sum(seat_count), 0) FROM showtimes");

/// Creates the showtime with its seats, first event and outbox row. A known idempotency key is told before a taken id: the
/// same request repeated finds both.
pub(super) fn schedule(connection: &mut SqliteConnection, new: &NewShowtime) -> Result<(), CommitError> {
    let NewShowtime { id, listing, seat_map, recorded_at, idempotency } = new;
    if let Some(record) = idempotency {
        idempotency::insert(connection, record, record.sequence)?;
    }
    let (listing, rows, stamp) = (json(listing)?, json(seat_map)?, Stamp(rand::random()));
    let binds = [
        Bind::Blob(id.0.as_bytes()),
        Bind::Text(&listing),
        Bind::Text(&rows),
        Bind::Integer(i64::from(seat_map.seat_count())),
        Bind::Integer(recorded_at.as_millis()),
        bits(stamp),
    ];
    InsertShowtime
        .with(&binds)
        .execute(connection)
        .map_err(refused_or_failed_to("schedule the showtime", CommitError::Conflict))?;
    seats::insert(connection, *id, 0..i64::from(seat_map.seat_count()))?;
    let (sequences, events) = ((1, 1), json(&[new.event()])?);
    let row = journal::Row { sequences, recorded_at: *recorded_at, follows: Stamp::default(), stamp, events: &events };
    journal::insert(connection, *id, &row)?;
    outbox::insert(connection, *id, (1, 1), None)
}

/// Raises the fence; `None` if there is no such showtime.
pub(super) fn raise_fence(connection: &mut SqliteConnection, id: ShowtimeId) -> Result<Option<u64>, StoreError> {
    let fence: Vec<i64> = RaiseFence.with(&[Bind::Blob(id.0.as_bytes())]).load(connection).map_err(failed_to::<
        StoreError,
    >(
        "raise the fence",
    ))?;
    fence.first().copied().map(unsigned).transpose()
}

/// The showtime for an owner; `None` if there is none.
pub(super) fn load(connection: &mut SqliteConnection, id: ShowtimeId) -> Result<Option<Loaded>, StoreError> {
    let Some(Row { sequence, stamp, fence, seat_count, facts, listing }) = read(connection, id)? else {
        return Ok(None);
    };
    let seats = seats::statuses(connection, id, seat_count)?;
    let pending = bookings::pending(connection, id)?;
    let customers = match listing.terms.places_per_customer {
        None => None,
        Some(_) => Some(bookings::customers(connection, id)?),
    };
    let stored = Stored { listing: Arc::new(listing), sequence, seats, pending, customers };
    Ok(Some(Loaded { showtime: Showtime::restore(facts, stored), stamp, fence }))
}

/// The showtime's whole write model; `None` if there is none.
pub(super) fn audit(connection: &mut SqliteConnection, id: ShowtimeId) -> Result<Option<Audit>, StoreError> {
    let Some(Row { sequence, seat_count, listing, facts, .. }) = read(connection, id)? else {
        return Ok(None);
    };
    Ok(Some(Audit {
        sequence,
        listing,
        seat_map: Arc::unwrap_or_clone(facts.seat_map),
        seats: seats::whole(connection, id, seat_count)?,
        bookings: bookings::of_showtime(connection, id)?,
    }))
}

/// The last sequences of these showtimes.
pub(super) fn heads(connection: &mut SqliteConnection, ids: &[ShowtimeId]) -> Result<Vec<Head>, StoreError> {
    let ids = json(&ids.iter().map(|id| hex_id(id.0)).collect::<Vec<_>>())?;
    let rows = HeadsWithIds.with(&[Bind::Text(&ids)]).load(connection);
    read_heads(&rows.map_err(failed_to::<StoreError>("find heads"))?)
}

/// Showtimes with an id above `after`, ascending.
pub(super) fn heads_page(
    connection: &mut SqliteConnection,
    after: Option<ShowtimeId>,
    limit: usize,
) -> Result<Vec<Head>, StoreError> {
    // Every id is above the empty blob.
    let after = after.as_ref().map_or(&[][..], |id| id.0.as_bytes());
    let rows = HeadsPage.with(&[Bind::Blob(after), count(limit)]).load(connection);
    read_heads(&rows.map_err(failed_to::<StoreError>("read the heads"))?)
}

/// The number of all showtimes and of all seats.
pub(super) fn totals(connection: &mut SqliteConnection) -> Result<Totals, StoreError> {
    let (counted, seats): (i64, i64) =
        CountAll.with(&[]).get_result(connection).map_err(failed_to::<StoreError>("count the showtimes"))?;
    Ok(Totals { showtimes: unsigned(counted)?, seats: unsigned(seats)? })
}

fn read_heads(rows: &[(Vec<u8>, i64)]) -> Result<Vec<Head>, StoreError> {
    rows.iter().map(|(id, sequence)| Ok((showtime_id(id)?, unsigned(*sequence)?))).collect()
}

struct Row {
    sequence: u64,
    stamp: Stamp,
    fence: u64,
    seat_count: i64,
    facts: ShowtimeFacts,
    listing: Listing,
}

fn read(connection: &mut SqliteConnection, id: ShowtimeId) -> Result<Option<Row>, StoreError> {
    let rows: Vec<(i64, i64, i64, i64, String, String)> = ReadShowtime
        .with(&[Bind::Blob(id.0.as_bytes())])
        .load(connection)
        .map_err(failed_to::<StoreError>("read the showtime"))?;
    let Some((sequence, last_stamp, fence, seat_count, listing, rows)) = rows.into_iter().next() else {
        return Ok(None);
    };
    let seat_map: SeatMap = serde_json::from_str(&rows).map_err(corrupt)?;
    let facts = ShowtimeFacts { id, seat_map: Arc::new(seat_map) };
    let listing = serde_json::from_str(&listing).map_err(corrupt)?;
    let (sequence, fence) = (unsigned(sequence)?, unsigned(fence)?);
    Ok(Some(Row { sequence, stamp: stamp(last_stamp), fence, seat_count, facts, listing }))
}
