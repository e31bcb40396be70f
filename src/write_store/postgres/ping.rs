//! Is the server there, does it take writes, and what time is it there?

use std::time::Duration;

use diesel::data_types::PgTimestamp;
use diesel::sql_types::{Bool, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use tokio::time::Instant;

use crate::write_store::Moment;
use crate::write_store::postgres::call::Call;
use crate::write_store::postgres::column::from_timestamptz;
use crate::write_store::postgres::failure::Failure;
use crate::write_store::postgres::statement::statement;

statement! {
    /// Answers true on a primary that takes writes, and the server's time.
    IsWritable -> (Bool, Timestamptz):
    "SELECT NOT pg_is_in_recovery() AND NOT current_setting('transaction_read_only')::bool, clock_timestamp()"
}

/// Asks for writability and the time; `None` from a standby or a read-only server.
pub(super) struct Ping;

impl Call for Ping {
    type Answer = Option<Moment>;

    async fn run(&self, connection: &mut AsyncPgConnection) -> Result<Option<Moment>, Failure> {
        let asked = Instant::now();
        let answers: Vec<(bool, PgTimestamp)> = IsWritable {}.load(connection).await?;
        let answered = Instant::now();
        let writable = answers.into_iter().find(|(writable, _)| *writable);
        Ok(writable.map(|(_, now)| Moment { now: from_timestamptz(now), asked, answered }))
    }
}

/// True if the connection's session still answers within the time. An answer after an error proves that the error did not
/// end the session: what it was about is rolled back.
pub(super) async fn is_answering(connection: &mut AsyncPgConnection, within: Duration) -> bool {
    matches!(tokio::time::timeout(within, Ping.run(connection)).await, Ok(Ok(_)))
}
