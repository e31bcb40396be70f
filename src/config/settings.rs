//! All that can be set, and the profile that the service URLs select.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::config::error::ConfigError;
use crate::config::sections;
use crate::domain::Secret;
use crate::telemetry::LogFormat;
use crate::{box_office, event_bus, http, live, outbox_relay, projector, read_model, seat_lock, write_store};

/// Default of `drain_delay_seconds` on the real stack: longer than a load balancer takes that asks every two seconds and believes the second
/// failure.
const REAL_STACK_DRAIN_DELAY_SECONDS: u64 = 5;

/// All that can be set, and what the modules make of it. In the environment a key has the prefix `TURNSTILE_`; `box_office.max_queued` is `TURNSTILE_BOX_OFFICE__MAX_QUEUED`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Address and port to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Address and port for `/metrics`, `/livez` and `/readyz` with its details. Without it they are served at `listen`; with it, `listen` has no
    /// `/metrics`, and its `/readyz` tells only the status.
    pub admin_listen: Option<SocketAddr>,
    /// Folder of the embedded profile's data.
    pub data_dir: PathBuf,
    /// `postgres://user:password@host:port/database?sslmode=..`; with the other three URLs it selects the real stack.
    pub postgres_url: Option<Secret>,
    /// `redis://host:port` or `rediss://..` of Valkey.
    pub valkey_url: Option<Secret>,
    /// `amqp://user:password@host:port/vhost` or `amqps://..` of RabbitMQ.
    pub rabbitmq_url: Option<Secret>,
    /// `mongodb://host:port/database` of MongoDB.
    pub mongodb_url: Option<Secret>,
    /// Prefix of the exchange and the queues in RabbitMQ.
    pub namespace: String,
    /// Seconds from a reservation, or an extension, to the hold's deadline.
    pub hold_seconds: u64,
    /// Seconds from a reservation to the last deadline that extensions can reach.
    pub hold_total_seconds: u64,
    /// Secret with which operators authenticate (`Authorization: Bearer ..`), the same on every node. Without it the embedded profile
    /// makes one at its first start, and on the real stack nobody is an operator.
    pub operator_token: Option<Secret>,
    /// Everybody on this machine is an operator, without a token. Only on a loopback address.
    pub open: bool,
    /// Origins whose pages may use the API with credentials, separated by commas in the environment.
    pub cors_origins: Vec<String>,
    /// Reverse proxies, as networks (`10.0.0.0/8`) or addresses, separated by commas in the environment. Only what they say about the
    /// client's address is read (`X-Forwarded-For`, else `Forwarded`).
    pub trusted_proxies: Vec<String>,
    /// Create the demo showtime at start if it is not there; if not set: on the embedded profile only.
    pub seed_demo: Option<bool>,
    /// Form of log lines: `pretty` or `json`.
    pub log_format: LogFormat,
    /// Which log lines are written, as `level` or `target=level` separated by commas.
    pub log_filter: String,
    /// Seconds for which a node goes on serving after SIGTERM, while `/readyz` fails, so that load balancers send no more to it. If not set: 5 on
    /// the real stack, 0 on the embedded profile, which has no other node. Ctrl-C does not wait.
    pub drain_delay_seconds: Option<u64>,
    /// Seconds for which SIGTERM lets accepted commands finish and spreads the closing of live sessions.
    pub drain_seconds: u64,
    /// What one client may do, and how much there may be in all.
    pub limits: http::limits::Settings,
    #[serde(rename = "box_office")]
    pub(super) box_office_keys: sections::BoxOffice,
    #[serde(rename = "http")]
    pub(super) http_keys: sections::Http,
    #[serde(rename = "live")]
    pub(super) live_keys: sections::Live,
    #[serde(rename = "postgres")]
    pub(super) postgres_keys: sections::Postgres,
    #[serde(rename = "mongodb")]
    pub(super) mongodb_keys: sections::Mongodb,
    /// Of the box office.
    #[serde(skip)]
    pub box_office: box_office::Settings,
    /// Of the outbox relay.
    #[serde(skip)]
    pub outbox_relay: outbox_relay::Settings,
    /// Of the projector.
    #[serde(skip)]
    pub projector: projector::Settings,
    /// Of the live feed.
    #[serde(skip)]
    pub live: live::Settings,
    /// Of HTTP.
    #[serde(skip)]
    pub http: http::Settings,
    /// Of PostgreSQL.
    #[serde(skip)]
    pub postgres: write_store::postgres::Settings,
    /// Of SQLite.
    #[serde(skip)]
    pub sqlite: write_store::sqlite::Settings,
    /// Of Valkey.
    #[serde(skip)]
    pub valkey: seat_lock::valkey::Settings,
    /// Of RabbitMQ.
    #[serde(skip)]
    pub rabbitmq: event_bus::rabbitmq::Settings,
    /// Of the embedded profile's bus.
    #[serde(skip)]
    pub in_process_bus: event_bus::in_process::Settings,
    /// Of MongoDB.
    #[serde(skip)]
    pub mongodb: read_model::mongodb::Settings,
    /// Names of variables that look like ours, but are no settings.
    #[serde(skip)]
    pub ignored_variables: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        let box_office = box_office::Settings::default();
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 5000)),
            admin_listen: None,
            data_dir: PathBuf::from("./turnstile-data"),
            postgres_url: None,
            valkey_url: None,
            rabbitmq_url: None,
            mongodb_url: None,
            namespace: "turnstile".to_owned(),
            hold_seconds: box_office.hold_seconds,
            hold_total_seconds: box_office.hold_total_seconds,
            operator_token: None,
            open: false,
            cors_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            seed_demo: None,
            log_format: LogFormat::default(),
            // Malformed requests are no errors of this server, and would let anybody fill its log.
            log_filter: "info,actix_server=warn,actix_http::h1::dispatcher=off".to_owned(),
            drain_delay_seconds: None,
            drain_seconds: 10,
            limits: http::limits::Settings::default(),
            box_office_keys: sections::BoxOffice::default(),
            http_keys: sections::Http::default(),
            live_keys: sections::Live::default(),
            postgres_keys: sections::Postgres::default(),
            mongodb_keys: sections::Mongodb::default(),
            box_office,
            outbox_relay: outbox_relay::Settings::default(),
            projector: projector::Settings::default(),
            live: live::Settings::default(),
            http: http::Settings::default(),
            postgres: write_store::postgres::Settings::default(),
            sqlite: write_store::sqlite::Settings::default(),
            valkey: seat_lock::valkey::Settings::default(),
            rabbitmq: event_bus::rabbitmq::Settings::default(),
            in_process_bus: event_bus::in_process::Settings::default(),
            mongodb: read_model::mongodb::Settings::default(),
            ignored_variables: Vec::new(),
        }
    }
}

/// Which services a node runs on.
#[derive(Clone, PartialEq, Eq)]
pub enum Profile {
    /// SQLite in this folder, and everything else inside the process.
    Embedded {
        /// [`Settings::data_dir`].
        data_dir: PathBuf,
    },
    /// PostgreSQL, Valkey, RabbitMQ and MongoDB.
    Real(RealStack),
}

/// The four addresses of the real stack. They may contain passwords: not for logs.
#[derive(Clone, PartialEq, Eq)]
pub struct RealStack {
    /// [`Settings::postgres_url`].
    pub postgres_url: String,
    /// [`Settings::valkey_url`].
    pub valkey_url: String,
    /// [`Settings::rabbitmq_url`].
    pub rabbitmq_url: String,
    /// [`Settings::mongodb_url`].
    pub mongodb_url: String,
}

impl Settings {
    /// As `drain_delay_seconds`.
    pub fn drain_delay(&self) -> Duration {
        let default = if matches!(self.profile(), Ok(Profile::Real(_))) { REAL_STACK_DRAIN_DELAY_SECONDS } else { 0 };
        Duration::from_secs(self.drain_delay_seconds.unwrap_or(default))
    }

    /// The profile that the service URLs select: all four the real stack, none the embedded one.
    ///
    /// # Errors
    /// [`ConfigError::Incomplete`] if some are given, but not all.
    pub fn profile(&self) -> Result<Profile, ConfigError> {
        let urls = (&self.postgres_url, &self.valkey_url, &self.rabbitmq_url, &self.mongodb_url);
        if let (Some(postgres), Some(valkey), Some(rabbitmq), Some(mongodb)) = urls {
            return Ok(Profile::Real(RealStack {
                postgres_url: postgres.expose().to_owned(),
                valkey_url: valkey.expose().to_owned(),
                rabbitmq_url: rabbitmq.expose().to_owned(),
                mongodb_url: mongodb.expose().to_owned(),
            }));
        }
        let given = [
            ("TURNSTILE_POSTGRES_URL", self.postgres_url.is_some()),
            ("TURNSTILE_VALKEY_URL", self.valkey_url.is_some()),
            ("TURNSTILE_RABBITMQ_URL", self.rabbitmq_url.is_some()),
            ("TURNSTILE_MONGODB_URL", self.mongodb_url.is_some()),
        ];
        let missing: Vec<&'static str> = given.iter().filter(|(_, given)| !given).map(|(name, _)| *name).collect();
        if missing.len() == given.len() {
            return Ok(Profile::Embedded { data_dir: self.data_dir.clone() });
        }
        Err(ConfigError::Incomplete { missing })
    }
}
