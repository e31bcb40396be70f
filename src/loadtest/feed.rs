//! Feed: what one WebSocket client must see of a showtime: every change once, in order, without a gap. Pure: it is shown the messages.

use serde::Deserialize;

use crate::domain::{SeatId, SeatStatus, ShowtimeId};
use crate::loadtest::grants::Findings;
use crate::loadtest::house::House;

/// See the module's documentation.
#[derive(Debug)]
pub struct Feed {
    showtime: ShowtimeId,
    last: u64,
    /// Seats' statuses as the messages have them, for feeds that are compared in the end.
    fold: Option<Vec<SeatStatus>>,
    /// What was wrong.
    pub findings: Findings,
    /// Deltas that were seen.
    pub deltas: u64,
    /// Whole snapshots that were seen; each replaces the deltas before it.
    pub snapshots: u64,
    /// How a delta begins, up to its sequence, as the server happens to write it.
    opening: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    sequence: u64,
    showtime_id: Option<ShowtimeId>,
    #[serde(rename = "final")]
    last_part: Option<bool>,
}

/// The parts of a message that only a fold needs.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Changes {
    #[serde(default)]
    seat_ids: Vec<SeatId>,
    status: Option<SeatStatus>,
    #[serde(default)]
    seats: Vec<SnapshotSeat>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SnapshotSeat {
    seat_id: SeatId,
    status: SeatStatus,
}

impl Feed {
    /// A feed that begins after the house's sequence before the run. With `folds` it keeps every seat's status.
    pub fn new(house: &House, folds: bool) -> Self {
        Self {
            showtime: house.id,
            last: house.sequence,
            fold: folds.then(|| house.statuses.clone()),
            findings: Findings::default(),
            deltas: 0,
            snapshots: 0,
            opening: format!("{{\"type\":\"seatsStatusChanged\",\"showtimeId\":\"{}\",\"sequence\":", house.id),
        }
    }

    /// The last sequence that was seen.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// The statuses that the messages add up to.
    pub fn fold(&self) -> Option<&[SeatStatus]> {
        self.fold.as_deref()
    }

    /// Takes a message; its sequence if it is a new delta.
    pub fn see(&mut self, text: &str, house: &House) -> Option<u64> {
        // A thousand watchers see each delta: those that keep no seats read no further than the sequence, if it is where they expect it.
        let quick = || text.strip_prefix(&self.opening)?.split_once(',')?.0.parse().ok();
        if self.fold.is_none()
            && let Some(sequence) = quick()
        {
            return Some(self.delta(sequence));
        }
        let message: Message<'_> = match serde_json::from_str(text) {
            Ok(message) => message,
            Err(error) => {
                self.findings.add(|| format!("a message of the live feed cannot be read: {error}"));
                return None;
            }
        };
        if message.kind == "pong" {
            return None;
        }
        let showtime = self.showtime;
        if message.showtime_id != Some(showtime) {
            self.findings.add(|| format!("the live feed of showtime {showtime} tells of another showtime"));
            return None;
        }
        self.apply(text, house);
        match message.kind {
            "snapshot" => {
                if message.last_part == Some(true) {
                    self.snapshots += 1;
                    self.last = message.sequence;
                }
                None
            }
            "seatsStatusChanged" => Some(self.delta(message.sequence)),
            other => {
                self.findings.add(|| format!("the live feed sent a message of unknown type {other:?}"));
                None
            }
        }
    }

    fn delta(&mut self, sequence: u64) -> u64 {
        let (showtime, expected) = (self.showtime, self.last + 1);
        if sequence != expected {
            self.findings.add(|| {
                let what = if sequence > expected { "a gap" } else { "a repetition" };
                format!("live feed of showtime {showtime}: {what}: {sequence} came where {expected} was due")
            });
        }
        self.last = self.last.max(sequence);
        self.deltas += 1;
        sequence
    }

    fn apply(&mut self, text: &str, house: &House) {
        let Some(fold) = &mut self.fold else { return };
        let Ok(changes) = serde_json::from_str::<Changes>(text) else { return };
        let told = changes.seat_ids.into_iter().filter_map(|seat| Some((seat, changes.status?)));
        let shown = changes.seats.into_iter().map(|seat| (seat.seat_id, seat.status));
        for (seat, status) in told.chain(shown) {
            let index = usize::try_from(seat.index()).unwrap_or(usize::MAX);
            match fold.get_mut(index).filter(|_| house.seats.get(index) == Some(&seat)) {
                Some(known) => *known = status,
                None => {
                    self.findings.add(|| format!("the live feed names seat {seat}, which the showtime does not have"));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    fn house() -> House {
        House::derived(ShowtimeId(Uuid::from_u128(1)), vec![3]).unwrap()
    }

    fn delta(sequence: u64, seat: u32, status: &str) -> String {
        let id = ShowtimeId(Uuid::from_u128(1));
        let seats = [SeatId::new(id, seat)];
        json!({"type": "seatsStatusChanged", "showtimeId": id, "sequence": sequence, "seatIds": seats, "status": status})
            .to_string()
    }

    #[test]
    fn every_change_once_and_in_order_is_fine_and_adds_up() {
        let house = house();
        let mut feed = Feed::new(&house, true);
        for (sequence, seat, status) in [(2, 0, "Reserved"), (3, 0, "Sold"), (4, 2, "Reserved"), (5, 2, "Available")] {
            assert_eq!(feed.see(&delta(sequence, seat, status), &house), Some(sequence));
        }
        assert_eq!(feed.see(r#"{"type":"pong","sequence":5}"#, &house), None);
        assert_eq!((feed.findings.count, feed.last(), feed.deltas), (0, 5, 4));
        assert_eq!(feed.fold().unwrap(), [SeatStatus::Sold, SeatStatus::Available, SeatStatus::Available]);
    }

    #[test]
    fn a_feed_that_keeps_no_seats_finds_the_same_faults_in_any_order_of_fields() {
        let house = house();
        let mut feed = Feed::new(&house, false);
        let quick = |sequence| {
            let id = house.id;
            format!(
                r#"{{"type":"seatsStatusChanged","showtimeId":"{id}","sequence":{sequence},"seatIds":[],"status":"Sold"}}"#
            )
        };
        assert_eq!(feed.see(&quick(2), &house), Some(2));
        assert_eq!(feed.see(&delta(3, 0, "Sold"), &house), Some(3));
        assert_eq!((feed.findings.count, feed.deltas), (0, 2));
        feed.see(&quick(5), &house);
        feed.see(&quick(5), &house);
        assert_eq!((feed.findings.count, feed.last()), (2, 5));
    }

    #[test]
    fn gaps_repetitions_and_strangers_are_found() {
        let house = house();
        let mut feed = Feed::new(&house, true);
        feed.see(&delta(3, 0, "Reserved"), &house);
        feed.see(&delta(3, 0, "Reserved"), &house);
        feed.see(&delta(4, 7, "Reserved"), &house);
        feed.see("nonsense", &house);
        feed.see(r#"{"type":"surprise","sequence":5}"#, &house);
        let said = feed.findings.sentences.join("\n");
        assert_eq!(feed.findings.count, 5, "{said}");
        for part in
            ["a gap: 3 came where 2", "a repetition: 3 came where 4", "does not have", "cannot be read", "another"]
        {
            assert!(said.contains(part), "{part}: {said}");
        }
    }

    #[test]
    fn a_snapshot_brings_a_slow_client_forward() {
        let house = house();
        let mut feed = Feed::new(&house, true);
        let id = house.id;
        let seats: Vec<_> = house
            .seats
            .iter()
            .map(|seat| json!({"seatId": seat, "row": "R1", "number": 1, "status": "Sold"}))
            .collect();
        let snapshot =
            json!({"type": "snapshot", "showtimeId": id, "sequence": 40, "part": 0, "final": true, "seats": seats});
        feed.see(&snapshot.to_string(), &house);
        feed.see(&delta(41, 1, "Available"), &house);
        assert_eq!((feed.findings.count, feed.snapshots, feed.last()), (0, 1, 41), "{:?}", feed.findings);
        assert_eq!(feed.fold().unwrap()[1], SeatStatus::Available);
    }
}
