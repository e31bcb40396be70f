//! Roles of one node in the cluster: a session lock in the database for each, on a connection of its own.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use diesel::sql_types::{BigInt, Bool};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::write_store::postgres::access::Access;
use crate::write_store::postgres::failure::{Failure, store_error, unavailable, unavailable_because};
use crate::write_store::postgres::ping::is_answering;
use crate::write_store::postgres::recent::Recent;
use crate::write_store::postgres::statement::statement;
use crate::write_store::{Leadership, Role, StoreError};

/// Names the relay's lock, and the sweeper's. Advisory locks are local to a database, so two installations on one server do not meet.
const RELAY_LOCK: i64 = 0x7475_726e_7374_6c01;
const SWEEPER_LOCK: i64 = 0x7475_726e_7374_6c03;

statement! {
    /// Takes the lock if nobody has it. It lives until the session ends.
    TryLock -> Bool:
    "SELECT pg_try_advisory_lock(" {key: i64 as BigInt} ")"
}

/// The lock, held as long as its session lives. Dropping it closes the connection, and the server frees the lock.
struct SessionLock {
    role: Role,
    /// `None` once a ping has failed: what was lost is never believed in again.
    connection: Option<AsyncPgConnection>,
    ping_timeout: Duration,
    recent: Arc<Recent>,
}

#[async_trait]
impl Leadership for SessionLock {
    async fn is_held(&mut self) -> bool {
        let Some(connection) = &mut self.connection else { return false };
        // The session has the lock until it ends, so an answer from it is proof.
        if is_answering(connection, self.ping_timeout).await {
            return true;
        }
        self.connection = None;
        self.tell(false);
        false
    }
}

impl SessionLock {
    /// What was committed is kept in memory for the relay only.
    fn tell(&self, leads: bool) {
        match self.role {
            Role::Relay => self.recent.lead(leads),
            Role::Sweeper => {}
        }
    }
}

impl Drop for SessionLock {
    fn drop(&mut self) {
        self.tell(false);
    }
}

/// See [`crate::write_store::Roles::lead`].
pub(super) async fn lead(
    access: &Access,
    role: Role,
    recent: Arc<Recent>,
) -> Result<Option<Box<dyn Leadership>>, StoreError> {
    let key = match role {
        Role::Relay => RELAY_LOCK,
        Role::Sweeper => SWEEPER_LOCK,
    };
    let connector = Arc::clone(access.connector());
    let ping_timeout = access.ping_timeout();
    let attempt = access.runtime().spawn(async move {
        let mut connection = connector
            .open()
            .await
            .map_err(|error| unavailable("no connection to PostgreSQL for a role's lock", error))?;
        let asked = tokio::time::timeout(ping_timeout, TryLock { key }.load::<bool>(&mut connection)).await;
        let taken = asked
            .map_err(|elapsed| unavailable("PostgreSQL did not answer for a role's lock", elapsed))?
            .map_err(|error| store_error(Failure::Database(error)))?;
        if taken.contains(&true) {
            let lock = SessionLock { role, connection: Some(connection), ping_timeout, recent };
            lock.tell(true);
            let leadership: Box<dyn Leadership> = Box::new(lock);
            Ok(Some(leadership))
        } else {
            Ok(None)
        }
    });
    attempt.await.unwrap_or_else(|error| Err(unavailable_because(format!("the attempt to lead ended: {error}"))))
}
