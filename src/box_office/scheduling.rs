//! Scheduling: creates showtimes. No actor is involved: a new showtime has no state to guard.

use uuid::Uuid;

use crate::box_office::request::{IdempotencyKey, KeyedRequest};
use crate::box_office::{BoxOffice, BoxOfficeError, Scheduled};
use crate::domain::{Listing, Rejection, SeatMap, ShowtimeId, Terms};
use crate::write_store::{CommitError, IdempotencyRecord, NewShowtime, StoreError, settled};

impl BoxOffice {
    /// Creates a showtime.
    pub async fn schedule(
        &self,
        listing: Listing,
        seat_map: SeatMap,
        key: Option<IdempotencyKey>,
    ) -> Result<Scheduled, BoxOfficeError> {
        let scheduled = Scheduled { showtime_id: ShowtimeId(Uuid::now_v7()), sequence: 1, replayed: false };
        let keyed = key.map(|key| keyed(&key, &listing, &seat_map)).transpose()?;
        let recorded_at = (self.deps().clock)();
        let idempotency = match &keyed {
            None => None,
            Some(keyed) => Some(IdempotencyRecord {
                key_hash: keyed.key_hash,
                fingerprint: keyed.fingerprint,
                answer: serde_json::to_value(scheduled).map_err(|error| BoxOfficeError::Bug(error.to_string()))?,
                nonce: keyed.nonce,
                recorded_at,
                sequence: scheduled.sequence,
            }),
        };
        let new = NewShowtime { id: scheduled.showtime_id, listing, seat_map, recorded_at, idempotency };
        match (self.submit_showtime(new).await, keyed) {
            (Err(CommitError::DuplicateKey), Some(keyed)) => {
                let replayed = self.replay_schedule(&keyed).await?;
                replayed.ok_or_else(|| BoxOfficeError::Bug("a recorded key was not found".to_owned()))
            }
            (Err(error), _) => Err(self.not_scheduled(scheduled.showtime_id, &error)),
            (Ok(()), _) => Ok(scheduled),
        }
    }

    /// What an earlier request with this key has created; `None` if there was none.
    pub async fn scheduled_before(
        &self,
        listing: &Listing,
        seat_map: &SeatMap,
        key: &IdempotencyKey,
    ) -> Result<Option<Scheduled>, BoxOfficeError> {
        self.replay_schedule(&keyed(key, listing, seat_map)?).await
    }

    /// Creates a showtime with an id of the caller's choice; `false` if it exists.
    pub async fn schedule_as(
        &self,
        id: ShowtimeId,
        listing: Listing,
        seat_map: SeatMap,
    ) -> Result<bool, BoxOfficeError> {
        let recorded_at = (self.deps().clock)();
        let new = NewShowtime { id, listing, seat_map, recorded_at, idempotency: None };
        match self.submit_showtime(new).await {
            Ok(()) => Ok(true),
            Err(CommitError::Conflict) => Ok(false),
            Err(error) => Err(self.not_scheduled(id, &error)),
        }
    }

    /// A schedule that may have been committed is asked for by its id before anything is answered.
    async fn submit_showtime(&self, new: NewShowtime) -> Result<(), CommitError> {
        if self.is_draining() {
            return Err(CommitError::Store(StoreError::Unavailable {
                reason: "the server is shutting down".to_owned(),
                source: None,
            }));
        }
        let (store, id) = (&self.deps().ledger, new.id);
        let is_there = async || Ok(!store.missed(id, 0, 1).await?.is_empty());
        settled(self.deps().settings.settle_timeout(), async || store.schedule(new.clone()).await, is_there).await
    }

    fn not_scheduled(&self, showtime_id: ShowtimeId, error: &CommitError) -> BoxOfficeError {
        match error {
            CommitError::Unknown { reason } => {
                tracing::warn!(showtime.id = %showtime_id, reason, "it is not known whether a showtime was created");
                BoxOfficeError::ScheduleUnknown { showtime_id }
            }
            CommitError::Conflict
            | CommitError::Fenced
            | CommitError::DuplicateKey
            | CommitError::PaymentUsed
            | CommitError::Store(_) => self.unavailable(error),
        }
    }

    /// `None` if the key is not recorded.
    async fn replay_schedule(&self, keyed: &KeyedRequest) -> Result<Option<Scheduled>, BoxOfficeError> {
        let records = self.deps().ledger.idempotency(vec![keyed.key_hash]).await;
        let Some(record) = records.map_err(|error| self.unavailable(&error))?.into_iter().next() else {
            return Ok(None);
        };
        if record.fingerprint != keyed.fingerprint {
            return Err(Rejection::IdempotencyKeyReused.into());
        }
        let scheduled: Scheduled =
            serde_json::from_value(record.answer).map_err(|error| BoxOfficeError::Bug(error.to_string()))?;
        Ok(Some(Scheduled { replayed: true, ..scheduled }))
    }
}

fn keyed(key: &IdempotencyKey, listing: &Listing, seat_map: &SeatMap) -> Result<KeyedRequest, BoxOfficeError> {
    let bug = |error: serde_json::Error| BoxOfficeError::Bug(error.to_string());
    let rows = serde_json::to_vec(seat_map).map_err(bug)?;
    let start = listing.start_time.as_millis().to_be_bytes();
    let mut meaning = vec![listing.movie_title.as_bytes(), &start, &rows];
    // As before there were terms, so that a request is known again that was first made then.
    let terms = serde_json::to_vec(&listing.terms).map_err(bug)?;
    if listing.terms != Terms::default() {
        meaning.push(&terms);
    }
    Ok(KeyedRequest::new(key, &[b"schedule"], &meaning, [0; 16]))
}
