//! Setup: creates the showtimes of a run, or reads the one that was named, before anything is measured.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::{StatusCode, Uri};
use serde::Deserialize;
use serde_json::json;

use crate::domain::{SeatIndex, ShowtimeId};
use crate::loadtest::LoadError;
use crate::loadtest::connection::{Connection, Keep};
use crate::loadtest::house::{self, House};
use crate::loadtest::wire;
use crate::loadtest::workload::{HouseOptions, Workload};

/// Time that a server has for its view to catch up.
const VIEW_PATIENCE: Duration = Duration::from_mins(1);
const VIEW_PAUSE: Duration = Duration::from_millis(200);

/// The answer to a new showtime, as far as it is needed.
#[derive(Deserialize)]
struct Scheduled {
    id: ShowtimeId,
    sequence: u64,
}

/// The houses of the run.
///
/// # Errors
/// A showtime cannot be created or read.
pub(super) async fn houses(workload: &Workload) -> Result<Arc<[House]>, LoadError> {
    let target = workload.target(0).ok_or(LoadError::NoTarget)?;
    let mut connection = Connection::new(Arc::clone(target), workload.patience);
    connection.open().await?;
    match workload.houses {
        // A path of its own needs no showtime.
        HouseOptions::Create { .. } if workload.read.path.is_some() => {
            let nowhere = ShowtimeId(uuid::Uuid::nil());
            Ok(Arc::from([House::derived(nowhere, vec![1])?]))
        }
        HouseOptions::Given(id) => Ok(Arc::from([read(&mut connection, id, 0).await?])),
        HouseOptions::Create { showtimes, seats } => {
            let mut created = Vec::new();
            for number in 0..showtimes {
                created.push(create(&mut connection, workload, number, seats).await?);
            }
            let mut houses = Vec::with_capacity(created.len());
            for scheduled in created {
                let read = read(&mut connection, scheduled.id, scheduled.sequence).await;
                houses.push(match read {
                    Ok(house) if house.seats.len() == usize::try_from(seats).unwrap_or(0) => house,
                    // A server that answers constants has no seat maps; whoever leaves the check out may still measure it.
                    _ if workload.check.is_none() => House::derived(scheduled.id, house::rows_for(seats))?,
                    Ok(house) => {
                        return Err(LoadError::WrongHouse {
                            id: scheduled.id,
                            wanted: seats,
                            found: house.seats.len(),
                        });
                    }
                    Err(error) => return Err(error),
                });
            }
            Ok(houses.into())
        }
    }
}

async fn create(
    connection: &mut Connection,
    workload: &Workload,
    number: u32,
    seats: SeatIndex,
) -> Result<Scheduled, LoadError> {
    let rows: Vec<_> = (1..)
        .zip(house::rows_for(seats))
        .map(|(row, seats)| json!({"row": format!("R{row}"), "seats": seats}))
        .collect();
    let title = format!("Load test {} {}", workload.scenario.name(), number + 1);
    let body = json!({ "movieTitle": title, "startTime": "2099-01-01T20:00:00Z", "rows": rows });
    let mut request = wire::post(Uri::from_static("/api/showtimes"), Bytes::from(body.to_string()));
    if let Some(token) = &workload.operator_token {
        request = wire::bearing(request, token.expose()).ok_or(LoadError::OperatorToken)?;
    }
    let reply = connection.send(request, Keep::Everything).await?;
    if reply.status != StatusCode::CREATED {
        return Err(LoadError::unexpected("a showtime could not be created", &reply));
    }
    serde_json::from_slice(&reply.body)
        .map_err(|source| LoadError::Unreadable { what: "the answer to a new showtime", source })
}

/// Reads a showtime once its view has `sequence`.
pub(super) async fn read(connection: &mut Connection, id: ShowtimeId, sequence: u64) -> Result<House, LoadError> {
    let answer = seat_map(connection, id, sequence).await?;
    Ok(House::from_answer(id, answer)?)
}

/// The seat map once the view has `sequence`.
pub(super) async fn seat_map(
    connection: &mut Connection,
    id: ShowtimeId,
    sequence: u64,
) -> Result<house::SeatMapAnswer, LoadError> {
    let uri = Uri::try_from(format!("/api/showtimes/{id}?minSequence={sequence}"))?;
    let end = Instant::now() + VIEW_PATIENCE;
    let reply = loop {
        let reply = connection.send(wire::get(uri.clone()), Keep::Everything).await?;
        // A view that is behind is late, not wrong.
        if reply.status != StatusCode::SERVICE_UNAVAILABLE || Instant::now() >= end {
            break reply;
        }
        tokio::time::sleep(VIEW_PAUSE).await;
    };
    if reply.status != StatusCode::OK {
        return Err(LoadError::unexpected("a showtime could not be read", &reply));
    }
    serde_json::from_slice(&reply.body).map_err(|source| LoadError::Unreadable { what: "a showtime", source })
}
