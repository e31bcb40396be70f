//! Auditoriums: one row for each version, for good; a version is recorded with one statement.

use std::sync::Arc;

use diesel::data_types::PgTimestamp;
use diesel::prelude::{ExpressionMethods, QueryDsl};
use diesel::sql_types::{Array, BigInt, Binary, Integer, Json, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::domain::AuditoriumId;
use crate::write_store::postgres::access::Access;
use crate::write_store::postgres::call::{Call, Share};
use crate::write_store::postgres::column::{
    BodyText, JsonText, from_int4, from_int8, from_timestamptz, to_int8, to_limit, to_seat, to_timestamptz,
};
use crate::write_store::postgres::commit::record;
use crate::write_store::postgres::failure::{Failure, store_error};
use crate::write_store::postgres::schema::auditoriums;
use crate::write_store::postgres::statement::statement;
use crate::write_store::{AuditoriumHead, CommitError, NewAuditorium, StoreError, StoredAuditorium};

statement! {
    /// The version and the request's key, or neither. The key's parameters are null for a request without a key. A known key is told before a
    /// version that is there.
    RecordAuditorium -> Array<BigInt>:
    "WITH p AS NOT MATERIALIZED (SELECT "
        {id: Uuid as SqlUuid} " AS id, "
        {version: i32 as Integer} " AS version, "
        {follows: Option<i32> as Nullable<Integer>} " AS follows, "
        {seats_since: i32 as Integer} " AS seats_since, "
        {name: String as Text} " AS name, "
        {seat_count: i32 as Integer} " AS seat_count, "
        {place_count: i64 as BigInt} " AS place_count, "
        {recorded_at: PgTimestamp as Timestamptz} " AS recorded_at, "
        {plan: JsonText as Json} " AS plan, "
        {key_hash: Option<[u8; 32]> as Nullable<Binary>} " AS key_hash, "
        {key_fingerprint: Option<[u8; 32]> as Nullable<Binary>} " AS fingerprint, "
        {key_answer: Option<JsonText> as Nullable<Jsonb>} " AS answer, "
        {key_nonce: Option<[u8; 16]> as Nullable<Binary>} " AS nonce, "
        {key_recorded_at: Option<PgTimestamp> as Nullable<Timestamptz>} " AS key_recorded_at, "
        {key_sequence: Option<i64> as Nullable<BigInt>} " AS key_sequence),
    known AS (
        INSERT INTO idempotency (key_hash, fingerprint, answer, nonce, recorded_at, sequence)
        SELECT key_hash, fingerprint, answer, nonce, key_recorded_at, key_sequence FROM p WHERE key_hash IS NOT NULL
        RETURNING 1
    ),
    written AS (
        INSERT INTO auditoriums (id, version, follows, seats_since, name, seat_count, place_count, recorded_at, plan)
        SELECT id, version, follows, seats_since, name, seat_count, place_count, recorded_at, plan FROM p
        WHERE (SELECT count(*) FROM known) IS NOT NULL
        RETURNING version
    )
    SELECT ARRAY[version::int8] FROM written"
}

impl RecordAuditorium {
    fn of(new: &NewAuditorium) -> Result<Self, Failure> {
        let StoredAuditorium { head, plan } = &new.stored;
        let key = new.idempotency.as_ref();
        let version = to_seat(head.version)?;
        Ok(Self {
            id: head.id.0,
            version,
            follows: (version > 1).then_some(version - 1),
            seats_since: to_seat(head.seats_since)?,
            name: head.name.clone(),
            seat_count: to_seat(head.seat_count)?,
            place_count: to_int8(head.place_count)?,
            recorded_at: to_timestamptz(head.recorded_at),
            plan: JsonText::written(plan.clone()),
            key_hash: key.map(|record| record.key_hash),
            key_fingerprint: key.map(|record| record.fingerprint),
            key_answer: key.map(|record| JsonText::of(&record.answer)).transpose()?,
            key_nonce: key.map(|record| record.nonce),
            key_recorded_at: key.map(|record| to_timestamptz(record.recorded_at)),
            key_sequence: key.map(|record| to_int8(record.sequence)).transpose()?,
        })
    }
}

/// See [`crate::write_store::Auditoriums::record_auditorium`].
pub(super) async fn record_auditorium(access: &Access, new: Arc<NewAuditorium>) -> Result<(), CommitError> {
    record(access, move || RecordAuditorium::of(&new).map_err(store_error)).await
}

type HeadRow = (Uuid, i32, i32, String, i32, i64, PgTimestamp);

/// What [`HeadRow`] reads.
const HEAD: (
    auditoriums::id,
    auditoriums::version,
    auditoriums::seats_since,
    auditoriums::name,
    auditoriums::seat_count,
    auditoriums::place_count,
    auditoriums::recorded_at,
) = (
    auditoriums::id,
    auditoriums::version,
    auditoriums::seats_since,
    auditoriums::name,
    auditoriums::seat_count,
    auditoriums::place_count,
    auditoriums::recorded_at,
);

/// See [`crate::write_store::Auditoriums::auditoriums`].
pub(super) struct AuditoriumsPage {
    pub(super) after: Option<AuditoriumId>,
    pub(super) limit: usize,
}

impl Call for AuditoriumsPage {
    type Answer = Vec<AuditoriumHead>;

    fn share(&self) -> Share {
        Share::Reads
    }

    fn is_told(&self, heads: &Vec<AuditoriumHead>) -> bool {
        !heads.is_empty()
    }

    async fn run(&self, connection: &mut AsyncPgConnection) -> Result<Self::Answer, Failure> {
        let page = auditoriums::table
            .distinct_on(auditoriums::id)
            .order((auditoriums::id, auditoriums::version.desc()))
            .limit(to_limit(self.limit))
            .select(HEAD);
        let rows: Vec<HeadRow> = match self.after {
            Some(after) => page.filter(auditoriums::id.gt(after.0)).load(connection).await?,
            None => page.load(connection).await?,
        };
        rows.into_iter().map(to_head).collect()
    }
}

/// See [`crate::write_store::Auditoriums::auditorium_head`].
pub(super) struct FindHead {
    pub(super) id: AuditoriumId,
    pub(super) version: Option<u32>,
}

impl Call for FindHead {
    type Answer = Option<AuditoriumHead>;

    fn share(&self) -> Share {
        Share::Reads
    }

    fn is_told(&self, head: &Option<AuditoriumHead>) -> bool {
        head.is_some()
    }

    async fn run(&self, connection: &mut AsyncPgConnection) -> Result<Self::Answer, Failure> {
        let versions = auditoriums::table.filter(auditoriums::id.eq(self.id.0)).select(HEAD);
        let rows: Vec<HeadRow> = match self.version {
            // A number that no version can have finds none.
            Some(version) => {
                let version = i32::try_from(version).unwrap_or_default();
                versions.filter(auditoriums::version.eq(version)).load(connection).await?
            }
            None => versions.order(auditoriums::version.desc()).limit(1).load(connection).await?,
        };
        rows.into_iter().next().map(to_head).transpose()
    }
}

/// The plan of a version that is there. It never changes, so it may be read after its head.
struct ReadPlan {
    id: AuditoriumId,
    version: u32,
}

impl Call for ReadPlan {
    type Answer = String;

    fn share(&self) -> Share {
        Share::Reads
    }

    async fn run(&self, connection: &mut AsyncPgConnection) -> Result<String, Failure> {
        let row = auditoriums::table.find((self.id.0, to_seat(self.version)?)).select(auditoriums::plan);
        let BodyText(plan) = row.first(connection).await?;
        Ok(plan)
    }
}

/// See [`crate::write_store::Auditoriums::auditorium`].
pub(super) async fn find(access: &Access, find: FindHead) -> Result<Option<StoredAuditorium>, StoreError> {
    let id = find.id;
    let Some(head) = access.call(find).await? else { return Ok(None) };
    let plan = access.call(ReadPlan { id, version: head.version }).await?;
    Ok(Some(StoredAuditorium { head, plan }))
}

/// See [`crate::write_store::Auditoriums::auditorium_count`].
pub(super) struct CountAuditoriums;

impl Call for CountAuditoriums {
    type Answer = u64;

    fn share(&self) -> Share {
        Share::Reads
    }

    async fn run(&self, connection: &mut AsyncPgConnection) -> Result<u64, Failure> {
        let counted: i64 = auditoriums::table.filter(auditoriums::version.eq(1)).count().get_result(connection).await?;
        from_int8(counted)
    }
}

fn to_head(row: HeadRow) -> Result<AuditoriumHead, Failure> {
    let (id, version, seats_since, name, seat_count, place_count, recorded_at) = row;
    Ok(AuditoriumHead {
        id: AuditoriumId(id),
        version: from_int4(version)?,
        seats_since: from_int4(seats_since)?,
        name,
        seat_count: from_int4(seat_count)?,
        place_count: from_int8(place_count)?,
        recorded_at: from_timestamptz(recorded_at),
    })
}
