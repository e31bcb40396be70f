//! Recorded events: an event in the journal of its showtime, its stamp, and runs of consecutive ones.

use std::fmt;

use crate::domain::{Event, SeatMap, ShowtimeId, Timestamp};

/// Identifies an event in its showtime's history, with all that came before it. A store that was restored to an earlier moment goes on
/// with other events under the same sequences, but never with the same stamps. 0 stands for no event, or an unknown one.
///
/// The last event of a commit gets a random stamp; those before it in the same commit count down from there.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct Stamp(pub u64);

impl Stamp {
    /// The stamp of the event that is so many places before, in the same commit.
    #[must_use]
    pub fn before(self, places: u64) -> Self {
        Self(self.0.wrapping_sub(places))
    }
}

/// 16 hexadecimal digits.
impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// An event in the journal of its showtime.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecordedEvent {
    /// Position in the showtime's journal: 1, 2, 3, .. without a gap.
    pub sequence: u64,
    /// When it was decided.
    pub recorded_at: Timestamp,
    /// Its own stamp.
    pub stamp: Stamp,
    /// The stamp of the event before it.
    pub follows: Stamp,
    /// What happened.
    pub event: Event,
}

/// The events of one commit, which begins with the sequence `first`, whose last event has the stamp `last` and which follows the event with
/// the stamp `follows`.
pub(crate) fn recorded(
    (first, recorded_at): (u64, Timestamp),
    (follows, last): (Stamp, Stamp),
    events: Vec<Event>,
) -> impl Iterator<Item = RecordedEvent> {
    let mut follows = follows;
    let places = (0..u64::try_from(events.len()).unwrap_or(u64::MAX)).rev();
    (first..).zip(places).zip(events).map(move |((sequence, places), event)| {
        let stamp = last.before(places);
        RecordedEvent { sequence, recorded_at, stamp, follows: std::mem::replace(&mut follows, stamp), event }
    })
}

/// Consecutive events of one showtime, at least one.
///
/// **Invariant:** `events[i].sequence == events[0].sequence + i`, and each follows the one before it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EventRun {
    showtime_id: ShowtimeId,
    events: Vec<RecordedEvent>,
}

impl EventRun {
    /// `None` if `events` is empty, has a gap, or mixes two histories.
    pub fn new(showtime_id: ShowtimeId, events: Vec<RecordedEvent>) -> Option<Self> {
        let follows = |before: &RecordedEvent, next: &RecordedEvent| {
            next.sequence == before.sequence + 1 && next.follows == before.stamp
        };
        let is_run = !events.is_empty() && events.is_sorted_by(follows);
        is_run.then_some(Self { showtime_id, events })
    }

    /// Whether the run goes on where a history stands: at the event with this sequence and stamp. What has no stamp goes on from nowhere,
    /// and nothing goes on from it, but from the beginning.
    pub fn goes_on(&self, sequence: u64, stamp: Stamp) -> bool {
        let is_known = |stamp: Stamp| stamp != Stamp::default();
        self.after(sequence).first().is_some_and(|next| {
            next.sequence == sequence + 1
                && next.follows == stamp
                && is_known(next.stamp)
                && (sequence == 0 || is_known(stamp))
        })
    }

    /// Whether this is a part of the run's history: all of it is there, with the same stamps.
    pub fn covers(&self, part: &Self) -> bool {
        let place =
            part.last_sequence().checked_sub(self.first_sequence()).and_then(|place| usize::try_from(place).ok());
        let same = place.and_then(|place| self.events.get(place));
        self.first_sequence() <= part.first_sequence() && same.is_some_and(|event| event.stamp == part.last_stamp())
    }

    /// Appends what of a run that goes on from here is new; another run changes nothing.
    pub fn extend(&mut self, run: &Self) {
        if run.goes_on(self.last_sequence(), self.last_stamp()) {
            self.events.extend_from_slice(run.after(self.last_sequence()));
        }
    }

    /// The showtime.
    pub fn showtime_id(&self) -> ShowtimeId {
        self.showtime_id
    }

    /// The events, in order.
    pub fn events(&self) -> &[RecordedEvent] {
        &self.events
    }

    /// Sequence of the first event.
    pub fn first_sequence(&self) -> u64 {
        self.events.first().map_or(0, |event| event.sequence)
    }

    /// Stamp of the last event.
    pub fn last_stamp(&self) -> Stamp {
        self.events.last().map_or(Stamp::default(), |event| event.stamp)
    }

    /// Sequence of the last event.
    pub fn last_sequence(&self) -> u64 {
        self.events.last().map_or(0, |event| event.sequence)
    }

    /// The rows that the events with a sequence above `known` leave the showtime with, if one of them sets them.
    pub fn rows_after(&self, known: u64) -> Option<&SeatMap> {
        self.after(known).iter().rev().find_map(|recorded| recorded.event.rows())
    }

    /// The events with a sequence above `known`, if there are any.
    pub fn after(&self, known: u64) -> &[RecordedEvent] {
        let skipped = self.events.partition_point(|event| event.sequence <= known);
        self.events.get(skipped..).unwrap_or(&[])
    }
}
