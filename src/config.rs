//! Configuration: every module's own settings under one roof. Defaults, then `turnstile.toml`, then `TURNSTILE_*` variables, then flags; unknown keys are refused.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use config::{Config, Environment, File, FileFormat};
use serde::Deserialize;

use crate::http::OperatorToken;
use crate::telemetry::LogFormat;
use crate::{box_office, event_bus, http, live, outbox_relay, projector, read_model, seat_lock, write_store};

/// File that is read if it is there and no other is named.
const DEFAULT_FILE: &str = "turnstile.toml";

/// All that can be set. In the environment a key has the prefix `TURNSTILE_`; `box_office.max_queued` is `TURNSTILE_BOX_OFFICE__MAX_QUEUED`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Address and port to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Folder of the embedded profile's data.
    pub data_dir: PathBuf,
    /// `postgres://user:password@host:port/database?sslmode=..`; with the other three URLs it selects the real stack.
    pub postgres_url: Option<String>,
    /// `redis://host:port` or `rediss://..` of Valkey.
    pub valkey_url: Option<String>,
    /// `amqp://user:password@host:port/vhost` or `amqps://..` of RabbitMQ.
    pub rabbitmq_url: Option<String>,
    /// `mongodb://host:port/database` of MongoDB.
    pub mongodb_url: Option<String>,
    /// Prefix of the exchange and the queues in RabbitMQ.
    pub namespace: String,
    /// Seconds from a reservation, or an extension, to the hold's deadline.
    pub hold_seconds: u64,
    /// Seconds from a reservation to the last deadline that extensions can reach.
    pub hold_total_seconds: u64,
    /// Token with which operators authenticate (`Authorization: Bearer ..`). Without it, operators' commands are open on a loopback
    /// address and closed on any other.
    pub operator_token: Option<String>,
    /// Origins whose pages may use the API with credentials, separated by commas in the environment.
    pub cors_origins: Vec<String>,
    /// Create the demo showtime at start if it is not there; if not set: on the embedded profile only.
    pub seed_demo: Option<bool>,
    /// Form of log lines: `pretty` or `json`.
    pub log_format: LogFormat,
    /// Which log lines are written, as `level` or `target=level` separated by commas.
    pub log_filter: String,
    /// Seconds for which SIGTERM lets accepted commands finish and spreads the closing of live sessions.
    pub drain_seconds: u64,
    /// Queues and times of the box office.
    pub box_office: box_office::Settings,
    /// Rounds of the outbox relay.
    pub outbox_relay: outbox_relay::Settings,
    /// Work of the projector.
    pub projector: projector::Settings,
    /// Live sessions.
    pub live: live::Settings,
    /// HTTP limits.
    pub http: http::Settings,
    /// Connections to PostgreSQL.
    pub postgres: write_store::postgres::Settings,
    /// SQLite.
    pub sqlite: write_store::sqlite::Settings,
    /// Connections to Valkey.
    pub valkey: seat_lock::valkey::Settings,
    /// Connections to RabbitMQ.
    pub rabbitmq: event_bus::rabbitmq::Settings,
    /// The embedded profile's bus.
    pub in_process_bus: event_bus::in_process::Settings,
    /// Connections to MongoDB.
    pub mongodb: read_model::mongodb::Settings,
}

impl Default for Settings {
    fn default() -> Self {
        let box_office = box_office::Settings::default();
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 5000)),
            data_dir: PathBuf::from("./turnstile-data"),
            postgres_url: None,
            valkey_url: None,
            rabbitmq_url: None,
            mongodb_url: None,
            namespace: "turnstile".to_owned(),
            hold_seconds: box_office.hold_seconds,
            hold_total_seconds: box_office.hold_total_seconds,
            operator_token: None,
            cors_origins: Vec::new(),
            seed_demo: None,
            log_format: LogFormat::default(),
            // Malformed requests are no errors of this server, and would let anybody fill its log.
            log_filter: "info,actix_http::h1::dispatcher=off".to_owned(),
            drain_seconds: 10,
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

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A key is unknown, or a value does not fit.
    #[error("the configuration cannot be used: {0}")]
    Invalid(#[from] config::ConfigError),
    /// Some of the four service URLs are given, but not all.
    #[error("the real stack needs all four services; missing: {}", missing.join(", "))]
    Incomplete {
        /// The variables that are missing.
        missing: Vec<&'static str>,
    },
    /// A value lies outside what makes sense.
    #[error("{key} {reason}")]
    OutOfRange {
        /// Which.
        key: &'static str,
        /// What is wrong.
        reason: &'static str,
    },
}

impl Settings {
    /// Reads all layers. `file`: a file that must be there; `flags`: (key, value) pairs that win over everything.
    pub fn load(file: Option<&Path>, flags: &[(String, String)]) -> Result<Self, ConfigError> {
        Self::layered(file, environment(), flags)
    }

    fn layered(file: Option<&Path>, environment: Environment, flags: &[(String, String)]) -> Result<Self, ConfigError> {
        let file = match file {
            Some(path) => File::from(path).format(FileFormat::Toml).required(true),
            None => File::from(Path::new(DEFAULT_FILE)).format(FileFormat::Toml).required(false),
        };
        let mut layers = Config::builder().add_source(file).add_source(environment);
        for (key, value) in flags {
            layers = layers.set_override(key, value.as_str())?;
        }
        let mut settings: Self = layers.build()?.try_deserialize()?;
        settings.box_office.hold_seconds = settings.hold_seconds;
        settings.box_office.hold_total_seconds = settings.hold_total_seconds.max(settings.hold_seconds);
        settings.http.cors_origins = settings.cors_origins.clone();
        settings.http.operator_token = settings.operator_token.as_deref().and_then(OperatorToken::new);
        settings.check()?;
        Ok(settings)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let usable = self.operator_token.is_none() || self.http.operator_token.is_some();
        let limits = [
            ("operator_token", usable, "must have at least 16 bytes"),
            ("hold_seconds", self.hold_seconds > 0 && self.hold_seconds <= 7 * 86_400, "must be 1 second to 7 days"),
            ("box_office.max_queued", self.box_office.max_queued > 0, "must be at least 1"),
            ("box_office.max_batch", (1..=1_000).contains(&self.box_office.max_batch), "must be 1 to 1000"),
            ("outbox_relay.max_rows", self.outbox_relay.max_rows > 0, "must be at least 1"),
            (
                "namespace",
                !self.namespace.trim().is_empty() && self.namespace.len() <= 64,
                "must have 1 to 64 characters",
            ),
        ];
        match limits.into_iter().find(|(_, holds, _)| !holds) {
            Some((key, _, reason)) => Err(ConfigError::OutOfRange { key, reason }),
            None => Ok(()),
        }
    }

    /// The profile that the service URLs select: all four the real stack, none the embedded one.
    ///
    /// # Errors
    /// [`ConfigError::Incomplete`] if some are given, but not all.
    pub fn profile(&self) -> Result<Profile, ConfigError> {
        let urls = (&self.postgres_url, &self.valkey_url, &self.rabbitmq_url, &self.mongodb_url);
        if let (Some(postgres), Some(valkey), Some(rabbitmq), Some(mongodb)) = urls {
            return Ok(Profile::Real(RealStack {
                postgres_url: postgres.clone(),
                valkey_url: valkey.clone(),
                rabbitmq_url: rabbitmq.clone(),
                mongodb_url: mongodb.clone(),
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

/// `TURNSTILE_*` variables. Empty ones count as not set, so that a compose file can pass them through.
fn environment() -> Environment {
    Environment::with_prefix("TURNSTILE")
        .prefix_separator("_")
        .separator("__")
        .ignore_empty(true)
        .try_parsing(true)
        .list_separator(",")
        .with_list_parse_key("cors_origins")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(environment: &[(&str, &str)], flags: &[(&str, &str)]) -> Result<Settings, ConfigError> {
        let source = environment.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let environment = super::environment().source(Some(source));
        let flags: Vec<_> = flags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Settings::layered(None, environment, &flags)
    }

    #[test]
    fn nothing_set_is_the_embedded_profile_on_port_5000() {
        let settings = load(&[], &[]).unwrap();
        assert_eq!(settings.listen, Settings::default().listen);
        assert!(matches!(settings.profile(), Ok(Profile::Embedded { .. })));
    }

    #[test]
    fn flags_win_over_the_environment() {
        let settings = load(
            &[
                ("TURNSTILE_LISTEN", "0.0.0.0:1"),
                ("TURNSTILE_HOLD_SECONDS", "5"),
                ("TURNSTILE_CORS_ORIGINS", "http://a,http://b"),
            ],
            &[("listen", "127.0.0.1:2")],
        )
        .unwrap();
        assert_eq!(settings.listen.port(), 2);
        assert_eq!(settings.box_office.hold_seconds, 5);
        assert_eq!(settings.cors_origins, ["http://a", "http://b"]);
    }

    #[test]
    fn nested_keys_are_reached_and_unknown_ones_refused() {
        let settings = load(&[("TURNSTILE_BOX_OFFICE__MAX_QUEUED", "7")], &[]).unwrap();
        assert_eq!(settings.box_office.max_queued, 7);
        let refused = load(&[("TURNSTILE_HOLD_SECOND", "5")], &[]).unwrap_err().to_string();
        assert!(refused.contains("hold_second"), "{refused}");
    }

    #[test]
    fn some_services_are_not_enough() {
        let settings =
            load(&[("TURNSTILE_POSTGRES_URL", "postgres://x"), ("TURNSTILE_MONGODB_URL", "mongodb://x")], &[]).unwrap();
        let refused = settings.profile().err().map(|error| error.to_string()).unwrap_or_default();
        assert!(refused.contains("TURNSTILE_VALKEY_URL") && refused.contains("TURNSTILE_RABBITMQ_URL"), "{refused}");
        assert!(!refused.contains("TURNSTILE_POSTGRES_URL"), "{refused}");
    }
}
