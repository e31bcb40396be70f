//! How work gets to a connection: pool, time limits, one more try after a dead connection, and no interruption by the caller.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use deadpool::Runtime;
use deadpool::managed::{QueueMode, Timeouts};
use diesel_async::AsyncPgConnection;
use diesel_async::pooled_connection::deadpool::{Object, Pool};
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod};
use tokio::runtime::Handle;

use crate::write_store::StoreError;
use crate::write_store::postgres::Settings;
use crate::write_store::postgres::connection::Connector;
use crate::write_store::postgres::failure::{Failure, Meaning, store_error, unavailable, unavailable_because};
use crate::write_store::postgres::ping::is_answering;

/// A piece of work on one connection that may be done twice without harm: after a dead connection it is tried once more.
pub(super) trait Call: Send + Sync + 'static {
    /// What it finds out.
    type Answer: Send + 'static;

    /// Does the work. It may be given up at any await: the connection is thrown away then.
    fn run(&self, connection: &mut AsyncPgConnection) -> impl Future<Output = Result<Self::Answer, Failure>> + Send;
}

/// The pool and the runtime that all work is done on.
#[derive(Clone)]
pub(super) struct Access {
    pool: Pool<AsyncPgConnection>,
    connector: Arc<Connector>,
    runtime: Handle,
    call_timeout: Duration,
    ping_timeout: Duration,
}

impl Access {
    /// Opens no connection yet.
    pub(super) fn new(connector: Arc<Connector>, settings: &Settings, runtime: Handle) -> Result<Self, StoreError> {
        let opening = Arc::clone(&connector);
        let mut config = ManagerConfig::default();
        // Fast looks whether the connection's task still runs; `SELECT 1` at each checkout would cost a round trip per commit.
        config.recycling_method = RecyclingMethod::Fast;
        config.custom_setup = Box::new(move |_url| {
            let connector = Arc::clone(&opening);
            Box::pin(async move { connector.open().await })
        });
        let pool = Pool::builder(AsyncDieselConnectionManager::new_with_config("", config))
            .max_size(settings.pool_size.max(1))
            // The last one used: its server process has plans, tables and code at hand.
            .queue_mode(QueueMode::Lifo)
            .timeouts(Timeouts {
                wait: Some(settings.wait_timeout()),
                // One second more than the connector allows itself, so that its own, clearer error comes first.
                create: Some(settings.connect_timeout() + Duration::from_secs(1)),
                recycle: Some(settings.recycle_timeout()),
            })
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| unavailable("the connection pool cannot be built", error))?;
        Ok(Self {
            pool,
            connector,
            runtime,
            call_timeout: settings.call_timeout(),
            ping_timeout: settings.ping_timeout(),
        })
    }

    /// A connection that was not known to be dead a moment ago.
    pub(super) async fn connection(&self) -> Result<Object<AsyncPgConnection>, StoreError> {
        self.pool.get().await.map_err(|error| unavailable("no connection to PostgreSQL", error))
    }

    /// The runtime that owns the connections.
    pub(super) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// How to open a connection outside the pool.
    pub(super) fn connector(&self) -> &Arc<Connector> {
        &self.connector
    }

    /// How long a ping may take.
    pub(super) fn ping_timeout(&self) -> Duration {
        self.ping_timeout
    }

    /// Does the work in a task of its own, so that a dropped caller never leaves a connection in the middle of something.
    pub(super) async fn call<C: Call>(&self, call: C) -> Result<C::Answer, StoreError> {
        let access = self.clone();
        match self.runtime.spawn(async move { access.attempts(&call).await }).await {
            Ok(result) => result,
            Err(error) if error.is_panic() => Err(StoreError::Corrupt(format!("a call panicked: {error}"))),
            Err(_cancelled) => Err(unavailable_because("the process is shutting down")),
        }
    }

    async fn attempts<C: Call>(&self, call: &C) -> Result<C::Answer, StoreError> {
        match self.attempt(call).await {
            Attempt::Done(result) => result,
            // All connections die together when the server restarts: the others are noticed by now and not handed out again.
            Attempt::DeadConnection(first) => {
                tracing::debug!(error = %first, "a connection to PostgreSQL had died, the call is tried once more");
                match self.attempt(call).await {
                    Attempt::Done(result) => result,
                    Attempt::DeadConnection(error) => Err(error),
                }
            }
        }
    }

    async fn attempt<C: Call>(&self, call: &C) -> Attempt<C::Answer> {
        let mut connection = match self.connection().await {
            Ok(connection) => connection,
            Err(error) => return Attempt::Done(Err(error)),
        };
        let Ok(result) = tokio::time::timeout(self.call_timeout, call.run(&mut connection)).await else {
            self.abandon(connection);
            let reason = format!("no answer from PostgreSQL within {} ms", self.call_timeout.as_millis());
            return Attempt::Done(Err(unavailable_because(reason)));
        };
        let failure = match result {
            Ok(answer) => return Attempt::Done(Ok(answer)),
            Err(failure) => failure,
        };
        let dead = match &failure {
            Failure::Corrupt(_) => false,
            Failure::Database(error) => match Meaning::of(error) {
                Meaning::Refused | Meaning::Bug => false,
                Meaning::Disconnected => true,
                Meaning::Unclear => !is_answering(&mut connection, self.ping_timeout).await,
            },
        };
        if dead {
            discard(connection);
            Attempt::DeadConnection(store_error(failure))
        } else {
            Attempt::Done(Err(store_error(failure)))
        }
    }

    /// Closes a connection whose statement does not end, and asks the server to stop it.
    pub(super) fn abandon(&self, connection: Object<AsyncPgConnection>) {
        let connector = Arc::clone(&self.connector);
        let connection = Object::take(connection);
        self.runtime.spawn(async move {
            connector.cancel(connection.cancel_token()).await;
            drop(connection);
        });
    }
}

/// Closes a connection instead of giving it back to the pool.
pub(super) fn discard(connection: Object<AsyncPgConnection>) {
    drop(Object::take(connection));
}

enum Attempt<T> {
    Done(Result<T, StoreError>),
    DeadConnection(StoreError),
}
