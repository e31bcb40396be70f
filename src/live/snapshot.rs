//! Snapshots for the plain protocol: a showtime with all its seats at one sequence, encoded once in parts, shared by all who start from it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::timeout;

use crate::domain::{ShowtimeId, ShowtimeView};
use crate::live::LiveError;
use crate::live::outflow;
use crate::read_model::{ReadError, ReadModel};
use crate::seat_json::{SEAT_BYTES, push_areas, push_seats};
use crate::write_store::Journal;

/// Longest wait for the read model before a snapshot comes from the write store.
const PATIENCE: Duration = Duration::from_secs(1);

/// See the module's documentation.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Snapshot {
    /// The sequence at which it shows the showtime.
    pub(super) sequence: u64,
    /// The frames of its messages, at least one, in order.
    pub(super) parts: Vec<Bytes>,
}

impl Snapshot {
    /// Encodes a view with at most `part_seats` seats in one message.
    pub(super) fn encode(view: &ShowtimeView, part_seats: usize) -> Self {
        let part_seats = part_seats.max(1);
        let count = usize::try_from(view.seat_map.present_count()).unwrap_or(usize::MAX);
        let parts = count.div_ceil(part_seats).max(1);
        let mut seats = view.seats();
        let encoded = (0..parts)
            .map(|part| {
                let mut message = opening(view, part, part + 1 == parts);
                message.reserve(part_seats.min(count) * SEAT_BYTES);
                push_seats(&mut message, view.id, seats.by_ref().take(part_seats));
                message.push_str("]}");
                outflow::text(&message)
            })
            .collect();
        Self { sequence: view.sequence, parts: encoded }
    }
}

/// Everything of a part before its first seat. The first part has the areas.
fn opening(view: &ShowtimeView, part: usize, last: bool) -> String {
    let listing = view.listing.members();
    let mut areas = String::new();
    if part == 0 {
        push_areas(&mut areas, &view.seat_map, |seat| view.status(seat));
    }
    format!(
        "{{\"type\":\"snapshot\",\"showtimeId\":\"{}\",\"sequence\":{},{listing},\"part\":{part},\"final\":{last}{areas},\"seats\":[",
        view.id, view.sequence
    )
}

/// Reads a showtime for a snapshot: from the read model, or, while that cannot be read, does not know the showtime yet or is further
/// behind than `oldest`, from the write store. Without `oldest` the read model is not asked.
pub(super) async fn view(
    read_model: &dyn ReadModel,
    journal: &dyn Journal,
    id: ShowtimeId,
    oldest: Option<u64>,
) -> Result<Arc<ShowtimeView>, LiveError> {
    let stored = async || journal.view(id).await?.ok_or(LiveError::UnknownShowtime(id));
    let Some(oldest) = oldest else { return stored().await };
    let late = |_elapsed| Err(ReadError { reason: format!("no answer within {PATIENCE:?}") });
    match timeout(PATIENCE, read_model.showtime(id)).await.unwrap_or_else(late) {
        Ok(Some(view)) if view.sequence >= oldest => return Ok(view),
        Ok(Some(view)) => {
            tracing::warn!(showtime.id = %id, have = view.sequence, oldest, "the read model is far behind: a snapshot comes from the write store");
        }
        Ok(None) => {}
        Err(error) => {
            tracing::warn!(showtime.id = %id, %error, "the read model is unavailable: a snapshot comes from the write store");
        }
    }
    stored().await
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::{Listing, Row, SeatId, SeatMap, SeatStatus, Stamp, Timestamp};
    use crate::live::outflow::texts;

    fn row(label: &str, seats: u32) -> Row {
        Row::numbered(label, seats)
    }

    #[test]
    fn the_parts_together_are_the_whole_showtime() {
        let id = ShowtimeId(uuid::Uuid::from_u128(5));
        let mut statuses = vec![SeatStatus::Available; 7];
        statuses[4] = SeatStatus::Sold;
        let view = ShowtimeView {
            id,
            listing: Arc::new(Listing::new("The \"Usual\"\n Suspects", Timestamp::from_millis(0))),
            sequence: 31,
            stamp: Stamp::default(),
            seat_map: Arc::new(SeatMap::new(vec![row("A\"", 3), row("B", 4)]).unwrap()),
            statuses,
        };
        for part_seats in [0, 1, 3, 7, 100] {
            let snapshot = Snapshot::encode(&view, part_seats);
            assert_eq!(snapshot.sequence, 31);
            let read = |part: &Bytes| serde_json::from_str(&texts(part).remove(0)).unwrap();
            let parts: Vec<Value> = snapshot.parts.iter().map(read).collect();
            let mut seats = Vec::new();
            for (index, part) in parts.iter().enumerate() {
                assert_eq!(part["type"], "snapshot");
                assert_eq!(part["showtimeId"], json!(id));
                assert_eq!(part["movieTitle"], json!(view.listing.movie_title));
                assert_eq!(part["startTime"], "1970-01-01T00:00:00Z");
                assert_eq!(part["sequence"], 31);
                assert_eq!(part["part"], index);
                assert_eq!(part["final"], index + 1 == parts.len());
                seats.extend(part["seats"].as_array().unwrap().clone());
            }
            assert_eq!(seats.len(), 7);
            assert_eq!(seats[4], json!({ "seatId": SeatId::new(id, 4), "row": "B", "number": 2, "status": "Sold" }));
            assert_eq!(
                seats[2],
                json!({ "seatId": SeatId::new(id, 2), "row": "A\"", "number": 3, "status": "Available" })
            );
        }
    }
}
