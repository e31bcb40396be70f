//! The demo showtime: what a fresh box office sells.

use std::time::Duration;

use anyhow::bail;

use crate::domain::{Listing, Row, SeatMap, ShowtimeId, Timestamp};
use crate::write_store::{CommitError, NewShowtime, WriteStore};

/// Always the same, so that examples can name it.
pub const SHOWTIME_ID: ShowtimeId = ShowtimeId(uuid::uuid!("11111111-1111-1111-1111-111111111111"));

/// From its creation to its start, when its sale ends: nobody who tries the server out shall find the demo over.
const STARTS_IN: Duration = Duration::from_hours(24 * 365);

/// Demo showtimes that have started before a further one is given up.
const MOST_STARTED: u128 = 100;

/// Creates "Bourne Identity", rows A to N of ten seats; `false` if one that has not started is there already. Who starts the server
/// when the demo is over finds a further one, with the next id.
pub async fn seed(write_store: &dyn WriteStore, now: Timestamp) -> anyhow::Result<bool> {
    for number in 0..MOST_STARTED {
        let id = ShowtimeId(uuid::Uuid::from_u128(SHOWTIME_ID.0.as_u128() + number));
        match start_of(write_store, id).await? {
            None => return create(write_store, id, now).await,
            Some(start) if start > now => return Ok(false),
            Some(_started) => {}
        }
    }
    Ok(false)
}

/// When a showtime starts; `None` if there is none with this id.
async fn start_of(write_store: &dyn WriteStore, id: ShowtimeId) -> anyhow::Result<Option<Timestamp>> {
    Ok(write_store.load(id).await?.map(|loaded| loaded.showtime.listing().start_time))
}

async fn create(write_store: &dyn WriteStore, id: ShowtimeId, now: Timestamp) -> anyhow::Result<bool> {
    let rows = ('A'..='N').map(|label| Row::numbered(label.to_string(), 10)).collect();
    let new = NewShowtime {
        id,
        listing: Listing::new("Bourne Identity", now + STARTS_IN),
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
