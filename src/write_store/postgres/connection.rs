//! Opening connections: one host after the other, each within its own time, TLS, keepalive and the session's own limits.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use diesel::sql_types::Bool;
use diesel::{ConnectionError, ConnectionResult};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use tokio_postgres::config::TargetSessionAttrs;
use tokio_postgres::{CancelToken, Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::write_store::StoreError;
use crate::write_store::postgres::Settings;
use crate::write_store::postgres::address::Address;
use crate::write_store::postgres::statement::statement;

statement! {
    /// Do commits wait for a standby?
    WaitsForStandby -> Bool:
    "SELECT current_setting('synchronous_standby_names') <> ''"
}

/// What every session is told first. A commit waits for a synchronous standby if there is one; a database that asks for more
/// (`remote_apply`) keeps it.
const DURABLE: &str = "SELECT set_config('synchronous_commit', 'on', false) \
                       WHERE current_setting('synchronous_commit') NOT IN ('on', 'remote_apply')";

/// Opens connections to one database, to the first host that takes writes. Each has its own task on the runtime that is current
/// when it is opened.
pub(super) struct Connector {
    hosts: Vec<Config>,
    /// The host that took the last connection. It is asked first, so that one that swallows everything costs its limit once.
    preferred: AtomicUsize,
    tls: Option<MakeRustlsConnect>,
    session: String,
    /// For one host, from the first packet to a session that is set up.
    connect_timeout: Duration,
    waits_for_standby: AtomicBool,
}

impl Connector {
    /// For the store's own work, under its limits.
    pub(super) fn new(url: &str, settings: &Settings) -> Result<Self, StoreError> {
        let mut address = Address::parse(url)?;
        for host in &mut address.hosts {
            host.application_name("turnstile")
                .target_session_attrs(TargetSessionAttrs::ReadWrite)
                .connect_timeout(settings.connect_timeout())
                .keepalives(true)
                .keepalives_idle(Duration::from_secs(settings.keepalive_seconds))
                .keepalives_interval(Duration::from_secs(settings.keepalive_seconds.div_ceil(3).max(1)))
                .keepalives_retries(3)
                .tcp_user_timeout(Duration::from_millis(settings.tcp_user_timeout_milliseconds));
        }
        // One plan for each statement and session, made from its text alone; no sequential scan where there is an index, and no join but
        // the one that looks each row up: a plan made while a table was small must not outlive its smallness.
        let session = format!(
            "{DURABLE}; SET statement_timeout = {}; SET lock_timeout = {}; SET idle_in_transaction_session_timeout = {}; \
             SET default_transaction_isolation = 'read committed'; SET plan_cache_mode = force_generic_plan; \
             SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_material = off; \
             SET enable_memoize = off",
            settings.statement_timeout_milliseconds,
            settings.lock_timeout_milliseconds,
            settings.idle_in_transaction_timeout_milliseconds
        );
        Ok(Self {
            hosts: address.hosts,
            preferred: AtomicUsize::new(0),
            tls: address.tls,
            session,
            connect_timeout: settings.connect_timeout(),
            waits_for_standby: AtomicBool::new(false),
        })
    }

    /// For migrations: statements may take as long as they need, waiting for a lock may take `lock_timeout`.
    pub(super) fn for_migrations(url: &str, lock_timeout: Duration) -> Result<Self, StoreError> {
        let mut connector = Self::new(url, &Settings::default())?;
        connector.session =
            format!("{DURABLE}; SET statement_timeout = 0; SET lock_timeout = {}", lock_timeout.as_millis());
        Ok(connector)
    }

    /// Opens a connection to the first host that takes writes. Each host has the connect timeout for itself.
    pub(super) async fn open(&self) -> ConnectionResult<AsyncPgConnection> {
        let first = self.preferred();
        let mut reasons = String::new();
        for turn in 0..self.hosts.len() {
            let index = (first + turn) % self.hosts.len();
            let Some(host) = self.hosts.get(index) else { continue };
            let reason = match tokio::time::timeout(self.connect_timeout, self.establish(host)).await {
                Ok(Ok(connection)) => {
                    self.preferred.store(index, Ordering::Relaxed);
                    return Ok(connection);
                }
                Ok(Err(error)) => error.to_string(),
                Err(_elapsed) => format!("no answer within {} ms", self.connect_timeout.as_millis()),
            };
            let separator = if reasons.is_empty() { "" } else { "; " };
            // Writing to a String cannot fail.
            let _infallible = write!(reasons, "{separator}{}: {reason}", name(host));
        }
        Err(ConnectionError::BadConnection(reasons))
    }

    /// Longest time that [`Connector::open`] takes.
    pub(super) fn open_timeout(&self) -> Duration {
        self.connect_timeout * u32::try_from(self.hosts.len()).unwrap_or(u32::MAX)
    }

    /// Does the host that took the last connection take one more within the time? An answer that refuses is an answer.
    pub(super) async fn is_reached(&self, within: Duration) -> bool {
        let Some(host) = self.hosts.get(self.preferred()) else { return false };
        match tokio::time::timeout(within, self.client(host)).await {
            Ok(Ok(_client)) => true,
            Ok(Err(error)) => error.as_db_error().is_some(),
            Err(_elapsed) => false,
        }
    }

    /// A bare session, for questions that Diesel cannot ask.
    pub(super) async fn bare(&self) -> Result<Client, String> {
        let mut reason = String::new();
        for (index, host) in self.hosts.iter().enumerate() {
            match tokio::time::timeout(self.connect_timeout, self.client(host)).await {
                Ok(Ok(client)) => {
                    self.preferred.store(index, Ordering::Relaxed);
                    return Ok(client);
                }
                Ok(Err(error)) => reason = with_cause(&error),
                Err(_elapsed) => reason = format!("no answer within {} ms", self.connect_timeout.as_millis()),
            }
        }
        Err(reason)
    }

    /// Do commits wait for a synchronous standby, as far as is known?
    pub(super) fn waits_for_standby(&self) -> bool {
        AtomicBool::load(&self.waits_for_standby, Ordering::Relaxed)
    }

    /// Notes whether commits wait for a synchronous standby.
    pub(super) fn note_standby(&self, waits: bool) {
        self.waits_for_standby.store(waits, Ordering::Relaxed);
    }

    /// Asks the server to stop what the token's connection is doing. No promise: the statement may be done already.
    pub(super) async fn cancel(&self, token: CancelToken) {
        let asked = async {
            match &self.tls {
                Some(tls) => token.cancel_query(tls.clone()).await,
                None => token.cancel_query(NoTls).await,
            }
        };
        match tokio::time::timeout(self.connect_timeout, asked).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "could not ask PostgreSQL to cancel a statement"),
            Err(_elapsed) => tracing::debug!("PostgreSQL did not take a request to cancel a statement in time"),
        }
    }

    fn preferred(&self) -> usize {
        // Diesel's `load` hides the atomic's.
        AtomicUsize::load(&self.preferred, Ordering::Relaxed)
    }

    async fn client(&self, host: &Config) -> Result<Client, tokio_postgres::Error> {
        // The task ends with the client.
        if let Some(tls) = &self.tls {
            let (client, task) = host.connect(tls.clone()).await?;
            tokio::spawn(task);
            Ok(client)
        } else {
            let (client, task) = host.connect(NoTls).await?;
            tokio::spawn(task);
            Ok(client)
        }
    }

    async fn establish(&self, host: &Config) -> ConnectionResult<AsyncPgConnection> {
        let mut connection = if let Some(tls) = &self.tls {
            let (client, task) = host.connect(tls.clone()).await.map_err(|error| bad_connection(&error))?;
            AsyncPgConnection::try_from_client_and_connection(client, task).await?
        } else {
            let (client, task) = host.connect(NoTls).await.map_err(|error| bad_connection(&error))?;
            AsyncPgConnection::try_from_client_and_connection(client, task).await?
        };
        connection.batch_execute(&self.session).await.map_err(ConnectionError::CouldntSetupConfiguration)?;
        let waits: Vec<bool> =
            WaitsForStandby {}.load(&mut connection).await.map_err(ConnectionError::CouldntSetupConfiguration)?;
        self.note_standby(waits.contains(&true));
        Ok(connection)
    }
}

/// Keeps the cause's text: the driver's own hides it behind "error connecting to server".
fn with_cause(error: &tokio_postgres::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

fn bad_connection(error: &tokio_postgres::Error) -> ConnectionError {
    ConnectionError::BadConnection(with_cause(error))
}

/// A host as it is named in errors.
fn name(host: &Config) -> String {
    let name = match host.get_hosts().first() {
        Some(tokio_postgres::config::Host::Tcp(name)) => name.clone(),
        Some(tokio_postgres::config::Host::Unix(path)) => path.display().to_string(),
        None => host.get_hostaddrs().first().map_or_else(String::new, ToString::to_string),
    };
    format!("{name}:{}", host.get_ports().first().copied().unwrap_or(5432))
}
