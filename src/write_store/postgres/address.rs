//! A PostgreSQL URL, read: each host with what it takes to connect to it, and TLS.

use std::path::PathBuf;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::write_store::StoreError;
use crate::write_store::postgres::tls;

/// Where PostgreSQL is.
pub(super) struct Address {
    /// How to connect to each host, in the URL's order; at least one.
    pub(super) hosts: Vec<Config>,
    /// `None`: in the clear.
    pub(super) tls: Option<MakeRustlsConnect>,
}

impl Address {
    /// TLS for `sslmode=require`, `verify-ca` and `verify-full`, which all check the certificate and the host's name: against the
    /// public roots, or against the PEM file named by `sslrootcert`. `sslcert` and `sslkey` name this client's certificate.
    /// Plain for any other mode.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] if the URL cannot be read or names a file that cannot be used.
    pub(super) fn parse(url: &str) -> Result<Self, StoreError> {
        let mut encrypted = false;
        let mut files = tls::Files::default();
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let mut kept = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("sslmode", mode)) => encrypted = matches!(mode, "require" | "verify-ca" | "verify-full"),
                Some(("sslrootcert", path)) => files.roots = Some(path_of(path)),
                Some(("sslcert", path)) => files.certificate = Some(path_of(path)),
                Some(("sslkey", path)) => files.key = Some(path_of(path)),
                Some(_) | None => kept.push(pair),
            }
        }
        let plain_url = if kept.is_empty() { base.to_owned() } else { format!("{base}?{}", kept.join("&")) };
        let mut config: Config = plain_url.parse().map_err(|error: tokio_postgres::Error| {
            let cause = std::error::Error::source(&error).map_or_else(String::new, |cause| format!(": {cause}"));
            StoreError::Unusable(format!("the PostgreSQL URL cannot be read: {error}{cause}"))
        })?;
        let tls = if encrypted {
            config.ssl_mode(SslMode::Require);
            Some(tls::connector(&files)?)
        } else {
            config.ssl_mode(SslMode::Disable);
            None
        };
        Ok(Self { hosts: hosts(&config)?, tls })
    }
}

/// The configuration once for each host, so that each can be given its own time.
fn hosts(config: &Config) -> Result<Vec<Config>, StoreError> {
    let (names, addresses, ports) = (config.get_hosts(), config.get_hostaddrs(), config.get_ports());
    let count = names.len().max(addresses.len());
    if count == 0 {
        return Err(StoreError::Unusable("the PostgreSQL URL names no host".to_owned()));
    }
    if (!names.is_empty() && !addresses.is_empty() && names.len() != addresses.len())
        || (ports.len() > 1 && ports.len() != count)
    {
        return Err(StoreError::Unusable("the PostgreSQL URL has not one port for each host".to_owned()));
    }
    let one = |index: usize| {
        let mut host = without_hosts(config);
        match names.get(index) {
            Some(Host::Tcp(name)) => drop(host.host(name)),
            Some(Host::Unix(path)) => drop(host.host_path(path)),
            None => {}
        }
        if let Some(address) = addresses.get(index) {
            host.hostaddr(*address);
        }
        if let Some(port) = ports.get(index).or(ports.first()) {
            host.port(*port);
        }
        host
    };
    Ok((0..count).map(one).collect())
}

/// What a URL can say besides the hosts. The limits of time are the store's own.
fn without_hosts(config: &Config) -> Config {
    let mut copy = Config::new();
    if let Some(user) = config.get_user() {
        copy.user(user);
    }
    if let Some(password) = config.get_password() {
        copy.password(password);
    }
    if let Some(database) = config.get_dbname() {
        copy.dbname(database);
    }
    if let Some(options) = config.get_options() {
        copy.options(options);
    }
    copy.ssl_mode(config.get_ssl_mode())
        .ssl_negotiation(config.get_ssl_negotiation())
        .channel_binding(config.get_channel_binding());
    copy
}

fn path_of(text: &str) -> PathBuf {
    PathBuf::from(percent_decoded(text))
}

fn percent_decoded(text: &str) -> String {
    // `url` decodes `+` as a space in forms; a path's `+` is meant as it stands.
    let escaped = text.replace('+', "%2B");
    url::form_urlencoded::parse(format!("p={escaped}").as_bytes())
        .next()
        .map_or_else(String::new, |(_name, value)| value.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(url: &str) -> (SslMode, bool) {
        let address = Address::parse(url).unwrap();
        (address.hosts[0].get_ssl_mode(), address.tls.is_some())
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
    fn each_host_is_told_apart_and_keeps_what_the_url_says() {
        let url = "postgres://u:p@one:1,two:2/d?target_session_attrs=read-write&options=-cx=y&connect_timeout=7";
        let hosts = Address::parse(url).unwrap().hosts;
        let told: Vec<_> = hosts.iter().map(|host| (host.get_hosts().to_vec(), host.get_ports().to_vec())).collect();
        assert_eq!(told, [(vec![Host::Tcp("one".to_owned())], vec![1]), (vec![Host::Tcp("two".to_owned())], vec![2])]);
        for host in hosts {
            assert_eq!((host.get_user(), host.get_password()), (Some("u"), Some(&b"p"[..])));
            assert_eq!((host.get_dbname(), host.get_options()), (Some("d"), Some("-cx=y")));
        }
    }

    #[test]
    fn what_cannot_be_used_is_refused_for_good() {
        for wrong in [
            "postgres://u@h/d?nonsense=1",
            "postgres://u@h/d?sslmode=require&sslrootcert=/nowhere/%2Broot.pem",
            "postgres://u@h/d?sslmode=require&sslcert=/nowhere/client.pem",
            "postgres://u@h/d?sslmode=require&sslcert=/nowhere/client.pem&sslkey=/nowhere/client.key",
            "user=u host=one,two,three port=1,2",
        ] {
            assert!(matches!(Address::parse(wrong), Err(StoreError::Unusable(_))), "{wrong}");
        }
        assert_eq!(percent_decoded("/a%20b+c"), "/a b+c");
    }
}
