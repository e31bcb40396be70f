//! Drives the hub from the runtime: ticks, polls, the bus subscription, and a new hub when the present one has ended.

use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use actix::dev::ToEnvelope;
use actix::{Actor as _, Addr, Arbiter, Handler, MailboxError, Message, System};
use tokio::time::MissedTickBehavior;

use crate::event_bus::{Signal, Subscription};
use crate::live::hub::{Deliver, Hub, Poll, Tick};
use crate::live::lock;
use crate::live::node::Node;

/// Messages taken from the bus at once.
const MESSAGES_AT_ONCE: usize = 256;
/// Pause before the bus is subscribed to again.
const SUBSCRIBE_AGAIN: Duration = Duration::from_secs(1);

/// The hub that is there now.
type Present = Arc<Mutex<Addr<Hub>>>;

/// Starts a hub on a new arbiter of `system`, which ends with the node.
fn start_hub(node: &Arc<Node>, system: &System) -> Addr<Hub> {
    // An arbiter joins the system of the thread that makes it, and this may be a thread of the runtime.
    System::set_current(system.clone());
    let arbiter = Arbiter::new();
    let owner = Arc::clone(node);
    let hub = Hub::start_in_arbiter(&arbiter.handle(), move |_| Hub::new(owner));
    node.set_hub(hub.clone().recipient());
    let ended = node.ended.clone();
    node.runtime.spawn(async move {
        ended.cancelled().await;
        arbiter.stop();
    });
    hub
}

/// Starts a hub, and the tasks that drive it; they end with the node.
pub(super) fn start(node: &Arc<Node>, system: System) {
    let present = Arc::new(Mutex::new(start_hub(node, &system)));
    let ended = node.ended.clone();
    let (keeper, kept) = (Arc::downgrade(node), Arc::clone(&present));
    node.runtime.spawn(async move { ended.run_until_cancelled(keep_time(keeper, kept, system)).await });
    let ended = node.ended.clone();
    let listener = Arc::downgrade(node);
    node.runtime.spawn(async move { ended.run_until_cancelled(keep_subscribed(listener, present)).await });
}

/// Sends ticks and polls, and watches over the hub.
async fn keep_time(node: Weak<Node>, hub: Present, system: System) {
    let Some(settings) = node.upgrade().map(|node| node.settings) else { return };
    let mut ticks = tokio::time::interval(Duration::from_millis(settings.tick_milliseconds.max(1)));
    let mut polls = tokio::time::interval(Duration::from_millis(settings.poll_milliseconds.max(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    polls.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let is_tick = tokio::select! {
            _ = ticks.tick() => true,
            _ = polls.tick() => false,
        };
        let Some(node) = node.upgrade() else { return };
        let sent = if is_tick { tell(&hub, Tick).await } else { tell(&hub, Poll).await };
        if let Err(MailboxError::Closed) = sent {
            tracing::error!("the live hub has ended; a new one takes over its feeds");
            node.counters.restarts.inc();
            *lock(&hub) = start_hub(&node, &system);
        }
    }
}

/// Keeps a live subscription while somebody watches, and passes on what it brings.
async fn keep_subscribed(node: Weak<Node>, hub: Present) {
    let Some(mut listening) = node.upgrade().map(|node| node.listening.subscribe()) else { return };
    // Fails when the node has ended.
    while listening.wait_for(|listening| *listening).await.is_ok() {
        let Some(bus) = node.upgrade().map(|node| Arc::clone(&node.event_bus)) else { return };
        match bus.subscribe_live().await {
            Ok(subscription) => tokio::select! {
                () = pass_on(&node, &hub, subscription) => {}
                _ = listening.wait_for(|listening| !*listening) => continue,
            },
            Err(error) => tracing::warn!(%error, "no live subscription; the feed goes on with what the journal says"),
        }
        tokio::time::sleep(SUBSCRIBE_AGAIN).await;
    }
}

/// Passes on everything until the subscription ends.
async fn pass_on(node: &Weak<Node>, hub: &Present, mut subscription: Subscription) {
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
            if node.strong_count() == 0 {
                return;
            }
            if !runs.is_empty()
                && let Err(error) = tell(hub, Deliver(runs)).await
            {
                // Whoever is missing them finds a gap; the next hub polls as it starts.
                tracing::warn!(%error, "the hub did not take events");
            }
            if std::mem::take(&mut interrupted)
                && let Err(error) = tell(hub, Poll).await
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
async fn tell<M>(hub: &Present, message: M) -> Result<(), MailboxError>
where
    M: Message<Result = ()> + Send + 'static,
    Hub: Handler<M>,
    <Hub as actix::Actor>::Context: ToEnvelope<Hub, M>,
{
    let hub = lock(hub).clone();
    hub.send(message).await
}
