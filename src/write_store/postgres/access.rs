//! How work gets to a connection: two pools, time limits, one more try after a lost session, no interruption by the caller, and proofs.

use std::sync::Arc;
use std::time::Duration;

use deadpool::Runtime;
use deadpool::managed::{QueueMode, Timeouts};
use diesel::result::Error as DieselError;
use diesel_async::AsyncPgConnection;
use diesel_async::pooled_connection::deadpool::{Object, Pool};
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod};
use tokio::runtime::Handle;

use crate::telemetry::metrics::Registry;
use crate::write_store::StoreError;
use crate::write_store::postgres::Settings;
use crate::write_store::postgres::call::{Call, Share};
use crate::write_store::postgres::connection::Connector;
use crate::write_store::postgres::failure::{Failure, Meaning, store_error, unavailable, unavailable_because};
use crate::write_store::postgres::ping::is_answering;
use crate::write_store::postgres::proof::{Doubt, Proofs, Prove, Trial};

/// The pools and the runtime that all work is done on.
#[derive(Clone)]
pub(super) struct Access {
    commands: Pool<AsyncPgConnection>,
    reads: Pool<AsyncPgConnection>,
    connector: Arc<Connector>,
    proofs: Arc<Proofs>,
    runtime: Handle,
    call_timeout: Duration,
    ping_timeout: Duration,
}

impl Access {
    /// Opens no connection yet.
    pub(super) fn new(connector: Arc<Connector>, settings: &Settings, runtime: Handle) -> Result<Self, StoreError> {
        Ok(Self {
            commands: pool(&connector, settings, settings.pool_size)?,
            reads: pool(&connector, settings, settings.read_pool_size)?,
            connector,
            proofs: Proofs::new(),
            runtime,
            call_timeout: settings.call_timeout(),
            ping_timeout: settings.ping_timeout(),
        })
    }

    /// A connection that was not known to be dead a moment ago.
    pub(super) async fn connection(&self, share: Share) -> Result<Object<AsyncPgConnection>, StoreError> {
        let pool = match share {
            Share::Commands => &self.commands,
            Share::Reads => &self.reads,
        };
        pool.get().await.map_err(|error| unavailable("no connection to PostgreSQL", error))
    }

    /// How many connections of each pool are in use is told from now on.
    pub(super) fn register(&self, metrics: &Registry) {
        for (name, help, pool) in [
            ("postgres_command_connections", "Connections to PostgreSQL that commands use now", &self.commands),
            ("postgres_read_connections", "Connections to PostgreSQL that other readers use now", &self.reads),
        ] {
            let pool = pool.clone();
            metrics.read(name, help, move || {
                let status = pool.status();
                status.size.saturating_sub(status.available)
            });
        }
    }

    /// The runtime that owns the connections.
    pub(super) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// How to open a connection outside the pools.
    pub(super) fn connector(&self) -> &Arc<Connector> {
        &self.connector
    }

    /// What is known about the next commit.
    pub(super) fn proofs(&self) -> &Proofs {
        &self.proofs
    }

    /// How long a ping may take.
    pub(super) fn ping_timeout(&self) -> Duration {
        self.ping_timeout
    }

    /// Does the work in a task of its own, so that a dropped caller never leaves a connection in the middle of something. With a
    /// synchronous standby, what somebody is told is durable there, too.
    pub(super) async fn call<C: Call>(&self, call: C) -> Result<C::Answer, StoreError> {
        let call = Arc::new(call);
        let answer = self.call_without_proof(Arc::clone(&call)).await?;
        if call.is_told(&answer) && self.connector.waits_for_standby() {
            self.prove().await?;
        }
        Ok(answer)
    }

    /// [`Access::call`] for what proofs are made of.
    async fn call_without_proof<C: Call>(&self, call: Arc<C>) -> Result<C::Answer, StoreError> {
        let access = self.clone();
        match self.runtime.spawn(async move { access.attempts(&*call).await }).await {
            Ok(result) => result,
            Err(error) if error.is_panic() => Err(StoreError::Corrupt(format!("a call panicked: {error}"))),
            Err(_cancelled) => Err(unavailable_because("the process is shutting down")),
        }
    }

    /// Proves that a booking can be committed now, and that everything committed before is durable.
    async fn prove(&self) -> Result<(), StoreError> {
        let (answer, starts) = self.proofs.ask();
        if starts {
            self.runtime.spawn(self.clone().serve_proofs());
        }
        match answer.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(reason)) => Err(unavailable_because(reason)),
            Err(_dropped) => Err(unavailable_because("the process is shutting down")),
        }
    }

    /// [`Access::prove`] for a ping: after a commit that the server refused it also tries to write rows.
    pub(super) async fn prove_for_ping(&self) -> Result<(), StoreError> {
        self.prove().await?;
        if self.proofs.doubt() == Some(Doubt::Refused) {
            self.call(Trial).await?;
        }
        self.proofs.trust();
        Ok(())
    }

    /// To be asked before a commit is sent: after trouble, proves that it can be carried out.
    pub(super) async fn dispel_doubt(&self) -> Result<(), StoreError> {
        if self.proofs.doubt().is_none() {
            return Ok(());
        }
        self.prove().await?;
        if self.proofs.doubt() == Some(Doubt::Unanswered) {
            self.proofs.trust();
        }
        Ok(())
    }

    /// One proof after the other, until nobody asks.
    async fn serve_proofs(self) {
        while let Some(askers) = self.proofs.take_askers() {
            let proof = tokio::time::timeout(self.ping_timeout, self.call_without_proof(Arc::new(Prove))).await;
            let result = match proof {
                Ok(Ok(waits_for_standby)) => {
                    self.connector.note_standby(waits_for_standby);
                    Ok(())
                }
                Ok(Err(error)) => Err(error.to_string()),
                Err(_elapsed) => Err(format!("PostgreSQL commits nothing within {} ms", self.ping_timeout.as_millis())),
            };
            for asker in askers {
                // Who has gone needs no answer.
                drop(asker.send(result.clone()));
            }
        }
    }

    async fn attempts<C: Call>(&self, call: &C) -> Result<C::Answer, StoreError> {
        match self.attempt(call).await {
            Attempt::Done(result) => result,
            Attempt::LostSession(first) => {
                tracing::debug!(error = %first, "a session of PostgreSQL was lost, the call is tried once more");
                match self.attempt(call).await {
                    Attempt::Done(result) => result,
                    Attempt::LostSession(error) => Err(error),
                }
            }
        }
    }

    async fn attempt<C: Call>(&self, call: &C) -> Attempt<C::Answer> {
        let mut connection = match self.connection(call.share()).await {
            Ok(connection) => connection,
            Err(error) => return Attempt::Done(Err(error)),
        };
        let result = tokio::select! {
            biased;
            result = call.run(&mut connection) => result,
            reason = self.hopeless() => {
                self.abandon(connection);
                return Attempt::Done(Err(unavailable_because(reason)));
            }
        };
        let failure = match result {
            Ok(answer) => return Attempt::Done(Ok(answer)),
            Err(failure) => failure,
        };
        let fate = match &failure {
            Failure::Corrupt(_) => Fate::Kept,
            Failure::Database(error) => Fate::of(error, &mut connection, self.ping_timeout).await,
        };
        match fate {
            Fate::Kept => Attempt::Done(Err(store_error(failure))),
            Fate::Closed => {
                discard(connection);
                Attempt::Done(Err(store_error(failure)))
            }
            Fate::Lost => {
                discard(connection);
                self.forget_idle();
                Attempt::LostSession(store_error(failure))
            }
        }
    }

    /// Ends when a call is not worth waiting for any longer, and says why: PostgreSQL has gone silent, or the time is over. A call that
    /// takes long on a server that answers others is let be.
    pub(super) async fn hopeless(&self) -> String {
        let silence = async {
            loop {
                tokio::time::sleep(self.ping_timeout).await;
                if !self.connector.is_reached(self.ping_timeout).await {
                    return;
                }
            }
        };
        match tokio::time::timeout(self.call_timeout, silence).await {
            Ok(()) => {
                self.forget_idle();
                "PostgreSQL has gone silent".to_owned()
            }
            Err(_elapsed) => format!("no answer from PostgreSQL within {} ms", self.call_timeout.as_millis()),
        }
    }

    /// Closes a connection whose statement does not end, and asks the server to stop it. Never for a commit of bookings: stopped while it
    /// waits for a standby, it would be committed on one machine only.
    fn abandon(&self, connection: Object<AsyncPgConnection>) {
        let connector = Arc::clone(&self.connector);
        let connection = Object::take(connection);
        self.runtime.spawn(async move {
            connector.cancel(connection.cancel_token()).await;
            drop(connection);
        });
    }

    /// Closes the connections that nobody uses. What ended one session, or made it read-only, has mostly done so to all.
    pub(super) fn forget_idle(&self) {
        for pool in [&self.commands, &self.reads] {
            pool.retain(|_connection, _metrics| false);
        }
    }
}

fn pool(connector: &Arc<Connector>, settings: &Settings, size: usize) -> Result<Pool<AsyncPgConnection>, StoreError> {
    let opening = Arc::clone(connector);
    let mut config = ManagerConfig::default();
    // Fast looks whether the connection's task still runs; `SELECT 1` at each checkout would cost a round trip per commit.
    config.recycling_method = RecyclingMethod::Fast;
    config.custom_setup = Box::new(move |_url| {
        let connector = Arc::clone(&opening);
        Box::pin(async move { connector.open().await })
    });
    Pool::builder(AsyncDieselConnectionManager::new_with_config("", config))
        .max_size(size.max(1))
        // The last one used: its server process has plans, tables and code at hand.
        .queue_mode(QueueMode::Lifo)
        .timeouts(Timeouts {
            wait: Some(settings.wait_timeout()),
            // More than the connector allows itself, so that its own, clearer error comes first.
            create: Some(connector.open_timeout() + Duration::from_millis(500)),
            recycle: Some(settings.recycle_timeout()),
        })
        .runtime(Runtime::Tokio1)
        .build()
        .map_err(|error| unavailable("the connection pool cannot be built", error))
}

/// Closes a connection instead of giving it back to the pool.
pub(super) fn discard(connection: Object<AsyncPgConnection>) {
    drop(Object::take(connection));
}

/// What becomes of a connection on which a statement failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    /// It is as good as before: the fault was the statement's.
    Kept,
    /// Closed, because the fault may be the session's (a function that is not there after a fail-over, a plan that no longer fits). It still
    /// answers, so the statement was rolled back.
    Closed,
    /// Gone or of no use, like probably every other session.
    Lost,
}

impl Fate {
    async fn of(error: &DieselError, connection: &mut AsyncPgConnection, within: Duration) -> Self {
        match Meaning::of(error) {
            Meaning::Refused | Meaning::LockedOut => Self::Kept,
            Meaning::Bug => Self::Closed,
            Meaning::Unclear if is_answering(connection, within).await => Self::Closed,
            Meaning::Unclear | Meaning::ReadOnly | Meaning::Disconnected => Self::Lost,
        }
    }
}

enum Attempt<T> {
    Done(Result<T, StoreError>),
    LostSession(StoreError),
}
