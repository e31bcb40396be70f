//! The auditoriums' part of the write store: versions of plans, each kept for good.

use std::sync::Arc;

use async_trait::async_trait;

use crate::domain::{AuditoriumId, Timestamp};
use crate::write_store::batch::IdempotencyRecord;
use crate::write_store::error::{CommitError, StoreError};

/// What is known of a version of an auditorium without its plan.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuditoriumHead {
    /// The auditorium.
    pub id: AuditoriumId,
    /// The version, counted from 1 without a gap.
    pub version: u32,
    /// The earliest version from which on the seats and areas have been the same: a seat's index means the same in all versions since.
    pub seats_since: u32,
    /// What the auditorium is called.
    pub name: String,
    /// Number of seats.
    pub seat_count: u32,
    /// Number of seats and of places in areas.
    pub place_count: u64,
    /// When this version was made.
    pub recorded_at: Timestamp,
}

/// A version of an auditorium.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredAuditorium {
    /// What is known of it without its plan.
    pub head: AuditoriumHead,
    /// The plan in the canonical form of our own format: see [`crate::domain::auditorium::own`].
    pub plan: String,
}

/// A version of an auditorium to record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewAuditorium {
    /// The version with its plan.
    pub stored: StoredAuditorium,
    /// The request's idempotency key, if it has one.
    pub idempotency: Option<IdempotencyRecord>,
}

/// Versions of auditoriums.
#[async_trait]
pub trait Auditoriums: Send + Sync + 'static {
    /// Up to `limit` auditoriums with an id above `after`, ascending, each as its latest version.
    async fn auditoriums(&self, after: Option<AuditoriumId>, limit: usize) -> Result<Vec<AuditoriumHead>, StoreError>;

    /// What is known of a version, of the latest one if none is named; `None` if there is no such version.
    async fn auditorium_head(
        &self,
        id: AuditoriumId,
        version: Option<u32>,
    ) -> Result<Option<AuditoriumHead>, StoreError>;

    /// A version with its plan, the latest one if none is named; `None` if there is no such version.
    async fn auditorium(&self, id: AuditoriumId, version: Option<u32>) -> Result<Option<StoredAuditorium>, StoreError>;

    /// Number of auditoriums.
    async fn auditorium_count(&self) -> Result<u64, StoreError>;

    /// The record of a request's idempotency key; `None` if it is unknown.
    async fn auditorium_key(&self, key_hash: [u8; 32]) -> Result<Option<IdempotencyRecord>, StoreError>;

    /// Records a version: the first of an auditorium, or the one after the latest.
    ///
    /// # Errors
    /// [`CommitError::Conflict`] if the version is there already or the one before it is not; [`CommitError::DuplicateKey`] if the
    /// idempotency key is known, which is told first.
    async fn record_auditorium(&self, new: Arc<NewAuditorium>) -> Result<(), CommitError>;
}
