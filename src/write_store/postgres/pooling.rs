//! A pooler in front of PostgreSQL must give each session a server connection of its own: prepared statements, session limits and
//! the advisory locks of leadership and migrations rest on it.

use std::time::Duration;

use tokio_postgres::{Client, SimpleQueryMessage};

use crate::write_store::StoreError;
use crate::write_store::postgres::connection::Connector;
use crate::write_store::postgres::failure::unavailable_because;

/// How often the sessions are compared: a pooler that hands its server connections out in turn may give the same one twice.
const ROUNDS: usize = 3;
/// Longest time for the whole comparison.
const PATIENCE: Duration = Duration::from_secs(5);

/// Refuses a pooler that shares server connections between sessions, such as pgbouncer with `pool_mode = transaction`. One session
/// asks for its server process; a second one opens a transaction, which takes a server connection; if that is the same process, or
/// the first session has another one now, sessions are shared.
///
/// # Errors
/// [`StoreError::Unusable`] behind such a pooler, [`StoreError::Unavailable`] if PostgreSQL cannot be asked.
pub(super) async fn refuse_shared_sessions(connector: &Connector) -> Result<(), StoreError> {
    match tokio::time::timeout(PATIENCE, is_shared(connector)).await {
        Ok(Ok(false)) => Ok(()),
        Ok(Ok(true)) => Err(StoreError::Unusable(
            "PostgreSQL is reached through a pooler that shares server connections between sessions (pgbouncer: pool_mode = \
             transaction or statement). Turnstile needs sessions of its own: use pool_mode = session, or connect to PostgreSQL \
             directly"
                .to_owned(),
        )),
        Ok(Err(reason)) => Err(unavailable_because(format!("no connection to PostgreSQL: {reason}"))),
        Err(_elapsed) => Err(unavailable_because("PostgreSQL did not answer when it was asked for its sessions")),
    }
}

async fn is_shared(connector: &Connector) -> Result<bool, String> {
    let (first, second) = (connector.bare().await?, connector.bare().await?);
    for _ in 0..ROUNDS {
        let before = process(&first).await?;
        if let Err(error) = second.simple_query("BEGIN").await {
            // A pooler by statement answers so; a lost connection does not.
            return if error.as_db_error().is_some() { Ok(true) } else { Err(error.to_string()) };
        }
        if process(&second).await? == before || process(&first).await? != before {
            return Ok(true);
        }
        second.simple_query("ROLLBACK").await.map_err(|error| error.to_string())?;
    }
    Ok(false)
}

/// The server process that serves the session's next statement.
async fn process(client: &Client) -> Result<String, String> {
    // A simple query: a pooler by transaction may know no prepared statements.
    let messages = client.simple_query("SELECT pg_backend_pid()").await.map_err(|error| error.to_string())?;
    let pid = messages.iter().find_map(|message| {
        if let SimpleQueryMessage::Row(row) = message { row.get(0).map(str::to_owned) } else { None }
    });
    pid.ok_or_else(|| "the server did not tell its process".to_owned())
}
