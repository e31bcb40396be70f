//! Connections: how the database file is opened, for the writer and for readers.

use diesel::Connection;
use diesel::connection::SimpleConnection;
use diesel::sqlite::SqliteConnection;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::write_store::StoreError;
use crate::write_store::sqlite::failure::{failed_to, unavailable};

/// The migrations, embedded when the program is built.
pub(super) const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

/// How to open connections.
#[derive(Clone, Debug)]
pub(super) struct Opener {
    /// The database file.
    pub(super) path: String,
    /// See [`super::Settings::busy_timeout_milliseconds`].
    pub(super) busy_timeout_milliseconds: u32,
    /// See [`super::Settings::page_cache_kibibytes`].
    pub(super) page_cache_kibibytes: u32,
}

impl Opener {
    /// A connection that may write: every commit is on the disk when it returns.
    pub(super) fn writer(&self) -> Result<SqliteConnection, StoreError> {
        let mut connection = self.open()?;
        // FULL: the log is synchronised at each commit; with NORMAL a loss of power could take acknowledged bookings along.
        // The size limit shortens the log again after a great transaction.
        let settings = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
            PRAGMA journal_size_limit = 67108864;";
        connection.batch_execute(settings).map_err(failed_to::<StoreError>("set up the database"))?;
        Ok(connection)
    }

    /// A connection that only reads, beside the writer.
    pub(super) fn reader(&self) -> Result<SqliteConnection, StoreError> {
        let mut connection = self.open()?;
        connection.batch_execute("PRAGMA query_only = ON;").map_err(failed_to::<StoreError>("set up a reader"))?;
        Ok(connection)
    }

    fn open(&self) -> Result<SqliteConnection, StoreError> {
        let mut connection = SqliteConnection::establish(&self.path).map_err(|error| StoreError::Unavailable {
            reason: format!("could not open {}: {error}", self.path),
            source: Some(Box::new(error)),
        })?;
        let Self { busy_timeout_milliseconds, page_cache_kibibytes, .. } = self;
        // The timeout first, so that it counts for what follows. A negative cache size is one in KiB.
        let settings = format!(
            "PRAGMA busy_timeout = {busy_timeout_milliseconds}; PRAGMA cache_size = -{page_cache_kibibytes};
             PRAGMA temp_store = MEMORY;"
        );
        connection.batch_execute(&settings).map_err(failed_to::<StoreError>("open the database"))?;
        Ok(connection)
    }
}

/// Brings the tables to this program's version.
pub(super) fn migrate(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let done = connection.run_pending_migrations(MIGRATIONS).map_err(|error| StoreError::Unavailable {
        reason: format!("could not migrate the database: {error}"),
        source: Some(error),
    })?;
    for version in done {
        tracing::info!(migration = %version, "migrated the database to {version}");
    }
    // A newer program may have left tables that this one does not know how to keep consistent.
    let known = diesel::migration::MigrationSource::<diesel::sqlite::Sqlite>::migrations(&MIGRATIONS)
        .map_err(|error| unavailable(format!("could not read the migrations: {error}")))?
        .len();
    let applied = connection
        .applied_migrations()
        .map_err(|error| unavailable(format!("could not read the database's version: {error}")))?
        .len();
    if applied > known {
        return Err(unavailable("the database was migrated by a newer version of turnstile"));
    }
    Ok(())
}
