//! Ids of showtimes with their last sequences.

use diesel::prelude::{ExpressionMethods, QueryDsl};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::domain::ShowtimeId;
use crate::write_store::Head;
use crate::write_store::postgres::call::{Call, Share};
use crate::write_store::postgres::column::{from_int8, to_limit};
use crate::write_store::postgres::failure::Failure;
use crate::write_store::postgres::schema::showtimes;

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

fn to_heads(rows: Vec<(Uuid, i64)>) -> Result<Vec<Head>, Failure> {
    rows.into_iter().map(|(id, sequence)| Ok((ShowtimeId(id), from_int8(sequence)?))).collect()
}
