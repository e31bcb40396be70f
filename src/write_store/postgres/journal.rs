//! Reading the journal of events, and the outbox rows that point into it.

use std::sync::Arc;

use diesel::data_types::PgTimestamp;
use diesel::sql_types::{Array, BigInt, Json, Nullable, Text, Timestamptz, Untyped, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::domain::{EventRun, RecordedEvent, ShowtimeId, Timestamp, recorded};
use crate::write_store::OutboxEntry;
use crate::write_store::postgres::call::{Call, Share};
use crate::write_store::postgres::column::{Events, from_int8, from_stamp, from_timestamptz, to_int8, to_limit};
use crate::write_store::postgres::failure::Failure;
use crate::write_store::postgres::recent::Recent;
use crate::write_store::postgres::statement::statement;

/// See [`crate::write_store::Journal::journal`].
pub(super) struct JournalPage {
    pub(super) id: ShowtimeId,
    pub(super) after: u64,
    pub(super) limit: usize,
    pub(super) share: Share,
}

impl Call for JournalPage {
    type Answer = Vec<RecordedEvent>;

    fn share(&self) -> Share {
        self.share
    }

    fn is_told(&self, events: &Vec<RecordedEvent>) -> bool {
        !events.is_empty()
    }

    async fn run(&self, connection: &mut AsyncPgConnection) -> Result<Vec<RecordedEvent>, Failure> {
        let after = to_int8(self.after)?;
        let rows: Vec<CommitRow> =
            CommitsAfter { showtime_id: self.id.0, after, limit: to_limit(self.limit) }.load(connection).await?;
        let mut events = Vec::new();
        for row in rows {
            events.extend(to_events(row)?.filter(|event| event.sequence > self.after));
        }
        events.truncate(self.limit);
        Ok(events)
    }
}

/// First sequence, time, the stamp that it follows, its last stamp, events.
type CommitRow = (i64, PgTimestamp, i64, i64, Events);

statement! {
    /// A showtime's commits with events after a sequence, in order, as far as they begin among the first `limit` events.
    CommitsAfter -> (BigInt, Timestamptz, BigInt, BigInt, Json):
    "SELECT j.first_sequence, j.recorded_at, j.follows, j.stamp, j.events \
     FROM (SELECT " {showtime_id: Uuid as SqlUuid} " AS showtime_id, " {after: i64 as BigInt} " AS after, " {limit: i64 as BigInt} " AS most) p \
     CROSS JOIN LATERAL (SELECT * FROM journal WHERE showtime_id = p.showtime_id AND last_sequence > p.after \
     ORDER BY last_sequence LIMIT p.most) j \
     WHERE j.first_sequence - p.after <= p.most ORDER BY j.last_sequence"
}

fn to_events(row: CommitRow) -> Result<impl Iterator<Item = RecordedEvent>, Failure> {
    let (first, recorded_at, follows, stamp, Events(events)) = row;
    let start = (from_int8(first)?, from_timestamptz(recorded_at));
    Ok(recorded(start, (from_stamp(follows), from_stamp(stamp)), events))
}

/// Position, showtime, first and last sequence, trace.
type OutboxRow = (i64, Uuid, i64, i64, Option<String>);

statement! {
    /// The first outbox rows.
    OutboxRows -> (BigInt, SqlUuid, BigInt, BigInt, Nullable<Text>):
    "SELECT position, showtime_id, first_sequence, last_sequence, traceparent FROM outbox \
     WHERE showtime_id <> ALL (" {except: Vec<Uuid> as Array<SqlUuid>} ") ORDER BY position LIMIT " {limit: i64 as BigInt} ""
}

statement! {
    /// The commits of spans of events, in order. The subquery reaches the journal by its key, whatever the planner believes.
    CommitsIn -> (BigInt, BigInt, Timestamptz, BigInt, BigInt, Json):
    "SELECT u.number, j.first_sequence, j.recorded_at, j.follows, j.stamp, j.events \
     FROM unnest(" {showtimes: Vec<Uuid> as Array<SqlUuid>} ", " {firsts: Vec<i64> as Array<BigInt>} ", "
     {lasts: Vec<i64> as Array<BigInt>} ") WITH ORDINALITY AS u (showtime_id, first, last, number) CROSS JOIN LATERAL \
     (SELECT * FROM journal WHERE showtime_id = u.showtime_id AND last_sequence BETWEEN u.first AND u.last OFFSET 0) j \
     ORDER BY u.number, j.last_sequence"
}

/// See [`crate::write_store::Outbox::outbox`]. One round trip; a second one if events have to be read from the journal.
pub(super) struct OutboxPage {
    pub(super) limit: usize,
    pub(super) except: Vec<ShowtimeId>,
    pub(super) recent: Arc<Recent>,
}

/// Unconfirmed rows.
pub(super) struct Unconfirmed {
    pub(super) entries: Vec<OutboxEntry>,
    /// Some were not known here from an answered commit.
    read_back: bool,
}

impl Call for OutboxPage {
    type Answer = Unconfirmed;

    fn is_told(&self, unconfirmed: &Unconfirmed) -> bool {
        unconfirmed.read_back
    }

    async fn run(&self, connection: &mut AsyncPgConnection) -> Result<Unconfirmed, Failure> {
        let except = self.except.iter().map(|id| id.0).collect();
        let rows: Vec<OutboxRow> = OutboxRows { except, limit: to_limit(self.limit) }.load(connection).await?;
        let mut missing = Vec::new();
        let mut entries = Vec::with_capacity(rows.len());
        for (position, showtime, first, last, traceparent) in rows {
            let span = Span { showtime: ShowtimeId(showtime), first: from_int8(first)?, last: from_int8(last)? };
            let known = self.recent.take(span.showtime, span.first, span.last);
            if known.is_none() {
                missing.push(span);
            }
            entries.push((position, known, traceparent));
        }
        let read_back = !missing.is_empty();
        let mut read = read_runs(&missing, connection).await?.into_iter();
        let entries = entries.into_iter().map(|(position, known, traceparent)| {
            let lacking = || Failure::Corrupt(format!("no answer about the events of outbox row {position}"));
            let run = known.or_else(|| read.next()).ok_or_else(lacking)?;
            Ok(OutboxEntry { position, run, traceparent })
        });
        Ok(Unconfirmed { entries: entries.collect::<Result<_, Failure>>()?, read_back })
    }
}

/// Which run of events: its showtime, first and last sequence.
struct Span {
    showtime: ShowtimeId,
    first: u64,
    last: u64,
}

/// The runs, in the order of `spans`.
async fn read_runs(spans: &[Span], connection: &mut AsyncPgConnection) -> Result<Vec<EventRun>, Failure> {
    if spans.is_empty() {
        return Ok(Vec::new());
    }
    let runs = CommitsIn {
        showtimes: spans.iter().map(|span| span.showtime.0).collect(),
        firsts: spans.iter().map(|span| to_int8(span.first)).collect::<Result<_, _>>()?,
        lasts: spans.iter().map(|span| to_int8(span.last)).collect::<Result<_, _>>()?,
    };
    let read: Vec<(i64, i64, PgTimestamp, i64, i64, Events)> = runs.load(connection).await?;
    let mut read = read.into_iter().peekable();
    (1..)
        .zip(spans)
        .map(|(number, Span { showtime, first, last })| {
            let mut events = Vec::new();
            while let Some((_, first, recorded_at, follows, stamp, run)) = read.next_if(|row| row.0 == number) {
                events.extend(to_events((first, recorded_at, follows, stamp, run))?);
            }
            let run = EventRun::new(*showtime, events);
            run.filter(|run| (run.first_sequence(), run.last_sequence()) == (*first, *last)).ok_or_else(|| {
                Failure::Corrupt(format!(
                    "the journal of showtime {showtime} lacks events of {first} to {last}, which an outbox row names"
                ))
            })
        })
        .collect()
}

statement! {
    /// Deletes outbox rows without waiting for the flush of the log: rows that come back after a crash are published again, which
    /// every consumer expects.
    DeleteConfirmed -> Untyped:
    "DELETE FROM outbox USING (SELECT set_config('synchronous_commit', 'off', true) OFFSET 0) unhurried WHERE position = ANY ("
    {positions: Vec<i64> as Array<BigInt>} ")"
}

/// See [`crate::write_store::Outbox::outbox_confirmed`].
pub(super) struct OutboxConfirmed(pub(super) Vec<i64>);

impl Call for OutboxConfirmed {
    type Answer = ();

    async fn run(&self, connection: &mut AsyncPgConnection) -> Result<(), Failure> {
        DeleteConfirmed { positions: self.0.clone() }.execute(connection).await?;
        Ok(())
    }
}

/// See [`crate::write_store::Outbox::outbox_depth`].
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

/// See [`crate::write_store::Outbox::outbox_oldest`].
pub(super) struct OutboxOldest;

statement! {
    /// The time of the first outbox row's first event.
    FirstRow -> Timestamptz:
    "SELECT j.recorded_at FROM (SELECT showtime_id, first_sequence FROM outbox ORDER BY position LIMIT 1) o CROSS JOIN LATERAL \
     (SELECT recorded_at FROM journal WHERE showtime_id = o.showtime_id AND last_sequence >= o.first_sequence \
     ORDER BY last_sequence LIMIT 1) j"
}

impl Call for OutboxOldest {
    type Answer = Option<Timestamp>;

    fn share(&self) -> Share {
        Share::Reads
    }

    async fn run(&self, connection: &mut AsyncPgConnection) -> Result<Option<Timestamp>, Failure> {
        let times: Vec<PgTimestamp> = FirstRow {}.load(connection).await?;
        Ok(times.into_iter().next().map(from_timestamptz))
    }
}
