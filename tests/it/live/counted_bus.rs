//! The in-process bus, counting who listens live.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use tokio::sync::mpsc;
use turnstile::event_bus::in_process::{InProcessBus, Settings};
use turnstile::event_bus::{BusError, DeadLetters, EventBus, Message, Replay, Subscription};

/// See the module's documentation.
pub struct CountedBus {
    inner: InProcessBus,
    listeners: Arc<AtomicUsize>,
}

impl CountedBus {
    pub fn new() -> Self {
        Self { inner: InProcessBus::new(&Settings::default()), listeners: Arc::default() }
    }

    /// Live subscriptions now.
    pub fn listeners(&self) -> usize {
        self.listeners.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl EventBus for CountedBus {
    async fn publish(&self, messages: Vec<Message>) -> Vec<Result<(), BusError>> {
        self.inner.publish(messages).await
    }

    async fn subscribe_projection(&self) -> Result<Subscription, BusError> {
        self.inner.subscribe_projection().await
    }

    async fn subscribe_live(&self) -> Result<Subscription, BusError> {
        let mut inner = self.inner.subscribe_live().await?;
        let (sender, subscription) = mpsc::channel(1);
        let listeners = Arc::clone(&self.listeners);
        listeners.fetch_add(1, Ordering::SeqCst);
        tokio::spawn(async move {
            let pass_on = async {
                while let Some(signal) = inner.recv().await {
                    if sender.send(signal).await.is_err() {
                        return;
                    }
                }
            };
            tokio::select! {
                () = pass_on => {}
                () = sender.closed() => {}
            }
            listeners.fetch_sub(1, Ordering::SeqCst);
        });
        Ok(subscription)
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
