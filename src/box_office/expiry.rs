//! Actor: the sweeper. Owns nothing but its rhythm; looks in the store for holds that are due although no actor has ended them (their node died, or the showtime is put away); on restart looks again.

use std::collections::HashMap;
use std::time::Duration;

use actix::{Actor, ActorFutureExt, AsyncContext, Context, WrapFuture};

use crate::box_office::BoxOffice;
use crate::domain::{BookingId, ShowtimeId};
use crate::write_store::IDEMPOTENCY_KEPT;

/// Holds that one look brings to their showtimes.
const HOLDS_PER_LOOK: usize = 1_000;
/// A showtime's own actor gets this long after the deadline to end the hold itself.
const GRACE: Duration = Duration::from_millis(300);
/// Old idempotency keys are deleted once in so many looks, at most [`KEYS_PER_LOOK`] of them.
const LOOKS_PER_CLEANING: u64 = 120;
const KEYS_PER_LOOK: usize = 10_000;

/// See the module's documentation.
pub(super) struct Sweeper {
    office: BoxOffice,
    looks: u64,
}

impl Sweeper {
    pub(super) fn new(office: BoxOffice) -> Self {
        Self { office, looks: 0 }
    }

    fn look(&mut self, ctx: &mut Context<Self>) {
        self.looks += 1;
        let office = self.office.clone();
        let clean = self.looks.is_multiple_of(LOOKS_PER_CLEANING);
        let pause = Duration::from_millis(office.deps().settings.sweep_milliseconds.max(10));
        let look = office.deps().runtime.clone().spawn(async move {
            sweep(&office).await;
            if clean {
                forget_old_keys(&office).await;
            }
        });
        // The next look is set when this one has ended: a slow store is not asked twice at once.
        ctx.spawn(look.into_actor(self).map(move |ended, _, ctx| {
            if let Err(error) = ended {
                tracing::error!(error = %error, "a look for due holds was lost");
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

async fn sweep(office: &BoxOffice) {
    let deps = office.deps();
    let due = match deps.write_store.due_holds((deps.clock)() - GRACE, HOLDS_PER_LOOK).await {
        Ok(due) => due,
        Err(error) => {
            tracing::debug!(error = %error, "no look for due holds was possible");
            return;
        }
    };
    let mut by_showtime: HashMap<ShowtimeId, Vec<BookingId>> = HashMap::new();
    for (showtime, booking) in due {
        by_showtime.entry(showtime).or_default().push(booking);
    }
    for (showtime, bookings) in by_showtime {
        office.end_due_holds(showtime, bookings).await;
    }
}

async fn forget_old_keys(office: &BoxOffice) {
    let deps = office.deps();
    if let Err(error) = deps.write_store.forget_idempotency((deps.clock)() - IDEMPOTENCY_KEPT, KEYS_PER_LOOK).await {
        tracing::debug!(error = %error, "old idempotency keys were not deleted");
    }
}
