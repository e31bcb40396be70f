//! The ring: a showtime's most recent deltas in order without a gap, and the rule which events are taken in.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use crate::domain::{Place, RecordedEvent, ShowtimeId, Stamp, Timestamp};
use crate::live::delta::{Delta, Encoding};

/// What became of events offered to a ring.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Taken {
    /// Nothing in them was new.
    Nothing,
    /// So many were new and are now the end of the ring.
    New(usize),
    /// They begin after a gap; nothing was taken.
    Gap,
    /// They follow another event than the one that the ring ends with; nothing was taken.
    OtherHistory,
}

/// What a reader finds after its cursor.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Reading {
    /// Nothing yet.
    UpToDate,
    /// The next deltas, and the cursor after them.
    Deltas {
        /// Their frames, in order, joined.
        frames: Bytes,
        /// Sequence of the last of them.
        cursor: u64,
    },
    /// The ring begins later; `first` is the oldest sequence that it has.
    Behind {
        /// Oldest sequence in the ring.
        first: u64,
    },
}

/// See the module's documentation.
///
/// **Invariant:** the deltas' sequences are consecutive and end at `head`; event n+1 is taken only on n.
#[derive(Debug)]
pub(super) struct Ring {
    showtime: ShowtimeId,
    head: u64,
    /// Stamp of the event at the head; `None` before the first was taken.
    stamp: Option<Stamp>,
    deltas: VecDeque<Delta>,
    bytes: usize,
    max_events: usize,
    max_bytes: usize,
    /// The last batch made for each encoding: those who watch stand mostly at the same place.
    plain: Option<Batch>,
    signalr: Option<Batch>,
}

/// The deltas after one sequence up to another, joined.
#[derive(Debug)]
struct Batch {
    after: u64,
    cursor: u64,
    frames: Bytes,
}

impl Ring {
    /// An empty ring that stands at `head`.
    pub(super) fn new(showtime: ShowtimeId, head: u64, max_events: usize, max_bytes: usize) -> Self {
        Self {
            showtime,
            head,
            stamp: None,
            deltas: VecDeque::new(),
            bytes: 0,
            max_events: max_events.max(1),
            max_bytes,
            plain: None,
            signalr: None,
        }
    }

    /// Sequence of the last event taken.
    pub(super) fn head(&self) -> u64 {
        self.head
    }

    /// The head and its event's stamp, once an event was taken.
    pub(super) fn place(&self) -> Option<Place> {
        self.stamp.map(|stamp| Place { sequence: self.head, stamp })
    }

    /// Oldest sequence that a reader finds here; one more than the head if there is none.
    pub(super) fn first(&self) -> u64 {
        self.deltas.front().map_or(self.head + 1, |delta| delta.sequence)
    }

    /// Takes what is new of consecutive events.
    pub(super) fn take(&mut self, events: &[RecordedEvent]) -> Taken {
        let known = events.partition_point(|event| event.sequence <= self.head);
        let Some((first, _)) = events.get(known..).and_then(<[_]>::split_first) else { return Taken::Nothing };
        if first.sequence != self.head + 1 {
            return Taken::Gap;
        }
        // One without a stamp is of an earlier version's message: the journal has it with its stamp.
        if first.stamp == Stamp::default() {
            return Taken::Gap;
        }
        if self.stamp.is_some_and(|stamp| stamp != first.follows) {
            return Taken::OtherHistory;
        }
        let mut count = 0;
        for event in events.iter().skip(known) {
            if event.sequence != self.head + 1 {
                break;
            }
            let delta = Delta::of(self.showtime, event);
            self.head = delta.sequence;
            self.stamp = Some(event.stamp);
            self.bytes += delta.bytes();
            self.deltas.push_back(delta);
            count += 1;
        }
        self.trim();
        Taken::New(count)
    }

    /// Changes how many bytes are kept.
    pub(super) fn limit(&mut self, max_bytes: usize) {
        self.max_bytes = max_bytes;
        (self.plain, self.signalr) = (None, None);
        self.trim();
    }

    /// Lets the oldest deltas go; the newest is kept whatever its size.
    fn trim(&mut self) {
        while self.deltas.len() > self.max_events || (self.bytes > self.max_bytes && self.deltas.len() > 1) {
            if let Some(dropped) = self.deltas.pop_front() {
                self.bytes -= dropped.bytes();
            }
        }
    }

    /// The deltas after `cursor`, as many as fit into `max_bytes`, at least one. A cursor ahead of the head is up to date: what it has
    /// seen elsewhere is skipped here.
    pub(super) fn read(&mut self, cursor: u64, encoding: Encoding, max_bytes: usize) -> Reading {
        if cursor >= self.head {
            return Reading::UpToDate;
        }
        let first = self.first();
        let last = match encoding {
            Encoding::Plain => &mut self.plain,
            Encoding::SignalR => &mut self.signalr,
        };
        if let Some(batch) = last.as_ref().filter(|batch| batch.after == cursor && batch.frames.len() <= max_bytes) {
            return Reading::Deltas { frames: batch.frames.clone(), cursor: batch.cursor };
        }
        if cursor + 1 < first {
            return Reading::Behind { first };
        }
        let skipped = usize::try_from(cursor + 1 - first).unwrap_or(usize::MAX);
        let mut frames = BytesMut::new();
        let mut reached = cursor;
        for delta in self.deltas.iter().skip(skipped) {
            let frame = delta.frame(encoding);
            if !frames.is_empty() && frames.len() + frame.len() > max_bytes {
                break;
            }
            frames.extend_from_slice(&frame);
            reached = delta.sequence;
        }
        let frames = frames.freeze();
        *last = Some(Batch { after: cursor, cursor: reached, frames: frames.clone() });
        Reading::Deltas { frames, cursor: reached }
    }

    /// The cursor from which every delta recorded at `since` or later follows, as far as the ring reaches.
    pub(super) fn cursor_before(&self, since: Timestamp) -> u64 {
        let recent = self.deltas.iter().rev().take_while(|delta| delta.recorded_at >= since).last();
        recent.map_or(self.head, |delta| delta.sequence - 1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;
    use uuid::Uuid;

    use super::*;
    use crate::domain::{BookingId, Event, SeatId, Stamp};
    use crate::live::outflow::texts;

    fn showtime() -> ShowtimeId {
        ShowtimeId(Uuid::from_u128(1))
    }

    fn event(sequence: u64) -> RecordedEvent {
        let seat_ids = vec![SeatId::new(showtime(), u32::try_from(sequence % 100).unwrap())];
        let event = Event::HoldExpired { booking_id: BookingId(Uuid::from_u128(u128::from(sequence))), seat_ids };
        let milliseconds = i64::try_from(sequence).unwrap() * 1_000;
        let (stamp, follows) = (Stamp(sequence), Stamp(sequence - 1));
        RecordedEvent { sequence, recorded_at: Timestamp::from_millis(milliseconds), stamp, follows, event }
    }

    fn events(from: u64, to: u64) -> Vec<RecordedEvent> {
        (from..=to).map(event).collect()
    }

    fn sequences(frames: &[u8]) -> Vec<u64> {
        let sequence = |text: String| serde_json::from_str::<Value>(&text).unwrap()["sequence"].as_u64().unwrap();
        texts(frames).into_iter().map(sequence).collect()
    }

    #[test]
    fn those_who_stand_at_one_place_share_one_batch() {
        let mut ring = Ring::new(showtime(), 0, 100, 1_000_000);
        ring.take(&events(1, 5));
        let read = |ring: &mut Ring, cursor, room| match ring.read(cursor, Encoding::Plain, room) {
            Reading::Deltas { frames, cursor } => (frames, cursor),
            other @ (Reading::UpToDate | Reading::Behind { .. }) => panic!("{other:?}"),
        };
        let (first, reached) = read(&mut ring, 2, 10_000);
        assert_eq!((sequences(&first), reached), (vec![3, 4, 5], 5));
        assert_eq!(read(&mut ring, 2, 10_000).0.as_ptr(), first.as_ptr(), "the same bytes");
        ring.take(&events(6, 7));
        assert_eq!(read(&mut ring, 2, 10_000).0.as_ptr(), first.as_ptr(), "also for who is late");
        assert_eq!(read(&mut ring, 2, 1).1, 3, "but never more than there is room for");
        assert_eq!(sequences(&read(&mut ring, 5, 10_000).0), [6, 7]);
    }

    #[test]
    fn only_the_next_event_is_taken() {
        let mut ring = Ring::new(showtime(), 4, 100, 1_000_000);
        assert_eq!(ring.take(&events(6, 7)), Taken::Gap);
        assert_eq!(ring.take(&events(1, 4)), Taken::Nothing);
        assert_eq!(ring.take(&events(3, 6)), Taken::New(2));
        assert_eq!(ring.take(&events(3, 6)), Taken::Nothing);
        assert_eq!(ring.take(&[]), Taken::Nothing);
        assert_eq!((ring.first(), ring.head()), (5, 6));
    }

    #[test]
    fn readers_behind_or_ahead_are_told() {
        let mut ring = Ring::new(showtime(), 0, 3, 1_000_000);
        assert_eq!(ring.read(0, Encoding::Plain, 1_000), Reading::UpToDate);
        assert_eq!(ring.take(&events(1, 5)), Taken::New(5));
        assert_eq!(ring.read(1, Encoding::Plain, 1_000), Reading::Behind { first: 3 });
        assert_eq!(ring.read(9, Encoding::Plain, 1_000), Reading::UpToDate);
        let Reading::Deltas { frames, cursor } = ring.read(2, Encoding::Plain, 1) else { panic!("deltas") };
        assert_eq!((sequences(&frames), cursor), (vec![3], 3));
    }

    #[test]
    fn the_newest_delta_is_kept_whatever_its_size() {
        let mut ring = Ring::new(showtime(), 0, 10, 1);
        assert_eq!(ring.take(&events(1, 4)), Taken::New(4));
        assert_eq!((ring.first(), ring.head()), (4, 4));
        let mut ring = Ring::new(showtime(), 0, 10, 1_000_000);
        assert_eq!(ring.take(&events(1, 4)), Taken::New(4));
        ring.limit(0);
        assert_eq!((ring.first(), ring.head()), (4, 4));
    }

    #[test]
    fn joining_replays_the_last_seconds() {
        let mut ring = Ring::new(showtime(), 10, 100, 1_000_000);
        assert_eq!(ring.cursor_before(Timestamp::from_millis(0)), 10);
        ring.take(&events(11, 20));
        assert_eq!(ring.cursor_before(Timestamp::from_millis(18_000)), 17);
        assert_eq!(ring.cursor_before(Timestamp::from_millis(0)), 10);
        assert_eq!(ring.cursor_before(Timestamp::from_millis(99_000)), 20);
    }

    proptest! {
        #[test]
        fn whatever_is_delivered_is_read_once_and_in_order(
            runs in proptest::collection::vec((1_u64..60, 0_u64..6), 0..60),
            reads in proptest::collection::vec(1_usize..900, 0..30),
        ) {
            let mut ring = Ring::new(showtime(), 0, 16, 100_000);
            let mut cursor = 0;
            let mut seen = Vec::new();
            let mut reads = reads.into_iter();
            for (first, more) in runs {
                let before = ring.head();
                match ring.take(&events(first, first + more)) {
                    Taken::Gap => prop_assert!(first > before + 1),
                    Taken::OtherHistory => prop_assert!(false, "there is one history only"),
                    Taken::Nothing => prop_assert!(first + more <= before),
                    Taken::New(count) => prop_assert_eq!(ring.head(), before + u64::try_from(count).unwrap()),
                }
                let Some(budget) = reads.next() else { continue };
                match ring.read(cursor, Encoding::Plain, budget) {
                    Reading::UpToDate => prop_assert_eq!(cursor, ring.head()),
                    Reading::Deltas { frames, cursor: reached } => {
                        seen.extend(sequences(&frames));
                        cursor = reached;
                    }
                    Reading::Behind { first } => {
                        // As a session does: what the ring has lost comes from the journal.
                        seen.extend(cursor + 1..first);
                        cursor = first - 1;
                    }
                }
            }
            prop_assert_eq!(seen, (1..=cursor).collect::<Vec<_>>());
        }
    }
}
