//! Projection: the durable subscription, acknowledged to the broker only when the subscriber has settled.
//!
//! Retries never go back to the broker: each return to the queue would count towards the delivery limit and lose the
//! message's place. The [`Feed`] holds them here; whatever is unsettled when the channel ends is delivered again by the broker.
//! The broker ends a channel that leaves a delivery unsettled for half an hour; the subscription is then made again.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use lapin::message::Delivery as Raw;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Consumer};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::event_bus::backoff::Backoff;
use crate::event_bus::feed::{Entry, Feed, Outcome};
use crate::event_bus::rabbitmq::Settings;
use crate::event_bus::rabbitmq::dead_letters::DeadLetterQueue;
use crate::event_bus::rabbitmq::link::{Link, Session, within};
use crate::event_bus::rabbitmq::topology::{self, Names};
use crate::event_bus::{BusError, Signal, cloud_event};

/// Pause before the first new attempt to subscribe on a connection that is up.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// A subscription to the projector's queue.
pub(super) struct Projection {
    link: Arc<Link>,
    dead_letters: DeadLetterQueue,
    names: Names,
    prefetch: u16,
    connect_timeout: Duration,
    call_timeout: Duration,
    longest_pause: Duration,
    retry_first_pause: Duration,
    retry_longest_pause: Duration,
}

/// A delivery of the broker, and how many of its messages are not settled yet. It is settled as a whole: acknowledged when the last of them
/// is done, and buried first if one of them is dead, since those that are done do no harm when they are replayed. With one that was dropped
/// unsettled it is never settled, and comes again.
struct Pack<R> {
    raw: R,
    left: AtomicUsize,
    reason: Mutex<Option<String>>,
}

/// One message's share of its delivery.
type Part = Arc<Pack<Raw>>;

impl<R> Pack<R> {
    /// A delivery of so many messages.
    fn of(raw: R, messages: usize) -> Arc<Self> {
        Arc::new(Self { raw, left: AtomicUsize::new(messages), reason: Mutex::default() })
    }

    /// Settles one message; the delivery and why it is dead, if it was the last.
    fn settle(part: Arc<Self>, dead: Option<String>) -> Option<(R, Option<String>)> {
        if let Some(reason) = dead {
            part.reason.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(reason);
        }
        if part.left.fetch_sub(1, Ordering::AcqRel) > 1 {
            return None;
        }
        let pack = Arc::into_inner(part)?;
        Some((pack.raw, pack.reason.into_inner().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// Deliveries on their way to the dead letters; each task ends when its delivery has arrived there.
type Burials = FuturesUnordered<JoinHandle<Raw>>;

impl Projection {
    pub(super) fn new(link: Arc<Link>, dead_letters: DeadLetterQueue, names: Names, settings: &Settings) -> Self {
        Self {
            link,
            dead_letters,
            names,
            prefetch: settings.projection_prefetch.max(1),
            connect_timeout: Duration::from_millis(settings.connect_timeout_milliseconds),
            call_timeout: Duration::from_millis(settings.call_timeout_milliseconds),
            longest_pause: Duration::from_millis(settings.reconnect_longest_pause_milliseconds),
            retry_first_pause: Duration::from_millis(settings.retry_first_pause_milliseconds),
            retry_longest_pause: Duration::from_millis(settings.retry_longest_pause_milliseconds),
        }
    }

    /// Starts serving `signals` in the background, and waits until it is in effect, at most the connect timeout. Does not wait for a
    /// broker that is known to be away.
    pub(super) async fn start(self, runtime: &Handle, signals: mpsc::Sender<Signal>) {
        let (in_effect, wait) = oneshot::channel();
        let patience = if self.link.session().is_ok() { self.connect_timeout } else { Duration::ZERO };
        runtime.spawn(self.run(signals, in_effect));
        if timeout(patience, wait).await.is_err() {
            tracing::debug!("the projection's subscription is not in effect yet");
        }
    }

    async fn run(self, signals: mpsc::Sender<Signal>, in_effect: oneshot::Sender<()>) {
        let mut feed = Feed::new(signals, self.retry_first_pause, self.retry_longest_pause);
        let mut first = Some(in_effect);
        let mut backoff = Backoff::new(FIRST_PAUSE, self.longest_pause);
        while !feed.is_closed() {
            let session = tokio::select! {
                session = self.link.next_session() => session,
                () = feed.closed() => return,
            };
            match self.subscribe(&session).await {
                Ok((channel, consumer)) => {
                    backoff.reset();
                    if first.take().is_none_or(|in_effect| in_effect.send(()).is_err()) {
                        feed.interrupted();
                    }
                    let reason = self.serve(&session, consumer, &mut feed).await;
                    let unsettled = feed.take_unsettled().len();
                    tracing::info!(%reason, unsettled, "the projection's subscription was interrupted");
                    self.close(&channel).await;
                }
                Err(error) => tracing::warn!(%error, "the projection's subscription cannot be made; trying again"),
            }
            tokio::select! {
                () = tokio::time::sleep(backoff.next_pause()) => {}
                () = feed.closed() => {}
            }
        }
    }

    async fn subscribe(&self, session: &Session) -> Result<(Channel, Consumer), BusError> {
        let channel = session.channel().await?;
        let subscribed = async {
            // Somebody may have deleted the queue, which ended the subscription before this one.
            topology::declare(&channel, &self.names).await?;
            channel.basic_qos(self.prefetch, BasicQosOptions::default()).await?;
            let (queue, options) = (self.names.projector.clone(), BasicConsumeOptions::default());
            channel.basic_consume(queue, "".into(), options, FieldTable::default()).await
        };
        let consumer = within(self.call_timeout, "subscribe to the projector's queue", subscribed).await?;
        Ok((channel, consumer))
    }

    /// Moves messages to the subscriber and settlements to the broker until either side ends; says why.
    async fn serve(&self, session: &Session, mut consumer: Consumer, feed: &mut Feed<Part>) -> String {
        let mut burials = Burials::new();
        loop {
            let settled = tokio::select! {
                outcome = feed.next() => match outcome {
                    Outcome::Done(entry) => self.settle(entry.token, None, &mut burials).await,
                    Outcome::Dead(entry, reason) => self.settle(entry.token, Some(reason), &mut burials).await,
                    Outcome::Closed => {
                        self.finish(burials).await;
                        return "the subscriber has gone".to_owned();
                    }
                },
                Some(buried) = burials.next(), if !burials.is_empty() => match buried {
                    Ok(raw) => self.acknowledge(&raw).await,
                    Err(error) => return error.to_string(),
                },
                delivery = consumer.next() => match delivery {
                    Some(Ok(raw)) => {
                        self.take_in(raw, feed, &mut burials);
                        Ok(())
                    }
                    Some(Err(error)) => return error.to_string(),
                    None => return "the broker ended the subscription".to_owned(),
                },
                reason = self.link.until_gone(session) => return reason,
            };
            if let Err(error) = settled {
                return error.reason;
            }
        }
    }

    /// Gives burials a last chance to end, so that the next subscriber does not bury the same messages again.
    async fn finish(&self, mut burials: Burials) {
        while let Ok(Some(Ok(raw))) = timeout(self.call_timeout, burials.next()).await {
            if let Err(error) = self.acknowledge(&raw).await {
                tracing::debug!(%error, "a buried message will be delivered again");
            }
        }
    }

    async fn settle(&self, part: Part, dead: Option<String>, burials: &mut Burials) -> Result<(), BusError> {
        match Pack::settle(part, dead) {
            Some((raw, None)) => self.acknowledge(&raw).await,
            Some((raw, Some(reason))) => {
                burials.push(self.bury(raw, reason));
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn take_in(&self, raw: Raw, feed: &mut Feed<Part>, burials: &mut Burials) {
        match cloud_event::decode(&raw.data) {
            Ok(messages) => {
                let redelivered = raw.redelivered;
                let pack = Pack::of(raw, messages.len());
                for message in messages {
                    feed.offer(Entry { message, redelivered, token: Arc::clone(&pack) });
                }
            }
            Err(error) => burials.push(self.bury(raw, error.to_string())),
        }
    }

    /// Buries a delivery, however long it takes. In a task of its own, since publishing should not be cancelled.
    fn bury(&self, raw: Raw, reason: String) -> JoinHandle<Raw> {
        let dead_letters = self.dead_letters.clone();
        let mut backoff = Backoff::new(self.retry_first_pause, self.retry_longest_pause);
        tokio::spawn(async move {
            tracing::warn!(%reason, "a message cannot be processed; it goes to the dead letters");
            while let Err(error) = dead_letters.bury(&raw, &reason).await {
                // When the channel has ended, the broker delivers the message again and it gets here once more.
                if raw.acker.poisoned() {
                    break;
                }
                tracing::warn!(%error, "a dead letter cannot be written; trying again");
                tokio::time::sleep(backoff.next_pause()).await;
            }
            raw
        })
    }

    async fn acknowledge(&self, raw: &Raw) -> Result<(), BusError> {
        let acknowledged = within(self.call_timeout, "acknowledge", raw.acker.ack(BasicAckOptions::default())).await?;
        // False: the channel has ended, nothing was acknowledged, and the message comes again.
        let ended = || BusError { reason: "the channel ended before a message was acknowledged".to_owned() };
        acknowledged.then_some(()).ok_or_else(ended)
    }

    async fn close(&self, channel: &Channel) {
        if let Err(error) = within(self.call_timeout, "close a channel", channel.close(200, "done".into())).await {
            tracing::debug!(%error, "a channel could not be closed in good order");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A delivery of three messages.
    fn parts() -> [Arc<Pack<&'static str>>; 3] {
        let pack = Pack::of("delivery", 3);
        [Arc::clone(&pack), Arc::clone(&pack), pack]
    }

    #[test]
    fn a_delivery_is_settled_with_the_last_of_its_messages() {
        let [first, second, third] = parts();
        assert_eq!(Pack::settle(second, None), None);
        assert_eq!(Pack::settle(first, None), None);
        assert_eq!(Pack::settle(third, None), Some(("delivery", None)));
    }

    #[test]
    fn one_dead_message_buries_its_delivery() {
        let [first, second, third] = parts();
        assert_eq!(Pack::settle(first, Some("damaged".to_owned())), None);
        assert_eq!(Pack::settle(second, None), None);
        assert_eq!(Pack::settle(third, None), Some(("delivery", Some("damaged".to_owned()))));
    }

    #[test]
    fn a_message_dropped_unsettled_leaves_its_delivery_to_come_again() {
        let [first, second, third] = parts();
        drop(first);
        assert_eq!(Pack::settle(second, None), None);
        assert_eq!(Pack::settle(third, None), None);
    }
}
