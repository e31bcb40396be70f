//! The composition root: settings to adapters to actors to server, and the order in which they stop. Nothing else names an adapter.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix::Arbiter;
use actix_web::dev::Server;
use actix_web::web;
use anyhow::Context as _;
use futures_util::FutureExt;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::box_office::{self, BoxOffice};
use crate::config::{Profile, Settings};
use crate::domain::NoteTold;
use crate::http::health::Need;
use crate::http::{self, AppState, Health, NodeAnnouncer, OperatorToken, Operators, RefusalRecorder};
use crate::live::{self, LiveHub};
use crate::outbox_relay::{self, OutboxRelay};
use crate::projector::{self, Projector};
use crate::read_model::nodes::{Node, NodeId};
use crate::telemetry::Counters;
use crate::telemetry::metrics::{Registry, seconds};

mod adapters;
mod backlog;
mod clock;
pub mod demo;
pub mod operator_key;
mod signals;

use operator_key::OperatorKey;
use signals::Stop;

pub use adapters::{Adapters, connect_bus, connect_filled_stores, connect_stores, migrate, require_data};
use backlog::Backlog;
pub use clock::machine_time;
pub use signals::Signals;

/// A running server.
pub struct App {
    settings: Settings,
    address: SocketAddr,
    /// Where metrics and health are served, if apart.
    admin_address: Option<SocketAddr>,
    /// What the banner says about operators; on the first start with their key.
    operators: String,
    server: Server,
    admin_server: Option<Server>,
    box_office: BoxOffice,
    live: LiveHub,
    health: Health,
    projector: Projector,
    refusals: Arc<RefusalRecorder>,
    announcer: NodeAnnouncer,
    stop_relay: CancellationToken,
    /// Where the relay and the projector live.
    arbiter: Arbiter,
}

impl App {
    /// Connects, migrates, seeds and starts everything. While PostgreSQL is away, `/livez` and `/readyz` are answered and it is asked again
    /// and again. To be called inside an actix system; `runtime` is the multi-thread runtime
    /// on which the adapters work.
    pub async fn start(mut settings: Settings, runtime: Handle) -> anyhow::Result<Self> {
        let listeners = Listeners::bind(&settings)?;
        let (address, admin_address) = listeners.addresses()?;
        let starting = http::Starting::answer(std::iter::once(&listeners.all).chain(&listeners.admin))?;
        let (to_connect, reason) = (settings.clone(), starting.reason());
        let adapters = runtime.spawn(async move { Adapters::start(&to_connect, &reason).await }).await??;
        starting.stop().await;
        let operators = settle_operators(&mut settings)?;
        let (metrics, counters) = (Registry::default(), Arc::new(Counters::default()));
        counters.register(&metrics);
        adapters.write_store.register(&metrics);
        let (wake_relay, stop_relay, arbiter) = (Arc::new(Notify::new()), CancellationToken::new(), Arbiter::new());

        let box_office = BoxOffice::start(box_office::Dependencies {
            ledger: adapters.write_store.clone(),
            seat_lock: Arc::clone(&adapters.seat_lock),
            clock: adapters.clock.clock(),
            runtime: runtime.clone(),
            wake_relay: Arc::clone(&wake_relay),
            counters: Arc::clone(&counters),
            settings: settings.box_office.clone(),
        });
        let relay = relaying(&adapters, &settings, &runtime, wake_relay, counters);
        OutboxRelay::start_on(&arbiter, relay, stop_relay.clone());
        let projector = projector::start(&arbiter, projection(&adapters, &settings, &runtime, &metrics));
        let live = live::start(sessions(&adapters, &settings, &runtime, box_office.note_told(), &metrics));
        let (connected, watched) = (live.clone(), box_office.clone());
        metrics.read("live_sessions", "Clients connected by WebSocket", move || connected.sessions());
        let health = Health::new(settings.http.health);
        watch(&health, &adapters, &runtime, Backlog::registered(&metrics));
        health.watch("showtimes", Need::Informative, Box::new(move || std::future::ready(watched.watch()).boxed()));
        let refusals = RefusalRecorder::start(Arc::clone(&adapters.refusals), &runtime, &metrics);
        let node = this_node(&adapters, address);
        let announcer = NodeAnnouncer::start(Arc::clone(&adapters.nodes), node, health.clone(), &runtime);
        let services = http::Services {
            box_office: box_office.clone(),
            read_model: Arc::clone(&adapters.read_model),
            journal: adapters.write_store.clone(),
            auditoriums: adapters.write_store.clone(),
            event_bus: Arc::clone(&adapters.event_bus),
            refusals: Arc::clone(&refusals),
            nodes: Arc::clone(&adapters.nodes),
            note_missing: projector.note_missing(),
            live: live.clone(),
            health: health.clone(),
            clock: adapters.clock.clock(),
            metrics,
        };
        let state = web::Data::new(AppState::new(services, settings.http.clone()));
        let admin_server = listeners.admin.map(|listener| http::admin_server(state.clone(), listener)).transpose()?;
        let server = http::server(state, listeners.all)?;
        Ok(Self {
            settings,
            address,
            admin_address,
            operators,
            server,
            admin_server,
            box_office,
            live,
            health,
            projector,
            refusals,
            announcer,
            stop_relay,
            arbiter,
        })
    }

    /// What is printed when the server listens: the profile, the address and what to try next.
    pub fn banner(&self) -> String {
        let Self { settings, address, admin_address, operators, .. } = self;
        let profile = match settings.profile() {
            Ok(Profile::Embedded { data_dir }) => format!("embedded, data in {}", data_dir.display()),
            Ok(Profile::Real(_)) => "real stack: PostgreSQL, Valkey, RabbitMQ, MongoDB".to_owned(),
            Err(error) => error.to_string(),
        };
        let admin = admin_address.map(|admin| format!("  metrics   http://{admin}/metrics\n")).unwrap_or_default();
        format!(
            "Turnstile {version}\n  profile   {profile}\n  listening on http://{address}\n  seat map  open http://{address}/ in a browser\n  API       http://{address}/docs, or: curl http://{address}/api/showtimes\n{admin}  operators {operators}\n",
            version = env!("CARGO_PKG_VERSION"),
        )
    }

    /// Serves until SIGTERM or ctrl-c, then stops. Readiness fails first. After SIGTERM everything is still served for
    /// `drain_delay_seconds`, so that load balancers notice. Then commands are refused, accepted ones finish, live sessions are closed
    /// staggered, requests under way end, the outbox is relayed as far as it goes, and the node leaves the list of nodes. A second signal
    /// ends the process at once.
    pub async fn serve(self, mut signals: Signals) -> anyhow::Result<()> {
        let handle = self.server.handle();
        let mut server = actix_web::rt::spawn(self.server);
        let admin_handle = self.admin_server.as_ref().map(Server::handle);
        if let Some(admin_server) = self.admin_server {
            actix_web::rt::spawn(admin_server);
        }
        let signal = tokio::select! {
            ended = &mut server => {
                ended??;
                anyhow::bail!("the HTTP server ended by itself");
            }
            signal = signals.next() => signal,
        };
        self.health.drain();
        self.announcer.wake();
        // Whoever presses ctrl-c waits for the end, and no load balancer does.
        let delay = if signal == Stop::Terminate { self.settings.drain_delay() } else { Duration::ZERO };
        tracing::info!("{signal}: not ready any more; draining in {delay:?}");
        let limit = Duration::from_secs(self.settings.drain_seconds);
        let stopped = async {
            tokio::time::sleep(delay).await;
            let (left, ()) = futures_util::join!(self.box_office.drain(limit), self.live.drain(limit / 2));
            if left > 0 {
                tracing::warn!("{left} commands were not answered within {limit:?}");
            }
            handle.stop(true).await;
            server.await??;
            self.refusals.finish().await;
            self.stop_relay.cancel();
            if !self.projector.stop().await {
                tracing::warn!("the projector did not end in time; what it had not settled is delivered again");
            }
            self.arbiter.stop();
            self.announcer.finish().await;
            // Last, so that the end can be watched.
            if let Some(admin) = admin_handle {
                admin.stop(false).await;
            }
            tracing::info!("drained");
            Ok(())
        };
        tokio::select! {
            stopped = stopped => stopped,
            again = signals.next() => anyhow::bail!("{again} after {signal}: ended before everything was drained"),
        }
    }
}

/// Bound first: a port in use is the commonest mistake and should cost no work.
struct Listeners {
    all: TcpListener,
    admin: Option<TcpListener>,
}

impl Listeners {
    fn bind(settings: &Settings) -> anyhow::Result<Self> {
        let bind = |address, remedy| {
            http::bind(address, &settings.http)
                .with_context(|| format!("cannot listen on {address}; another address is set with {remedy}"))
        };
        let all = bind(settings.listen, "--listen")?;
        let admin = settings.admin_listen.map(|admin| bind(admin, "TURNSTILE_ADMIN_LISTEN")).transpose()?;
        Ok(Self { all, admin })
    }

    fn addresses(&self) -> std::io::Result<(SocketAddr, Option<SocketAddr>)> {
        Ok((self.all.local_addr()?, self.admin.as_ref().map(TcpListener::local_addr).transpose()?))
    }
}

/// This node, as operators see it.
fn this_node(adapters: &Adapters, address: SocketAddr) -> Node {
    let host = whoami::hostname().unwrap_or_else(|error| {
        tracing::warn!(%error, "this machine does not tell its name");
        "unknown".to_owned()
    });
    let (address, version) = (address.to_string(), env!("CARGO_PKG_VERSION").to_owned());
    Node { id: NodeId(Uuid::now_v7()), host, address, version, started_at: adapters.clock.clock()() }
}

/// What the outbox relay works with.
fn relaying(
    adapters: &Adapters,
    settings: &Settings,
    runtime: &Handle,
    wake: Arc<Notify>,
    counters: Arc<Counters>,
) -> outbox_relay::Dependencies {
    outbox_relay::Dependencies {
        outbox: adapters.write_store.clone(),
        event_bus: Arc::clone(&adapters.event_bus),
        wake,
        runtime: runtime.clone(),
        counters,
        settings: settings.outbox_relay.clone(),
    }
}

/// What the projector works with.
fn projection(
    adapters: &Adapters,
    settings: &Settings,
    runtime: &Handle,
    metrics: &Registry,
) -> projector::Dependencies {
    let lag = seconds();
    metrics.add("projection_lag_seconds", "Time from an event's decision until it is in the read model", lag.clone());
    projector::Dependencies {
        journal: adapters.write_store.clone(),
        event_bus: Arc::clone(&adapters.event_bus),
        read_model: Arc::clone(&adapters.read_model),
        clock: adapters.clock.clock(),
        lag,
        runtime: runtime.clone(),
        settings: settings.projector.clone(),
    }
}

/// What live sessions work with.
fn sessions(
    adapters: &Adapters,
    settings: &Settings,
    runtime: &Handle,
    note_told: NoteTold,
    metrics: &Registry,
) -> live::Dependencies {
    live::Dependencies {
        journal: adapters.write_store.clone(),
        event_bus: Arc::clone(&adapters.event_bus),
        read_model: Arc::clone(&adapters.read_model),
        note_told,
        clock: adapters.clock.clock(),
        runtime: runtime.clone(),
        metrics: metrics.clone(),
        settings: settings.live,
        cluster_secret: adapters.cluster_secret,
        allowed_origins: settings.cors_origins.clone(),
    }
}

/// Has the embedded profile's operator key made or read, if no other way is configured; returns what the banner says about it.
fn settle_operators(settings: &mut Settings) -> anyhow::Result<String> {
    match (&settings.http.operators, settings.profile()?) {
        (Operators::Holders(_), _) => Ok("show the configured token".to_owned()),
        (Operators::ThisMachine, _) => {
            tracing::warn!(
                "--open: everybody on this machine is an operator, without a token; not for a machine that others use"
            );
            Ok("EVERYBODY ON THIS MACHINE, without a token (--open)".to_owned())
        }
        (Operators::Nobody, Profile::Real(_)) => {
            Ok("nobody: set TURNSTILE_OPERATOR_TOKEN, the same on every node, to create showtimes".to_owned())
        }
        (Operators::Nobody, Profile::Embedded { data_dir }) => {
            let OperatorKey { key, path, is_new } = operator_key::read_or_make(&data_dir)?;
            settings.http.operators = OperatorToken::new(key.expose()).map_or(Operators::Nobody, Operators::Holders);
            let path = path.display();
            Ok(if is_new {
                format!("show this key, kept in {path}: {}", key.expose())
            } else {
                format!("show the key in {path}")
            })
        }
    }
}

/// What `/readyz` tells of: the write store is needed, the others help.
fn watch(health: &Health, adapters: &Adapters, runtime: &Handle, backlog: Backlog) {
    macro_rules! probe {
        ($port:expr) => {{
            let (port, runtime) = (Arc::clone(&$port), runtime.clone());
            Box::new(move || {
                let port = Arc::clone(&port);
                let asked = runtime.spawn(async move { port.ping().await.map_err(|error| error.to_string()) });
                Box::pin(async move { asked.await.unwrap_or_else(|lost| Err(lost.to_string())) })
            })
        }};
    }
    let (write_store, clock) = (Arc::clone(&adapters.write_store), adapters.clock.clone());
    let io = runtime.clone();
    let ping = move || {
        let (write_store, clock, backlog) = (Arc::clone(&write_store), clock.clone(), backlog.clone());
        let asked = io.spawn(async move {
            let moment = write_store.ping().await.map_err(|error| error.to_string())?;
            clock.note(&moment);
            if let Err(error) = backlog.look(&*write_store, moment.now).await {
                tracing::debug!(%error, "the outbox could not be looked at");
            }
            Ok(())
        });
        async move { asked.await.unwrap_or_else(|lost| Err(lost.to_string())) }.boxed()
    };
    health.watch(adapters.names.write_store, Need::Required, Box::new(ping));
    let clock = adapters.clock.clone();
    health.watch("clock", Need::Informative, Box::new(move || std::future::ready(clock.compare_machine()).boxed()));
    health.watch(adapters.names.seat_lock, Need::Helpful, probe!(adapters.seat_lock));
    health.watch(adapters.names.event_bus, Need::Helpful, probe!(adapters.event_bus));
    health.watch(adapters.names.read_model, Need::Helpful, probe!(adapters.read_model));
}
