//! Actor: one showtime. Owns its state; accepts commands and ticks; keeps them in order of arrival, one batch at a time; on restart loads the state from the store.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, Message, SpawnHandle, WrapFuture};
use tokio::time::Instant;

use crate::box_office::arrivals::Arrivals;
use crate::box_office::batch_run::{BatchRun, Finished};
use crate::box_office::board::Board;
use crate::box_office::owned::Owned;
use crate::box_office::progress::Step;
use crate::box_office::request::QueuedCommand;
use crate::box_office::seat_claims::SeatClaims;
use crate::box_office::{BoxOfficeError, Dependencies};
use crate::domain::ShowtimeId;

/// See the module's documentation.
pub(super) struct ShowtimeActor {
    id: ShowtimeId,
    deps: Arc<Dependencies>,
    /// Takes the actor off the list of open showtimes.
    leave: Box<dyn Fn() + Send>,
    /// Commands in order of arrival.
    queue: VecDeque<QueuedCommand>,
    owned: Option<Owned>,
    claims: Option<SeatClaims>,
    board: Arc<Board>,
    arrivals: Arc<Arrivals>,
    /// A batch is under way, and has the state and the claims with it.
    in_flight: bool,
    /// Off the list of open showtimes: it serves what still comes and ends when nothing does.
    leaving: bool,
    last_used: Instant,
    timer: Option<SpawnHandle>,
    /// Due holds are not tried before this moment, because the store has just failed: it is not asked again and again.
    expiry_rests_until: Option<Instant>,
}

/// What an actor shares with the rest of the box office.
pub(super) struct Surroundings {
    pub deps: Arc<Dependencies>,
    pub board: Arc<Board>,
    pub arrivals: Arc<Arrivals>,
}

/// Queues a command. The sender holds a place in the queue, so the queue is bounded.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Submit(pub QueuedCommand);

/// Ends the actor for the sake of others, unless it is needed right now.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct PutAway;

/// Who has found the actor on the list may still send to it for so long.
const LEAVE: Duration = Duration::from_millis(250);
/// Pause until the next look at a hold that is due and was left alone.
const SPARED: Duration = Duration::from_millis(10);

impl ShowtimeActor {
    pub(super) fn new(id: ShowtimeId, surroundings: Surroundings, leave: Box<dyn Fn() + Send>) -> Self {
        let Surroundings { deps, board, arrivals } = surroundings;
        Self {
            id,
            deps,
            leave,
            queue: VecDeque::new(),
            owned: None,
            claims: None,
            board,
            arrivals,
            in_flight: false,
            leaving: false,
            last_used: Instant::now(),
            timer: None,
            expiry_rests_until: None,
        }
    }

    /// Starts the next batch, unless one is in flight: all that has queued, up to the bound. With nothing to do, sets the timer.
    fn pump(&mut self, ctx: &mut Context<Self>) {
        if self.in_flight {
            return;
        }
        self.refuse_overdue();
        let has_due_hold = self.has_due_hold() && self.expiry_rest().is_zero();
        if self.queue.is_empty() && !has_due_hold {
            self.wait(ctx);
            return;
        }
        // The seats that a move adds are not seen by the rest of its commit: what comes after it waits for the next one.
        let most = self.deps.settings.max_batch;
        let first_move = self.queue.iter().take(most).position(|queued| queued.request.command.moves());
        let size = first_move.map_or(self.queue.len(), |last| last + 1).min(most);
        let commands = self.queue.drain(..size).collect();
        self.in_flight = true;
        let run = BatchRun {
            deps: Arc::clone(&self.deps),
            showtime_id: self.id,
            owned: self.owned.take(),
            commands,
            claims: self.claims.take().unwrap_or_default(),
            board: Arc::clone(&self.board),
            arrivals: Arc::clone(&self.arrivals),
            paid: HashMap::new(),
        };
        let task = self.deps.runtime.spawn(run.run());
        ctx.spawn(task.into_actor(self).map(|finished, actor, ctx| actor.landed(finished, ctx)));
    }

    /// A hold is to be ended now.
    fn has_due_hold(&self) -> bool {
        let now = (self.deps.clock)();
        self.owned.as_ref().is_some_and(|owned| {
            owned.showtime.due_holds(now).any(|(deadline, booking_id)| !self.arrivals.spare(booking_id, deadline, now))
        })
    }

    fn landed(&mut self, finished: Result<(Finished, SeatClaims), tokio::task::JoinError>, ctx: &mut Context<Self>) {
        debug_assert!(self.in_flight && self.owned.is_none(), "one batch at a time, and it has the state");
        self.in_flight = false;
        match finished {
            Ok((finished, claims)) => {
                self.owned = finished.owned;
                self.claims = Some(claims);
                if let Some(refused_at) = finished.refused_at {
                    self.refuse_queued(refused_at);
                }
                self.expiry_rests_until =
                    finished.refused_at.map(|_| Instant::now() + self.deps.settings.retry_after());
                if finished.missing && self.queue.is_empty() {
                    ctx.stop();
                    return;
                }
            }
            // The callers notice that their answers are lost and ask again; the next batch loads the state with a new fence.
            Err(error) => tracing::error!(showtime.id = %self.id, error = %error, "a batch was lost"),
        }
        self.pump(ctx);
    }

    /// The store was not there for the batch before them: they are told at once, not after a try of their own. Not so those that came
    /// after the batch was answered: a client that tries again is to get a try.
    fn refuse_queued(&mut self, refused_at: Instant) {
        let retry_after = self.deps.settings.retry_after();
        while let Some(queued) = self.queue.pop_front_if(|first| first.request.arrived <= refused_at) {
            self.claims.get_or_insert_default().forgo(&queued, None);
            self.deps.counters.commands_unavailable.inc();
            queued.answer(Err(BoxOfficeError::Unavailable { retry_after }));
        }
        if let Some(claims) = &mut self.claims {
            claims.settle(&self.deps, self.id);
        }
    }

    /// Commands that waited too long are refused before anything is done about them.
    fn refuse_overdue(&mut self) {
        let now = Instant::now();
        while let Some(queued) = self.queue.pop_front_if(|first| first.deadline <= now) {
            let claims = self.claims.get_or_insert_default();
            claims.forgo(&queued, None);
            self.deps.counters.commands_unavailable.inc();
            queued.answer(Err(BoxOfficeError::Overloaded { retry_after: self.deps.settings.retry_after() }));
        }
        if let Some(claims) = &mut self.claims {
            claims.settle(&self.deps, self.id);
        }
    }

    /// Time until due holds may be tried again.
    fn expiry_rest(&self) -> Duration {
        self.expiry_rests_until.map_or(Duration::ZERO, |end| end.saturating_duration_since(Instant::now()))
    }

    /// Sets the one timer: for the next deadline of a hold, else for passivation.
    fn wait(&mut self, ctx: &mut Context<Self>) {
        debug_assert!(!self.in_flight && self.queue.is_empty(), "there is nothing to do");
        self.board.progress.enter(Step::Idle);
        if let Some(timer) = self.timer.take() {
            ctx.cancel_future(timer);
        }
        let idle = self.deps.settings.idle();
        let next_deadline = self.owned.as_ref().and_then(|owned| owned.showtime.next_deadline());
        let now = (self.deps.clock)();
        // Only a block ends later than any hold: the sweeper ends it as well.
        let latest = now + self.deps.settings.policy().max_total;
        let next_deadline = next_deadline.filter(|deadline| *deadline <= latest);
        if self.leaving || (next_deadline.is_none() && self.last_used.elapsed() >= idle) {
            self.put_away(ctx);
            return;
        }
        let pause = match next_deadline {
            // Due: it waits for a command that came in time, or for the store.
            Some(deadline) if deadline <= now => SPARED.max(self.expiry_rest()).min(idle),
            Some(deadline) => deadline.since(now).max(self.expiry_rest()).min(idle),
            None => idle.saturating_sub(self.last_used.elapsed()),
        };
        // A millisecond more than asked: a timer that fires early would only be set again.
        let pause = pause + Duration::from_millis(1);
        self.timer = Some(ctx.run_later(pause, |actor, ctx| {
            actor.timer = None;
            actor.pump(ctx);
        }));
    }

    /// Leaves the list, so that whoever comes later opens a successor, and ends when those who came before are served.
    fn put_away(&mut self, ctx: &mut Context<Self>) {
        tracing::debug!(showtime.id = %self.id, "an idle showtime is put away");
        (self.leave)();
        self.leaving = true;
        self.timer = Some(ctx.run_later(LEAVE, |actor, ctx| {
            actor.timer = None;
            if !actor.in_flight && actor.queue.is_empty() {
                ctx.stop();
            }
        }));
    }
}

impl Actor for ShowtimeActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        // The sender's place in the queue is the bound; the mailbox must never be the narrower one.
        ctx.set_mailbox_capacity(self.deps.settings.max_queued.saturating_add(16));
        self.deps.counters.showtimes_opened.inc();
    }

    fn stopped(&mut self, _: &mut Context<Self>) {
        (self.leave)();
    }
}

impl Handler<Submit> for ShowtimeActor {
    type Result = ();

    fn handle(&mut self, Submit(queued): Submit, ctx: &mut Context<Self>) {
        self.last_used = Instant::now();
        self.queue.push_back(queued);
        self.pump(ctx);
    }
}

impl Handler<PutAway> for ShowtimeActor {
    type Result = ();

    fn handle(&mut self, _: PutAway, ctx: &mut Context<Self>) {
        // With a batch in flight it goes when that has landed.
        self.leaving = true;
        self.pump(ctx);
    }
}
