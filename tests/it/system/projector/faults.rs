//! Real adapters that fail on demand: a read model that is down or panics, a bus whose subscription panics or is interrupted.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, oneshot};
use turnstile::domain::{Applied, Place, ShowtimeSummary, ShowtimeView};
use turnstile::domain::{EventRun, ShowtimeId};
use turnstile::event_bus::{
    BusError, DeadLetters, Delivery, EventBus, Message, Replay, Settlement, Signal, Subscription,
};
use turnstile::read_model::{PageStart, ReadError, ReadModel};

/// A read model in front of a real one.
pub struct FaultyReadModel {
    pub inner: Arc<dyn ReadModel>,
    /// Nothing answers.
    pub down: AtomicBool,
    /// `apply` fails for this showtime, whatever else works.
    pub poisoned: Mutex<Option<ShowtimeId>>,
    /// So many calls of `apply` panic.
    pub apply_panics: AtomicU32,
    /// Happens when a place is asked for, before it is answered.
    pub before_place: Mutex<Option<BoxFuture<'static, ()>>>,
    /// Pages of the list that were asked for.
    pub lists: AtomicU32,
    /// So many calls of `places` panic.
    pub places_panics: AtomicU32,
}

impl FaultyReadModel {
    pub fn new(inner: Arc<dyn ReadModel>) -> Self {
        let (down, poisoned) = (AtomicBool::new(false), Mutex::new(None));
        Self {
            inner,
            down,
            poisoned,
            apply_panics: AtomicU32::new(0),
            places_panics: AtomicU32::new(0),
            lists: AtomicU32::new(0),
            before_place: Mutex::new(None),
        }
    }

    fn answer(&self) -> Result<&dyn ReadModel, ReadError> {
        if self.down.load(Ordering::SeqCst) {
            return Err(ReadError { reason: "it is down, for a test".to_owned() });
        }
        Ok(&*self.inner)
    }
}

/// Panics if a panic is due.
fn panic_if_due(due: &AtomicU32) {
    let is_due = due.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
    assert!(!is_due, "a panic on demand");
}

#[async_trait]
impl ReadModel for FaultyReadModel {
    async fn showtime(&self, id: ShowtimeId) -> Result<Option<Arc<ShowtimeView>>, ReadError> {
        self.answer()?.showtime(id).await
    }

    async fn place(&self, id: ShowtimeId) -> Result<Option<Place>, ReadError> {
        let before = self.before_place.lock().unwrap().take();
        if let Some(before) = before {
            before.await;
        }
        self.answer()?.place(id).await
    }

    async fn list(&self, start: PageStart, limit: usize) -> Result<Vec<ShowtimeSummary>, ReadError> {
        self.lists.fetch_add(1, Ordering::SeqCst);
        self.answer()?.list(start, limit).await
    }

    async fn apply(&self, run: &EventRun) -> Result<Applied, ReadError> {
        panic_if_due(&self.apply_panics);
        if *self.poisoned.lock().unwrap() == Some(run.showtime_id()) {
            return Err(ReadError { reason: "this showtime fails, for a test".to_owned() });
        }
        self.answer()?.apply(run).await
    }

    async fn places(&self, ids: Vec<ShowtimeId>) -> Result<Vec<(ShowtimeId, Place)>, ReadError> {
        panic_if_due(&self.places_panics);
        self.answer()?.places(ids).await
    }

    async fn replace(
        &self,
        id: ShowtimeId,
        over: Option<Place>,
        with: Option<Arc<ShowtimeView>>,
    ) -> Result<bool, ReadError> {
        self.answer()?.replace(id, over, with).await
    }

    async fn ping(&self) -> Result<(), ReadError> {
        self.answer()?.ping().await
    }
}

/// A bus in front of a real one.
pub struct FaultyBus {
    pub inner: Arc<dyn EventBus>,
    /// So many subscriptions panic.
    pub subscribe_panics: AtomicU32,
    /// So many subscriptions fail.
    pub subscribe_failures: AtomicU32,
    /// Subscriptions made.
    pub subscriptions: AtomicU32,
    /// Messages handed to subscribers.
    pub handed_out: Arc<AtomicU32>,
    /// Messages settled for good.
    pub settled: Arc<AtomicU32>,
    /// Where the last subscriber listens.
    listener: Mutex<Option<mpsc::Sender<Signal>>>,
}

impl FaultyBus {
    pub fn new(inner: Arc<dyn EventBus>) -> Self {
        Self {
            inner,
            subscribe_panics: AtomicU32::new(0),
            subscribe_failures: AtomicU32::new(0),
            subscriptions: AtomicU32::new(0),
            handed_out: Arc::default(),
            settled: Arc::default(),
            listener: Mutex::new(None),
        }
    }

    /// Tells the subscriber that messages may have been lost.
    pub async fn interrupt(&self) {
        let listener = self.listener.lock().unwrap().clone().expect("somebody has subscribed");
        listener.send(Signal::Interrupted).await.unwrap();
    }
}

/// The same delivery, counted when it is settled for good.
fn counted(delivery: Delivery, settled: Arc<AtomicU32>) -> Delivery {
    let (settle, settlement) = oneshot::channel();
    let (message, redelivered) = (delivery.message.clone(), delivery.redelivered);
    tokio::spawn(async move {
        if let Ok(settlement) = settlement.await {
            settled.fetch_add(u32::from(settlement != Settlement::Retry), Ordering::SeqCst);
            delivery.settle(settlement);
        }
    });
    Delivery::new(message, redelivered, Some(settle))
}

#[async_trait]
impl EventBus for FaultyBus {
    async fn publish(&self, messages: Vec<Message>) -> Vec<Result<(), BusError>> {
        self.inner.publish(messages).await
    }

    async fn subscribe_projection(&self) -> Result<Subscription, BusError> {
        panic_if_due(&self.subscribe_panics);
        let fails = self
            .subscribe_failures
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
            .is_ok();
        if fails {
            return Err(BusError { reason: "it is down, for a test".to_owned() });
        }
        let mut inner = self.inner.subscribe_projection().await?;
        let (sender, subscription) = mpsc::channel(1);
        *self.listener.lock().unwrap() = Some(sender.clone());
        self.subscriptions.fetch_add(1, Ordering::SeqCst);
        let (handed_out, settled) = (Arc::clone(&self.handed_out), Arc::clone(&self.settled));
        tokio::spawn(async move {
            loop {
                let signal = tokio::select! {
                    signal = inner.recv() => signal,
                    () = sender.closed() => return,
                };
                let Some(signal) = signal else { return };
                let signal = match signal {
                    Signal::Delivery(delivery) => Signal::Delivery(counted(delivery, Arc::clone(&settled))),
                    Signal::Interrupted => Signal::Interrupted,
                };
                handed_out.fetch_add(1, Ordering::SeqCst);
                if sender.send(signal).await.is_err() {
                    return;
                }
            }
        });
        Ok(subscription)
    }

    async fn subscribe_live(&self) -> Result<Subscription, BusError> {
        self.inner.subscribe_live().await
    }

    async fn dead_letters(&self, limit: usize) -> Result<DeadLetters, BusError> {
        self.inner.dead_letters(limit).await
    }

    async fn replay_dead_letters(&self, limit: usize) -> Result<Replay, BusError> {
        self.inner.replay_dead_letters(limit).await
    }

    async fn ping(&self) -> Result<(), BusError> {
        self.inner.ping().await
    }
}
