//! Opening connections: address, TLS, keepalive and the session's own limits.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use diesel::{ConnectionError, ConnectionResult};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use tokio_postgres::config::SslMode;
use tokio_postgres::{CancelToken, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::write_store::StoreError;
use crate::write_store::postgres::Settings;
use crate::write_store::postgres::failure::unavailable;

/// Opens connections to one database. Each has its own task on the runtime that is current when it is opened.
pub(super) struct Connector {
    config: Config,
    tls: Option<MakeRustlsConnect>,
    session: String,
    connect_timeout: Duration,
}

impl Connector {
    /// For the store's own work, under its limits.
    pub(super) fn new(url: &str, settings: &Settings) -> Result<Self, StoreError> {
        let address = Address::parse(url)?;
        let mut config = address.config;
        config
            .application_name("turnstile")
            .connect_timeout(settings.connect_timeout())
            .keepalives(true)
            .keepalives_idle(Duration::from_secs(settings.keepalive_seconds))
            .keepalives_interval(Duration::from_secs(settings.keepalive_seconds.div_ceil(3).max(1)))
            .keepalives_retries(3)
            .tcp_user_timeout(Duration::from_millis(settings.tcp_user_timeout_ms));
        // Sequential scans only where there is no index: a plan made while a table was small must not outlive its smallness.
        let session = format!(
            "SET statement_timeout = {}; SET lock_timeout = {}; SET idle_in_transaction_session_timeout = {}; \
             SET synchronous_commit = on; SET default_transaction_isolation = 'read committed'; SET enable_seqscan = off",
            settings.statement_timeout_ms, settings.lock_timeout_ms, settings.idle_in_transaction_timeout_ms
        );
        Ok(Self { config, tls: address.tls, session, connect_timeout: settings.connect_timeout() })
    }

    /// For migrations: statements may take as long as they need, waiting for a lock may take `lock_timeout`.
    pub(super) fn for_migrations(url: &str, lock_timeout: Duration) -> Result<Self, StoreError> {
        let mut connector = Self::new(url, &Settings::default())?;
        connector.session = format!("SET statement_timeout = 0; SET lock_timeout = {}", lock_timeout.as_millis());
        Ok(connector)
    }

    /// Opens a connection within the connect timeout.
    pub(super) async fn open(&self) -> ConnectionResult<AsyncPgConnection> {
        match tokio::time::timeout(self.connect_timeout, self.establish()).await {
            Ok(result) => result,
            Err(elapsed) => Err(ConnectionError::CouldntSetupConfiguration(diesel::result::Error::QueryBuilderError(
                Box::new(elapsed),
            ))),
        }
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

    async fn establish(&self) -> ConnectionResult<AsyncPgConnection> {
        let mut connection = if let Some(tls) = &self.tls {
            let (client, task) = self.config.connect(tls.clone()).await.map_err(|error| bad_connection(&error))?;
            AsyncPgConnection::try_from_client_and_connection(client, task).await?
        } else {
            let (client, task) = self.config.connect(NoTls).await.map_err(|error| bad_connection(&error))?;
            AsyncPgConnection::try_from_client_and_connection(client, task).await?
        };
        connection.batch_execute(&self.session).await.map_err(ConnectionError::CouldntSetupConfiguration)?;
        Ok(connection)
    }
}

/// Keeps the cause's text: the driver's own hides it behind "error connecting to server".
fn bad_connection(error: &tokio_postgres::Error) -> ConnectionError {
    let text = match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    };
    ConnectionError::BadConnection(text)
}

/// A database URL, read.
struct Address {
    config: Config,
    tls: Option<MakeRustlsConnect>,
}

impl Address {
    /// TLS for `sslmode=require`, `verify-ca` and `verify-full`, which all check the certificate and the host's name: against the
    /// public roots, or against the PEM file named by `sslrootcert`. Plain for any other mode.
    fn parse(url: &str) -> Result<Self, StoreError> {
        let mut encrypted = false;
        let mut roots = None;
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let mut kept = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("sslmode", mode)) => encrypted = matches!(mode, "require" | "verify-ca" | "verify-full"),
                Some(("sslrootcert", path)) => roots = Some(PathBuf::from(percent_decoded(path))),
                Some(_) | None => kept.push(pair),
            }
        }
        let plain_url = if kept.is_empty() { base.to_owned() } else { format!("{base}?{}", kept.join("&")) };
        let mut config: Config = plain_url
            .parse()
            .map_err(|error: tokio_postgres::Error| unavailable("the PostgreSQL URL cannot be read", error))?;
        let tls = if encrypted {
            config.ssl_mode(SslMode::Require);
            Some(tls(roots)?)
        } else {
            config.ssl_mode(SslMode::Disable);
            None
        };
        Ok(Self { config, tls })
    }
}

fn percent_decoded(text: &str) -> String {
    // `url` decodes `+` as a space in forms; a path's `+` is meant as it stands.
    let escaped = text.replace('+', "%2B");
    url::form_urlencoded::parse(format!("p={escaped}").as_bytes())
        .next()
        .map_or_else(String::new, |(_name, value)| value.into_owned())
}

fn tls(root_file: Option<PathBuf>) -> Result<MakeRustlsConnect, StoreError> {
    let mut roots = rustls::RootCertStore::empty();
    match root_file {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(path) => {
            let certificates = CertificateDer::pem_file_iter(&path)
                .map_err(|error| unavailable("the file of sslrootcert cannot be read", error))?;
            for certificate in certificates {
                let certificate =
                    certificate.map_err(|error| unavailable("the file of sslrootcert is no PEM", error))?;
                roots
                    .add(certificate)
                    .map_err(|error| unavailable("a certificate of sslrootcert is unusable", error))?;
            }
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| unavailable("TLS cannot be set up", error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(url: &str) -> (SslMode, bool) {
        let address = Address::parse(url).unwrap();
        (address.config.get_ssl_mode(), address.tls.is_some())
    }

    #[test]
    fn tls_is_used_exactly_when_the_url_asks_for_it() {
        for asked in ["require", "verify-ca", "verify-full"] {
            assert_eq!(mode(&format!("postgres://u@h:5/d?sslmode={asked}&options=-cx=y")), (SslMode::Require, true));
        }
        for plain in ["postgres://u@h/d", "postgres://u@h/d?sslmode=disable", "postgres://u@h/d?sslmode=prefer"] {
            assert_eq!(mode(plain), (SslMode::Disable, false));
        }
    }

    #[test]
    fn other_parameters_are_kept_and_unknown_ones_refused() {
        let address = Address::parse("postgres://u@h/d?sslmode=disable&connect_timeout=7").unwrap();
        assert_eq!(address.config.get_connect_timeout(), Some(&Duration::from_secs(7)));
        assert!(matches!(Address::parse("postgres://u@h/d?nonsense=1"), Err(StoreError::Unavailable { .. })));
        assert!(matches!(
            Address::parse("postgres://u@h/d?sslmode=require&sslrootcert=/nowhere/%2Broot.pem"),
            Err(StoreError::Unavailable { .. })
        ));
        assert_eq!(percent_decoded("/a%20b+c"), "/a b+c");
    }
}
