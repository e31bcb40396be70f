//! Feed: hands a projection's messages to its subscriber in order, and gets to know how each is settled.
//!
//! A message that is to be retried is held back with growing pauses, and the messages of the same showtime that come
//! in meanwhile wait behind it, so that they do not overtake. Other showtimes go on.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::domain::ShowtimeId;
use crate::event_bus::backoff::Backoff;
use crate::event_bus::{Delivery, Message, Settlement, Signal};

/// Order in which messages were offered.
type Ticket = u64;

/// A message in the feed, with the adapter's own `token` for settling it.
#[derive(Debug)]
pub(super) struct Entry<T> {
    pub(super) message: Message,
    pub(super) redelivered: bool,
    pub(super) token: T,
}

/// What the feed has to say to its adapter.
#[derive(Debug)]
pub(super) enum Outcome<T> {
    /// The subscriber has processed the message.
    Done(Entry<T>),
    /// The message can never be processed, for this reason.
    Dead(Entry<T>, String),
    /// The subscriber is gone.
    Closed,
}

enum Ready {
    Message(Ticket),
    Interrupted,
}

/// A showtime of which a message was to be retried and none has been processed since.
struct Trouble {
    backoff: Backoff,
    /// When the messages that are held back go out; `None` while none is held back.
    until: Option<Instant>,
    /// Those messages, in order of their tickets, that is of their arrival.
    held: BTreeSet<Ticket>,
}

/// See the module's documentation. The number of messages in it is bounded by the adapter, through [`Feed::len`].
pub(super) struct Feed<T> {
    signals: mpsc::Sender<Signal>,
    first_pause: Duration,
    longest_pause: Duration,
    next_ticket: Ticket,
    entries: BTreeMap<Ticket, Entry<T>>,
    ready: VecDeque<Ready>,
    settling: FuturesUnordered<BoxFuture<'static, (Ticket, Settlement)>>,
    troubles: HashMap<ShowtimeId, Trouble>,
}

impl<T> Feed<T> {
    pub(super) fn new(signals: mpsc::Sender<Signal>, first_pause: Duration, longest_pause: Duration) -> Self {
        Self {
            signals,
            first_pause,
            longest_pause,
            next_ticket: 0,
            entries: BTreeMap::new(),
            ready: VecDeque::new(),
            settling: FuturesUnordered::new(),
            troubles: HashMap::new(),
        }
    }

    /// Messages that are not settled yet.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// True when the subscriber has dropped its end.
    pub(super) fn is_closed(&self) -> bool {
        self.signals.is_closed()
    }

    /// Waits until the subscriber has dropped its end.
    pub(super) async fn closed(&mut self) {
        self.signals.closed().await;
    }

    /// Takes a message in. It goes out when the subscriber has room and no earlier one of its showtime is held back.
    pub(super) fn offer(&mut self, entry: Entry<T>) {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let trouble = self.troubles.get_mut(&entry.message.run.showtime_id());
        if let Some(trouble) = trouble.filter(|trouble| trouble.until.is_some()) {
            trouble.held.insert(ticket);
        } else {
            self.ready.push_back(Ready::Message(ticket));
        }
        self.entries.insert(ticket, entry);
    }

    /// Tells the subscriber of an interruption, once there is room.
    pub(super) fn interrupted(&mut self) {
        if !self.ready.iter().any(|ready| matches!(ready, Ready::Interrupted)) {
            self.ready.push_back(Ready::Interrupted);
        }
    }

    /// Forgets everything unsettled and returns it in order of arrival; what the subscriber still settles has no effect.
    pub(super) fn take_unsettled(&mut self) -> Vec<Entry<T>> {
        self.ready.retain(|ready| matches!(ready, Ready::Interrupted));
        self.settling.clear();
        self.troubles.clear();
        std::mem::take(&mut self.entries).into_values().collect()
    }

    /// Moves messages to the subscriber and waits for the next settlement. Cancelling it loses nothing.
    pub(super) async fn next(&mut self) -> Outcome<T> {
        let signals = self.signals.clone();
        loop {
            let due = self.troubles.values().filter_map(|trouble| trouble.until).min();
            // Settlements first: what the subscriber settled before it left is settled.
            tokio::select! {
                biased;
                Some((ticket, settlement)) = self.settling.next(), if !self.settling.is_empty() => {
                    if let Some(outcome) = self.settled(ticket, settlement) {
                        return outcome;
                    }
                }
                () = signals.closed() => return Outcome::Closed,
                () = sleep_until(due), if due.is_some() => self.release_due(),
                permit = signals.reserve(), if !self.ready.is_empty() => match permit {
                    Ok(permit) => self.send(permit),
                    Err(_closed) => return Outcome::Closed,
                },
            }
        }
    }

    fn send(&mut self, permit: mpsc::Permit<'_, Signal>) {
        let ticket = match self.ready.pop_front() {
            Some(Ready::Message(ticket)) => ticket,
            Some(Ready::Interrupted) => return permit.send(Signal::Interrupted),
            None => return,
        };
        if let Some(entry) = self.entries.get(&ticket) {
            let (settle, settled) = oneshot::channel();
            permit.send(Signal::Delivery(Delivery::new(entry.message.clone(), entry.redelivered, Some(settle))));
            // Dropped without a word means: not processed.
            self.settling.push(settled.map(move |said| (ticket, said.unwrap_or(Settlement::Retry))).boxed());
        }
    }

    fn settled(&mut self, ticket: Ticket, settlement: Settlement) -> Option<Outcome<T>> {
        if settlement == Settlement::Retry {
            self.hold(ticket);
            return None;
        }
        let entry = self.entries.remove(&ticket)?;
        let showtime = entry.message.run.showtime_id();
        if self.troubles.get(&showtime).is_some_and(|trouble| trouble.until.is_none()) {
            self.troubles.remove(&showtime);
        }
        Some(match settlement {
            Settlement::Dead(reason) => Outcome::Dead(entry, reason),
            Settlement::Done | Settlement::Retry => Outcome::Done(entry),
        })
    }

    /// Holds a message back, with all later ones of its showtime that have not gone out yet.
    fn hold(&mut self, ticket: Ticket) {
        let Some(entry) = self.entries.get_mut(&ticket) else { return };
        entry.redelivered = true;
        let showtime = entry.message.run.showtime_id();
        let (first, longest) = (self.first_pause, self.longest_pause);
        let trouble = self.troubles.entry(showtime).or_insert_with(|| Trouble {
            backoff: Backoff::new(first, longest),
            until: None,
            held: BTreeSet::new(),
        });
        // Several messages of one showtime that come back together cost one pause, not one each.
        if trouble.until.is_none() {
            trouble.until = Some(Instant::now() + trouble.backoff.next_pause());
        }
        trouble.held.insert(ticket);
        let entries = &self.entries;
        self.ready.retain(|ready| {
            let Ready::Message(waiting) = ready else { return true };
            let same = entries.get(waiting).is_some_and(|entry| entry.message.run.showtime_id() == showtime);
            if same {
                trouble.held.insert(*waiting);
            }
            !same
        });
    }

    /// Sends out what was held back long enough.
    fn release_due(&mut self) {
        let now = Instant::now();
        for trouble in self.troubles.values_mut().filter(|trouble| trouble.until.is_some_and(|until| until <= now)) {
            trouble.until = None;
            self.ready.extend(std::mem::take(&mut trouble.held).into_iter().map(Ready::Message));
        }
    }
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}
