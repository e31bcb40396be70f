//! Actor: the sweeper. Owns nothing but its rhythm; accepts nothing; on restart looks again.
//!
//! It looks in the store for holds that are due although no actor has ended them: their node died, or their showtime is put away. And for bookings of
//! cancelled showtimes. It ends them, unless another node's sweeper does.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorFutureExt, AsyncContext, Context, WrapFuture};
use futures_util::StreamExt as _;
use tokio::time::Instant;

use crate::box_office::Dependencies;
use crate::box_office::arrivals::Arrivals;
use crate::box_office::plan::Plan;
use crate::domain::{Booking, BookingId, BookingStatus, Command, Event, SeatStatus, ShowtimeId, Timestamp};
use crate::write_store::{Batch, BookingChange, DueBooking, IDEMPOTENCY_KEPT, Loaded, Role, SeatChange};

/// Bookings read from the store at a time.
const BOOKINGS_PER_LOOK: usize = 10_000;
/// Bookings of one showtime that one commit ends.
const BOOKINGS_PER_COMMIT: usize = 500;
/// Seats from which on a commit ends no further booking.
pub(super) const SEATS_PER_COMMIT: usize = 10_000;
/// Showtimes whose commits may be under way at once: enough to fill the statements that the write store packs them into.
const SHOWTIMES_AT_ONCE: usize = 512;
/// A page that has not moved for so long is ended whoever sweeps: the sweeper stands still. Long enough that no second one gets into the
/// way of one that is only slow, which would make both slower.
const PATIENCE: Duration = Duration::from_millis(700);
/// A showtime's own actor gets this long after the deadline to end the hold itself.
const GRACE: Duration = Duration::from_millis(150);
/// Old idempotency keys are deleted once in so many looks, at most [`KEYS_PER_LOOK`] of them.
const LOOKS_PER_CLEANING: u64 = 300;
const KEYS_PER_LOOK: usize = 10_000;

/// See the module's documentation.
pub(super) struct Sweeper {
    duty: Duty,
    looks: u64,
    /// What was left to another node's sweeper, and since when.
    left: Option<(Page, Instant)>,
}

/// What the sweeper looks after.
#[derive(Clone)]
struct Duty {
    deps: Arc<Dependencies>,
    arrivals: Arc<Arrivals>,
}

/// What tells whether a page moves: its first hold, and if it is full its last one. (Holds that become due come after it.)
type Page = (BookingId, Option<BookingId>);

impl Sweeper {
    pub(super) fn new(deps: Arc<Dependencies>, arrivals: Arc<Arrivals>) -> Self {
        Self { duty: Duty { deps, arrivals }, looks: 0, left: None }
    }

    fn look(&mut self, ctx: &mut Context<Self>) {
        self.looks += 1;
        let duty = self.duty.clone();
        let clean = self.looks.is_multiple_of(LOOKS_PER_CLEANING);
        let pause = Duration::from_millis(duty.deps.settings.sweep_milliseconds.max(10));
        let left = self.left.take();
        let look = duty.deps.runtime.clone().spawn(async move {
            let left = sweep(&duty, left).await;
            if clean {
                forget_old_keys(&duty).await;
            }
            left
        });
        // The next look is set when this one has ended: a slow store is not asked twice at once.
        ctx.spawn(look.into_actor(self).map(move |ended, sweeper, ctx| {
            match ended {
                Ok(left) => sweeper.left = left,
                // The runtime ends before its actors do when the server stops.
                Err(error) if error.is_cancelled() => {}
                Err(error) => tracing::error!(error = %error, "a look for due holds was lost"),
            }
            ctx.run_later(pause, Self::look);
        }));
    }
}

impl Actor for Sweeper {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.look(ctx);
    }
}

/// Ends what is due, page by page, as the one sweeper of the cluster; or returns what it has left to another node's.
async fn sweep(duty: &Duty, left: Option<(Page, Instant)>) -> Option<(Page, Instant)> {
    let mut leadership = None;
    loop {
        let due = due(duty).await;
        let is_full = due.len() >= BOOKINGS_PER_LOOK;
        let page = (due.first()?.booking.id, due.last().filter(|_| is_full).map(|last| last.booking.id));
        if leadership.is_none() {
            leadership = duty.deps.ledger.lead(Role::Sweeper).await.ok().flatten();
        }
        if leadership.is_none() {
            // Two sweepers do no harm but get into each other's way. A sweeper that stands still is not waited for.
            let left = left.filter(|(before, _)| *before == page).unwrap_or((page, Instant::now()));
            if left.1.elapsed() < PATIENCE {
                return Some(left);
            }
        }
        let ended = end(duty, due).await;
        if !is_full || ended == 0 {
            return None;
        }
    }
}

/// The next bookings to end.
async fn due(duty: &Duty) -> Vec<DueBooking> {
    let deps = &duty.deps;
    let now = (deps.clock)();
    match deps.ledger.due(now - GRACE, BOOKINGS_PER_LOOK).await {
        Ok(mut due) => {
            due.retain(|DueBooking { booking, cancelled, .. }| {
                cancelled.is_some() || !duty.arrivals.spare(booking.id, booking.expires_at, now)
            });
            due
        }
        Err(error) => {
            tracing::debug!(error = %error, "no look for bookings to end was possible");
            Vec::new()
        }
    }
}

/// Ends bookings by commits of their own, without their showtimes' actors. Most bookings tell all that a commit has to name; for the others the
/// showtime is loaded. An actor that has the showtime open meets unexpected versions and reads the journal, as after another node's commit.
/// Returns how many were ended. A later look finds the others, if they are still due.
async fn end(duty: &Duty, bookings: Vec<DueBooking>) -> usize {
    let mut by_showtime: HashMap<ShowtimeId, Vec<DueBooking>> = HashMap::new();
    for due in bookings {
        by_showtime.entry(due.booking.showtime_id).or_default().push(due);
    }
    let ends = by_showtime.into_values().map(|bookings| end_in_showtime(duty, bookings));
    futures_util::stream::iter(ends).buffer_unordered(SHOWTIMES_AT_ONCE).fold(0, async |sum, ended| sum + ended).await
}

async fn end_in_showtime(duty: &Duty, bookings: Vec<DueBooking>) -> usize {
    let now = || (duty.deps.clock)();
    let (alone, with_showtime): (Vec<_>, Vec<_>) = bookings.into_iter().partition(DueBooking::tells_all);
    let mut ended = 0;
    for part in parts(&alone) {
        let Some(batch) = ending(part, now()) else { break };
        if !commit(duty, batch, part).await {
            return ended;
        }
        ended += part.len();
    }
    for part in parts(&with_showtime) {
        let Some(batch) = ending_with_showtime(duty, part, now()).await else { break };
        if !commit(duty, batch, part).await {
            return ended;
        }
        ended += part.len();
    }
    ended
}

/// What one commit ends each: a block may have as many seats as hundreds of other bookings.
fn parts(mut bookings: &[DueBooking]) -> impl Iterator<Item = &[DueBooking]> {
    std::iter::from_fn(move || {
        let mut seats = 0;
        let fits = |due: &&DueBooking| {
            let had = seats;
            seats += due.booking.seat_ids.len();
            had < SEATS_PER_COMMIT
        };
        let count = bookings.iter().take(BOOKINGS_PER_COMMIT).take_while(fits).count();
        let (part, rest) = bookings.split_at_checked(count).filter(|(part, _)| !part.is_empty())?;
        bookings = rest;
        Some(part)
    })
}

/// Commits the end of these bookings; false if that was not possible.
async fn commit(duty: &Duty, batch: Batch, bookings: &[DueBooking]) -> bool {
    let (deps, showtime_id, asked) = (&duty.deps, batch.showtime_id, Instant::now());
    if let Err(error) = deps.ledger.commit(Arc::new(batch)).await {
        tracing::debug!(showtime.id = %showtime_id, error = %error, "bookings were not ended by the sweeper");
        return false;
    }
    deps.counters.committed(bookings.len(), asked.elapsed());
    let expired = bookings.iter().filter(|due| due.cancelled.is_none()).count();
    deps.counters.holds_expired.inc_by(u64::try_from(expired).unwrap_or(u64::MAX));
    deps.wake_relay.notify_one();
    true
}

/// The commit that ends these bookings of one showtime, which do not tell all that it has to name: blocks, and bookings with seats of a channel.
async fn ending_with_showtime(duty: &Duty, bookings: &[DueBooking], now: Timestamp) -> Option<Batch> {
    let deps = &duty.deps;
    let showtime_id = bookings.first()?.booking.showtime_id;
    let loaded = deps.ledger.load(showtime_id).await;
    let loaded = loaded.inspect_err(|error| {
        tracing::debug!(showtime.id = %showtime_id, error = %error, "a showtime was not loaded to end its blocks");
    });
    let Loaded { mut showtime, stamp, fence } = loaded.ok()??;
    let mut plan = Plan::new(&showtime, now);
    for DueBooking { booking, .. } in bookings {
        let command = Command::ExpireHold { booking_id: booking.id };
        if let Err(rejection) = plan.decide(&mut showtime, &command, &deps.settings.policy()) {
            tracing::debug!(booking.id = %booking.id, %rejection, "a booking to be ended has changed meanwhile");
        }
    }
    (!plan.is_empty()).then(|| plan.batch(&showtime, (fence, stamp), None))
}

/// The commit that ends these bookings of one showtime.
fn ending(bookings: &[DueBooking], now: Timestamp) -> Option<Batch> {
    let first = bookings.first()?;
    let mut batch = Batch {
        showtime_id: first.booking.showtime_id,
        fence: first.fence,
        follows: None,
        recorded_at: now,
        events: Vec::new(),
        listing: None,
        seats: Vec::new(),
        bookings: Vec::new(),
        idempotency: Vec::new(),
        traceparent: None,
    };
    for (event, DueBooking { booking, cancelled, .. }) in bookings.iter().enumerate() {
        batch.seats.extend(booking.seat_ids.iter().map(|seat_id| SeatChange {
            seat: seat_id.index(),
            expected_version: booking.version,
            status: SeatStatus::Available,
            booking_id: None,
            event,
        }));
        let (booking_id, seat_ids) = (booking.id, booking.seat_ids.clone());
        let (status, ended) = if cancelled.is_none() {
            (BookingStatus::Expired, Event::HoldExpired { booking_id, seat_ids })
        } else {
            let (reason, refund) = (cancelled.clone(), booking.payment_reference.clone());
            let refund_amount = refund.as_ref().and_then(|_payment| booking.cost_of(&seat_ids));
            (BookingStatus::Cancelled, Event::BookingCancelled { booking_id, seat_ids, reason, refund, refund_amount })
        };
        batch.bookings.push(BookingChange {
            booking: Booking { status, cancel_reason: cancelled.clone(), ..booking.clone() },
            expected_version: Some(booking.version),
            event,
        });
        batch.events.push(ended);
    }
    batch.seats.sort_unstable_by_key(|change| change.seat);
    Some(batch)
}

async fn forget_old_keys(duty: &Duty) {
    let deps = &duty.deps;
    if let Err(error) = deps.ledger.forget_idempotency((deps.clock)() - IDEMPOTENCY_KEPT, KEYS_PER_LOOK).await {
        tracing::debug!(error = %error, "old idempotency keys were not deleted");
    }
}
