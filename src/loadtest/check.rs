//! Check: asks the servers, when the run is over, whether they know what they have told the clients.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use hyper::StatusCode;
use serde::{Deserialize, Serialize};

use crate::domain::{BookingId, SeatId, SeatStatus, Timestamp};
use crate::loadtest::connection::{Connection, Keep, Reply};
use crate::loadtest::grants::{Fate, Findings, Grant, Grants};
use crate::loadtest::house::House;
use crate::loadtest::outcome::Outcome;
use crate::loadtest::watcher::Watched;
use crate::loadtest::workload::{CheckOptions, Workload};
use crate::loadtest::{setup, verify, wire};

/// Bookings that are read at once.
const READERS: usize = 16;
/// Times that an overloaded server is asked for a booking, and the pause between them.
const TRIES: usize = 10;
const PAUSE: Duration = Duration::from_millis(500);

/// What was checked and what was found. Passed if nothing was.
#[derive(Clone, Default, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckReport {
    /// True if nothing was found.
    pub passed: bool,
    /// Acknowledged reservations: none has a seat of another one, or its sequence.
    pub grants: usize,
    /// Bookings that were read back by their holders.
    pub bookings_read: usize,
    /// Most bookings that would have been read; of more, an even sample.
    pub bookings_bound: usize,
    /// Showtimes that were followed over WebSocket from the beginning to the last acknowledged change.
    pub showtimes_followed: usize,
    /// Deltas that the followers saw, each once and in order.
    pub deltas_seen: u64,
    /// Showtimes whose seat map at the end was compared with what clients were told and what the followers saw.
    pub seat_maps_compared: usize,
    /// The first findings.
    pub findings: Vec<String>,
    /// All of them.
    pub finding_count: u64,
}

/// A booking as its holder sees it, as far as it is compared.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BookingAnswer {
    booking_id: BookingId,
    status: String,
    seat_ids: Vec<SeatId>,
}

/// What is checked.
pub(super) struct Evidence<'a> {
    pub(super) workload: &'a Workload,
    pub(super) houses: &'a [House],
    pub(super) ledgers: &'a [Grants],
    /// The wall clock's time when the run started.
    pub(super) start: Timestamp,
    pub(super) followers: &'a [Watched],
    /// The scenario's own watchers.
    pub(super) watchers: &'a [Watched],
}

impl Evidence<'_> {
    /// Checks everything, within the workload's bounds.
    pub(super) async fn check(&self, bounds: CheckOptions) -> CheckReport {
        let mut findings = Findings::default();
        for grants in self.ledgers {
            findings.absorb(grants.findings.clone());
        }
        verify::seats_granted_once(self.ledgers, self.start, &mut findings);
        verify::sequences_given_once(self.ledgers, &mut findings);
        let bookings_read = self.read_bookings(bounds.bookings, &mut findings).await;
        for watched in self.followers.iter().chain(self.watchers) {
            self.check_feed(watched, &mut findings);
        }
        for follower in self.followers {
            self.compare_seat_map(follower, &mut findings).await;
        }
        CheckReport {
            passed: findings.count == 0,
            grants: self.ledgers.iter().map(Grants::len).sum(),
            bookings_read,
            bookings_bound: bounds.bookings,
            showtimes_followed: self.followers.len(),
            deltas_seen: self.followers.iter().map(|watched| watched.feed.deltas).sum(),
            seat_maps_compared: self.followers.len(),
            findings: findings.sentences,
            finding_count: findings.count,
        }
    }

    fn check_feed(&self, watched: &Watched, findings: &mut Findings) {
        findings.absorb(watched.feed.findings.clone());
        if !watched.arrived
            && let Some(house) = self.houses.get(watched.house)
        {
            let last = watched.feed.last();
            findings.add(|| format!("the live feed of showtime {} stopped at sequence {last}, before the last change that was acknowledged", house.id));
        }
    }

    /// Every granted booking, or an even sample of them, is readable by its holder and is what its holder knows of it.
    async fn read_bookings(&self, most: usize, findings: &mut Findings) -> usize {
        let all: Vec<(&Grant, &[u32])> = self.ledgers.iter().flat_map(Grants::grants).collect();
        let size = all.len().min(most);
        let sample: Vec<(&Grant, &[u32])> =
            (0..size).filter_map(|number| all.get(number * all.len() / size.max(1)).copied()).collect();
        let shares = (0..READERS).map(|reader| {
            let share: Vec<_> = sample.iter().skip(reader).step_by(READERS).copied().collect();
            self.read_share(reader, share)
        });
        for found in join_all(shares).await {
            findings.absorb(found);
        }
        sample.len()
    }

    async fn read_share(&self, reader: usize, share: Vec<(&Grant, &[u32])>) -> Findings {
        let mut findings = Findings::default();
        let Some(target) = self.workload.targets.iter().cycle().nth(reader % self.workload.targets.len().max(1)) else {
            return findings;
        };
        let mut connection = Connection::new(Arc::clone(target), self.workload.patience);
        for (grant, seats) in share {
            let Some(request) = wire::booking(grant.booking, &grant.token) else { continue };
            let mut reply = connection.send(request.clone(), Keep::Everything).await;
            for _ in 1..TRIES {
                // Too busy to answer is no answer.
                if !reply.as_ref().is_ok_and(|reply| Outcome::of(reply.status) == Outcome::Overloaded) {
                    break;
                }
                tokio::time::sleep(PAUSE).await;
                reply = connection.send(request.clone(), Keep::Everything).await;
            }
            match reply {
                Ok(reply) => {
                    if let Some(wrong) = self.wrong(grant, seats, &reply) {
                        findings.add(|| format!("booking {}: {wrong}", grant.booking));
                    }
                }
                Err(error) => findings.add(|| format!("booking {} could not be read: {error}", grant.booking)),
            }
        }
        findings
    }

    fn wrong(&self, grant: &Grant, seats: &[u32], reply: &Reply) -> Option<String> {
        if reply.status != StatusCode::OK {
            return Some(format!("it was granted, but its holder is answered with status {}", reply.status.as_u16()));
        }
        let booking: BookingAnswer = match serde_json::from_slice(&reply.body) {
            Ok(booking) => booking,
            Err(error) => return Some(format!("it cannot be read: {error}")),
        };
        if booking.booking_id != grant.booking {
            return Some(format!("another booking is shown: {}", booking.booking_id));
        }
        let house = self.houses.get(usize::try_from(grant.house).ok()?)?;
        let known = seats.iter().filter_map(|seat| house.seats.get(usize::try_from(*seat).ok()?));
        if !known.eq(&booking.seat_ids) {
            return Some("it has other seats than were granted".to_owned());
        }
        let over = self.now() + verify::CLOCK_TOLERANCE >= grant.expires_at;
        let fits = match (grant.fate, booking.status.as_str()) {
            (Fate::Held, "Pending")
            | (Fate::Confirmed(_), "Confirmed")
            | (Fate::Cancelled(_), "Cancelled")
            | (Fate::Unsure, _) => true,
            (Fate::Held, "Expired") => over,
            (Fate::Held | Fate::Confirmed(_) | Fate::Cancelled(_), _) => false,
        };
        (!fits).then(|| format!("its holder knows it as {:?}, but it is {}", grant.fate, booking.status))
    }

    fn now(&self) -> Timestamp {
        self.workload.wall(Instant::now())
    }

    /// The seat map at the end against what clients were told, and against what the follower saw.
    async fn compare_seat_map(&self, follower: &Watched, findings: &mut Findings) {
        let Some((house, target)) = self.houses.get(follower.house).zip(self.workload.targets.first()) else { return };
        let mut connection = Connection::new(Arc::clone(target), self.workload.patience);
        let map = match setup::seat_map(&mut connection, house.id, follower.feed.last()).await {
            Ok(map) => map,
            Err(error) => return findings.add(|| format!("showtime {} cannot be read at the end: {error}", house.id)),
        };
        let statuses: Vec<SeatStatus> = map.seats.iter().map(|seat| seat.status).collect();
        // Something may have ended since the follower looked; then only the next comparison can say more.
        let folded = follower.feed.fold().filter(|_| map.sequence == follower.feed.last());
        if folded.is_some_and(|fold| fold != statuses) {
            findings.add(|| format!("the seat map of showtime {} is not what its live feed adds up to", house.id));
        }
        self.explain(follower.house, house, &statuses, findings);
    }

    /// Every seat of a live booking is taken, and every seat that was taken during the run is somebody's.
    fn explain(&self, position: usize, house: &House, statuses: &[SeatStatus], findings: &mut Findings) {
        let is_here = |number: u32| usize::try_from(number).is_ok_and(|number| number == position);
        let mut explained: HashSet<u32> = HashSet::new();
        // Seats that the server may have chosen for reservations of unknown outcome.
        let mut unknown: usize = 0;
        let later = self.now() + verify::CLOCK_TOLERANCE;
        for grants in self.ledgers {
            unknown +=
                grants.unknown().iter().filter(|(number, _)| is_here(*number)).map(|(_, count)| count).sum::<usize>();
            explained.extend(grants.unsure().iter().filter(|(number, _)| is_here(*number)).map(|(_, seat)| *seat));
            for (grant, seats) in grants.grants().filter(|(grant, _)| is_here(grant.house)) {
                let live = match grant.fate {
                    Fate::Confirmed(_) => true,
                    Fate::Held => grant.expires_at > later,
                    Fate::Cancelled(_) => continue,
                    Fate::Unsure => false,
                };
                explained.extend(seats);
                for seat in seats.iter().filter(|_| live) {
                    let status = usize::try_from(*seat).ok().and_then(|seat| statuses.get(seat));
                    if status == Some(&SeatStatus::Available) {
                        findings.add(|| format!("seat {seat} of booking {} is shown as available", grant.booking));
                    }
                }
            }
        }
        if self.workload.owns_its_houses() {
            let free: Vec<u32> = house.free.clone();
            for seat in free.into_iter().filter(|seat| !explained.contains(seat)) {
                let status = usize::try_from(seat).ok().and_then(|seat| statuses.get(seat));
                if status == Some(&SeatStatus::Available) {
                    continue;
                }
                if unknown > 0 {
                    unknown -= 1;
                } else {
                    findings
                        .add(|| format!("seat {seat} of showtime {} is taken, but nobody was granted it", house.id));
                }
            }
        }
    }
}

impl CheckReport {
    /// One sentence.
    pub fn summary(&self) -> String {
        let share = if self.bookings_read < self.grants { " (an even sample)" } else { "" };
        format!(
            "grants: {}; bookings read back: {}{share}; showtimes followed: {}, with {} deltas: {}",
            self.grants,
            self.bookings_read,
            self.showtimes_followed,
            self.deltas_seen,
            if self.passed { "every promise was kept".to_owned() } else { format!("{} findings", self.finding_count) }
        )
    }
}
