//! The number of all showtimes and of all seats.

use diesel::QueryDsl;
use diesel::dsl::{count_star, sum};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::write_store::Totals;
use crate::write_store::postgres::call::{Call, Share};
use crate::write_store::postgres::column::from_int8;
use crate::write_store::postgres::failure::Failure;
use crate::write_store::postgres::schema::showtimes;

/// See [`crate::write_store::Journal::totals`].
pub(super) struct CountAll;

impl Call for CountAll {
    type Answer = Totals;

    fn share(&self) -> Share {
        Share::Reads
    }

    async fn run(&self, connection: &mut AsyncPgConnection) -> Result<Totals, Failure> {
        let (counted, seats): (i64, Option<i64>) =
            showtimes::table.select((count_star(), sum(showtimes::seat_count))).first(connection).await?;
        Ok(Totals { showtimes: from_int8(counted)?, seats: from_int8(seats.unwrap_or_default())? })
    }
}
