//! Auditoriums: one row for each version, for good.

use diesel::RunQueryDsl;
use diesel::result::{DatabaseErrorKind, Error};
use diesel::sql_types::{BigInt, Binary, Text};
use diesel::sqlite::SqliteConnection;

use crate::domain::{AuditoriumId, Timestamp};
use crate::write_store::sqlite::columns::{count, number, small, unsigned, uuid};
use crate::write_store::sqlite::failure::{failed, failed_to};
use crate::write_store::sqlite::idempotency;
use crate::write_store::sqlite::statement::{Bind, Statement, statement};
use crate::write_store::{AuditoriumHead, CommitError, NewAuditorium, StoreError, StoredAuditorium};

statement!(
    Insert -> () = "
        INSERT INTO auditoriums (id, version, follows, seats_since, name, seat_count, place_count, recorded_at, plan)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
);

/// What [`HeadRow`] reads.
macro_rules! head_columns {
    () => {
        "id, version, seats_since, name, seat_count, place_count, recorded_at"
    };
}

type HeadColumns = (Binary, BigInt, BigInt, Text, BigInt, BigInt, BigInt);
type HeadRow = (Vec<u8>, i64, i64, String, i64, i64, i64);

statement!(
    Page -> HeadColumns = concat!(
        "SELECT ", head_columns!(), " FROM auditoriums a
            WHERE id > ? AND version = (SELECT max(version) FROM auditoriums b WHERE b.id = a.id) ORDER BY id LIMIT ?")
);

statement!(
    Latest -> HeadColumns = concat!(
        "SELECT ", head_columns!(), " FROM auditoriums WHERE id = ? ORDER BY version DESC LIMIT 1")
);

statement!(
    OneVersion -> HeadColumns = concat!("SELECT ", head_columns!(), " FROM auditoriums WHERE id = ? AND version = ?")
);

statement!(Plan -> Text = "SELECT plan FROM auditoriums WHERE id = ? AND version = ?");

statement!(CountAll -> BigInt = "SELECT count(*) FROM auditoriums WHERE version = 1");

/// The latest versions of auditoriums with an id above `after`, ascending.
pub(super) fn page(
    connection: &mut SqliteConnection,
    after: Option<AuditoriumId>,
    limit: usize,
) -> Result<Vec<AuditoriumHead>, StoreError> {
    // Every id is above the empty blob.
    let after = after.as_ref().map_or(&[][..], |id| id.0.as_bytes());
    let rows: Vec<HeadRow> =
        Page.with(&[Bind::Blob(after), count(limit)])
            .load(connection)
            .map_err(failed_to::<StoreError>("list the auditoriums"))?;
    rows.into_iter().map(head_of).collect()
}

/// A version without its plan.
pub(super) fn head(
    connection: &mut SqliteConnection,
    id: AuditoriumId,
    version: Option<u32>,
) -> Result<Option<AuditoriumHead>, StoreError> {
    let id = Bind::Blob(id.0.as_bytes());
    let rows: Vec<HeadRow> = match version {
        Some(version) => OneVersion.with(&[id, number(version.into())]).load(connection),
        None => Latest.with(&[id]).load(connection),
    }
    .map_err(failed_to::<StoreError>("find an auditorium"))?;
    rows.into_iter().next().map(head_of).transpose()
}

/// A version with its plan.
pub(super) fn stored(
    connection: &mut SqliteConnection,
    id: AuditoriumId,
    version: Option<u32>,
) -> Result<Option<StoredAuditorium>, StoreError> {
    let Some(head) = head(connection, id, version)? else { return Ok(None) };
    let plan = Plan
        .with(&[Bind::Blob(id.0.as_bytes()), number(head.version.into())])
        .get_result(connection)
        .map_err(failed_to::<StoreError>("read an auditorium's plan"))?;
    Ok(Some(StoredAuditorium { head, plan }))
}

/// The number of auditoriums.
pub(super) fn count_all(connection: &mut SqliteConnection) -> Result<u64, StoreError> {
    let counted =
        CountAll.with(&[]).get_result(connection).map_err(failed_to::<StoreError>("count the auditoriums"))?;
    unsigned(counted)
}

/// Records a version that is not there yet, after the one before it.
pub(super) fn record(connection: &mut SqliteConnection, new: &NewAuditorium) -> Result<(), CommitError> {
    if let Some(record) = &new.idempotency {
        idempotency::insert(connection, record, record.sequence)?;
    }
    let StoredAuditorium { head, plan } = &new.stored;
    let binds = [
        Bind::Blob(head.id.0.as_bytes()),
        number(head.version.into()),
        Bind::OptionalInteger((head.version > 1).then(|| i64::from(head.version) - 1)),
        number(head.seats_since.into()),
        Bind::Text(&head.name),
        number(head.seat_count.into()),
        number(head.place_count),
        Bind::Integer(head.recorded_at.as_millis()),
        Bind::Text(plan),
    ];
    Insert.with(&binds).execute(connection).map_err(|error| {
        let is_refused = matches!(
            &error,
            Error::DatabaseError(DatabaseErrorKind::UniqueViolation | DatabaseErrorKind::ForeignKeyViolation, _)
        );
        if is_refused { CommitError::Conflict } else { failed("record an auditorium", error).into() }
    })?;
    Ok(())
}

fn head_of(row: HeadRow) -> Result<AuditoriumHead, StoreError> {
    let (id, version, seats_since, name, seat_count, place_count, recorded_at) = row;
    Ok(AuditoriumHead {
        id: AuditoriumId(uuid(&id)?),
        version: small(version)?,
        seats_since: small(seats_since)?,
        name,
        seat_count: small(seat_count)?,
        place_count: unsigned(place_count)?,
        recorded_at: Timestamp::from_millis(recorded_at),
    })
}
