//! One batch of a showtime's commands from the queue to the answers: decide, lock, commit, answer, and what to do when each of them fails.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::box_office::arrivals::Arrivals;
use crate::box_office::board::Board;
use crate::box_office::expiry::SEATS_PER_COMMIT;
use crate::box_office::owned::Owned;
use crate::box_office::plan::Plan;
use crate::box_office::progress::Step;
use crate::box_office::refusal::Refusal;
use crate::box_office::request::QueuedCommand;
use crate::box_office::seat_claims::{LockedOut, SeatClaims, wanted_lock};
use crate::box_office::verdict::{Bench, Tried, Verdict, locked_seats};
use crate::box_office::{BoxOfficeError, Dependencies};
use crate::domain::{BookingId, Command, PaymentReference, Rejection, SeatConflict, Showtime, ShowtimeId};
use crate::write_store::{CommitError, Committed, Loaded, StoreError};

/// How often a batch is decided again because another writer was faster, before its commands are refused as overload.
const MAX_ATTEMPTS: u32 = 8;

/// What is left of a batch when its commands are answered.
pub(super) struct Finished {
    /// The state, unless it could not be had or its relation to the store is unknown.
    pub owned: Option<Owned>,
    /// The store has no such showtime.
    pub missing: bool,
    /// When the store could not be asked, or did not take the batch: who waited behind it by then need not try in vain.
    pub refused_at: Option<Instant>,
}

/// Carries out one batch. Runs as a task of its own: neither a lost client nor a lost actor interrupts it.
pub(super) struct BatchRun {
    pub deps: Arc<Dependencies>,
    pub showtime_id: ShowtimeId,
    pub owned: Option<Owned>,
    pub commands: Vec<QueuedCommand>,
    pub claims: SeatClaims,
    pub board: Arc<Board>,
    pub arrivals: Arc<Arrivals>,
    /// Bookings that payments of this batch have confirmed, or came too late for; looked up once a commit was refused for it.
    pub paid: HashMap<PaymentReference, BookingId>,
}

/// How one attempt at a batch ended.
enum Attempt {
    /// Every command is answered.
    Done(Owned),
    /// Another writer was faster: decide the rest again on the state as it is now.
    Again(Owned),
    /// The relation of state and store is lost: load with a new fence, then decide the rest again.
    Reload,
    /// Stop: every command left is refused for this reason, and the state is kept if it is sound.
    Refuse(Option<Owned>, Refusal),
}

impl BatchRun {
    /// Answers every command and returns the state.
    pub(super) async fn run(mut self) -> (Finished, SeatClaims) {
        let give_up_at = Instant::now() + self.deps.settings.settle_timeout();
        let mut unsettled = false;
        let mut owned = self.owned.take();
        for attempt in 0..MAX_ATTEMPTS {
            let current = match owned.take() {
                Some(current) => current,
                None => match self.load_until(if unsettled { Some(give_up_at) } else { None }).await {
                    Ok(Some(loaded)) => loaded,
                    Ok(None) => return self.missing(),
                    Err(error) => {
                        self.deps.counters.commit_outage.failed("showtimes cannot be loaded", &error);
                        return self.refuse(None, Refusal::Unavailable.after(unsettled));
                    }
                },
            };
            match self.attempt(current, Tried::after(attempt, unsettled)).await {
                Attempt::Done(done) => return self.finish(Some(done)),
                Attempt::Again(state) => owned = Some(state),
                Attempt::Reload => unsettled = true,
                Attempt::Refuse(state, refusal) => return self.refuse(state, refusal.after(unsettled)),
            }
        }
        self.refuse(owned, Refusal::Contended.after(unsettled))
    }

    /// Loads the state with a new fence. With a time limit, goes on trying until then: an unknown outcome must be settled.
    async fn load_until(&self, limit: Option<Instant>) -> Result<Option<Owned>, StoreError> {
        self.board.progress.enter(Step::Loading);
        let mut pause = Duration::from_millis(20);
        loop {
            let asked = Instant::now();
            let loading = self.deps.ledger.take_over(self.showtime_id);
            let loaded = match limit {
                Some(limit) => tokio::time::timeout_at(limit, loading).await.unwrap_or_else(|_elapsed| {
                    let reason = "an outcome could not be looked up in time".to_owned();
                    Err(StoreError::Unavailable { reason, source: None })
                }),
                None => loading.await,
            };
            match loaded {
                Ok(None) => return Ok(None),
                Ok(Some(loaded)) => return Ok(Some(self.own(loaded, asked).await)),
                Err(error) => match limit {
                    Some(limit) if Instant::now() < limit => {
                        tokio::time::sleep(pause).await;
                        pause = (pause * 2).min(Duration::from_millis(500));
                    }
                    Some(_) | None => return Err(error),
                },
            }
        }
    }

    async fn own(&self, loaded: Loaded, asked: Instant) -> Owned {
        let mut owned = Owned::new(loaded, asked, Arc::clone(&self.board));
        owned.learn_recent_past(self.deps.ledger.as_ref()).await;
        owned
    }

    /// Decide, lock, commit, answer. What the lock refuses, or what would be refused on old knowledge, is taken back and decided again.
    async fn attempt(&mut self, mut owned: Owned, tried: Tried) -> Attempt {
        let mut locked_out = HashMap::new();
        let mut is_new_to_state = true;
        let mut round = 0;
        loop {
            if !owned.showtime.is_whole() {
                return self.load_kept(owned).await;
            }
            if is_new_to_state && let Err(error) = self.recall(&mut owned, tried != Tried::Never).await {
                return self.unavailable(owned, &error);
            }
            let (plan, decided) = self.decide(&mut owned, tried, &locked_out);
            let in_the_way = match self.lock(&owned, &plan, &decided, &locked_out, round).await {
                Ok(None) => return self.commit(plan, owned, decided).await,
                Ok(Some(in_the_way)) => in_the_way,
                Err(error) => {
                    self.take_back(plan, &mut owned, decided);
                    return self.unavailable(owned, &error);
                }
            };
            self.take_back(plan, &mut owned, decided);
            for (booking_id, conflicts) in in_the_way.conflicts {
                locked_out.entry(booking_id).or_insert_with(Vec::new).extend(conflicts);
            }
            is_new_to_state = in_the_way.stale;
            if in_the_way.stale
                && let Err(error) = owned.catch_up(self.deps.ledger.as_ref()).await
            {
                return self.unavailable(owned, &error);
            }
            round += 1;
        }
    }

    /// Ends the holds that are due, so that their seats are free for this very batch, then decides each command, in order of arrival. A hold
    /// is spared if a command came for it in time: that may be in this batch, or still on its way.
    fn decide(
        &mut self,
        owned: &mut Owned,
        tried: Tried,
        locked_out: &HashMap<BookingId, Vec<SeatConflict>>,
    ) -> (Plan, Vec<(QueuedCommand, Verdict)>) {
        self.board.progress.enter(Step::Deciding);
        let now = (self.deps.clock)();
        let mut plan = Plan::new(&owned.showtime, now);
        let policy = self.deps.settings.policy();
        let due = owned.showtime.due_holds(now).filter(|(deadline, id)| !self.arrivals.spare(*id, *deadline, now));
        let due: Vec<BookingId> = due.map(|(_, id)| id).take(self.deps.settings.max_batch).collect();
        let mut seats = 0;
        for booking_id in due {
            if seats >= SEATS_PER_COMMIT {
                break;
            }
            seats += owned.showtime.booking(booking_id).map_or(0, |booking| booking.seat_ids.len());
            // Refused only if the booking is unknown, and it was just listed.
            if plan.decide(&mut owned.showtime, &Command::ExpireHold { booking_id }, &policy).is_err() {
                tracing::error!(booking.id = %booking_id, "a listed hold is unknown");
            }
        }
        let mut bench = Bench {
            plan: &mut plan,
            showtime: &mut owned.showtime,
            policy,
            now,
            tried,
            locked_out,
            paid: self.paid.clone(),
        };
        let decided = bench.decide_all(self.commands.drain(..));
        (plan, decided)
    }

    /// Takes the seat locks of the accepted reservations, in one call. `None` if nothing is in the way of the commit.
    async fn lock(
        &mut self,
        owned: &Owned,
        plan: &Plan,
        decided: &[(QueuedCommand, Verdict)],
        locked_out: &HashMap<BookingId, Vec<SeatConflict>>,
        round: u32,
    ) -> Result<Option<LockedOut>, StoreError> {
        // What is accepted is checked by the commit. But a refusal rests on the state, as does "that was done before" and the end of a hold:
        // the state must not be older than the request.
        let rests_on_state = |(queued, verdict): &(QueuedCommand, Verdict)| {
            !matches!(verdict, Verdict::Accepted(_)) && locked_seats(&queued.request.command, locked_out).is_empty()
        };
        let last_arrival = decided.iter().map(|(queued, _)| queued.request.arrived).max();
        if last_arrival.is_some_and(|arrived| owned.is_from_before(arrived))
            && (plan.expired_holds() > 0 || decided.iter().any(rests_on_state))
        {
            return Ok(Some(LockedOut { conflicts: HashMap::new(), stale: true }));
        }
        let policy = plan.policy(&self.deps.settings.policy());
        let wanted = decided.iter().filter_map(|(queued, verdict)| {
            let (claim, deadline) = wanted_lock(&queued.request.command, &policy)?;
            let is_new = matches!(verdict, Verdict::Accepted(_)) && owned.showtime.booking(claim.booking_id).is_some();
            (is_new && !self.claims.may_have(claim.booking_id)).then_some((claim, deadline))
        });
        // A lock is for speed: who is refused again and again goes on without.
        let wanted: Vec<_> = wanted.collect();
        if wanted.is_empty() || round >= MAX_ATTEMPTS {
            return Ok(None);
        }
        self.board.progress.enter(Step::Locking);
        let locked_out = self.claims.claim(&self.deps, (owned.showtime.facts(), &policy), wanted).await?;
        self.deps.counters.rejected_by_lock.inc_by(u64::try_from(locked_out.conflicts.len()).unwrap_or(u64::MAX));
        Ok((!locked_out.conflicts.is_empty()).then_some(locked_out))
    }

    /// The state is as it was before the commands were decided.
    fn take_back(&mut self, plan: Plan, owned: &mut Owned, decided: Vec<(QueuedCommand, Verdict)>) {
        plan.revert(&mut owned.showtime);
        self.commands = decided.into_iter().map(|(queued, _)| queued).collect();
    }

    async fn commit(&mut self, plan: Plan, mut owned: Owned, decided: Vec<(QueuedCommand, Verdict)>) -> Attempt {
        if plan.is_empty() {
            self.answer(&owned.showtime, decided, |sequence| sequence);
            owned.showtime.forget_ended();
            return Attempt::Done(owned);
        }
        let traceparent = decided.iter().find_map(|(queued, _)| queued.request.traceparent.clone());
        let batch = Arc::new(plan.batch(&owned.showtime, owned.standing(), traceparent));
        self.board.progress.enter(Step::Committing);
        let asked = Instant::now();
        match self.deps.ledger.commit(Arc::clone(&batch)).await {
            Ok(committed) => self.committed(&plan, owned, decided, committed, asked).await,
            Err(error) => {
                self.take_back(plan, &mut owned, decided);
                self.not_committed(owned, error).await
            }
        }
    }

    async fn committed(
        &mut self,
        plan: &Plan,
        mut owned: Owned,
        decided: Vec<(QueuedCommand, Verdict)>,
        committed: Committed,
        asked: Instant,
    ) -> Attempt {
        let counters = &self.deps.counters;
        counters.committed(decided.len(), asked.elapsed());
        counters.commit_outage.ended("bookings are committed again");
        counters.holds_expired.inc_by(plan.expired_holds());
        self.deps.wake_relay.notify_one();
        // Before anybody is answered: who is told that a seat is free again must find it free.
        owned.show(plan.events());
        self.claims.follow(&self.deps, &owned.showtime, plan.events());
        let is_next = owned.goes_on_with(plan.base(), &committed);
        if is_next {
            owned.agreed_at(asked);
        }
        self.answer(&owned.showtime, decided, |sequence| {
            committed.first_sequence + sequence.saturating_sub(plan.base() + 1)
        });
        if !is_next {
            // Others wrote in between; or the journal ends earlier, since the store was restored to an earlier moment.
            owned.showtime.restore_sequence(plan.base());
            if let Err(error) = owned.catch_up(self.deps.ledger.as_ref()).await {
                tracing::warn!(showtime.id = %self.showtime_id, error = %error, "the journal could not be read after a commit; the showtime is loaded again");
                return Attempt::Refuse(None, Refusal::Unavailable);
            }
        }
        owned.showtime.forget_ended();
        Attempt::Done(owned)
    }

    async fn not_committed(&mut self, mut owned: Owned, error: CommitError) -> Attempt {
        let counters = &self.deps.counters;
        match error {
            CommitError::Conflict | CommitError::DuplicateKey => {
                counters.batches_conflicted.inc();
                let before = owned.showtime.sequence();
                match owned.catch_up(self.deps.ledger.as_ref()).await {
                    // The journal does not explain the conflict: the state is not what the store holds.
                    Ok(()) if owned.showtime.sequence() == before && matches!(error, CommitError::Conflict) => {
                        tracing::warn!(showtime.id = %self.showtime_id, "a conflict without a newer event; the showtime is loaded again");
                        self.load_kept(owned).await
                    }
                    Ok(()) => Attempt::Again(owned),
                    Err(error) => self.unavailable(owned, &error),
                }
            }
            CommitError::PaymentUsed => {
                counters.batches_conflicted.inc();
                let Err(error) = self.look_up_payments().await else { return Attempt::Again(owned) };
                self.unavailable(owned, &error)
            }
            CommitError::Fenced => {
                counters.batches_conflicted.inc();
                self.load_kept(owned).await
            }
            CommitError::Unknown { reason } => {
                counters.batches_unknown.inc();
                tracing::warn!(showtime.id = %self.showtime_id, reason, "the outcome of a commit is unknown; it is being looked up");
                Attempt::Reload
            }
            CommitError::Store(error) => self.unavailable(owned, &error),
        }
    }

    /// Loads the state as another owner left it. Keeps the fence: this owner's own commits all have a known outcome.
    async fn load_kept(&mut self, stale: Owned) -> Attempt {
        self.board.progress.enter(Step::Loading);
        let asked = Instant::now();
        match self.deps.ledger.load(self.showtime_id).await {
            Ok(Some(loaded)) => Attempt::Again(self.own(loaded, asked).await),
            Ok(None) => Attempt::Refuse(None, Refusal::Unavailable),
            Err(error) => self.unavailable(stale, &error),
        }
    }

    fn unavailable(&self, owned: Owned, error: &StoreError) -> Attempt {
        self.deps.counters.commit_outage.failed("bookings cannot be committed", error);
        // What the store contradicts is no sound state.
        let sound = (!matches!(error, StoreError::Corrupt(_))).then_some(owned);
        Attempt::Refuse(sound, Refusal::Unavailable)
    }

    /// Answers what was decided. `committed`: from the sequence that an event was decided with to the one that it has got.
    fn answer(&mut self, showtime: &Showtime, decided: Vec<(QueuedCommand, Verdict)>, committed: impl Fn(u64) -> u64) {
        let counters = &self.deps.counters;
        for (queued, verdict) in decided {
            match verdict {
                Verdict::Accepted(mut answer) => {
                    counters.commands_accepted.inc();
                    *answer.told.sequence_mut() = committed(answer.told.sequence());
                    queued.answer(Ok(answer));
                }
                Verdict::AlreadyDone(mut answer) => {
                    answer.told.move_listing(&committed);
                    queued.answer(Ok(answer));
                }
                Verdict::Refused(error) => {
                    counters.commands_rejected.inc();
                    self.claims.forgo(&queued, Some(showtime));
                    queued.answer(Err(error));
                }
            }
        }
    }

    fn missing(mut self) -> (Finished, SeatClaims) {
        self.refuse_each(None, |_| Rejection::UnknownShowtime.into());
        let (finished, claims) = self.finish(None);
        (Finished { missing: true, ..finished }, claims)
    }

    fn refuse(mut self, owned: Option<Owned>, refusal: Refusal) -> (Finished, SeatClaims) {
        let (retry_after, now) = (self.deps.settings.retry_after(), Instant::now());
        self.deps.counters.commands_unavailable.inc_by(u64::try_from(self.commands.len()).unwrap_or(u64::MAX));
        let showtime_id = self.showtime_id;
        let showtime = owned.as_ref().map(|owned| &owned.showtime);
        self.refuse_each(showtime, |command| refusal.error(command, showtime_id, retry_after));
        let (finished, claims) = self.finish(owned);
        let refused_at = (!matches!(refusal, Refusal::Contended)).then_some(now);
        (Finished { refused_at, ..finished }, claims)
    }

    fn refuse_each(&mut self, showtime: Option<&Showtime>, why: impl Fn(&Command) -> BoxOfficeError) {
        for queued in self.commands.drain(..) {
            self.claims.forgo(&queued, showtime);
            let error = why(&queued.request.command);
            queued.answer(Err(error));
        }
    }

    fn finish(mut self, owned: Option<Owned>) -> (Finished, SeatClaims) {
        debug_assert!(self.commands.is_empty(), "every command of a batch is answered");
        self.claims.settle(&self.deps, self.showtime_id);
        self.board.progress.enter(Step::Waiting);
        (Finished { owned, missing: false, refused_at: None }, self.claims)
    }
}
