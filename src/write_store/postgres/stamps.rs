//! Stamps of the journal's events: what a view or a cache holds is compared with the journal by them.

use diesel::sql_types::{Array, BigInt, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::domain::{ShowtimeId, Stamp};
use crate::write_store::Head;
use crate::write_store::postgres::call::Call;
use crate::write_store::postgres::column::{from_int8, from_stamp, to_int8};
use crate::write_store::postgres::failure::Failure;
use crate::write_store::postgres::statement::statement;

statement! {
    /// The commits at these places: sequence asked for, last sequence, last stamp. The subquery reaches the journal by its key, whatever
    /// the planner believes.
    CommitsAt -> (SqlUuid, BigInt, BigInt, BigInt):
    "SELECT p.showtime_id, p.sequence, j.last_sequence, j.stamp \
     FROM unnest(" {showtimes: Vec<Uuid> as Array<SqlUuid>} ", " {sequences: Vec<i64> as Array<BigInt>}
    ") AS p (showtime_id, sequence) CROSS JOIN LATERAL \
     (SELECT * FROM journal WHERE showtime_id = p.showtime_id AND last_sequence >= p.sequence \
     ORDER BY last_sequence LIMIT 1) j WHERE j.first_sequence <= p.sequence"
}

/// See [`crate::write_store::Journal::stamps`].
pub(super) struct Stamps(pub(super) Vec<Head>);

impl Call for Stamps {
    type Answer = Vec<(Head, Stamp)>;

    async fn run(&self, connection: &mut AsyncPgConnection) -> Result<Self::Answer, Failure> {
        if self.0.is_empty() {
            return Ok(Vec::new());
        }
        let commits = CommitsAt {
            showtimes: self.0.iter().map(|(id, _)| id.0).collect(),
            sequences: self.0.iter().map(|(_, sequence)| to_int8(*sequence)).collect::<Result<_, _>>()?,
        };
        let rows: Vec<(Uuid, i64, i64, i64)> = commits.load(connection).await?;
        rows.into_iter()
            .map(|(id, sequence, last_sequence, stamp)| {
                let (sequence, last_sequence) = (from_int8(sequence)?, from_int8(last_sequence)?);
                Ok(((ShowtimeId(id), sequence), from_stamp(stamp).before(last_sequence.saturating_sub(sequence))))
            })
            .collect()
    }
}
