//! Drives the hub from the runtime: ticks, polls, the bus subscription, and a new hub when the present one has ended.

use std::sync::{Arc, Weak};
use std::time::Duration;

use actix::dev::ToEnvelope;
use actix::{Actor as _, Arbiter, Handler, MailboxError, Message, System};
use tokio::time::MissedTickBehavior;

use crate::event_bus::{Signal, Subscription};
use crate::live::hub::{Deliver, Hub, Poll, Tick};
use crate::live::node::{Node, count};

/// Messages taken from the bus at once.
const MESSAGES_AT_ONCE: usize = 256;
/// Pause before the bus is subscribed to again.
const SUBSCRIBE_AGAIN: Duration = Duration::from_secs(1);

/// Starts a hub on a new arbiter of `system`, which ends with the node.
pub(super) fn start_hub(node: &Arc<Node>, system: &System) {
    // An arbiter joins the system of the thread that makes it, and this may be a thread of the runtime.
    System::set_current(system.clone());
    let arbiter = Arbiter::new();
    let owner = Arc::clone(node);
    node.set_hub(Hub::start_in_arbiter(&arbiter.handle(), move |_| Hub::new(owner)));
    let ended = node.ended.clone();
    node.runtime.spawn(async move {
        ended.cancelled().await;
        arbiter.stop();
    });
}

/// Starts the tasks; they end with the node.
pub(super) fn start(node: &Arc<Node>, system: System) {
    let ended = node.ended.clone();
    let keeper = Arc::downgrade(node);
    node.runtime.spawn(async move { ended.run_until_cancelled(keep_time(keeper, system)).await });
    let ended = node.ended.clone();
    let listener = Arc::downgrade(node);
    node.runtime.spawn(async move { ended.run_until_cancelled(keep_subscribed(listener)).await });
}

/// Sends ticks and polls, and watches over the hub.
async fn keep_time(node: Weak<Node>, system: System) {
    let Some(settings) = node.upgrade().map(|node| node.settings) else { return };
    let mut ticks = tokio::time::interval(Duration::from_millis(settings.tick_millis.max(1)));
    let mut polls = tokio::time::interval(Duration::from_millis(settings.poll_millis.max(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    polls.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let is_tick = tokio::select! {
            _ = ticks.tick() => true,
            _ = polls.tick() => false,
        };
        let Some(node) = node.upgrade() else { return };
        let sent = if is_tick { tell(&node, Tick).await } else { tell(&node, Poll).await };
        if let Err(MailboxError::Closed) = sent {
            tracing::error!("the live hub has ended; a new one takes over its feeds");
            count(&node.counters.restarts);
            start_hub(&node, &system);
        }
    }
}

/// Keeps a live subscription while somebody watches, and passes on what it brings.
async fn keep_subscribed(node: Weak<Node>) {
    let Some(mut listening) = node.upgrade().map(|node| node.listening.subscribe()) else { return };
    // Fails when the node has ended.
    while listening.wait_for(|listening| *listening).await.is_ok() {
        let Some(bus) = node.upgrade().map(|node| Arc::clone(&node.event_bus)) else { return };
        match bus.subscribe_live().await {
            Ok(subscription) => tokio::select! {
                () = pass_on(&node, subscription) => {}
                _ = listening.wait_for(|listening| !*listening) => continue,
            },
            Err(error) => tracing::warn!(%error, "no live subscription; the feed goes on with what the journal says"),
        }
        tokio::time::sleep(SUBSCRIBE_AGAIN).await;
    }
}

/// Passes on everything until the subscription ends.
async fn pass_on(node: &Weak<Node>, mut subscription: Subscription) {
    let mut signals = Vec::new();
    // What was published before this moment was not heard.
    let mut interrupted = true;
    loop {
        let runs = signals
            .drain(..)
            .filter_map(|signal| match signal {
                Signal::Delivery(delivery) => Some(delivery.message.run),
                Signal::Interrupted => {
                    interrupted = true;
                    None
                }
            })
            .collect::<Vec<_>>();
        {
            let Some(node) = node.upgrade() else { return };
            if !runs.is_empty()
                && let Err(error) = tell(&node, Deliver(runs)).await
            {
                // Whoever is missing them finds a gap; the next hub polls as it starts.
                tracing::warn!(%error, "the hub did not take events");
            }
            if std::mem::take(&mut interrupted)
                && let Err(error) = tell(&node, Poll).await
            {
                tracing::warn!(%error, "the hub did not take a poll");
            }
        }
        if subscription.recv_many(&mut signals, MESSAGES_AT_ONCE).await == 0 {
            return;
        }
    }
}

/// Sends to the present hub and waits until it has handled the message.
async fn tell<M>(node: &Node, message: M) -> Result<(), MailboxError>
where
    M: Message<Result = ()> + Send + 'static,
    Hub: Handler<M>,
    <Hub as actix::Actor>::Context: ToEnvelope<Hub, M>,
{
    let hub = node.hub().ok_or(MailboxError::Closed)?;
    hub.send(message).await
}
