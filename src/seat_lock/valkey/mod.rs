//! Seat lock on Valkey (8 or newer) or Redis (7 or newer): one script call for any number of bookings.

mod link;

use std::time::Duration;

use async_trait::async_trait;
use deadpool_redis::redis::{self, FromRedisValue, Script, ScriptInvocation};
use tokio::time::Instant;
use uuid::Uuid;

use crate::domain::{BookingId, Clock, ShowtimeId, Timestamp};
use crate::seat_lock::{Claim, Claimed, LockError, Obstacle, SeatLock};

use self::link::Link;

/// Bounds of the connection to Valkey.
#[derive(Clone, PartialEq, Eq, Debug, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Longest time that one call may take, in milliseconds; past it the caller goes on without the lock.
    pub response_timeout_milliseconds: u64,
    /// Longest time for making a connection, in milliseconds.
    pub connect_timeout_milliseconds: u64,
    /// Longest pause between two attempts to connect, in milliseconds. The first pause is 50 ms, each next one twice as long.
    pub reconnect_longest_pause_milliseconds: u64,
    /// Time between two checks of an idle connection, in milliseconds.
    pub probe_interval_milliseconds: u64,
    /// Most locks that one script call touches; a list of claims that has more is sent in several calls, never splitting a claim.
    pub max_keys_per_call: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            response_timeout_milliseconds: 500,
            connect_timeout_milliseconds: 1_000,
            reconnect_longest_pause_milliseconds: 1_000,
            probe_interval_milliseconds: 2_000,
            max_keys_per_call: 5_000,
        }
    }
}

/// The adapter. Calls share one multiplexed connection, which is replaced in the background when it breaks.
///
/// **Invariant:** no call takes longer than the response timeout; while there is no connection, calls fail at once.
pub struct ValkeyLock {
    link: Link,
    clock: Clock,
    response_timeout: Duration,
    max_keys_per_call: usize,
    claim_script: Script,
    keep_script: Script,
}

impl ValkeyLock {
    /// Connects to `redis://`, `rediss://` (TLS), `valkey://` or `valkeys://`. Waits for the first attempt to connect, at most the
    /// connect timeout; an unreachable server is tried again in the background for ever. Must be called on the runtime that is
    /// to own the connection.
    ///
    /// # Errors
    /// Only if the URL is malformed.
    pub async fn connect(url: &str, settings: &Settings, clock: Clock) -> Result<Self, LockError> {
        Ok(Self {
            link: Link::open(url, settings).await?,
            clock,
            response_timeout: Duration::from_millis(settings.response_timeout_milliseconds),
            max_keys_per_call: settings.max_keys_per_call.max(1),
            claim_script: Script::new(include_str!("claim.lua")),
            keep_script: Script::new(include_str!("keep.lua")),
        })
    }

    /// Runs a script under `deadline`; the script is loaded first where the server does not know it (any more).
    async fn run<T: FromRedisValue>(
        &self,
        invocation: &ScriptInvocation<'_>,
        deadline: Instant,
    ) -> Result<T, LockError> {
        let mut line = self.link.line()?;
        match tokio::time::timeout_at(deadline, invocation.invoke_async(&mut line.connection)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(self.link.failed(&line, &error)),
            Err(_elapsed) => Err(self.link.timed_out(&line)),
        }
    }

    async fn decide(
        &self,
        showtime: ShowtimeId,
        ghosts: &[BookingId],
        claims: &[Claim],
        lease: Duration,
    ) -> Result<Vec<Claimed>, LockError> {
        let deadline = Instant::now() + self.response_timeout;
        let lease_millis = millis_at_least_one(lease);
        let mut answers = Vec::with_capacity(claims.len());
        for part in parts(claims, self.max_keys_per_call, |claim| claim.seats.len()) {
            let mut invocation = self.claim_script.prepare_invoke();
            invocation.arg(lease_millis).arg(ghosts.len());
            for ghost in ghosts {
                invocation.arg(ghost.to_string());
            }
            for claim in part {
                invocation.arg(claim.booking_id.to_string()).arg(claim.seats.len());
                add_keys(&mut invocation, showtime, claim);
            }
            let obstacles: Vec<Vec<(usize, String, i64)>> = self.run(&invocation, deadline).await?;
            if obstacles.len() != part.len() {
                return Err(unexpected("another number of answers than of claims"));
            }
            for (claim, obstacles) in part.iter().zip(obstacles) {
                answers.push(claimed(claim, obstacles)?);
            }
        }
        Ok(answers)
    }

    /// `lasting` gives each claim's time to live in milliseconds, 0 to remove its locks.
    async fn keep<T>(
        &self,
        showtime: ShowtimeId,
        items: &[T],
        claim_of: impl Fn(&T) -> &Claim + Send + Sync,
        lasting: impl Fn(&T) -> u64 + Send + Sync,
    ) -> Result<(), LockError>
    where
        T: Sync,
    {
        let deadline = Instant::now() + self.response_timeout;
        for part in parts(items, self.max_keys_per_call, |item| claim_of(item).seats.len()) {
            let mut invocation = self.keep_script.prepare_invoke();
            for item in part {
                let claim = claim_of(item);
                invocation.arg(claim.booking_id.to_string()).arg(lasting(item)).arg(claim.seats.len());
                add_keys(&mut invocation, showtime, claim);
            }
            let _owned: u64 = self.run(&invocation, deadline).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl SeatLock for ValkeyLock {
    async fn claim(
        &self,
        showtime: ShowtimeId,
        claims: Vec<Claim>,
        lease: Duration,
    ) -> Result<Vec<Claimed>, LockError> {
        self.decide(showtime, &[], &claims, lease).await
    }

    async fn take_over(
        &self,
        showtime: ShowtimeId,
        ghosts: Vec<BookingId>,
        claim: Claim,
        lease: Duration,
    ) -> Result<Claimed, LockError> {
        let answers = self.decide(showtime, &ghosts, std::slice::from_ref(&claim), lease).await?;
        answers.into_iter().next().ok_or_else(|| unexpected("no answer"))
    }

    async fn keep_until(&self, showtime: ShowtimeId, claims: Vec<(Claim, Timestamp)>) -> Result<(), LockError> {
        let now = (self.clock)();
        let lasting = |item: &(Claim, Timestamp)| whole_millis(item.1.since(now));
        self.keep(showtime, &claims, |item| &item.0, lasting).await
    }

    async fn release(&self, showtime: ShowtimeId, claims: Vec<Claim>) -> Result<(), LockError> {
        self.keep(showtime, &claims, |claim| claim, |_claim| 0).await
    }

    async fn ping(&self) -> Result<(), LockError> {
        let mut line = self.link.line()?;
        let ping = async { redis::cmd("PING").query_async::<String>(&mut line.connection).await };
        match tokio::time::timeout(self.response_timeout, ping).await {
            Ok(Ok(_pong)) => Ok(()),
            Ok(Err(error)) => Err(self.link.failed(&line, &error)),
            Err(_elapsed) => Err(self.link.timed_out(&line)),
        }
    }
}

/// The braces put all locks of a showtime into one cluster slot.
fn add_keys(invocation: &mut ScriptInvocation<'_>, showtime: ShowtimeId, claim: &Claim) {
    for seat in &claim.seats {
        invocation.key(format!("lock:{{{showtime}}}:{seat}"));
    }
}

fn claimed(claim: &Claim, obstacles: Vec<(usize, String, i64)>) -> Result<Claimed, LockError> {
    if obstacles.is_empty() {
        return Ok(Claimed::Granted);
    }
    let obstacles = obstacles.into_iter().map(|(position, owner, millis)| {
        let seat =
            *claim.seats.get(position).ok_or_else(|| unexpected("an obstacle at a seat that was not claimed"))?;
        let owner = Uuid::parse_str(&owner).map_err(|_not_uuid| unexpected("a lock whose value is no booking id"))?;
        // A lock without an expiry was not made by this adapter; it may last for ever.
        let remaining = u64::try_from(millis).map_or(Duration::MAX, Duration::from_millis);
        Ok(Obstacle { seat, owner: BookingId(owner), remaining })
    });
    Ok(Claimed::Refused(obstacles.collect::<Result<_, LockError>>()?))
}

/// Splits `items` into runs of at most `max_keys` keys, but at least one item each.
fn parts<T>(items: &[T], max_keys: usize, keys_of: impl Fn(&T) -> usize) -> Vec<&[T]> {
    let mut parts = Vec::new();
    let mut rest = items;
    while !rest.is_empty() {
        let mut keys = 0_usize;
        let fitting = rest
            .iter()
            .take_while(|item| {
                keys = keys.saturating_add(keys_of(item));
                keys <= max_keys
            })
            .count();
        let (part, others) = rest.split_at(fitting.max(1));
        parts.push(part);
        rest = others;
    }
    parts
}

fn whole_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Valkey refuses a time to live of 0.
fn millis_at_least_one(duration: Duration) -> u64 {
    whole_millis(duration).max(1)
}

fn unexpected(what: &str) -> LockError {
    LockError { reason: format!("Valkey answered with {what}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_sent_in_parts_but_never_split() {
        let sizes = [3_usize, 3, 3, 9, 1, 1, 1];
        let parts: Vec<&[usize]> = parts(&sizes, 6, |size| *size);
        assert_eq!(parts, [&[3, 3][..], &[3], &[9], &[1, 1, 1]]);
        let nothing: [usize; 0] = [];
        assert!(super::parts(&nothing, 6, |size| *size).is_empty());
    }
}
