//! Which showtimes there are, which have changed, and their last sequences.

use diesel::data_types::PgTimestamp;
use diesel::prelude::{ExpressionMethods, QueryDsl};
use diesel::sql_types::{BigInt, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::domain::{ShowtimeId, Timestamp};
use crate::write_store::Head;
use crate::write_store::postgres::call::{Call, Share};
use crate::write_store::postgres::column::{from_int8, to_limit, to_timestamptz};
use crate::write_store::postgres::failure::Failure;
use crate::write_store::postgres::schema::showtimes;
use crate::write_store::postgres::statement::statement;

/// See [`crate::write_store::Journal::heads_page`].
pub(super) struct HeadsPage {
    pub(super) after: Option<ShowtimeId>,
    pub(super) limit: usize,
}

impl Call for HeadsPage {
    type Answer = Vec<Head>;

    fn share(&self) -> Share {
        Share::Reads
    }

    async fn run(&self, connection: &mut AsyncPgConnection) -> Result<Vec<Head>, Failure> {
        // Two queries instead of one with OR, which no index would serve. The nil id is a value like any other.
        let page = showtimes::table
            .order(showtimes::id)
            .limit(to_limit(self.limit))
            .select((showtimes::id, showtimes::sequence));
        let rows = match self.after {
            Some(after) => page.filter(showtimes::id.gt(after.0)).load::<(Uuid, i64)>(connection).await?,
            None => page.filter(showtimes::id.ge(Uuid::nil())).load::<(Uuid, i64)>(connection).await?,
        };
        to_heads(rows)
    }
}

/// See [`crate::write_store::Journal::heads`].
pub(super) struct Heads(pub(super) Vec<ShowtimeId>);

impl Call for Heads {
    type Answer = Vec<Head>;

    fn share(&self) -> Share {
        Share::Reads
    }

    async fn run(&self, connection: &mut AsyncPgConnection) -> Result<Vec<Head>, Failure> {
        let ids: Vec<Uuid> = self.0.iter().map(|id| id.0).collect();
        let rows = showtimes::table
            .filter(showtimes::id.eq_any(ids))
            .select((showtimes::id, showtimes::sequence))
            .load::<(Uuid, i64)>(connection)
            .await?;
        to_heads(rows)
    }
}

statement! {
    /// See the function's migration.
    ChangedShowtimes -> SqlUuid:
    "SELECT * FROM changed_showtimes(" {since: PgTimestamp as Timestamptz} ", " {limit: i64 as BigInt} ")"
}

/// See [`crate::write_store::Journal::changed`].
pub(super) struct Changed {
    pub(super) since: Timestamp,
    pub(super) limit: usize,
}

impl Call for Changed {
    type Answer = Vec<ShowtimeId>;

    fn share(&self) -> Share {
        Share::Reads
    }

    async fn run(&self, connection: &mut AsyncPgConnection) -> Result<Self::Answer, Failure> {
        let changed = ChangedShowtimes { since: to_timestamptz(self.since), limit: to_limit(self.limit) };
        let ids: Vec<Uuid> = changed.load(connection).await?;
        Ok(ids.into_iter().map(ShowtimeId).collect())
    }
}

fn to_heads(rows: Vec<(Uuid, i64)>) -> Result<Vec<Head>, Failure> {
    rows.into_iter().map(|(id, sequence)| Ok((ShowtimeId(id), from_int8(sequence)?))).collect()
}
