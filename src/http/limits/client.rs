//! Client: whose request this is, by address. Proxies that are trusted name the client; all others are the client.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::dev::RequestHead;
use actix_web::http::header::HeaderMap;
use ipnet::IpNet;

/// Most addresses that are read of one request's headers.
const MOST_HOPS: usize = 32;

/// Where a request comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Client {
    /// The client's address; of an IPv6 address the network of one customer (the first 64 bits), since each has that many to choose from.
    pub(crate) address: IpAddr,
    /// A client on this machine, by the connection itself: load tests, health checks, tools.
    pub(super) is_this_machine: bool,
}

/// The proxies that may say for whom they ask.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Reads networks such as `10.0.0.0/8`, or single addresses.
    ///
    /// # Errors
    /// The entry that is neither.
    pub fn parse(entries: &[String]) -> Result<Self, String> {
        let read = |entry: &String| {
            let network = entry.parse::<IpNet>().ok().or_else(|| entry.parse::<IpAddr>().ok().map(IpNet::from));
            network.ok_or_else(|| entry.clone())
        };
        entries.iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Who is at the other end of a connection from this address; `None` if it is a proxy and may carry many clients.
    pub(crate) fn of_connection(&self, peer: IpAddr) -> Option<Client> {
        let peer = peer.to_canonical();
        (!self.contain(peer)).then(|| Client { address: network(peer), is_this_machine: peer.is_loopback() })
    }

    /// Whose request this is. A trusted proxy's word counts for the address that it saw, from right to left, up to the first that is no
    /// trusted proxy; what stands further left may be invented.
    pub(super) fn of_request(&self, head: &RequestHead) -> Option<Client> {
        let peer = head.peer_addr?.ip().to_canonical();
        if !self.contain(peer) {
            if !self.0.is_empty() || !peer.is_loopback() {
                warn_of_unknown_proxy(peer, &head.headers);
            }
            return Some(Client { address: network(peer), is_this_machine: peer.is_loopback() });
        }
        let mut client = peer;
        let mut forwarded = false;
        for hop in hops(&head.headers) {
            forwarded = true;
            // What is no address hides whoever is behind it; the proxy that wrote it down stands for them.
            let Some(hop) = hop else { break };
            client = hop;
            if !self.contain(hop) {
                break;
            }
        }
        Some(Client { address: network(client), is_this_machine: !forwarded && peer.is_loopback() })
    }
}

/// The addresses that proxies have written down, the last proxy's first; `None` for what is no address. `Forwarded` (RFC 7239) is read
/// only where there is no `X-Forwarded-For`.
fn hops(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let list = |name: &str| {
        let values = headers.get_all(name).map(|value| value.to_str().unwrap_or("?").to_owned());
        values.collect::<Vec<_>>().join(",")
    };
    let usual = list("x-forwarded-for");
    let hops: Vec<_> = if usual.is_empty() {
        list("forwarded").rsplit(',').take(MOST_HOPS).filter(|hop| !hop.trim().is_empty()).map(named_for).collect()
    } else {
        usual.rsplit(',').take(MOST_HOPS).map(address).collect()
    };
    hops
}

/// The address in `for=..` of one element of `Forwarded`.
fn named_for(element: &str) -> Option<IpAddr> {
    let pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    let (_, node) = pairs.into_iter().find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
    address(node.trim().trim_matches('"'))
}

/// An address with or without a port, an IPv6 address with or without brackets.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.0,
        None if text.matches(':').count() == 1 => text.split_once(':')?.0,
        None => text,
    };
    bare.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

/// An IPv4 address as it is; of an IPv6 address the first 64 bits.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
    }
}

/// Says once that all clients of a proxy count as one.
fn warn_of_unknown_proxy(peer: IpAddr, headers: &HeaderMap) {
    static TOLD: AtomicBool = AtomicBool::new(false);
    let forwarded = headers.contains_key("x-forwarded-for") || headers.contains_key("forwarded");
    if forwarded && !TOLD.swap(true, Ordering::Relaxed) {
        tracing::warn!(
            proxy = %peer,
            "{peer} passes on requests, but is not in TURNSTILE_TRUSTED_PROXIES: all its clients count as one against the limits"
        );
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn seen(trusted: &[&str], peer: &str, headers: &[(&str, &str)]) -> (String, bool) {
        let trusted: Vec<_> = trusted.iter().map(|entry| (*entry).to_owned()).collect();
        let mut request = TestRequest::get().peer_addr(peer.parse().unwrap());
        for (name, value) in headers {
            request = request.append_header((*name, *value));
        }
        let request = request.to_http_request();
        let client = TrustedProxies::parse(&trusted).unwrap().of_request(request.head()).unwrap();
        (client.address.to_string(), client.is_this_machine)
    }

    #[test]
    fn only_a_trusted_proxy_names_the_client_and_only_the_last_untrusted_address_counts() {
        let header = [("x-forwarded-for", "1.1.1.1, 203.0.113.7"), ("x-forwarded-for", "10.0.0.9")];
        let not = |address: &str| (address.to_owned(), false);
        assert_eq!(seen(&[], "198.51.100.1:9", &header), not("198.51.100.1"));
        assert_eq!(seen(&["192.0.2.0/24"], "198.51.100.1:9", &header), not("198.51.100.1"));
        assert_eq!(seen(&["10.0.0.0/8"], "10.0.0.1:9", &header), not("203.0.113.7"));
        assert_eq!(seen(&["10.0.0.1"], "10.0.0.1:9", &header), not("10.0.0.9"));
        assert_eq!(seen(&["10.0.0.0/8"], "[::ffff:10.0.0.1]:9", &header), not("203.0.113.7"));
        // All are proxies: the outermost.
        assert_eq!(seen(&["0.0.0.0/0"], "10.0.0.1:9", &header), not("1.1.1.1"));
        // A name in the place of an address hides what is left of it.
        let hidden = [("x-forwarded-for", "1.1.1.1, unknown, 10.0.0.9")];
        assert_eq!(seen(&["10.0.0.0/8"], "10.0.0.1:9", &hidden), not("10.0.0.9"));
    }

    #[test]
    fn forwarded_is_read_where_there_is_no_x_forwarded_for() {
        let header = [("forwarded", "for=1.1.1.1, for=\"[2001:db8:1:2:3::4]:4711\";proto=https, For=10.0.0.9:80;by=x")];
        assert_eq!(seen(&["10.0.0.0/8"], "10.0.0.1:9", &header).0, "2001:db8:1:2::");
        let both = [header[0], ("x-forwarded-for", "203.0.113.7")];
        assert_eq!(seen(&["10.0.0.0/8"], "10.0.0.1:9", &both).0, "203.0.113.7");
        assert_eq!(seen(&["10.0.0.0/8"], "10.0.0.1:9", &[("forwarded", "for=unknown")]).0, "10.0.0.1");
    }

    #[test]
    fn who_comes_through_a_proxy_of_this_machine_is_not_this_machine() {
        let this_machine = ("127.0.0.1".to_owned(), true);
        assert_eq!(seen(&[], "127.0.0.1:9", &[]), this_machine);
        assert_eq!(seen(&["127.0.0.1"], "127.0.0.1:9", &[]), this_machine);
        assert!(!seen(&["127.0.0.1"], "127.0.0.1:9", &[("x-forwarded-for", "127.0.0.1")]).1);
        assert!(!seen(&["127.0.0.1"], "127.0.0.1:9", &[("x-forwarded-for", "203.0.113.7")]).1);
    }

    #[test]
    fn what_is_no_network_is_named() {
        assert_eq!(
            TrustedProxies::parse(&["10.0.0.0/8".to_owned(), "proxy".to_owned()]).err(),
            Some("proxy".to_owned())
        );
    }
}
