//! Loading a showtime for its owner, with or without raising the fence.

use std::sync::Arc;

use diesel::sql_types::{Array, BigInt, Integer, Json, Jsonb, Nullable, SmallInt, Text, Uuid as SqlUuid};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::domain::{
    Booking, BookingId, BookingStatus, Customers, Listing, SeatMap, SeatStatus, Showtime, ShowtimeFacts, ShowtimeId,
    Stored, UserId,
};
use crate::write_store::Loaded;
use crate::write_store::postgres::bookings::{BookingsById, to_bookings};
use crate::write_store::postgres::call::{Call, Share};
use crate::write_store::postgres::column::{BodyText, from_int8, from_seat_status, from_stamp};
use crate::write_store::postgres::failure::Failure;
use crate::write_store::postgres::statement::statement;

/// Rows, listing and stamp; sequence, fence, number of seats, the last seat's index, each seat's status and version in order of index, and the
/// bookings of reserved seats, repeated for each seat, and the live blocks.
type SeatsRow = (
    serde_json::Value,
    BodyText,
    i64,
    i64,
    i64,
    i32,
    Option<i32>,
    Option<Vec<i16>>,
    Option<Vec<i64>>,
    Option<Vec<Uuid>>,
);

statement! {
    /// A showtime with its seats as arrays: 100,000 seats are one row.
    ShowtimeSeats -> (
        Jsonb, Json, BigInt, BigInt, BigInt, Integer, Nullable<Integer>, Nullable<Array<SmallInt>>, Nullable<Array<BigInt>>,
        Nullable<Array<SqlUuid>>
    ):
    "SELECT t.rows, t.listing, t.stamp, t.sequence, t.fence, t.seat_count, s.last, s.statuses, s.versions, nullif(s.holders || ARRAY( \
     SELECT b.id FROM bookings b WHERE b.showtime_id = t.id AND b.status = 0 AND b.user_id = ''), '{}') \
     FROM showtimes t CROSS JOIN LATERAL \
     (SELECT max(o.seat) AS last, array_agg(o.status) AS statuses, array_agg(o.version) AS versions, \
     array_agg(o.booking_id) FILTER (WHERE o.status = 1) AS holders \
     FROM (SELECT seat, status, version, booking_id FROM seats WHERE showtime_id = t.id ORDER BY seat) o) s \
     WHERE t.id = " {id: Uuid as SqlUuid} ""
}

statement! {
    /// As [`ShowtimeSeats`], after voiding all commits that name an earlier fence and waiting for one in progress.
    TakeOver -> (
        Jsonb, Json, BigInt, BigInt, BigInt, Integer, Nullable<Integer>, Nullable<Array<SmallInt>>, Nullable<Array<BigInt>>,
        Nullable<Array<SqlUuid>>
    ):
    "SELECT o.* FROM take_over_with_rows(" {id: Uuid as SqlUuid} ") o"
}

statement! {
    /// The live bookings of a showtime's customers: id, customer, number of places.
    LivePlaces -> (SqlUuid, Text, Integer):
    "SELECT id, user_id, json_array_length(body -> 'seats') FROM bookings \
     WHERE showtime_id = " {showtime_id: Uuid as SqlUuid} " AND status IN (0, 1) AND user_id <> ''"
}

/// See [`crate::write_store::Journal::load`]. May be repeated: raising the fence twice is as good as once.
pub(super) struct LoadShowtime {
    pub(super) id: ShowtimeId,
    /// Raises the fence.
    pub(super) takes_over: bool,
}

impl Call for LoadShowtime {
    type Answer = Option<Loaded>;

    fn share(&self) -> Share {
        if self.takes_over { Share::Commands } else { Share::Reads }
    }

    fn is_told(&self, _loaded: &Option<Loaded>) -> bool {
        // Raising the fence is a commit of its own, after all that it reads.
        !self.takes_over
    }

    async fn run(&self, connection: &mut AsyncPgConnection) -> Result<Option<Loaded>, Failure> {
        // One statement sees one moment, and is enough for a showtime without pending bookings and without a limit for customers, as most
        // are that nobody has asked for.
        let Some(row) = self.seats(connection).await? else { return Ok(None) };
        let listing = to_listing(self.id, &row.1)?;
        if row.9.is_none() && listing.terms.places_per_customer.is_none() {
            return loaded((self.id, listing), row, Vec::new(), None).map(Some);
        }
        if self.takes_over {
            // Read committed: each statement after the row lock sees all that was committed before it, and nothing can be
            // committed after it. The wait for the lock is the wait for a commit still in flight.
            return connection.transaction(async |connection| self.with_pending(connection).await).await;
        }
        // One snapshot for all statements.
        connection
            .build_transaction()
            .repeatable_read()
            .read_only()
            .run(async |connection| self.with_pending(connection).await)
            .await
    }
}

impl LoadShowtime {
    async fn seats(&self, connection: &mut AsyncPgConnection) -> Result<Option<SeatsRow>, Failure> {
        let id = self.id.0;
        let rows: Vec<SeatsRow> = if self.takes_over {
            TakeOver { id }.load(connection).await?
        } else {
            ShowtimeSeats { id }.load(connection).await?
        };
        Ok(rows.into_iter().next())
    }

    async fn with_pending(&self, connection: &mut AsyncPgConnection) -> Result<Option<Loaded>, Failure> {
        let Some(row) = self.seats(connection).await? else { return Ok(None) };
        // Pending bookings are found by the seats they hold: ended ones, however many, are not touched.
        let mut ids = row.9.clone().unwrap_or_default();
        ids.sort_unstable();
        ids.dedup();
        let mut pending = to_bookings(BookingsById { ids }.load(connection).await?)?;
        pending.retain(|booking| booking.status == BookingStatus::Pending);
        let listing = to_listing(self.id, &row.1)?;
        let customers = match listing.terms.places_per_customer {
            None => None,
            Some(_) => Some(to_customers(LivePlaces { showtime_id: self.id.0 }.load(connection).await?)?),
        };
        loaded((self.id, listing), row, pending, customers).map(Some)
    }
}

fn loaded(
    (id, listing): (ShowtimeId, Listing),
    row: SeatsRow,
    pending: Vec<Booking>,
    customers: Option<Customers>,
) -> Result<Loaded, Failure> {
    let (rows, _listing, stamp, sequence, fence, seat_count, last_seat, statuses, versions, _holders) = row;
    let seats = to_seats(statuses.unwrap_or_default(), versions.unwrap_or_default())?;
    check_seats(id, seat_count, last_seat, seats.len())?;
    let facts = ShowtimeFacts { id, seat_map: Arc::new(to_seat_map(id, rows)?) };
    let (listing, sequence) = (Arc::new(listing), from_int8(sequence)?);
    let showtime = Showtime::restore(facts, Stored { listing, sequence, seats, pending, customers });
    Ok(Loaded { showtime, stamp: from_stamp(stamp), fence: from_int8(fence)? })
}

fn to_customers(rows: Vec<(Uuid, String, i32)>) -> Result<Customers, Failure> {
    let live = |(id, user, places): (Uuid, String, i32)| {
        let places = u32::try_from(places).map_err(|_sign| Failure::Corrupt(format!("{places} places are stored")))?;
        Ok((BookingId(id), UserId::stored(user), places))
    };
    rows.into_iter().map(live).collect()
}

/// `showtimes.rows`, read.
pub(super) fn to_seat_map(id: ShowtimeId, rows: serde_json::Value) -> Result<SeatMap, Failure> {
    serde_json::from_value(rows)
        .map_err(|error| Failure::Corrupt(format!("the rows of showtime {id} are unusable: {error}")))
}

/// `showtimes.listing`, read.
pub(super) fn to_listing(id: ShowtimeId, BodyText(text): &BodyText) -> Result<Listing, Failure> {
    serde_json::from_str(text)
        .map_err(|error| Failure::Corrupt(format!("the listing of showtime {id} is unusable: {error}")))
}

fn to_seats(statuses: Vec<i16>, versions: Vec<i64>) -> Result<Vec<(SeatStatus, u64)>, Failure> {
    statuses
        .into_iter()
        .zip(versions)
        .map(|(status, version)| Ok((from_seat_status(status)?, from_int8(version)?)))
        .collect()
}

/// The seats must be 0 to `seat_count - 1` without a gap: there are that many different ones, and the last has that index.
pub(super) fn check_seats(id: ShowtimeId, expected: i32, last: Option<i32>, found: usize) -> Result<(), Failure> {
    if usize::try_from(expected) == Ok(found) && last == expected.checked_sub(1) {
        Ok(())
    } else {
        Err(Failure::Corrupt(format!("showtime {id} has {found} seats up to {last:?} where {expected} belong")))
    }
}
