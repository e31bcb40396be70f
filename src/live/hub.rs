//! Actor: the hub owns the feeds of the watched showtimes and is their only writer. It accepts requests to open a feed, runs of events from
//! the bus, and the driver's ticks; it keeps each showtime's events in order of sequence, and refetches from the journal what is missing.
//! On restart it finds the feeds in [`Node::feeds`] again and asks the write store what they have missed; sessions notice nothing.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use actix::{Actor, ActorFutureExt as _, AsyncContext as _, Context, Handler, Message, WrapFuture as _};

use crate::domain::{EventRun, Place, RecordedEvent, ShowtimeId};
use crate::live::feed::Feed;
use crate::live::node::{Node, Open, Reply};
use crate::live::pace::Turn;
use crate::live::past::read_feed;
use crate::live::ring::{Ring, Taken};
use crate::live::watched::{Opening, Refetch, Watched, answer};
use crate::live::{LiveError, lock};
use crate::write_store::{Head, StoreError};

/// Runs of events, as the bus brought them.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Deliver(pub(super) Vec<Arc<EventRun>>);

/// Time to ask the write store whether the bus has kept something back.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Poll;

/// Time to look at every session's timers and at feeds that nobody watches.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Tick;

/// See the module's documentation.
pub(super) struct Hub {
    node: Arc<Node>,
    watched: HashMap<ShowtimeId, Watched>,
    opening: HashMap<ShowtimeId, Opening>,
    /// Showtimes whose refetch waits for a place; each at most once.
    queue: VecDeque<ShowtimeId>,
    refetching: usize,
    polling: bool,
    poll_again: bool,
    /// The last poll failed: said once.
    blind: bool,
}

impl Hub {
    pub(super) fn new(node: Arc<Node>) -> Self {
        let feeds = lock(&node.feeds).clone();
        let watched = feeds.into_iter().map(|(id, feed)| (id, Watched::new(feed))).collect();
        Self {
            node,
            watched,
            opening: HashMap::new(),
            queue: VecDeque::new(),
            refetching: 0,
            polling: false,
            poll_again: false,
            blind: false,
        }
    }

    fn open(&mut self, id: ShowtimeId, at_least: u64, reply: Reply, ctx: &mut Context<Self>) {
        if let Some(opening) = self.opening.get_mut(&id) {
            opening.replies.push((at_least, reply));
            return;
        }
        if self.watched.len() + self.opening.len() >= self.node.settings.max_showtimes {
            answer(reply, Err(LiveError::Busy("showtimes watched")));
            return;
        }
        self.opening.insert(id, Opening { replies: vec![(at_least, reply)], known: 0, polled: false });
        self.listen();
        let node = Arc::clone(&self.node);
        let reading = async move { read_feed(&node, id).await };
        ctx.spawn(reading.into_actor(self).map(move |result, hub, ctx| hub.opened(id, result, ctx)));
    }

    fn opened(&mut self, id: ShowtimeId, result: Result<Ring, LiveError>, ctx: &mut Context<Self>) {
        let Some(opening) = self.opening.remove(&id) else { return };
        match result {
            Ok(ring) => {
                let feed = Arc::new(Feed::new(id, ring));
                lock(&self.node.feeds).insert(id, Arc::clone(&feed));
                let mut watched = Watched::new(feed);
                watched.known = watched.known.max(opening.known);
                let behind = opening.polled || watched.known > watched.feed.head();
                self.watched.insert(id, watched);
                for (at_least, reply) in opening.replies {
                    self.join(id, at_least, reply, ctx);
                }
                if behind {
                    self.refetch(id, ctx);
                }
            }
            Err(error) => {
                for (_, reply) in opening.replies {
                    answer(reply, Err(error.clone()));
                }
            }
        }
    }

    /// Answers with a watch on a feed that is open, after a look into the journal if its head is below `at_least`.
    fn join(&mut self, id: ShowtimeId, at_least: u64, reply: Reply, ctx: &mut Context<Self>) {
        let Some(watched) = self.watched.get_mut(&id) else { return };
        // After a time without watchers the poll has left it alone.
        let was_idle = watched.idle_since.take().is_some();
        if at_least > watched.feed.head() {
            watched.waiting.push(reply);
            watched.again = watched.refetch == Refetch::Running;
            self.refetch(id, ctx);
        } else {
            answer(reply, Ok(watched.feed.watch()));
            if was_idle {
                self.refetch(id, ctx);
            }
        }
    }

    fn deliver(&mut self, run: &EventRun, ctx: &mut Context<Self>) {
        let id = run.showtime_id();
        let Some(watched) = self.watched.get_mut(&id) else {
            if let Some(opening) = self.opening.get_mut(&id) {
                opening.known = opening.known.max(run.last_sequence());
            }
            return;
        };
        watched.known = watched.known.max(run.last_sequence());
        (self.node.note_told)(id, run.last_sequence());
        match watched.feed.take(run.events()) {
            Taken::Nothing => {}
            Taken::New(count) => {
                self.counted(count, run.events());
                self.wake(id, ctx);
            }
            Taken::Gap => self.refetch(id, ctx),
            // Whose history is the journal's?
            Taken::OtherHistory => self.poll(ctx),
        }
    }

    /// Wakes who watches, now or when it is time.
    fn wake(&mut self, id: ShowtimeId, ctx: &mut Context<Self>) {
        let now = self.node.now();
        let Some(watched) = self.watched.get_mut(&id) else { return };
        let feed = &watched.feed;
        match watched.pace.turn(now, self.node.settings.max_pause_milliseconds, |time| feed.round(time)) {
            Turn::Now => watched.feed.wake(now),
            Turn::In(pause) => drop(ctx.run_later(pause, move |hub, ctx| {
                if let Some(watched) = hub.watched.get_mut(&id) {
                    watched.pace.turn_has_come();
                }
                hub.wake(id, ctx);
            })),
            Turn::Awaited => {}
        }
    }

    fn counted(&self, count: usize, events: &[RecordedEvent]) {
        let counters = &self.node.counters;
        counters.events.inc_by(u64::try_from(count).unwrap_or(0));
        if let Some(last) = events.last() {
            counters.lag.observe((self.node.clock)().since(last.recorded_at).as_secs_f64());
        }
    }

    /// Reads the journal after the feed's head, when there is a place for it.
    fn refetch(&mut self, id: ShowtimeId, ctx: &mut Context<Self>) {
        let Some(watched) = self.watched.get_mut(&id) else { return };
        if watched.refetch == Refetch::Idle {
            watched.refetch = Refetch::Queued;
            self.queue.push_back(id);
        }
        self.start_refetches(ctx);
    }

    fn start_refetches(&mut self, ctx: &mut Context<Self>) {
        while self.refetching < self.node.settings.refetches_in_flight.max(1) {
            let Some(id) = self.queue.pop_front() else { return };
            let Some(watched) = self.watched.get_mut(&id) else { continue };
            watched.refetch = Refetch::Running;
            watched.again = false;
            self.refetching += 1;
            self.node.counters.refetches.inc();
            let (node, after) = (Arc::clone(&self.node), watched.feed.head());
            let reading = async move { node.journal(id, after, node.settings.journal_page).await };
            ctx.spawn(reading.into_actor(self).map(move |result, hub, ctx| hub.refetched(id, result, ctx)));
        }
    }

    fn refetched(&mut self, id: ShowtimeId, result: Result<Vec<RecordedEvent>, StoreError>, ctx: &mut Context<Self>) {
        self.refetching -= 1;
        if let Some(watched) = self.watched.get_mut(&id) {
            watched.refetch = Refetch::Idle;
            let mut more = watched.again;
            let mut failure = None;
            match result {
                Ok(events) => {
                    if let Some(last) = events.last() {
                        watched.known = watched.known.max(last.sequence);
                    }
                    match watched.feed.take(&events) {
                        Taken::New(new) => {
                            // Go on only after progress: a gap that the journal does not close is left to the next poll.
                            more |=
                                watched.feed.head() < watched.known || events.len() >= self.node.settings.journal_page;
                            self.counted(new, &events);
                            self.wake(id, ctx);
                        }
                        Taken::OtherHistory => self.lose(id),
                        Taken::Nothing | Taken::Gap => {}
                    }
                }
                Err(error) => {
                    more = false;
                    tracing::warn!(showtime.id = %id, %error, "the journal of a watched showtime cannot be read; it is asked again soon");
                    failure = Some(LiveError::from(error));
                }
            }
            if more {
                self.refetch(id, ctx);
            } else if let Some(watched) = self.watched.get_mut(&id) {
                for reply in std::mem::take(&mut watched.waiting) {
                    answer(reply, failure.clone().map_or_else(|| Ok(watched.feed.watch()), Err));
                }
            }
        }
        self.start_refetches(ctx);
    }

    fn poll(&mut self, ctx: &mut Context<Self>) {
        self.opening.values_mut().for_each(|opening| opening.polled = true);
        if self.polling {
            self.poll_again = true;
            return;
        }
        let ids: Vec<ShowtimeId> =
            self.watched.iter().filter(|(_, watched)| watched.feed.is_watched()).map(|(id, _)| *id).collect();
        if ids.is_empty() {
            return;
        }
        self.polling = true;
        let places: Vec<(ShowtimeId, Place)> =
            ids.iter().filter_map(|id| Some((*id, self.watched.get(id)?.feed.place()?))).collect();
        let journal = Arc::clone(&self.node.journal);
        let reading = self.node.runtime.spawn(async move {
            let lost = journal.lost(places).await?;
            Ok((journal.heads(ids).await?, lost))
        });
        ctx.spawn(reading.into_actor(self).map(|result, hub, ctx| {
            hub.polled(result.unwrap_or_else(|error| Err(StoreError::Corrupt(error.to_string()))), ctx);
        }));
    }

    fn polled(&mut self, result: Result<(Vec<Head>, Vec<ShowtimeId>), StoreError>, ctx: &mut Context<Self>) {
        self.polling = false;
        match result {
            Ok((heads, lost)) => {
                for id in lost {
                    self.lose(id);
                }
                if std::mem::take(&mut self.blind) {
                    tracing::info!("the write store answers again");
                }
                for (id, head) in heads {
                    let Some(watched) = self.watched.get_mut(&id) else { continue };
                    watched.known = watched.known.max(head);
                    if watched.known > watched.feed.head() {
                        self.refetch(id, ctx);
                    }
                }
            }
            Err(error) if !self.blind => {
                self.blind = true;
                tracing::warn!(%error, "the write store does not tell the watched showtimes' sequences; it is asked again and again");
            }
            Err(_) => {}
        }
        if std::mem::take(&mut self.poll_again) {
            self.poll(ctx);
        }
    }

    /// The journal does not have what the feed has sent: who watches begins anew, with a feed that is read then.
    fn lose(&mut self, id: ShowtimeId) {
        let Some(watched) = self.watched.remove(&id) else { return };
        tracing::warn!(showtime.id = %id, "the journal has lost events that were sent to clients: they begin anew (was the write store restored?)");
        lock(&self.node.feeds).remove(&id);
        let now = self.node.now();
        self.node.lost_at.store(now.max(1), Ordering::Release);
        for reply in watched.waiting {
            answer(reply, Err(LiveError::Busy("the showtime is read again")));
        }
        watched.feed.lose(now);
    }

    fn look_at_sessions(&self, now: u64) {
        for handle in self.node.sessions.handles() {
            if handle.is_stalled(now, &self.node.settings) {
                tracing::info!(session.id = handle.id(), "a client whose connection takes nothing is given up");
                self.node.counters.stalled.inc();
                self.node.sessions.give_up(&handle);
            } else if handle.is_due(now, &self.node.settings) {
                handle.wake(now);
            }
        }
    }

    fn look_at_feeds(&mut self, now: u64) {
        let idle = self.node.settings.idle_milliseconds;
        let settings = &self.node.settings;
        let share = settings.ring_bytes.min(settings.rings_bytes / self.watched.len().max(1));
        let mut forgotten = Vec::new();
        for (id, watched) in &mut self.watched {
            watched.feed.forget_snapshot(now, idle);
            watched.feed.limit(share);
            if watched.feed.is_watched() || !watched.waiting.is_empty() || watched.refetch != Refetch::Idle {
                watched.idle_since = None;
            } else if now.saturating_sub(*watched.idle_since.get_or_insert(now)) >= idle {
                forgotten.push(*id);
            }
        }
        for id in forgotten {
            self.watched.remove(&id);
            lock(&self.node.feeds).remove(&id);
        }
        self.listen();
    }

    /// Listens to the bus while there is somebody to tell. What is published before that is in effect is found by the poll that follows.
    fn listen(&self) {
        let is_needed = !self.watched.is_empty() || !self.opening.is_empty();
        self.node.listening.send_if_modified(|listening| std::mem::replace(listening, is_needed) != is_needed);
    }
}

impl Actor for Hub {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(self.node.settings.hub_mailbox.max(1));
        // The hub before this one may have owed it.
        for id in self.watched.keys().copied().collect::<Vec<_>>() {
            self.wake(id, ctx);
        }
        self.poll(ctx);
    }
}

impl Handler<Open> for Hub {
    type Result = ();

    fn handle(&mut self, open: Open, ctx: &mut Self::Context) {
        if self.watched.contains_key(&open.showtime) {
            self.join(open.showtime, open.at_least, open.reply, ctx);
        } else {
            self.open(open.showtime, open.at_least, open.reply, ctx);
        }
    }
}

impl Handler<Deliver> for Hub {
    type Result = ();

    fn handle(&mut self, Deliver(runs): Deliver, ctx: &mut Self::Context) {
        for run in runs {
            self.deliver(&run, ctx);
        }
    }
}

impl Handler<Poll> for Hub {
    type Result = ();

    fn handle(&mut self, _: Poll, ctx: &mut Self::Context) {
        self.poll(ctx);
    }
}

impl Handler<Tick> for Hub {
    type Result = ();

    fn handle(&mut self, _: Tick, _ctx: &mut Self::Context) {
        let now = self.node.now();
        self.look_at_sessions(now);
        self.look_at_feeds(now);
    }
}
