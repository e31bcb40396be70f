//! Reading the journal of events, and the outbox rows that point into it.

use std::sync::Arc;

use diesel::data_types::PgTimestamp;
use diesel::prelude::{ExpressionMethods, QueryDsl};
use diesel::sql_types::{Array, BigInt, Jsonb, Nullable, Text, Timestamptz, Untyped, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::domain::{EventRun, RecordedEvent, ShowtimeId};
use crate::write_store::OutboxEntry;
use crate::write_store::postgres::access::Call;
use crate::write_store::postgres::column::{Payload, from_int8, from_timestamptz, to_int8, to_limit};
use crate::write_store::postgres::failure::Failure;
use crate::write_store::postgres::schema::events;
use crate::write_store::postgres::statement::statement;

/// See [`crate::write_store::WriteStore::journal`].
pub(super) struct Journal {
    pub(super) id: ShowtimeId,
    pub(super) after: u64,
    pub(super) limit: usize,
}

impl Call for Journal {
    type Answer = Vec<RecordedEvent>;

    async fn run(&self, connection: &mut AsyncPgConnection) -> Result<Vec<RecordedEvent>, Failure> {
        events::table
            .filter(events::showtime_id.eq(self.id.0))
            .filter(events::sequence.gt(to_int8(self.after)?))
            .order(events::sequence)
            .limit(to_limit(self.limit))
            .select((events::sequence, events::recorded_at, events::payload))
            .load::<(i64, PgTimestamp, Payload)>(connection)
            .await?
            .into_iter()
            .map(|(sequence, recorded_at, Payload(event))| {
                Ok(RecordedEvent { sequence: from_int8(sequence)?, recorded_at: from_timestamptz(recorded_at), event })
            })
            .collect()
    }
}

/// Position, showtime, first and last sequence, trace, and the events' times and payloads in order of sequence.
type OutboxRow = (i64, Uuid, i64, i64, Option<String>, Vec<PgTimestamp>, Vec<Payload>);

statement! {
    /// The first outbox rows with their events. The subqueries reach the journal by its key, whatever the planner believes.
    OutboxRows -> (
        BigInt, SqlUuid, BigInt, BigInt, Nullable<Text>, Array<Timestamptz>, Array<Jsonb>
    ):
    "SELECT o.position, o.showtime_id, o.first_sequence, o.last_sequence, o.traceparent, \
     ARRAY(SELECT e.recorded_at FROM events e WHERE e.showtime_id = o.showtime_id \
     AND e.sequence BETWEEN o.first_sequence AND o.last_sequence ORDER BY e.sequence), \
     ARRAY(SELECT e.payload FROM events e WHERE e.showtime_id = o.showtime_id \
     AND e.sequence BETWEEN o.first_sequence AND o.last_sequence ORDER BY e.sequence) \
     FROM outbox o WHERE o.showtime_id <> ALL (" {except: Vec<Uuid> as Array<SqlUuid>} ") \
     ORDER BY o.position LIMIT " {limit: i64 as BigInt} ""
}

/// See [`crate::write_store::WriteStore::outbox`].
pub(super) struct Outbox {
    pub(super) limit: usize,
    pub(super) except: Vec<ShowtimeId>,
}

impl Call for Outbox {
    type Answer = Vec<OutboxEntry>;

    async fn run(&self, connection: &mut AsyncPgConnection) -> Result<Vec<OutboxEntry>, Failure> {
        let rows: Vec<OutboxRow> =
            OutboxRows { except: self.except.iter().map(|id| id.0).collect(), limit: to_limit(self.limit) }
                .load(connection)
                .await?;
        rows.into_iter().map(to_entry).collect()
    }
}

fn to_entry(row: OutboxRow) -> Result<OutboxEntry, Failure> {
    let (position, showtime, first, last, traceparent, times, payloads) = row;
    let showtime_id = ShowtimeId(showtime);
    let (first_sequence, last_sequence) = (from_int8(first)?, from_int8(last)?);
    let events: Vec<RecordedEvent> = (first_sequence..)
        .zip(times.into_iter().zip(payloads))
        .map(|(sequence, (time, Payload(event)))| RecordedEvent {
            sequence,
            recorded_at: from_timestamptz(time),
            event,
        })
        .collect();
    let found_last = events.last().map(|event| event.sequence);
    match EventRun::new(showtime_id, events) {
        Some(run) if found_last == Some(last_sequence) => Ok(OutboxEntry { position, run: Arc::new(run), traceparent }),
        _ => Err(Failure::Corrupt(format!(
            "the journal of showtime {showtime_id} lacks events of {first_sequence} to {last_sequence}, which outbox row {position} names"
        ))),
    }
}

statement! {
    /// Deletes outbox rows without waiting for the flush of the log: rows that come back after a crash are published again, which
    /// every consumer expects.
    DeleteConfirmed -> Untyped:
    "DELETE FROM outbox USING (SELECT set_config('synchronous_commit', 'off', true) OFFSET 0) unhurried WHERE position = ANY ("
    {positions: Vec<i64> as Array<BigInt>} ")"
}

/// See [`crate::write_store::WriteStore::outbox_confirmed`].
pub(super) struct OutboxConfirmed(pub(super) Vec<i64>);

impl Call for OutboxConfirmed {
    type Answer = ();

    async fn run(&self, connection: &mut AsyncPgConnection) -> Result<(), Failure> {
        DeleteConfirmed { positions: self.0.clone() }.execute(connection).await?;
        Ok(())
    }
}

/// See [`crate::write_store::WriteStore::outbox_depth`].
pub(super) struct OutboxDepth(pub(super) usize);

statement! {
    /// Counts outbox rows up to a limit.
    CountOutbox -> BigInt:
    "SELECT count(*) FROM (SELECT FROM outbox LIMIT " {limit: i64 as BigInt} ") o"
}

impl Call for OutboxDepth {
    type Answer = usize;

    async fn run(&self, connection: &mut AsyncPgConnection) -> Result<usize, Failure> {
        let counts: Vec<i64> = CountOutbox { limit: to_limit(self.0) }.load(connection).await?;
        let count = counts.as_slice().first().copied().unwrap_or_default();
        usize::try_from(count).map_err(|_sign| Failure::Corrupt(format!("{count} is no number of rows")))
    }
}
