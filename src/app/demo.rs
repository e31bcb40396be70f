//! The demo showtime: what a fresh box office sells.

use std::time::Duration;

use anyhow::bail;

use crate::domain::{Row, SeatMap, ShowtimeId, Timestamp};
use crate::write_store::{CommitError, NewShowtime, WriteStore};

/// Always the same, so that examples can name it.
pub const SHOWTIME_ID: ShowtimeId = ShowtimeId(uuid::uuid!("11111111-1111-1111-1111-111111111111"));

/// From its creation to its start, when its sale ends: nobody who tries the server out shall find the demo over.
const STARTS_IN: Duration = Duration::from_hours(24 * 365);

/// Creates "Bourne Identity", rows A to N of ten seats; `false` if it is there already.
pub async fn seed(write_store: &dyn WriteStore, now: Timestamp) -> anyhow::Result<bool> {
    if !write_store.heads(vec![SHOWTIME_ID]).await?.is_empty() {
        return Ok(false);
    }
    let rows = ('A'..='N').map(|label| Row { row: label.to_string(), seats: 10 }).collect();
    let new = NewShowtime {
        id: SHOWTIME_ID,
        movie_title: "Bourne Identity".to_owned(),
        start_time: now + STARTS_IN,
        seat_map: SeatMap::new(rows)?,
        recorded_at: now,
        idempotency: None,
    };
    match write_store.schedule(new).await {
        Ok(()) => Ok(true),
        // Another node was faster.
        Err(CommitError::Conflict) => Ok(false),
        Err(error) => bail!(error),
    }
}
