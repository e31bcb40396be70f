//! Operators: who may create showtimes and act on every booking.
//!
//! **Invariant:** a server that others can reach never takes a client for an operator that has not shown the operators' secret, also
//! behind a reverse proxy on the same machine.

use actix_web::HttpRequest;
use actix_web::http::header::HeaderName;
use actix_web::http::{Version, header};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The operators' secret: at least [`OperatorToken::MIN_BYTES`] bytes. Only its hash is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct OperatorToken([u8; 32]);

impl OperatorToken {
    /// Fewer could be guessed.
    pub const MIN_BYTES: usize = 16;

    /// `None` if it is too short.
    pub fn new(secret: &str) -> Option<Self> {
        (secret.len() >= Self::MIN_BYTES).then(|| Self(Sha256::digest(secret).into()))
    }

    /// Compares in constant time, whatever the lengths.
    pub(super) fn matches(&self, shown: &str) -> bool {
        let shown: [u8; 32] = Sha256::digest(shown).into();
        self.0.ct_eq(&shown).into()
    }
}

impl std::fmt::Debug for OperatorToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OperatorToken(..)")
    }
}

/// Who is an operator.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Operators {
    /// Nobody: there is no token.
    #[default]
    Nobody,
    /// Whoever shows this token.
    Holders(OperatorToken),
    /// Everybody on this machine, without a token (`--open`).
    ThisMachine,
}

impl Operators {
    /// True if this is the operators' token.
    pub(super) fn are_shown_by(&self, token: &str) -> bool {
        match self {
            Self::Holders(operator) => operator.matches(token),
            Self::Nobody | Self::ThisMachine => false,
        }
    }

    /// True if the request needs no token.
    pub(super) fn include(&self, request: &HttpRequest) -> bool {
        match self {
            Self::ThisMachine => is_plainly_local(request),
            Self::Nobody | Self::Holders(_) => false,
        }
    }
}

/// True if the request was made on this machine, for this machine, by no page of another origin and through no proxy. A proxy that
/// adds no header and speaks HTTP/1.1 looks just like a client, so this is for `--open` only.
fn is_plainly_local(request: &HttpRequest) -> bool {
    let from_here = request.peer_addr().is_some_and(|peer| peer.ip().to_canonical().is_loopback());
    // What nginx speaks to the server behind it unless told otherwise.
    let old = request.version() < Version::HTTP_11;
    let headers = request.headers();
    let authority = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    // A name that was made to point here (DNS rebinding) is not this machine's.
    let for_here = is_local(&format!("http://{authority}/"));
    let foreign_page = headers.get_all(header::ORIGIN).any(|origin| !origin.to_str().is_ok_and(is_local));
    from_here && for_here && !old && !foreign_page && !headers.keys().any(is_forwarding)
}

fn is_forwarding(name: &HeaderName) -> bool {
    let name = name.as_str();
    let starts = ["x-forwarded", "x-original", "x-envoy", "cf-", "x-amzn-", "x-proxy"];
    matches!(name, "forwarded" | "via" | "x-real-ip")
        || name.ends_with("client-ip")
        || starts.iter().any(|start| name.starts_with(start))
}

fn is_local(url: &str) -> bool {
    match url::Url::parse(url).ok().as_ref().and_then(url::Url::host) {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn asked(peer: &str, host: &str) -> TestRequest {
        TestRequest::get().peer_addr(peer.parse().unwrap()).insert_header((header::HOST, host))
    }

    fn local(request: TestRequest) -> bool {
        is_plainly_local(&request.to_http_request())
    }

    #[test]
    fn only_requests_of_this_machine_for_this_machine_are_local() {
        for host in ["127.0.0.1:5000", "localhost:5000", "[::1]:5000", "localhost"] {
            assert!(local(asked("127.0.0.1:4000", host)) && local(asked("[::1]:4000", host)), "{host}");
            assert!(!local(asked("10.0.0.7:4000", host)), "{host}");
        }
        for host in ["evil.example:5000", "10.0.0.7", "127.0.0.1.evil.example", ""] {
            assert!(!local(asked("127.0.0.1:4000", host)), "{host}");
        }
        assert!(!local(asked("127.0.0.1:4000", "localhost").version(Version::HTTP_10)));
    }

    #[test]
    fn no_request_that_a_proxy_or_a_foreign_page_had_a_part_in_is_local() {
        for name in [
            "Forwarded",
            "Via",
            "X-Forwarded-For",
            "X-Forwarded-Proto",
            "X-Forwarded-Host",
            "X-Real-IP",
            "X-Client-IP",
            "True-Client-IP",
            "CF-Ray",
            "X-Envoy-External-Address",
        ] {
            assert!(!local(asked("127.0.0.1:4000", "localhost").insert_header((name, "127.0.0.1"))), "{name}");
        }
        let page = |origin: &str| asked("127.0.0.1:4000", "localhost").insert_header((header::ORIGIN, origin));
        assert!(local(page("http://localhost:5000")));
        assert!(!local(page("https://evil.example")) && !local(page("null")));
    }

    #[test]
    fn an_operator_token_is_whole_or_nothing_and_never_shown() {
        let token = OperatorToken::new("0123456789abcdef").unwrap();
        assert!(token.matches("0123456789abcdef"));
        assert!(!token.matches("0123456789abcdeg"));
        assert!(!token.matches(""));
        assert!(OperatorToken::new("short").is_none());
        assert_eq!(format!("{:?}", Operators::Holders(token)), "Holders(OperatorToken(..))");
    }
}
