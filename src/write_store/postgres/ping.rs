//! Is the server there, and does it take writes?

use std::time::Duration;

use diesel::sql_types::Bool;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::write_store::postgres::access::Call;
use crate::write_store::postgres::failure::Failure;
use crate::write_store::postgres::statement::statement;

statement! {
    /// Answers true on a primary that takes writes.
    IsWritable -> Bool:
    "SELECT NOT pg_is_in_recovery() AND NOT current_setting('transaction_read_only')::bool"
}

/// Asks for writability; a standby or a read-only server is a failure.
pub(super) struct Ping;

impl Call for Ping {
    type Answer = bool;

    async fn run(&self, connection: &mut AsyncPgConnection) -> Result<bool, Failure> {
        let answers: Vec<bool> = IsWritable {}.load(connection).await?;
        Ok(answers.contains(&true))
    }
}

/// True if the connection's session still answers within the time. An answer after an error proves that the error did not
/// end the session: what it was about is rolled back.
pub(super) async fn is_answering(connection: &mut AsyncPgConnection, within: Duration) -> bool {
    matches!(tokio::time::timeout(within, Ping.run(connection)).await, Ok(Ok(_)))
}
