//! Servers: what the URL names (one server, Sentinels that know the master, or a cluster), and one attempt to connect to it.

use std::time::Duration;

use deadpool_redis::redis::aio::{ConnectionLike, MultiplexedConnection};
use deadpool_redis::redis::cluster::{ClusterClient, ClusterClientBuilder};
use deadpool_redis::redis::cluster_async::ClusterConnection;
use deadpool_redis::redis::io::tcp::TcpSettings;
use deadpool_redis::redis::{
    self, AsyncConnectionConfig, Client, ClientTlsConfig, Cmd, ConnectionInfo, ErrorKind, IntoConnectionInfo, Pipeline,
    RedisError, RedisFuture, ServerErrorKind, TlsCertificates, Value,
};
use deadpool_redis::{Connection, Manager, Pool, Runtime};
use tokio::time::timeout;

use crate::seat_lock::valkey::Settings;
use crate::service_url::{ServiceUrl, TlsNames};

/// As Python's clients call them in URLs.
const TLS_NAMES: TlsNames = TlsNames { authorities: "ssl_ca_certs", certificate: "ssl_certfile", key: "ssl_keyfile" };
/// Where a Sentinel listens unless the URL says otherwise.
const SENTINEL_PORT: u16 = 26_379;
/// How often the cluster's client follows a redirection, or tries again, within one call.
const CLUSTER_RETRIES: u32 = 3;
/// Longest pause before the cluster's client tries again, in milliseconds.
const CLUSTER_RETRY_MILLISECONDS: u64 = 50;
/// A lock that nobody takes. Removing it changes nothing, and only a server that takes locks does it.
const NO_LOCK: &str = "lock:{ping}:0";

/// See the module's documentation.
pub(super) struct Servers {
    named: Named,
    connect_timeout: Duration,
    response_timeout: Duration,
}

enum Named {
    One(ConnectionInfo),
    Sentinels(Sentinels),
    Cluster(Box<ClusterClient>),
}

/// The Sentinels, in the URL's order, and what to ask them.
struct Sentinels {
    watchers: Vec<ConnectionInfo>,
    service: String,
    /// Makes the URL of whichever server they name.
    template: ServiceUrl,
    scheme: &'static str,
    database: String,
    certificates: Option<TlsCertificates>,
}

/// A connection to one server or to all of a cluster. Clones share it.
#[derive(Clone)]
pub(super) enum Wire {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Servers {
    /// Reads the URL; see [`crate::seat_lock::valkey::ValkeyLock::connect`].
    pub(super) fn parse(url: &str, settings: &Settings) -> Result<Self, String> {
        let named = match url.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase()).as_deref() {
            Some("redis+sentinel" | "valkey+sentinel") => sentinels(url, "redis")?,
            Some("rediss+sentinel" | "valkeys+sentinel") => sentinels(url, "rediss")?,
            Some("redis+cluster" | "valkey+cluster") => cluster(url, "redis", settings)?,
            Some("rediss+cluster" | "valkeys+cluster") => cluster(url, "rediss", settings)?,
            Some("redis" | "valkey") => one(url, "redis")?,
            Some("rediss" | "valkeys") => one(url, "rediss")?,
            // A Unix socket's URL has no host.
            _ => Named::One(info(url, None)?),
        };
        Ok(Self {
            named,
            connect_timeout: Duration::from_millis(settings.connect_timeout_milliseconds),
            response_timeout: Duration::from_millis(settings.response_timeout_milliseconds),
        })
    }

    /// Connects, and makes sure that locks are taken there.
    pub(super) async fn connect(&self) -> Result<Wire, String> {
        match &self.named {
            Named::One(info) => {
                let mut wire = self.connect_to(info.clone()).await?;
                if wire.is_in_cluster(self.response_timeout).await {
                    return Err("it belongs to a cluster: the URL must begin with redis+cluster://".to_owned());
                }
                Ok(wire)
            }
            Named::Sentinels(sentinels) => self.connect_to_master(sentinels).await,
            Named::Cluster(client) => {
                let connecting = timeout(self.connect_timeout, client.get_async_connection()).await;
                let connection = connecting.map_err(|_elapsed| "no answer in time".to_owned())?;
                let mut wire = Wire::Cluster(connection.map_err(|error| error.to_string())?);
                wire.probe(self.response_timeout).await?;
                Ok(wire)
            }
        }
    }

    async fn connect_to(&self, info: ConnectionInfo) -> Result<Wire, String> {
        let pooled = self.pool(info)?.get().await.map_err(|error| error.to_string())?;
        // Taken out of the pool for good: no call pays for a check-out.
        let mut wire = Wire::One(Connection::take(pooled));
        wire.probe(self.response_timeout).await?;
        Ok(wire)
    }

    /// Asks the Sentinels in turn. The first answer that leads to a server that takes locks counts: one Sentinel may be behind.
    async fn connect_to_master(&self, named: &Sentinels) -> Result<Wire, String> {
        let mut reasons = Vec::new();
        for sentinel in &named.watchers {
            match self.master(named, sentinel).await {
                Ok(master) => match self.connect_to(master).await {
                    Ok(wire) => return Ok(wire),
                    Err(reason) => reasons.push(format!("the master that {} names: {reason}", sentinel.addr())),
                },
                Err(reason) => reasons.push(format!("{}: {reason}", sentinel.addr())),
            }
        }
        Err(reasons.join("; "))
    }

    async fn master(&self, named: &Sentinels, sentinel: &ConnectionInfo) -> Result<ConnectionInfo, String> {
        let mut connection = self.pool(sentinel.clone())?.get().await.map_err(|error| error.to_string())?;
        let mut ask = redis::cmd("SENTINEL");
        ask.arg("get-master-addr-by-name").arg(&named.service);
        let asked = timeout(self.response_timeout, ask.query_async::<Option<(String, u16)>>(&mut connection)).await;
        let answer = asked.map_err(|_elapsed| "no answer in time".to_owned())?.map_err(|error| error.to_string())?;
        let (host, port) = answer.ok_or_else(|| format!("it knows no master called {}", named.service))?;
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        let url = named.template.at(&format!("{host}:{port}"), named.scheme, &named.database);
        info(&url, named.certificates.as_ref())
    }

    fn pool(&self, info: ConnectionInfo) -> Result<Pool, String> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.connect_timeout))
            .set_response_timeout(Some(self.response_timeout));
        let manager = Manager::new_with_config(info, config).map_err(|error| error.to_string())?;
        Pool::builder(manager)
            .max_size(1)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(self.connect_timeout))
            .create_timeout(Some(self.connect_timeout))
            .recycle_timeout(Some(self.connect_timeout))
            .build()
            .map_err(|error| error.to_string())
    }
}

impl Wire {
    /// Answers if locks are taken: a replica or a server that cannot write answers PING all the same. A cluster is sound if each master
    /// answers, so that a part without a master cannot hold up the calls to the others.
    pub(super) async fn probe(&mut self, limit: Duration) -> Result<(), String> {
        let asked = match self {
            Self::One(connection) => {
                let mut remove = redis::cmd("DEL");
                remove.arg(NO_LOCK);
                timeout(limit, remove.query_async::<i64>(connection)).await.map(|answer| answer.map(drop))
            }
            Self::Cluster(connection) => timeout(limit, redis::cmd("PING").query_async::<()>(connection)).await,
        };
        match asked {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) if error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly) => {
                Err("it is a replica, which takes no locks".to_owned())
            }
            Ok(Err(error)) => Err(error.to_string()),
            Err(_elapsed) => Err("no answer in time".to_owned()),
        }
    }

    /// True if it is certain; a user may lack the right to ask.
    async fn is_in_cluster(&mut self, limit: Duration) -> bool {
        let mut ask = redis::cmd("INFO");
        ask.arg("cluster");
        let asked = timeout(limit, ask.query_async::<String>(self)).await;
        matches!(asked, Ok(Ok(info)) if info.contains("cluster_enabled:1"))
    }
}

impl ConnectionLike for Wire {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::One(connection) => connection.req_packed_command(command),
            Self::Cluster(connection) => connection.req_packed_command(command),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        commands: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::One(connection) => connection.req_packed_commands(commands, offset, count),
            Self::Cluster(connection) => connection.req_packed_commands(commands, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::One(connection) => connection.get_db(),
            Self::Cluster(connection) => connection.get_db(),
        }
    }
}

/// The URL taken apart, and with TLS its certificates.
fn parts(url: &str, scheme: &str) -> Result<(ServiceUrl, Option<TlsCertificates>), String> {
    let mut parts = ServiceUrl::parse(url)?;
    let files = parts.take_tls_files(TLS_NAMES, scheme == "rediss")?;
    let client_tls = files.client.map(|(client_cert, client_key)| ClientTlsConfig { client_cert, client_key });
    let certificates = TlsCertificates { client_tls, root_cert: files.authorities };
    Ok((parts, (scheme == "rediss").then_some(certificates)))
}

fn one(url: &str, scheme: &str) -> Result<Named, String> {
    let (parts, certificates) = parts(url, scheme)?;
    match parts.hosts.as_slice() {
        [host] => Ok(Named::One(info(&parts.at(host, scheme, &parts.path), certificates.as_ref())?)),
        _ => Err("several hosts need redis+sentinel:// or redis+cluster://".to_owned()),
    }
}

fn sentinels(url: &str, scheme: &'static str) -> Result<Named, String> {
    let (mut template, certificates) = parts(url, scheme)?;
    let (user, password) = (template.take("sentinel_username"), template.take("sentinel_password"));
    let (service, database) = template.path.trim_start_matches('/').split_once('/').unwrap_or((&template.path, ""));
    let service = service.trim_start_matches('/').to_owned();
    let database = if database.is_empty() { String::new() } else { format!("/{database}") };
    if service.is_empty() {
        return Err("the master's name is missing: redis+sentinel://host:26379/mymaster".to_owned());
    }
    // The user of the servers is not one of the Sentinels.
    let mut plain = template.clone();
    plain.userinfo.clear();
    let sentinel = |host: &String| {
        let host = if has_port(host) { host.clone() } else { format!("{host}:{SENTINEL_PORT}") };
        let info = info(&plain.at(&host, scheme, ""), certificates.as_ref())?;
        let mut login = info.redis_settings().clone();
        if let Some(user) = &user {
            login = login.set_username(user);
        }
        if let Some(password) = &password {
            login = login.set_password(password);
        }
        Ok(info.set_redis_settings(login))
    };
    let watchers = template.hosts.iter().map(sentinel).collect::<Result<_, String>>()?;
    Ok(Named::Sentinels(Sentinels { watchers, service, template, scheme, database, certificates }))
}

fn cluster(url: &str, scheme: &str, settings: &Settings) -> Result<Named, String> {
    let (parts, certificates) = parts(url, scheme)?;
    let nodes = parts.hosts.iter().map(|host| info(&parts.at(host, scheme, &parts.path), certificates.as_ref()));
    let response_timeout = Duration::from_millis(settings.response_timeout_milliseconds);
    let mut builder = ClusterClientBuilder::new(nodes.collect::<Result<Vec<_>, _>>()?)
        .connection_timeout(Duration::from_millis(settings.connect_timeout_milliseconds))
        .response_timeout(response_timeout)
        .retries(CLUSTER_RETRIES)
        .min_retry_wait(1)
        .max_retry_wait(CLUSTER_RETRY_MILLISECONDS)
        .tcp_settings(TcpSettings::default().set_nodelay(true));
    if let Some(certificates) = certificates {
        builder = builder.certs(certificates);
    }
    Ok(Named::Cluster(Box::new(builder.build().map_err(|error| error.to_string())?)))
}

fn info(url: &str, certificates: Option<&TlsCertificates>) -> Result<ConnectionInfo, String> {
    let refused = |error: RedisError| error.to_string();
    let info = match certificates {
        Some(certificates) => {
            Client::build_with_tls(url, certificates.clone()).map_err(refused)?.get_connection_info().clone()
        }
        None => url.into_connection_info().map_err(refused)?,
    };
    // Small requests must not wait for the acknowledgement of the one before.
    Ok(info.set_tcp_settings(TcpSettings::default().set_nodelay(true)))
}

fn has_port(host: &str) -> bool {
    host.rsplit_once(':').is_some_and(|(before, _)| !before.contains(':') || before.ends_with(']'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str) -> Result<Named, String> {
        Servers::parse(url, &Settings::default()).map(|servers| servers.named)
    }

    #[test]
    fn a_sentinel_url_names_the_sentinels_the_master_and_the_servers_user() {
        let url = "redis+sentinel://ada:secret@h1,[::1]:5000/mymaster/3?sentinel_password=other";
        let Ok(Named::Sentinels(named)) = parsed(url) else { panic!("not taken for Sentinels") };
        let addresses: Vec<String> = named.watchers.iter().map(|info| info.addr().to_string()).collect();
        assert_eq!(addresses, ["h1:26379", "::1:5000"]);
        assert_eq!(named.watchers[0].redis_settings().password(), Some("other"));
        assert_eq!((named.service.as_str(), named.database.as_str()), ("mymaster", "/3"));
        assert_eq!(named.template.at("h9:1", named.scheme, &named.database), "redis://ada:secret@h9:1/3");
        assert!(matches!(parsed("valkeys+sentinel://h1/m"), Ok(Named::Sentinels(named)) if named.scheme == "rediss"));
    }

    #[test]
    fn each_form_has_its_scheme() {
        assert!(matches!(parsed("redis+cluster://h1,h2:7000,h3"), Ok(Named::Cluster(_))));
        assert!(matches!(parsed("rediss+cluster://u:p@h1"), Ok(Named::Cluster(_))));
        assert!(matches!(parsed("valkeys://h1/0"), Ok(Named::One(_))));
        assert!(matches!(parsed("redis+unix:///run/valkey.sock"), Ok(Named::One(_))));
        for (bad, said) in [
            ("redis://secret@h1,h2", "several hosts"),
            ("redis+sentinel://:secret@h1", "name is missing"),
            ("redis+cluster://", "host is missing"),
            ("redis://:secret@h?ssl_ca_certs=/x", "cannot read /x"),
            ("http://:secret@h", "URL"),
        ] {
            let error = parsed(bad).err().expect(bad);
            assert!(error.contains(said) && !error.contains("secret"), "{bad}: {error}");
        }
    }
}
