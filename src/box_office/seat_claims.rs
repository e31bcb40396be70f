//! Seat claims: one showtime's dealings with the seat lock. Losing the lock service costs speed only, so no call here can fail a command.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tokio::task::JoinHandle;

use crate::box_office::Dependencies;
use crate::box_office::request::QueuedCommand;
use crate::domain::{
    Booking, BookingId, Command, ConflictReason, Event, HoldPolicy, SeatConflict, SeatId, Showtime, ShowtimeFacts,
    ShowtimeId, Timestamp,
};
use crate::seat_lock::{Claim, Claimed, LockError, Obstacle};
use crate::write_store::StoreError;

/// One showtime's lock traffic, in order: what follows a commit is sent before the next batch claims.
#[derive(Default)]
pub(super) struct SeatClaims {
    following: Option<JoinHandle<()>>,
    /// Reservations of the batch at hand that may have their locks, and until when.
    granted: HashMap<BookingId, Timestamp>,
    /// Locks of refused reservations, to be given back.
    forgone: Vec<Claim>,
}

/// A claim that the lock refused.
struct Refused {
    claim: Claim,
    deadline: Timestamp,
    obstacles: Vec<Obstacle>,
}

/// What the lock refused.
#[derive(Default)]
pub(super) struct LockedOut {
    /// For each refused booking the seats in the way.
    pub conflicts: HashMap<BookingId, Vec<SeatConflict>>,
    /// A lock belongs to a live booking, made by another node: the state has to catch up.
    pub stale: bool,
}

impl SeatClaims {
    /// Claims seats for bookings, in order, each until its hold's deadline: a booking that is then committed needs no further call.
    /// Ghost locks (their booking is not live) are taken over. `policy` is the showtime's.
    ///
    /// # Errors
    /// Only the write store's, when it has to be asked about the owner of a lock.
    pub(super) async fn claim(
        &mut self,
        deps: &Arc<Dependencies>,
        (showtime, policy): (&ShowtimeFacts, &HoldPolicy),
        wanted: Vec<(Claim, Timestamp)>,
    ) -> Result<LockedOut, StoreError> {
        self.settle_following().await;
        let bookings: HashSet<BookingId> = wanted.iter().map(|(claim, _)| claim.booking_id).collect();
        let answers = match deps.seat_lock.claim(showtime.id, wanted.clone()).await {
            Ok(answers) => answers,
            Err(error) => {
                // The call may have been executed: whoever is refused later gives back what it may have got.
                self.granted.extend(wanted.iter().map(|(claim, deadline)| (claim.booking_id, *deadline)));
                count_failure(deps, &error);
                return Ok(LockedOut::default());
            }
        };
        debug_assert_eq!(answers.len(), wanted.len(), "the seat lock answers each claim");
        let mut refused = Vec::new();
        for ((claim, deadline), answer) in wanted.into_iter().zip(answers) {
            match answer {
                Claimed::Granted => {
                    self.granted.insert(claim.booking_id, deadline);
                }
                Claimed::Refused(obstacles) => refused.push(Refused { claim, deadline, obstacles }),
            }
        }
        if refused.is_empty() {
            return Ok(LockedOut::default());
        }
        self.judge(deps, (showtime, policy), refused, &bookings).await
    }

    /// The booking has its locks, or may have them.
    pub(super) fn may_have(&self, booking_id: BookingId) -> bool {
        self.granted.contains_key(&booking_id)
    }

    /// Looks at the owners of the locks in the way: live, not yet stored, or a ghost.
    async fn judge(
        &mut self,
        deps: &Arc<Dependencies>,
        (showtime, policy): (&ShowtimeFacts, &HoldPolicy),
        refused: Vec<Refused>,
        wanted: &HashSet<BookingId>,
    ) -> Result<LockedOut, StoreError> {
        // An owner in this very batch needs no judgement: the commands are decided in order.
        let owners: HashSet<BookingId> = refused
            .iter()
            .flat_map(|refused| refused.obstacles.iter().map(|obstacle| obstacle.owner))
            .filter(|owner| !wanted.contains(owner) && !self.granted.contains_key(owner))
            .collect();
        let stored: HashMap<BookingId, Booking> = if owners.is_empty() {
            HashMap::new()
        } else {
            let bookings = deps.ledger.bookings(owners.iter().copied().collect()).await?;
            bookings.into_iter().map(|booking| (booking.id, booking)).collect()
        };
        let mut locked_out = LockedOut::default();
        for Refused { claim, deadline, obstacles } in refused {
            let (ghosts, real): (Vec<Obstacle>, Vec<Obstacle>) = obstacles
                .into_iter()
                .filter(|obstacle| owners.contains(&obstacle.owner))
                .partition(|obstacle| is_ghost((deps, policy), &stored, obstacle));
            let mut in_the_way = real;
            if in_the_way.is_empty() && !ghosts.is_empty() {
                in_the_way = take_over(deps, showtime.id, &claim, deadline, &ghosts).await;
            }
            if in_the_way.is_empty() {
                self.granted.insert(claim.booking_id, deadline);
                continue;
            }
            locked_out.stale |= in_the_way.iter().any(|obstacle| has(&stored, obstacle));
            let conflicts = conflicts(&in_the_way, &stored, showtime);
            locked_out.conflicts.entry(claim.booking_id).or_default().extend(conflicts);
        }
        Ok(locked_out)
    }

    /// After a commit: locks of extended and changed holds are kept until their deadline, those of seats given back, of blocks and of sales are released.
    /// New holds have their locks already, but until another deadline if the time for holds was changed meanwhile. Not awaited.
    pub(super) fn follow(&mut self, deps: &Arc<Dependencies>, showtime: &Showtime, events: &[Event]) {
        let mut keep: HashMap<BookingId, (Claim, Timestamp)> = HashMap::new();
        let mut release: Vec<Claim> = std::mem::take(&mut self.forgone);
        for event in events {
            let Some(booking_id) = event.booking_id() else { continue };
            let seats = event.seats_status().seat_ids;
            let granted = self.granted.remove(&booking_id);
            match event {
                Event::SeatsReserved { expires_at, .. } if granted.is_some_and(|until| until != *expires_at) => {
                    keep.insert(booking_id, (claim(booking_id, seats), *expires_at));
                }
                Event::HoldExtended { expires_at, .. } => {
                    keep.insert(booking_id, (claim(booking_id, seats), *expires_at));
                }
                Event::SeatsReleased { .. } => release.push(claim(booking_id, seats)),
                Event::BookingChanged { confirmed: false, .. } => {
                    if let Some(booking) = showtime.booking(booking_id).filter(|booking| booking.block.is_none()) {
                        keep.insert(booking_id, (claim(booking_id, seats), booking.expires_at));
                    }
                }
                // A block may have no end: its seats stand in the store only, as sold ones do.
                Event::SeatsBlocked { .. }
                | Event::BookingConfirmed { .. }
                | Event::BookingChanged { confirmed: true, .. }
                | Event::BookingCancelled { .. }
                | Event::HoldExpired { .. } => {
                    keep.remove(&booking_id);
                    release.push(claim(booking_id, seats));
                }
                Event::SeatsReserved { .. }
                | Event::ShowtimeScheduled { .. }
                | Event::ShowtimeChanged { .. }
                | Event::ShowtimeCancelled { .. }
                | Event::PaymentRefused { .. } => {}
            }
        }
        self.spawn(deps, showtime.id(), keep.into_values().collect(), release);
    }

    /// A refused command may have got its locks: they are given back with [`SeatClaims::settle`] or the next follow-up. Those of seats that its
    /// booking has are kept; if it is unknown which, the locks of an exchange fall by themselves.
    pub(super) fn forgo(&mut self, queued: &QueuedCommand, showtime: Option<&Showtime>) {
        let command = &queued.request.command;
        let Some((booking_id, seats, _)) = command.named_seats() else { return };
        if self.granted.remove(&booking_id).is_none() {
            return;
        }
        match showtime.map(|showtime| showtime.booking(booking_id)) {
            None if command.new_hold().is_none() => {}
            None | Some(None) => self.forgone.push(claim(booking_id, seats)),
            Some(Some(booking)) => {
                let others: Vec<SeatId> =
                    seats.iter().copied().filter(|seat| !booking.seat_ids.contains(seat)).collect();
                self.forgone.push(claim(booking_id, &others));
            }
        }
    }

    /// When all of a batch is answered: gives the locks of refused reservations back. Not awaited.
    pub(super) fn settle(&mut self, deps: &Arc<Dependencies>, showtime: ShowtimeId) {
        self.granted.clear();
        let release = std::mem::take(&mut self.forgone);
        self.spawn(deps, showtime, Vec::new(), release);
    }

    fn spawn(
        &mut self,
        deps: &Arc<Dependencies>,
        showtime: ShowtimeId,
        keep: Vec<(Claim, Timestamp)>,
        release: Vec<Claim>,
    ) {
        if keep.is_empty() && release.is_empty() {
            return;
        }
        let before = self.following.take();
        let (deps, runtime) = (Arc::clone(deps), deps.runtime.clone());
        self.following = Some(runtime.spawn(async move {
            if let Some(before) = before
                && let Err(error) = before.await
            {
                tracing::error!(error = %error, "a seat lock follow-up was lost");
            }
            if !release.is_empty()
                && let Err(error) = deps.seat_lock.release(showtime, release).await
            {
                count_failure(&deps, &error);
            }
            if !keep.is_empty()
                && let Err(error) = deps.seat_lock.keep_until(showtime, keep).await
            {
                count_failure(&deps, &error);
            }
        }));
    }

    /// Waits until what followed the last commit is done, so that a seat freed by it is not refused by its own old lock.
    async fn settle_following(&mut self) {
        if let Some(following) = self.following.take()
            && let Err(error) = following.await
        {
            tracing::error!(error = %error, "a seat lock follow-up was lost");
        }
    }
}

/// The locks that a command wants for the seats that it takes by name, and until when: the deadline of a hold that begins now. A booking that
/// takes more seats keeps them until its own deadline once that is committed. `None` for every other command, also for seats that the
/// server chooses: it chooses free ones, and between nodes the version check decides.
pub(super) fn wanted_lock(command: &Command, policy: &HoldPolicy) -> Option<(Claim, Timestamp)> {
    let (booking_id, seats, asked_at) = command.named_seats()?;
    Some((claim(booking_id, seats), policy.first_deadline(asked_at)))
}

fn claim(booking_id: BookingId, seats: &[SeatId]) -> Claim {
    Claim { booking_id, seats: seats.iter().map(|seat| seat.index()).collect() }
}

/// Whether the owner of a lock is a live booking that has the seat, and no block: who may have a block's seats, its showtime decides.
fn has(stored: &HashMap<BookingId, Booking>, obstacle: &Obstacle) -> bool {
    stored.get(&obstacle.owner).is_some_and(|booking| {
        booking.status.is_live()
            && booking.block.is_none()
            && booking.seat_ids.iter().any(|seat| seat.index() == obstacle.seat)
    })
}

/// A lock whose booking has ended, or does not have the seat (any more, if it was exchanged); or whose booking is not stored, though it was
/// asked for longer than a lease ago. (The lock was set to fall a whole hold after that; no reservation of this policy's has a longer one. If
/// the showtime's holds are shorter or longer since then, its fence was raised: that reservation has to be decided anew.)
fn is_ghost(
    (deps, policy): (&Dependencies, &HoldPolicy),
    stored: &HashMap<BookingId, Booking>,
    obstacle: &Obstacle,
) -> bool {
    if stored.contains_key(&obstacle.owner) {
        return !has(stored, obstacle);
    }
    match policy.first_hold().checked_sub(obstacle.remaining) {
        Some(age) => age > deps.settings.lease(),
        None => true,
    }
}

async fn take_over(
    deps: &Arc<Dependencies>,
    showtime: ShowtimeId,
    claim: &Claim,
    deadline: Timestamp,
    ghosts: &[Obstacle],
) -> Vec<Obstacle> {
    let owners = ghosts.iter().map(|ghost| ghost.owner).collect();
    match deps.seat_lock.take_over(showtime, owners, claim.clone(), deadline).await {
        Ok(Claimed::Granted) => {
            deps.counters.locks_taken_over.inc_by(u64::try_from(ghosts.len()).unwrap_or(u64::MAX));
            Vec::new()
        }
        Ok(Claimed::Refused(obstacles)) => obstacles,
        Err(error) => {
            count_failure(deps, &error);
            Vec::new()
        }
    }
}

fn conflicts(
    obstacles: &[Obstacle],
    stored: &HashMap<BookingId, Booking>,
    showtime: &ShowtimeFacts,
) -> Vec<SeatConflict> {
    let conflict = |obstacle: &Obstacle| {
        let reason = if has(stored, obstacle) { ConflictReason::Reserved } else { ConflictReason::Locked };
        showtime.conflict(SeatId::new(showtime.id, obstacle.seat), reason)
    };
    obstacles.iter().map(conflict).collect()
}

pub(super) fn count_failure(deps: &Dependencies, error: &LockError) {
    deps.counters.lock_failures.inc();
    tracing::debug!(error = %error, "the seat lock was left out");
}
