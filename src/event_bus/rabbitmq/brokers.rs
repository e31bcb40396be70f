//! Brokers: the hosts that the URL names, and one bounded attempt to connect to one of them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_compat::Compat;
use lapin::tcp::{AsyncTcpStream, RustlsConnector, RustlsConnectorConfig};
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{Connection, ConnectionProperties};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpStream;
use tokio::time::timeout;

use tokio_util::sync::CancellationToken;

use crate::event_bus::BusError;
use crate::event_bus::rabbitmq::Settings;
use crate::service_url::{ServiceUrl, TlsFiles, TlsNames};

/// As RabbitMQ's own clients call them in URLs.
const TLS_NAMES: TlsNames = TlsNames { authorities: "cacertfile", certificate: "certfile", key: "keyfile" };

/// Any of these can be connected to: they are one cluster.
pub(super) struct Brokers {
    uris: Vec<AMQPUri>,
    tls: Option<RustlsConnector>,
}

impl Brokers {
    /// Reads `amqp://user:password@host1:5672,host2:5672/vhost?heartbeat=10`, or `amqps://`, with `cacertfile`, `certfile` and `keyfile`.
    pub(super) fn parse(url: &str, settings: &Settings) -> Result<Self, BusError> {
        let bad = |error: String| BusError { reason: format!("bad URL for RabbitMQ: {error}") };
        let mut parts = ServiceUrl::parse(url).map_err(bad)?;
        let encrypted = parts.scheme == "amqps";
        let files = parts.take_tls_files(TLS_NAMES, encrypted).map_err(bad)?;
        if let Some(other) = parts.take("verify").filter(|verify| verify != "verify_peer") {
            return Err(bad(format!("verify={other} is not supported: the broker's certificate is always verified")));
        }
        let uri = |host: &String| {
            let mut uri: AMQPUri = parts.at(host, &parts.scheme, &parts.path).parse()?;
            if let Some(address) = host.strip_prefix('[').and_then(|host| host.split(']').next()) {
                address.clone_into(&mut uri.authority.host);
            }
            uri.query.heartbeat.get_or_insert(settings.heartbeat_seconds);
            Ok(uri)
        };
        let uris = parts.hosts.iter().map(uri).collect::<Result<_, String>>().map_err(bad)?;
        let tls = if encrypted { Some(tls(files).map_err(|error| bad(error.to_string()))?) } else { None };
        Ok(Self { uris, tls })
    }

    /// Their number.
    pub(super) fn len(&self) -> usize {
        self.uris.len()
    }

    /// Host and port of one of them, for the log.
    pub(super) fn name(&self, index: usize) -> String {
        let authority = self.uris.get(index).map(|uri| &uri.authority);
        authority.map_or_else(String::new, |authority| format!("{}:{}", authority.host, authority.port))
    }

    /// Connects to one of them, within `limit`. An attempt that takes longer is ended with all that it has begun.
    pub(super) async fn connect(&self, index: usize, purpose: &str, limit: Duration) -> Result<Connection, BusError> {
        let failed = |error: lapin::Error| BusError { reason: error.to_string() };
        let uri = self.uris.get(index).cloned().ok_or_else(|| BusError { reason: "no such host".to_owned() })?;
        let runtime = lapin::runtime::default_runtime().map_err(failed)?;
        let properties = ConnectionProperties::default().with_connection_name(format!("turnstile {purpose}").into());
        let (attempt, tls) = (Attempt::default(), self.tls.clone());
        let sockets = Arc::clone(&attempt.sockets);
        let connecting = Connection::connector(
            uri,
            runtime,
            async move |uri, _runtime| Ok(sockets.open(&uri, tls.as_ref()).await?),
            properties,
        );
        let connection = timeout(limit, connecting).await;
        let connection = connection.map_err(|_elapsed| BusError { reason: format!("no answer within {limit:?}") })?;
        attempt.succeeded();
        connection.map_err(failed)
    }
}

/// An attempt to connect. Dropped before it succeeded, it shuts its socket down: the client library, which has a thread for each
/// connection, would wait for a silent broker for ever.
#[derive(Default)]
struct Attempt {
    sockets: Arc<Sockets>,
}

/// The socket of an attempt, as soon as there is one, and whether the attempt was given up.
#[derive(Default)]
struct Sockets {
    given_up: CancellationToken,
    opened: Mutex<Option<socket2::Socket>>,
}

impl Attempt {
    fn succeeded(self) {
        self.sockets.take();
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        self.sockets.given_up.cancel();
        if let Some(Err(error)) = self.sockets.take().map(|socket| socket.shutdown(std::net::Shutdown::Both)) {
            tracing::debug!(%error, "an attempt to connect to RabbitMQ had ended by itself");
        }
    }
}

impl Sockets {
    async fn open(
        &self,
        uri: &AMQPUri,
        tls: Option<&RustlsConnector>,
    ) -> std::io::Result<AsyncTcpStream<Compat<TcpStream>>> {
        let opened = self.given_up.run_until_cancelled(self.open_without_limit(uri, tls)).await;
        let gone = || std::io::Error::from(std::io::ErrorKind::TimedOut);
        if self.given_up.is_cancelled() { Err(gone()) } else { opened.ok_or_else(gone)? }
    }

    async fn open_without_limit(
        &self,
        uri: &AMQPUri,
        tls: Option<&RustlsConnector>,
    ) -> std::io::Result<AsyncTcpStream<Compat<TcpStream>>> {
        let host = uri.authority.host.as_str();
        let socket = TcpStream::connect((host, uri.authority.port)).await?;
        socket.set_nodelay(true)?;
        let second = socket2::SockRef::from(&socket).try_clone()?;
        *self.opened.lock().unwrap_or_else(PoisonError::into_inner) = Some(second);
        let plain = AsyncTcpStream::Plain(Compat::new(socket));
        match tls.filter(|_| uri.scheme == AMQPScheme::AMQPS) {
            Some(tls) => plain.into_rustls(tls, host).await,
            None => Ok(plain),
        }
    }

    fn take(&self) -> Option<socket2::Socket> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Trusts the authorities of the file, or else the public ones, and shows the client's certificate if there is one.
fn tls(files: TlsFiles) -> std::io::Result<RustlsConnector> {
    let invalid = |error| std::io::Error::new(std::io::ErrorKind::InvalidData, error);
    let certificates = |pem: &[u8]| CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>().map_err(invalid);
    let config = match files.authorities {
        Some(pem) => RustlsConnectorConfig::default().with_parsable_certificates(certificates(&pem)?),
        None => RustlsConnectorConfig::new_with_webpki_root_certs(),
    };
    match files.client {
        Some((chain, key)) => {
            let key = PrivateKeyDer::from_pem_slice(&key).map_err(invalid)?;
            config.connector_with_single_cert(certificates(&chain)?, key)
        }
        None => config.connector_with_no_client_auth(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str) -> Result<Brokers, String> {
        Brokers::parse(url, &Settings::default()).map_err(|error| error.reason)
    }

    #[test]
    fn each_host_has_the_same_user_vhost_and_parameters() {
        let brokers = parsed("amqp://ada:secret@h1,h2:5673,[::1]:5674/a%2fb?heartbeat=7").unwrap();
        let names: Vec<String> = (0..brokers.len()).map(|index| brokers.name(index)).collect();
        assert_eq!(names, ["h1:5672", "h2:5673", "::1:5674"]);
        for uri in &brokers.uris {
            let user = &uri.authority.userinfo;
            assert_eq!((user.username.as_str(), user.password.as_str()), ("ada", "secret"));
            assert_eq!((uri.vhost.as_str(), uri.query.heartbeat), ("a/b", Some(7)));
        }
        assert_eq!(parsed("amqps://h1/%2f").unwrap().name(0), "h1:5671");
        assert_eq!(parsed("amqp://h1").unwrap().uris[0].query.heartbeat, Some(10));
    }

    #[test]
    fn what_cannot_be_connected_to_is_refused_without_repeating_the_password() {
        for (url, said) in [
            ("http://u:secret@h", "scheme"),
            ("amqp://u:secret@h:x", "port"),
            ("amqp://u:secret@h?cacertfile=/nowhere", "cannot read /nowhere"),
            ("amqps://u:secret@h?verify=verify_none", "always verified"),
            (concat!("amqps://h?cacertfile=", env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"), "certificates"),
        ] {
            let error = parsed(url).err().expect(url);
            assert!(error.contains(said) && !error.contains("secret"), "{error}");
        }
    }
}
