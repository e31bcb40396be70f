//! Service URL: the address of a service that runs on several hosts, and the TLS files named in its query.
//!
//! `scheme://user:password@host1:port,host2:port/path?name=value`. The `url` crate knows one host only. Errors never repeat the URL, which
//! may hold a password.

use url::form_urlencoded;

/// A URL taken apart. Its parts are as they were written: nothing but the query is decoded.
#[derive(Clone, PartialEq, Eq)]
pub struct ServiceUrl {
    /// Before `://`, in lower case.
    pub scheme: String,
    /// Before the `@`; empty if there is none.
    pub userinfo: String,
    /// Each `host` or `host:port`; at least one.
    pub hosts: Vec<String>,
    /// From the slash behind the hosts to the query; empty if there is no slash.
    pub path: String,
    query: Vec<(String, String)>,
}

/// What a service's clients call the query parameters with the paths of PEM files.
#[derive(Clone, Copy)]
pub struct TlsNames {
    /// Certificates of the authorities that are trusted instead of the public ones.
    pub authorities: &'static str,
    /// The client's certificate and those between it and its authority.
    pub certificate: &'static str,
    /// The certificate's private key.
    pub key: &'static str,
}

/// PEM texts for TLS.
#[derive(Clone, Default)]
pub struct TlsFiles {
    /// Trusted instead of the public authorities.
    pub authorities: Option<Vec<u8>>,
    /// The client's certificate chain and its key.
    pub client: Option<(Vec<u8>, Vec<u8>)>,
}

impl ServiceUrl {
    /// Takes a URL apart.
    ///
    /// # Errors
    /// Without a scheme or a host, or with an empty host in the list.
    pub fn parse(url: &str) -> Result<Self, String> {
        let (scheme, rest) = url.split_once("://").ok_or("it must look like scheme://host:port")?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
        let (userinfo, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
        let hosts: Vec<String> = hosts.split(',').map(str::to_owned).collect();
        if hosts.iter().any(|host| host.is_empty() || host.starts_with(':')) {
            return Err("a host is missing".to_owned());
        }
        Ok(Self {
            scheme: scheme.to_ascii_lowercase(),
            userinfo: userinfo.to_owned(),
            hosts,
            path: path.to_owned(),
            query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        })
    }

    /// Takes a parameter out of the query.
    pub fn take(&mut self, name: &str) -> Option<String> {
        let position = self.query.iter().position(|(key, _)| key == name)?;
        Some(self.query.remove(position).1)
    }

    /// Takes the TLS files out of the query and reads them.
    ///
    /// # Errors
    /// If a file cannot be read, if of certificate and key only one is named, or if `encrypted` is false and a file is named.
    pub fn take_tls_files(&mut self, names: TlsNames, encrypted: bool) -> Result<TlsFiles, String> {
        let mut file = |name: &str| self.take(name).map(|path| read(name, &path)).transpose();
        let (authorities, certificate, key) = (file(names.authorities)?, file(names.certificate)?, file(names.key)?);
        let is_any = authorities.is_some() || certificate.is_some() || key.is_some();
        if is_any && !encrypted {
            return Err(format!("{} and the like need TLS, but {}:// has none", names.authorities, self.scheme));
        }
        let client = match (certificate, key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => return Err(format!("{} and {} go together", names.certificate, names.key)),
        };
        Ok(TlsFiles { authorities, client })
    }

    /// The URL of one of the hosts, under another scheme and path, with what is left of the query.
    pub fn at(&self, host: &str, scheme: &str, path: &str) -> String {
        let user = if self.userinfo.is_empty() { String::new() } else { format!("{}@", self.userinfo) };
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.query).finish();
        let mark = if query.is_empty() { "" } else { "?" };
        format!("{scheme}://{user}{host}{path}{mark}{query}")
    }
}

fn read(name: &str, path: &str) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("{name}: cannot read {path}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: TlsNames = TlsNames { authorities: "cacertfile", certificate: "certfile", key: "keyfile" };

    #[test]
    fn hosts_user_path_and_query_are_told_apart() {
        let mut url = ServiceUrl::parse("AMQPS://ada:p%40ss@h1:5671,[::1]:5671/a%2fb?heartbeat=5&x=a%20b").unwrap();
        assert_eq!((url.scheme.as_str(), url.userinfo.as_str(), url.path.as_str()), ("amqps", "ada:p%40ss", "/a%2fb"));
        assert_eq!(url.hosts, ["h1:5671", "[::1]:5671"]);
        assert_eq!(url.at("h2", "amqp", "/v"), "amqp://ada:p%40ss@h2/v?heartbeat=5&x=a+b");
        assert_eq!((url.take("x").as_deref(), url.take("x")), (Some("a b"), None));
        assert_eq!(url.at("h2", "amqp", ""), "amqp://ada:p%40ss@h2?heartbeat=5");
        assert_eq!(ServiceUrl::parse("redis://h").unwrap().at("h", "redis", ""), "redis://h");
    }

    #[test]
    fn what_is_no_address_is_refused_without_repeating_it() {
        for bad in ["", "secret", "amqp:secret", "amqp://", "amqp://secret@", "amqp://h1,,h2", "amqp://u:secret@:5672"]
        {
            let error = ServiceUrl::parse(bad).err().expect(bad);
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn tls_files_are_read_and_belong_together() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        let taken = |query: &str, encrypted| {
            ServiceUrl::parse(&format!("amqps://h?{query}")).unwrap().take_tls_files(NAMES, encrypted)
        };
        let files = taken(&format!("cacertfile={file}&certfile={file}&keyfile={file}"), true).unwrap();
        assert!(files.authorities.is_some() && files.client.is_some());
        assert!(taken("heartbeat=1", false).unwrap().authorities.is_none());
        for (query, encrypted, reason) in [
            (format!("cacertfile={file}"), false, "need TLS"),
            (format!("certfile={file}"), true, "go together"),
            ("cacertfile=/nowhere.pem".to_owned(), true, "cacertfile: cannot read /nowhere.pem"),
        ] {
            let error = taken(&query, encrypted).err().expect(&query);
            assert!(error.contains(reason), "{error}");
        }
    }
}
