//! Actor: Projector. Owns the projection subscription; keeps each showtime's events in order and settles
//! a delivery only after its write; on restart it begins anew with a fresh subscription and a sweep, and what was unsettled comes again.
//!
//! The actor watches; the work runs as a task on the multi-thread runtime. A panic in one showtime's write costs that write,
//! a panic of the loop (or a stop of the actor) a fresh start of all of it.
//!
//! **Invariant:** a delivery is settled as done only when the read model has durably applied its last event. What comes
//! twice, late or in another order is brought in line by sequence; what is missing is read from the journal.

mod catch_up;
mod dependencies;
mod merge;
mod noted;
mod outage;
mod rebuild;
mod renew;
mod settings;
mod sweep;
mod work;

use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorFutureExt, Addr, Arbiter, AsyncContext, Context, Supervised, Supervisor, WrapFuture};
use tokio::sync::{Notify, watch};
use tokio::task::{AbortHandle, JoinError};
use tokio_util::sync::CancellationToken;

use crate::domain::ShowtimeId;

use work::Shared;

pub use dependencies::Dependencies;
pub use outage::Outage;
pub use rebuild::{RebuildError, RebuildProgress, Stores, rebuild};
pub use settings::Settings;

/// See the module's documentation.
struct ProjectorActor {
    shared: Shared,
    stopped: watch::Sender<bool>,
    work: Option<AbortHandle>,
}

/// A running projector.
#[derive(Clone)]
pub struct Projector {
    /// An actor whose addresses are all gone ends.
    _address: Addr<ProjectorActor>,
    shared: Shared,
    stopped: watch::Receiver<bool>,
}

/// Starts the projector's actor on an arbiter.
pub fn start(arbiter: &Arbiter, dependencies: Dependencies) -> Projector {
    let (stopped, has_stopped) = watch::channel(false);
    let (caught_up, _caught_up) = watch::channel(false);
    let shared = Shared {
        dependencies,
        stop: CancellationToken::new(),
        noted: Arc::default(),
        sweep_wanted: Arc::new(Notify::new()),
        caught_up,
    };
    let actor = ProjectorActor { shared: shared.clone(), stopped, work: None };
    let address = Supervisor::start_in_arbiter(&arbiter.handle(), |_context| actor);
    Projector { _address: address, shared, stopped: has_stopped }
}

impl Projector {
    /// To be called when the read model was found to lack a showtime that the write store has: a sweep looks at it at once.
    pub fn note_missing(&self) -> Arc<dyn Fn(ShowtimeId) + Send + Sync> {
        let (noted, sweep_wanted) = (Arc::clone(&self.shared.noted), Arc::clone(&self.shared.sweep_wanted));
        Arc::new(move |id| {
            noted.note(id);
            sweep_wanted.notify_one();
        })
    }

    /// Waits until the read model has been brought to where the journal ended at the start (the in-memory one is empty before).
    pub async fn caught_up(&self) {
        // An error means that the projector is gone, and nothing more to wait for.
        drop(self.shared.caught_up.subscribe().wait_for(|caught_up| *caught_up).await);
    }

    /// Receives no more, finishes the writes under way and settles their deliveries; the others will be delivered again.
    /// True if that was done in time.
    pub async fn stop(&self) -> bool {
        self.shared.stop.cancel();
        let mut stopped = self.stopped.clone();
        let limit = Duration::from_millis(self.shared.dependencies.settings.stop_timeout_milliseconds);
        tokio::time::timeout(limit, stopped.wait_for(|stopped| *stopped)).await.is_ok()
    }
}

impl ProjectorActor {
    fn begin(&mut self, context: &mut Context<Self>) {
        if let Some(former) = self.work.take() {
            former.abort();
        }
        let (shared, stopped) = (self.shared.clone(), self.stopped.clone());
        let work = self.shared.dependencies.runtime.spawn(async move {
            work::run(shared).await;
            // Told from here, so that it holds even if the actor's thread has died.
            stopped.send_replace(true);
        });
        self.work = Some(work.abort_handle());
        context.spawn(work.into_actor(self).map(Self::ended));
    }

    fn ended(ended: Result<(), JoinError>, projector: &mut Self, context: &mut Context<Self>) {
        if projector.shared.stop.is_cancelled() {
            projector.stopped.send_replace(true);
            return;
        }
        let reason = ended.err().map_or_else(|| "it ended".to_owned(), |error| error.to_string());
        tracing::error!("the projector's work broke and is started anew: {reason}");
        let delay = Duration::from_millis(projector.shared.dependencies.settings.restart_delay_milliseconds);
        context.run_later(delay, Self::begin);
    }
}

impl Actor for ProjectorActor {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        self.begin(context);
    }
}

impl Supervised for ProjectorActor {
    fn restarting(&mut self, _context: &mut Self::Context) {
        tracing::warn!("the projector was stopped and is started anew");
    }
}
