//! Live queue: this node's own copy of every message, for as long as it listens and is connected. Nothing is acknowledged.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use lapin::options::BasicConsumeOptions;
use lapin::types::FieldTable;
use lapin::{Channel, Consumer};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::event_bus::backoff::Backoff;
use crate::event_bus::cloud_event;
use crate::event_bus::rabbitmq::Settings;
use crate::event_bus::rabbitmq::link::{Link, Session, within};
use crate::event_bus::rabbitmq::topology::{self, Names};
use crate::event_bus::{BusError, Delivery, Signal};

/// Pause before the first new attempt to subscribe on a connection that is up.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// A subscription to all messages.
pub(super) struct LiveQueue {
    link: Arc<Link>,
    names: Names,
    max_length: u32,
    connect_timeout: Duration,
    call_timeout: Duration,
    longest_pause: Duration,
}

impl LiveQueue {
    pub(super) fn new(link: Arc<Link>, names: Names, settings: &Settings) -> Self {
        Self {
            link,
            names,
            max_length: settings.live_queue_length,
            connect_timeout: Duration::from_millis(settings.connect_timeout_milliseconds),
            call_timeout: Duration::from_millis(settings.call_timeout_milliseconds),
            longest_pause: Duration::from_millis(settings.reconnect_longest_pause_milliseconds),
        }
    }

    /// Starts serving `signals` in the background, and waits until it is in effect, at most the connect timeout. Does not wait for a
    /// broker that is known to be away.
    pub(super) async fn start(self, runtime: &Handle, signals: mpsc::Sender<Signal>) {
        let (in_effect, wait) = oneshot::channel();
        let patience = if self.link.session().is_ok() { self.connect_timeout } else { Duration::ZERO };
        runtime.spawn(self.run(signals, in_effect));
        if timeout(patience, wait).await.is_err() {
            tracing::debug!("the live subscription is not in effect yet");
        }
    }

    async fn run(self, signals: mpsc::Sender<Signal>, in_effect: oneshot::Sender<()>) {
        let mut first = Some(in_effect);
        let mut backoff = Backoff::new(FIRST_PAUSE, self.longest_pause);
        while !signals.is_closed() {
            let session = tokio::select! {
                session = self.link.next_session() => session,
                () = signals.closed() => return,
            };
            match self.subscribe(&session).await {
                Ok((channel, consumer)) => {
                    backoff.reset();
                    // Whoever still waits for the first subscription has missed nothing; anybody else may have.
                    let missed = first.take().is_none_or(|in_effect| in_effect.send(()).is_err());
                    let reason = self.serve(&session, consumer, &signals, missed).await;
                    if signals.is_closed() {
                        close(&channel, self.call_timeout).await;
                        return;
                    }
                    tracing::info!(%reason, "the live subscription was interrupted");
                }
                Err(error) => tracing::warn!(%error, "the live subscription cannot be made; trying again"),
            }
            tokio::select! {
                () = tokio::time::sleep(backoff.next_pause()) => {}
                () = signals.closed() => {}
            }
        }
    }

    async fn subscribe(&self, session: &Session) -> Result<(Channel, Consumer), BusError> {
        let channel = session.channel().await?;
        let queue = self.names.new_live();
        let subscribed = async {
            topology::declare_live(&channel, &self.names, &queue, self.max_length).await?;
            // Acknowledgements would only cost: what gets lost shows as a gap in the sequences.
            let options = BasicConsumeOptions { no_ack: true, exclusive: true, ..BasicConsumeOptions::default() };
            channel.basic_consume(queue.clone(), "".into(), options, FieldTable::default()).await
        };
        let consumer = within(self.call_timeout, "subscribe to live updates", subscribed).await?;
        Ok((channel, consumer))
    }

    /// Moves messages to the subscriber until either side ends; says why. It never waits for the subscriber, since what the broker
    /// sends meanwhile would pile up inside the client library without a bound: a subscriber that lags loses messages and is told.
    async fn serve(
        &self,
        session: &Session,
        mut consumer: Consumer,
        signals: &mpsc::Sender<Signal>,
        missed: bool,
    ) -> String {
        let mut lost = missed;
        loop {
            tokio::select! {
                delivery = consumer.next() => match delivery {
                    Some(Ok(_lagging)) if lost => {}
                    Some(Ok(delivery)) => lost = !forward(&delivery.data, signals),
                    Some(Err(error)) => return error.to_string(),
                    None => return "the broker ended the subscription".to_owned(),
                },
                permit = signals.reserve(), if lost => match permit {
                    Ok(permit) => {
                        permit.send(Signal::Interrupted);
                        lost = false;
                    }
                    Err(_closed) => return "the subscriber has gone".to_owned(),
                },
                () = signals.closed() => return "the subscriber has gone".to_owned(),
                reason = self.link.until_gone(session) => return reason,
            }
        }
    }
}

/// Decodes messages and hands them on; false if there was no room for one.
fn forward(body: &[u8], signals: &mpsc::Sender<Signal>) -> bool {
    match cloud_event::decode(body) {
        Ok(messages) => messages.into_iter().all(|message| {
            let sent = signals.try_send(Signal::Delivery(Delivery::new(message, false, None)));
            !matches!(sent, Err(mpsc::error::TrySendError::Full(_)))
        }),
        Err(error) => {
            // The projection's copy goes to the dead letters; here the loss shows as a gap.
            tracing::warn!(%error, "a live message cannot be read");
            true
        }
    }
}

async fn close(channel: &Channel, limit: Duration) {
    if let Err(error) = within(limit, "close a channel", channel.close(200, "unsubscribed".into())).await {
        tracing::debug!(%error, "a channel could not be closed in good order");
    }
}
