//! Targets: the nodes under test, by URL.

use hyper::header::HeaderValue;
use url::Url;

/// A node under test.
#[derive(Clone, Debug)]
pub struct Target {
    url: Url,
    /// What connections are made to: `host:port`.
    address: String,
    /// The `Host` header.
    authority: HeaderValue,
}

/// Why a text is no [`Target`].
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// Not a URL.
    #[error("{url:?} is no URL")]
    NoUrl {
        /// What was given.
        url: String,
        /// Why.
        source: url::ParseError,
    },
    /// Another scheme than http.
    #[error("{url:?}: only http:// is spoken; put the load tester behind the TLS, on the node's own address")]
    OtherScheme {
        /// What was given.
        url: String,
    },
    /// Something behind the port.
    #[error("{url:?}: give scheme, host and port only")]
    MoreThanAnOrigin {
        /// What was given.
        url: String,
    },
}

impl Target {
    /// Reads `http://host:port`.
    pub fn parse(text: &str) -> Result<Self, TargetError> {
        let url = Url::parse(text).map_err(|source| TargetError::NoUrl { url: shown(text), source })?;
        if url.scheme() != "http" {
            return Err(TargetError::OtherScheme { url: shown(text) });
        }
        let more = || TargetError::MoreThanAnOrigin { url: shown(text) };
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() {
            return Err(more());
        }
        let host = url.host_str().ok_or_else(more)?;
        let address = format!("{host}:{}", url.port_or_known_default().unwrap_or(80));
        let authority = match url.port() {
            Some(_) => HeaderValue::from_str(&address),
            None => HeaderValue::from_str(host),
        };
        let authority = authority.map_err(|_invisible| more())?;
        Ok(Self { url, address, authority })
    }

    /// True if the node is on this machine, by its address.
    pub fn is_loopback(&self) -> bool {
        match self.url.host() {
            Some(url::Host::Domain(name)) => name == "localhost",
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
    }

    /// `host:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Its `Host` header.
    pub fn authority(&self) -> &HeaderValue {
        &self.authority
    }

    /// As it was given.
    pub fn as_str(&self) -> &str {
        self.url.as_str().trim_end_matches('/')
    }

    /// The WebSocket address of a path.
    pub fn web_socket(&self, path: &str) -> String {
        format!("ws://{}{path}", self.address)
    }
}

/// A wrong target without the password that it may have.
fn shown(text: &str) -> String {
    text.rsplit_once('@').map_or_else(|| text.to_owned(), |(_secret, rest)| format!("..@{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_target() {
        let target = Target::parse("http://127.0.0.1:5000").unwrap();
        assert_eq!((target.address(), target.as_str()), ("127.0.0.1:5000", "http://127.0.0.1:5000"));
        assert_eq!(target.web_socket("/ws"), "ws://127.0.0.1:5000/ws");
        let target = Target::parse("http://[::1]/").unwrap();
        assert_eq!((target.address(), target.authority().to_str().unwrap()), ("[::1]:80", "[::1]"));
    }

    #[test]
    fn anything_else_is_refused_with_the_reason() {
        for (wrong, reason) in [
            ("localhost", "no URL"),
            ("https://x", "only http://"),
            ("http://x/api", "host and port only"),
            ("http://x?y", "host and port only"),
            ("http://me:hush@x", "\"..@x\": give scheme, host and port only"),
        ] {
            let refused = Target::parse(wrong).unwrap_err().to_string();
            assert!(refused.contains(reason) && !refused.contains("hush"), "{wrong}: {refused}");
        }
    }
}
