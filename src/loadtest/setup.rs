//! Setup: creates the showtimes of a run, or reads the one that was named, before anything is measured.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::{StatusCode, Uri};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::domain::{SeatIndex, ShowtimeId};
use crate::loadtest::LoadError;
use crate::loadtest::connection::{Connection, Keep};
use crate::loadtest::house::{self, House};
use crate::loadtest::wire;
use crate::loadtest::workload::{Asking, HouseOptions, Workload};

/// Time that a server has for its view to catch up.
const VIEW_PATIENCE: Duration = Duration::from_mins(1);
/// The only area of a showtime that is created.
const AREA: &str = "Standing";
const VIEW_PAUSE: Duration = Duration::from_millis(200);

/// The answer to a new showtime, as far as it is needed.
#[derive(Deserialize)]
struct Scheduled {
    id: ShowtimeId,
    sequence: u64,
}

/// An auditorium.
#[derive(Deserialize)]
struct Made {
    id: Uuid,
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
        HouseOptions::Given(id) => Ok(Arc::from([read(&mut connection, workload, id, 0).await?])),
        HouseOptions::Create { showtimes, seats } => {
            let mut created = Vec::new();
            let places = places(&mut connection, workload, seats).await?;
            for number in 0..showtimes {
                created.push(create(&mut connection, workload, number, &places).await?);
            }
            let mut houses = Vec::with_capacity(created.len());
            for scheduled in created {
                let read = read(&mut connection, workload, scheduled.id, scheduled.sequence).await;
                houses.push(match read {
                    Ok(house) if house.seats.len() == usize::try_from(seats).unwrap_or(0) => house,
                    // A server that answers constants has no seat maps; whoever leaves the check out may still measure it.
                    _ if workload.check.is_none() => {
                        House::derived(scheduled.id, house::rows_for(seats))?.asked(workload.asking, Some(AREA))
                    }
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

/// The member of a new showtime that says what is sold: rows, or an auditorium with nothing but an area, which is created for it.
async fn places(
    connection: &mut Connection,
    workload: &Workload,
    seats: SeatIndex,
) -> Result<(&'static str, Value), LoadError> {
    if workload.asking != Asking::Area {
        let rows =
            (1..).zip(house::rows_for(seats)).map(|(row, seats)| json!({"row": format!("R{row}"), "seats": seats}));
        return Ok(("rows", rows.collect()));
    }
    let plan = json!({"name": "Load test", "sections": [], "areas": [{"label": AREA, "capacity": seats}]});
    let made: Made =
        post(connection, workload, ("/api/auditoriums", "an auditorium could not be created"), &plan).await?;
    Ok(("auditoriumId", json!(made.id)))
}

async fn create(
    connection: &mut Connection,
    workload: &Workload,
    number: u32,
    (member, places): &(&'static str, Value),
) -> Result<Scheduled, LoadError> {
    let title = format!("Load test {} {}", workload.scenario.name(), number + 1);
    let body = json!({ "movieTitle": title, "startTime": "2099-01-01T20:00:00Z", *member: places });
    post(connection, workload, ("/api/showtimes", "a showtime could not be created"), &body).await
}

/// Creates something as an operator. `what` is said if that fails.
async fn post<T: DeserializeOwned>(
    connection: &mut Connection,
    workload: &Workload,
    (path, what): (&'static str, &'static str),
    body: &Value,
) -> Result<T, LoadError> {
    let mut request = wire::post(Uri::from_static(path), Bytes::from(body.to_string()));
    if let Some(token) = &workload.operator_token {
        request = wire::bearing(request, token.expose()).ok_or(LoadError::OperatorToken)?;
    }
    let reply = connection.send(request, Keep::Everything).await?;
    if reply.status != StatusCode::CREATED {
        return Err(LoadError::unexpected(what, &reply));
    }
    serde_json::from_slice(&reply.body)
        .map_err(|source| LoadError::Unreadable { what: "the answer to what was created", source })
}

/// Reads a showtime once its view has `sequence`.
async fn read(
    connection: &mut Connection,
    workload: &Workload,
    id: ShowtimeId,
    sequence: u64,
) -> Result<House, LoadError> {
    let answer = seat_map(connection, id, sequence).await?;
    if workload.asking == Asking::Area && answer.seats.iter().all(|seat| seat.area.is_none()) {
        return Err(LoadError::NoArea(id));
    }
    Ok(House::from_answer(id, answer, workload.asking)?)
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
