//! Bringing the database to this program's schema.

use std::time::Duration;

use diesel::sql_types::{BigInt, Bool};
use diesel_async::async_connection_wrapper::AsyncConnectionWrapper;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::write_store::StoreError;
use crate::write_store::postgres::connection::Connector;
use crate::write_store::postgres::failure::{Failure, store_error, unavailable, unavailable_because};
use crate::write_store::postgres::pooling::refuse_shared_sessions;
use crate::write_store::postgres::statement::statement;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/postgres");
/// Names the migrations' lock, within one database.
const MIGRATION_LOCK: i64 = 0x7475_726e_7374_6c02;
/// Longest wait for another node that migrates, and for any lock a migration needs.
const LOCK_TIMEOUT: Duration = Duration::from_mins(2);

statement! {
    /// Waits for the lock; it lives until the session ends.
    Lock -> Bool:
    "SELECT pg_advisory_lock(" {key: i64 as BigInt} ") IS NOT NULL"
}

/// Runs the migrations that the database does not have yet; returns how many. Any number of nodes may call it at once: one
/// migrates, the others wait up to two minutes and find nothing left to do.
///
/// # Errors
/// [`StoreError::Unavailable`] if the server cannot be reached or the lock is not got; [`StoreError::Unusable`] if the URL cannot be
/// used or a pooler shares sessions, which would leave the lock behind; [`StoreError::Corrupt`] if a migration fails (each migration
/// is one transaction, so the database is then at the one before).
pub async fn migrate(url: &str) -> Result<usize, StoreError> {
    let connector = Connector::for_migrations(url, LOCK_TIMEOUT)?;
    refuse_shared_sessions(&connector).await?;
    let mut connection =
        connector.open().await.map_err(|error| unavailable("no connection to PostgreSQL for the migrations", error))?;
    Lock { key: MIGRATION_LOCK }
        .load::<bool>(&mut connection)
        .await
        .map_err(|error| store_error(Failure::Database(error)))?;
    // Diesel's migrations are synchronous: the wrapper blocks its thread, which must not be one that runs futures.
    let applied = tokio::task::spawn_blocking(move || run_pending(connection))
        .await
        .map_err(|error| unavailable_because(format!("the migrations were interrupted: {error}")))??;
    Ok(applied)
}

fn run_pending(connection: AsyncPgConnection) -> Result<usize, StoreError> {
    let mut connection: AsyncConnectionWrapper<AsyncPgConnection> = connection.into();
    let versions = connection
        .run_pending_migrations(MIGRATIONS)
        .map_err(|error| StoreError::Corrupt(format!("a migration failed: {error}")))?;
    for version in &versions {
        tracing::info!(migration = %version, "applied migration {version} to PostgreSQL");
    }
    Ok(versions.len())
}
