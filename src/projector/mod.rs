//! Actor: Projector. Owns the projection subscription; accepts the wish for a sweep at once; keeps each showtime's events in order and settles
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
mod rebuild;
mod settings;
mod strays;
mod sweep;
mod work;

use std::sync::Arc;
use std::time::Duration;

use actix::{
    Actor, ActorFutureExt, Addr, Arbiter, AsyncContext, Context, Handler, Message, Supervised, Supervisor, WrapFuture,
};
use tokio::sync::{Notify, watch};
use tokio::task::{AbortHandle, JoinError};
use tokio_util::sync::CancellationToken;

use work::Shared;

pub use dependencies::Dependencies;
pub use rebuild::{RebuildError, RebuildProgress, RebuildReport, Stores, rebuild};
pub use settings::Settings;

/// See the module's documentation.
struct ProjectorActor {
    shared: Shared,
    stopped: watch::Sender<bool>,
    work: Option<AbortHandle>,
}

/// Asks for a sweep at once, without the broker's grace: something was found to be missing from the read model.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
struct SweepNow;

/// A running projector.
#[derive(Clone)]
pub struct Projector {
    address: Addr<ProjectorActor>,
    stop: CancellationToken,
    stopped: watch::Receiver<bool>,
    caught_up: watch::Receiver<bool>,
    stop_timeout: Duration,
}

/// Starts the projector's actor on an arbiter.
pub fn start(arbiter: &Arbiter, dependencies: Dependencies) -> Projector {
    let stop = CancellationToken::new();
    let (stopped, has_stopped) = watch::channel(false);
    let (caught_up, has_caught_up) = watch::channel(false);
    let stop_timeout = Duration::from_millis(dependencies.settings.stop_timeout_milliseconds);
    let shared = Shared { dependencies, stop: stop.clone(), sweep_wanted: Arc::new(Notify::new()), caught_up };
    let address =
        Supervisor::start_in_arbiter(&arbiter.handle(), |_context| ProjectorActor { shared, stopped, work: None });
    Projector { address, stop, stopped: has_stopped, caught_up: has_caught_up, stop_timeout }
}

impl Projector {
    /// Asks for a sweep at once: something was found to be missing from the read model. Never waits.
    pub fn sweep_now(&self) {
        if self.address.try_send(SweepNow).is_err() {
            tracing::debug!("the projector's mailbox is full or closed: the next regular sweep will do");
        }
    }

    /// Waits until the read model has been brought to where the journal ended at the start (the in-memory one is empty before).
    pub async fn caught_up(&self) {
        // An error means that the projector is gone, and nothing more to wait for.
        drop(self.caught_up.clone().wait_for(|caught_up| *caught_up).await);
    }

    /// Receives no more, finishes the writes under way and settles their deliveries; the others will be delivered again.
    /// True if that was done in time.
    pub async fn stop(&self) -> bool {
        self.stop.cancel();
        let mut stopped = self.stopped.clone();
        tokio::time::timeout(self.stop_timeout, stopped.wait_for(|stopped| *stopped)).await.is_ok()
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

impl Handler<SweepNow> for ProjectorActor {
    type Result = ();

    fn handle(&mut self, _message: SweepNow, _context: &mut Self::Context) {
        self.shared.sweep_wanted.notify_one();
    }
}
