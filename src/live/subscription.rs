//! A session's subscription to one showtime: where it stands, and where what comes next is taken from: a snapshot, the journal or the feed.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use crate::domain::ShowtimeView;
use crate::domain::{RecordedEvent, ShowtimeId};
use crate::live::delta::{Delta, Encoding};
use crate::live::feed::Watch;
use crate::live::ring::Reading;
use crate::live::sessions::SessionHandle;
use crate::live::snapshot::Snapshot;

/// What a subscription has for its client.
pub(super) enum Step {
    /// Frames of messages, in order, joined.
    Frames(Bytes),
    /// Nothing until the feed grows or what was asked for arrives.
    Wait,
    /// The journal is to be read after this sequence; then [`Subscription::caught_up`] or [`Subscription::failed`].
    Journal(u64),
    /// It is too far behind for the journal.
    TooFarBehind,
    /// The write store has lost what was sent: [`Subscription::begin_anew`] or [`Subscription::failed`].
    Lost,
}

/// See the module's documentation.
///
/// **Invariant:** the deltas handed out have the sequences `start + 1, start + 2, ..`, where start is the first cursor or the
/// sequence of the last snapshot.
pub(super) struct Subscription {
    watch: Watch,
    cursor: u64,
    /// The snapshot being sent and its next part.
    snapshot: Option<(Arc<Snapshot>, usize)>,
    /// From the journal, not handed out yet; they follow the cursor.
    backlog: VecDeque<(u64, Bytes)>,
    /// Something was asked for and has not arrived.
    waiting: bool,
    /// After a failure, not before this time in milliseconds since the node started.
    not_before: u64,
    max_behind: u64,
}

impl Subscription {
    /// Begins after `cursor`. It may be `max_behind` events behind before it is [`Step::TooFarBehind`].
    pub(super) fn after(cursor: u64, watch: Watch, max_behind: u64) -> Self {
        Self { watch, cursor, snapshot: None, backlog: VecDeque::new(), waiting: false, not_before: 0, max_behind }
    }

    /// Begins with a snapshot.
    pub(super) fn with(snapshot: Arc<Snapshot>, watch: Watch, max_behind: u64) -> Self {
        let mut subscription = Self::after(snapshot.sequence, watch, max_behind);
        subscription.restart(snapshot);
        subscription
    }

    pub(super) fn showtime(&self) -> ShowtimeId {
        self.watch.feed().showtime()
    }

    pub(super) fn watch(&self) -> &Watch {
        &self.watch
    }

    /// Sequence of the last event handed out, or of the snapshot.
    pub(super) fn cursor(&self) -> u64 {
        self.cursor
    }

    /// See [`Watch::attach`].
    pub(super) fn attach(&mut self, handle: &Arc<SessionHandle>) {
        self.watch.attach(handle);
    }

    /// What comes next, about `max_bytes` of it. A snapshot's part comes whole.
    pub(super) fn next(&mut self, encoding: Encoding, max_bytes: usize, now: u64) -> Step {
        if self.waiting || now < self.not_before {
            return Step::Wait;
        }
        if self.watch.feed().is_lost() {
            return Step::Lost;
        }
        if let Some(part) = self.next_part() {
            return Step::Frames(part);
        }
        if !self.backlog.is_empty() {
            return Step::Frames(self.take_backlog(max_bytes));
        }
        match self.watch.feed().read(self.cursor, encoding, max_bytes) {
            Reading::UpToDate => Step::Wait,
            Reading::Deltas { frames, cursor } => {
                self.cursor = cursor;
                Step::Frames(frames)
            }
            Reading::Behind { first } if first - self.cursor > self.max_behind => Step::TooFarBehind,
            Reading::Behind { .. } => Step::Journal(self.cursor),
        }
    }

    fn next_part(&mut self) -> Option<Bytes> {
        let (snapshot, next) = self.snapshot.as_mut()?;
        let part = snapshot.parts.get(*next).cloned();
        *next += 1;
        if *next >= snapshot.parts.len() {
            self.snapshot = None;
        }
        part
    }

    fn take_backlog(&mut self, max_bytes: usize) -> Bytes {
        let mut frames = BytesMut::new();
        while let Some((sequence, frame)) = self.backlog.pop_front() {
            self.cursor = sequence;
            frames.extend_from_slice(&frame);
            if frames.len() >= max_bytes {
                break;
            }
        }
        if self.backlog.is_empty() {
            self.backlog = VecDeque::new();
        }
        frames.freeze()
    }

    /// Something was asked for.
    pub(super) fn wait(&mut self) {
        self.waiting = true;
    }

    /// What was asked for cannot be had now.
    pub(super) fn failed(&mut self, not_before: u64) {
        self.waiting = false;
        self.not_before = not_before;
    }

    /// What the journal has after the cursor has arrived. False if it does not continue there: then nothing was taken.
    pub(super) fn caught_up(&mut self, events: &[RecordedEvent], encoding: Encoding) -> bool {
        self.waiting = false;
        let end = self.backlog.back().map_or(self.cursor, |(sequence, _)| *sequence);
        let continues =
            !events.is_empty() && events.iter().zip(end + 1..).all(|(event, expected)| event.sequence == expected);
        if continues {
            let id = self.showtime();
            self.backlog.extend(events.iter().map(|event| (event.sequence, Delta::of(id, event).frame(encoding))));
        }
        continues
    }

    /// Goes on with another feed of the showtime, from the view on: as a snapshot, or for a client that has none as deltas that say for
    /// every seat what it is.
    pub(super) fn begin_anew(&mut self, view: &ShowtimeView, watch: Watch, encoding: Encoding, part_seats: usize) {
        self.watch = watch;
        self.restart(Arc::new(Snapshot::encode(view, part_seats)));
        if encoding == Encoding::SignalR {
            self.snapshot = None;
            let frames = Delta::standing(view, part_seats).map(|delta| (view.sequence, delta.frame(encoding)));
            self.backlog.extend(frames);
        }
    }

    /// Goes on from a snapshot that has arrived.
    pub(super) fn restart(&mut self, snapshot: Arc<Snapshot>) {
        self.waiting = false;
        self.backlog = VecDeque::new();
        self.cursor = snapshot.sequence;
        self.snapshot = Some((snapshot, 0));
    }
}
