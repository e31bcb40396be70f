//! Refusals port: what was refused to a client, and why, kept for a day, so that whoever is told a request's id can say it.
//!
//! **Contract.** Beside the showtimes, and no projection: what is lost is not made anew. A refusal can be found by every node once
//! [`Refusals::keep`] has answered, and until it is [`KEPT_FOR`] old; an adapter in memory may forget the oldest ones sooner. A refusal that
//! is kept twice is found once or twice. Every call is bounded by the adapter's timeouts.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use uuid::Uuid;

use crate::domain::{BookingId, ShowtimeId, Timestamp, UserId};
use crate::read_model::ReadError;

/// How long a refusal can be found.
pub const KEPT_FOR: Duration = Duration::from_hours(24);
/// Most refusals that are found for one request id. A client may send many requests under one trace id.
pub const MOST_FOUND: usize = 20;

/// Memory and storage of a refusal besides its texts, in bytes; roughly.
const FIXED_BYTES: usize = 768;

/// Under which id answers and the log name a request: the trace id of W3C Trace Context, 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct RequestId(Uuid);

impl RequestId {
    /// Characters of an id as text.
    pub const CHARACTERS: usize = 32;

    /// Reads 32 hexadecimal digits, in either case.
    pub fn parse(text: &str) -> Option<Self> {
        let id = Uuid::try_parse(text).ok()?;
        (text.len() == Self::CHARACTERS).then_some(Self(id))
    }
}

impl std::fmt::Display for RequestId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(&self.0.simple(), f)
    }
}

/// A request that was refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// The request's id.
    pub request_id: RequestId,
    /// When it was refused.
    pub refused_at: Timestamp,
    /// HTTP method of the request.
    pub method: String,
    /// Path of the request, without its query.
    pub path: String,
    /// The showtime that the request named.
    pub showtime_id: Option<ShowtimeId>,
    /// The booking that the request named.
    pub booking_id: Option<BookingId>,
    /// The customer whom the request named.
    pub user_id: Option<UserId>,
    /// After how many seconds the client was told to try again.
    pub retry_after_seconds: Option<u64>,
    /// The answer's problem document, as the client got it: JSON.
    pub problem: Bytes,
}

impl Refusal {
    /// What it takes in memory and storage, in bytes; roughly.
    pub fn size(&self) -> usize {
        let user = self.user_id.as_ref().map_or(0, |user| user.as_str().len());
        FIXED_BYTES + self.method.len() + self.path.len() + user + self.problem.len()
    }
}

/// See the module's documentation.
#[async_trait]
pub trait Refusals: Send + Sync + 'static {
    /// Keeps these. After an error, each of them is kept or not.
    async fn keep(&self, refusals: &[Arc<Refusal>]) -> Result<(), ReadError>;

    /// The newest refusals of this request, refused at `since` or later, newest first, at most [`MOST_FOUND`].
    async fn find(&self, id: RequestId, since: Timestamp) -> Result<Vec<Refusal>, ReadError>;
}
