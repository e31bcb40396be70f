//! Limits: how many requests a client may make, by its address and by the token that it shows, and how many connections it may have.
//!
//! Each limit is a bucket of tokens (GCRA, crate `governor`): `burst` requests at once, refilled at a steady rate. The buckets are a fixed
//! table, which a client finds by a hash with a secret of this process: memory is bounded, however many addresses ask, and nobody
//! can choose with whom to share a bucket. Clients on this machine itself are not limited.

mod client;
pub(super) mod places;
mod settings;
mod totals;

use std::hash::{BuildHasher as _, Hash, RandomState};
use std::num::NonZeroU32;
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::dev::ServiceRequest;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed, StateStore};
use governor::{Quota, RateLimiter};

use crate::http::limits::places::{Place, Places};
use crate::http::paths::{LIVEZ, METRICS, READYZ};
use crate::http::problem::{Code, Problem};

pub use client::TrustedProxies;
pub use settings::Settings;
pub(super) use totals::TotalLimits;

/// Buckets of one limit, 8 bytes each. With 10,000 clients at once, one in 13 shares its bucket.
const BUCKETS: usize = 1 << 17;

/// When a client with too many WebSockets may try again.
const SOCKETS_RETRY_AFTER: Duration = Duration::from_secs(10);

pub(super) const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
pub(super) const STANDING: HeaderName = HeaderName::from_static("ratelimit");

/// What load balancers and monitoring ask for.
pub(super) const UNLIMITED: [&str; 3] = [LIVEZ, READYZ, METRICS];

/// The state of all limits. One per process.
pub(super) struct Limits {
    proxies: TrustedProxies,
    addresses: Option<Limit>,
    tokens: Option<Limit>,
    /// Open connections.
    pub(super) connections: Places,
    sockets: Places,
}

impl Limits {
    pub(super) fn new(settings: &Settings, proxies: TrustedProxies) -> Self {
        Self {
            proxies,
            addresses: Limit::new("address", settings.address_requests, settings.address_burst),
            tokens: Limit::new("token", settings.token_requests, settings.token_burst),
            connections: Places::new(settings.address_connections),
            sockets: Places::new(settings.address_sockets),
        }
    }

    pub(super) fn proxies(&self) -> &TrustedProxies {
        &self.proxies
    }

    /// Counts a request; where its client stands with the limit that is nearest, if it is limited at all.
    pub(super) fn take(&self, request: &ServiceRequest) -> Result<Option<Standing>, Standing> {
        if self.addresses.is_none() && self.tokens.is_none() {
            return Ok(None);
        }
        let Some(client) = self.proxies.of_request(request.head()).filter(|client| !client.is_this_machine) else {
            return Ok(None);
        };
        let address = self.addresses.as_ref().map(|limit| limit.take(&client.address)).transpose()?;
        let token = request.headers().get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
        let token = self.tokens.as_ref().zip(token).map(|(limit, token)| limit.take(&token)).transpose()?;
        Ok(match (address, token) {
            (Some(address), Some(token)) if token.left < address.left => Some(token),
            (address, token) => address.or(token),
        })
    }

    /// Takes the place of a WebSocket, to be kept as long as it is open.
    pub(super) fn open_socket(&self, request: &HttpRequest) -> Result<Place, Problem> {
        self.sockets.take(self.proxies.of_request(request.head())).ok_or_else(|| {
            let detail = format!("one address may have {} open WebSockets", self.sockets.most());
            Problem::new(Code::QuotaExceeded, detail).retry_after(SOCKETS_RETRY_AFTER)
        })
    }
}

/// One limit for many clients.
struct Limit {
    name: &'static str,
    buckets: RateLimiter<u64, Buckets, DefaultClock, StateInformationMiddleware>,
    hasher: RandomState,
    burst: u32,
    per_second: u32,
}

impl Limit {
    /// `None` if it is switched off.
    fn new(name: &'static str, per_second: u32, burst: u32) -> Option<Self> {
        let quota = Quota::per_second(NonZeroU32::new(per_second)?).allow_burst(NonZeroU32::new(burst)?);
        let buckets = RateLimiter::new(quota, Buckets::new(), DefaultClock::default());
        Some(Self { name, buckets, hasher: RandomState::new(), burst, per_second })
    }

    fn take(&self, client: &impl Hash) -> Result<Standing, Standing> {
        let Self { name, burst, per_second, .. } = *self;
        match self.buckets.check_key(&self.hasher.hash_one(client)) {
            Ok(state) => {
                let left = state.remaining_burst_capacity();
                Ok(Standing {
                    name,
                    burst,
                    per_second,
                    left,
                    reset_seconds: burst.saturating_sub(left).div_ceil(per_second),
                })
            }
            Err(full) => {
                let wait = full.wait_time_from(DefaultClock::default().now());
                let reset_seconds = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1);
                Err(Standing { name, burst, per_second, left: 0, reset_seconds })
            }
        }
    }
}

/// A fixed table of buckets.
struct Buckets(Box<[InMemoryState]>);

impl Buckets {
    fn new() -> Self {
        Self((0..BUCKETS).map(|_| InMemoryState::default()).collect())
    }
}

impl StateStore for Buckets {
    type Key = u64;

    fn measure_and_replace<T, F, E>(&self, key: &u64, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let place = usize::try_from(*key).unwrap_or_default() % BUCKETS;
        match self.0.get(place) {
            Some(bucket) => bucket.measure_and_replace(&NotKeyed::NonKey, decide),
            // Cannot be: the place is less than the number of buckets. Without a bucket, nothing was used.
            None => decide(None).map(|(outcome, _next)| outcome),
        }
    }
}

/// Where a client stands, in the terms of draft-ietf-httpapi-ratelimit-headers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Standing {
    name: &'static str,
    burst: u32,
    per_second: u32,
    /// Requests that it may make now.
    left: u32,
    /// Seconds until it may make all of them again; of a refused client, until it may make one.
    reset_seconds: u32,
}

impl Standing {
    pub(super) fn tell(self, headers: &mut HeaderMap) {
        let Self { name, burst, per_second, left, reset_seconds } = self;
        // The time in which an empty bucket is full again.
        let window = burst.div_ceil(per_second);
        let policy = format!("\"{name}\";q={burst};w={window}");
        let standing = format!("\"{name}\";r={left};t={reset_seconds}");
        for (name, value) in [(POLICY, policy), (STANDING, standing)] {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(name, value);
            }
        }
    }

    pub(super) fn refusal(self) -> Problem {
        let Self { name, burst, per_second, reset_seconds, .. } = self;
        let detail = format!("one {name} may make {per_second} requests a second in the long run, and {burst} at once");
        Problem::new(Code::QuotaExceeded, detail).retry_after(Duration::from_secs(reset_seconds.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_then_one_is_refused_and_others_are_not_touched() {
        let limit = Limit::new("address", 2, 5).unwrap();
        for left in (0..5_u32).rev() {
            let standing = limit.take(&1).unwrap();
            assert_eq!((standing.left, standing.reset_seconds), (left, (5 - left).div_ceil(2)));
        }
        let refused = limit.take(&1).unwrap_err();
        assert_eq!((refused.left, refused.reset_seconds), (0, 1));
        let mut headers = HeaderMap::new();
        refused.tell(&mut headers);
        assert_eq!(headers.get(POLICY).unwrap(), "\"address\";q=5;w=3");
        assert_eq!(headers.get(STANDING).unwrap(), "\"address\";r=0;t=1");
        assert_eq!(limit.take(&2).unwrap().left, 4);
        assert!(Limit::new("address", 0, 5).is_none(), "0 switches it off");
    }
}
