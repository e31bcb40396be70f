//! Publisher: puts messages on the broker in windows and counts one as published only when the broker has confirmed it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use lapin::Channel;
use lapin::options::ConfirmSelectOptions;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::{Instant, timeout_at};

use crate::event_bus::BusError;
use crate::event_bus::rabbitmq::Settings;
use crate::event_bus::rabbitmq::link::{Link, Session, within};
use crate::event_bus::rabbitmq::parcel::Parcel;
use crate::event_bus::rabbitmq::topology::{self, Names};
use crate::event_bus::rabbitmq::window::{Trouble, Window};

/// Publishes through a few channels of one connection. A channel serves one call at a time, because a message that could not
/// be routed can only be told from the others once all messages of the call are answered.
pub(super) struct Publisher {
    link: Link,
    names: Names,
    channels: Vec<Mutex<Option<OpenChannel>>>,
    next_channel: AtomicUsize,
    window: usize,
    publish_timeout: Duration,
    call_timeout: Duration,
}

/// A channel in confirm mode that has nothing under way.
struct OpenChannel {
    channel: Channel,
    generation: u64,
}

impl OpenChannel {
    fn is_usable(&self, session: &Session) -> bool {
        self.generation == session.generation() && self.channel.status().connected()
    }
}

impl Publisher {
    pub(super) fn new(link: Link, names: Names, settings: &Settings) -> Self {
        Self {
            link,
            names,
            channels: (0..settings.publish_channels.max(1)).map(|_| Mutex::new(None)).collect(),
            next_channel: AtomicUsize::new(0),
            window: settings.publish_window,
            publish_timeout: Duration::from_millis(settings.publish_timeout_milliseconds),
            call_timeout: Duration::from_millis(settings.call_timeout_milliseconds),
        }
    }

    /// Publishes the parcels in order and waits until each is confirmed or has failed, one answer each. Without a connection, or
    /// while the broker takes no messages, all fail at once. Should not be cancelled: the outcome is then unknown.
    pub(super) async fn publish(&self, parcels: Vec<Parcel>) -> Vec<Result<(), BusError>> {
        if parcels.is_empty() {
            return Vec::new();
        }
        match self.try_publish(&parcels).await {
            Ok(answers) => answers,
            Err(error) => vec![Err(error); parcels.len()],
        }
    }

    async fn try_publish(&self, parcels: &[Parcel]) -> Result<Vec<Result<(), BusError>>, BusError> {
        let deadline = Instant::now() + self.publish_timeout;
        let session = self.sound_session()?;
        let mut slot = self.free_slot(deadline).await?;
        // Taken out while in use: should this be cancelled, the channel goes too, with all that is under way on it.
        let open = match slot.take().filter(|open| open.is_usable(&session)) {
            Some(open) => open,
            None => self.open_channel(&session).await?,
        };
        let mut window = Window::new(self.window, parcels.len());
        let trouble = tokio::select! {
            published = timeout_at(deadline, window.publish(&open.channel, parcels)) => match published {
                Ok(Ok(())) => None,
                Ok(Err(trouble)) => Some(trouble),
                Err(_elapsed) => {
                    self.link.give_up(&session);
                    Some(Trouble::Silence(format!("no confirm within {:?}", self.publish_timeout)))
                }
            },
            reason = session.until_blocked() => Some(Trouble::Blocked(format!("RabbitMQ takes no messages: {reason}"))),
        };
        // The queue is gone, so the next attempt must find it declared again.
        let redeclared = if trouble.is_none() && window.has_returns() {
            let declare = topology::declare(&open.channel, &self.names);
            within(self.call_timeout, "declare exchanges and queues", declare).await
        } else {
            Ok(())
        };
        if let Err(error) = &redeclared {
            tracing::warn!(%error, "a message found no queue, and the queues cannot be declared");
        }
        // After a refusal a new channel: the broker may go on refusing on this one after the queue has room again.
        if trouble.is_none() && redeclared.is_ok() && !window.has_refusals() {
            *slot = Some(open);
        }
        Ok(window.answers(parcels, trouble.as_ref()))
    }

    /// Answers if messages can be published at present: with a round trip to the broker, outside of the channels for publishing.
    pub(super) async fn ping(&self) -> Result<(), BusError> {
        let session = self.sound_session()?;
        let channel = session.channel().await.inspect_err(|_error| self.link.give_up(&session))?;
        within(self.call_timeout, "close a channel", channel.close(200, "pinged".into())).await
    }

    /// The connection, if messages can be published on it at present.
    fn sound_session(&self) -> Result<Arc<Session>, BusError> {
        let session = self.link.session()?;
        match session.blocked() {
            Some(reason) => Err(BusError { reason: format!("RabbitMQ takes no messages: {reason}") }),
            None => Ok(session),
        }
    }

    async fn free_slot(&self, deadline: Instant) -> Result<MutexGuard<'_, Option<OpenChannel>>, BusError> {
        if let Some(free) = self.channels.iter().find_map(|open| open.try_lock().ok()) {
            return Ok(free);
        }
        let busy = BusError { reason: "all channels for publishing are busy".to_owned() };
        let turn = self.next_channel.fetch_add(1, Ordering::Relaxed) % self.channels.len().max(1);
        let open = self.channels.get(turn).ok_or_else(|| busy.clone())?;
        timeout_at(deadline, open.lock()).await.map_err(|_elapsed| busy)
    }

    async fn open_channel(&self, session: &Session) -> Result<OpenChannel, BusError> {
        let opened = async {
            let channel = session.channel().await?;
            let select = channel.confirm_select(ConfirmSelectOptions::default());
            within(self.call_timeout, "ask for confirms", select).await?;
            Ok(OpenChannel { channel, generation: session.generation() })
        };
        opened.await.inspect_err(|_error: &BusError| self.link.give_up(session))
    }
}
