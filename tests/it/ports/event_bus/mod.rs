//! Contract suite of the event bus port, run on every adapter, and what only one adapter promises.

mod contract;
mod in_process;
mod rabbitmq;
mod rabbitmq_faults;
mod rabbitmq_hosts;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::timeout;
use turnstile::domain::{BookingId, Clock, Event, EventRun, RecordedEvent, SeatId, ShowtimeId, Stamp, Timestamp};
use turnstile::event_bus::{Delivery, EventBus, Message, Settlement, Signal, Subscription};
use uuid::Uuid;

/// Longest wait for something that must come.
const SOON: Duration = Duration::from_mins(1);
/// How long nothing must come, where nothing may come.
const QUIET: Duration = Duration::from_millis(400);

/// The same bus as two nodes see it.
pub struct Nodes {
    pub one: Arc<dyn EventBus>,
    pub other: Arc<dyn EventBus>,
    /// Cleans up when dropped.
    _guard: Box<dyn Send>,
}

/// Makes one test of each function of the contract, on nodes that `$nodes` gives.
macro_rules! run_contract {
    ($nodes:expr; $($test:ident),+ $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                let nodes = $nodes.await;
                $crate::ports::event_bus::contract::$test(&nodes).await;
            }
        )+
    };
    ($nodes:expr) => {
        $crate::ports::event_bus::run_contract! { $nodes;
            a_message_arrives_as_it_was_published,
            messages_of_a_showtime_arrive_in_order,
            a_thousand_messages_are_confirmed_and_arrive,
            what_is_published_before_anyone_subscribes_arrives_later,
            a_delivery_dropped_unsettled_comes_again,
            a_retry_comes_again_before_the_later_messages_of_its_showtime,
            many_retries_lose_nothing,
            dead_letters_are_kept_with_their_reason_and_replayed,
            dead_letters_are_listed_and_replayed_oldest_first,
            a_settled_message_never_comes_again,
            one_subscriber_is_active_and_the_next_takes_over,
            every_node_sees_everything_live,
            a_live_subscriber_gets_only_what_is_published_from_then_on,
            a_lagging_live_subscriber_is_interrupted_and_stops_nobody,
            it_can_be_pinged,
        }
    };
}
use run_contract;

fn clock() -> Clock {
    Arc::new(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is after 1970");
        Timestamp::from_millis(since.as_millis().try_into().expect("milliseconds fit"))
    })
}

fn showtime() -> ShowtimeId {
    ShowtimeId(Uuid::new_v4())
}

/// A message with the events `first..=last` of a showtime.
fn message(showtime: ShowtimeId, first: u64, last: u64) -> Message {
    let events = (first..=last)
        .map(|sequence| RecordedEvent {
            sequence,
            recorded_at: Timestamp::from_millis(1_795_392_000_000),
            stamp: Stamp(sequence),
            follows: Stamp(sequence - 1),
            event: Event::BookingCancelled {
                booking_id: BookingId(Uuid::new_v4()),
                seat_ids: vec![SeatId::new(showtime, 7), SeatId::new(showtime, 8)],
                reason: None,
                refund: None,
                refund_amount: None,
            },
        })
        .collect();
    let traceparent = Some(format!("00-{}-00f067aa0ba902b7-01", Uuid::new_v4().simple()));
    Message { run: EventRun::new(showtime, events).expect("a run").into(), traceparent }
}

/// Publishes messages and fails unless each is confirmed.
async fn publish(bus: &dyn EventBus, messages: &[Message]) {
    let answers = bus.publish(messages.to_vec()).await;
    assert_eq!(answers.len(), messages.len());
    for (answer, message) in answers.iter().zip(messages) {
        assert!(answer.is_ok(), "{:?}: {answer:?}", message.run.showtime_id());
    }
}

async fn next_signal(subscription: &mut Subscription) -> Signal {
    timeout(SOON, subscription.recv()).await.expect("a signal comes soon").expect("the subscription goes on")
}

/// The next delivery; fails on an interruption.
async fn next(subscription: &mut Subscription) -> Delivery {
    match next_signal(subscription).await {
        Signal::Delivery(delivery) => delivery,
        Signal::Interrupted => panic!("interrupted"),
    }
}

/// The next delivery, past any interruption.
async fn next_after_trouble(subscription: &mut Subscription) -> Delivery {
    loop {
        if let Signal::Delivery(delivery) = next_signal(subscription).await {
            return delivery;
        }
    }
}

/// Takes the next delivery, checks that it is `expected` and settles it.
async fn expect(subscription: &mut Subscription, expected: &Message) {
    let delivery = next(subscription).await;
    assert_eq!(names(&delivery.message), names(expected));
    assert_eq!(&delivery.message, expected);
    delivery.settle(Settlement::Done);
}

/// Takes as many deliveries, checks that they are the `expected` in any order, for these are of different showtimes, and settles them.
async fn expect_all(subscription: &mut Subscription, expected: &[Message]) {
    let mut missing: HashMap<ShowtimeId, &Message> =
        expected.iter().map(|message| (message.run.showtime_id(), message)).collect();
    assert_eq!(missing.len(), expected.len(), "one of each showtime");
    for _ in expected {
        let delivery = next_after_trouble(subscription).await;
        assert_eq!(missing.remove(&delivery.message.run.showtime_id()), Some(&delivery.message));
        delivery.settle(Settlement::Done);
    }
}

/// What tells messages apart, short enough to read in a failure.
fn names(message: &Message) -> (ShowtimeId, u64, u64) {
    (message.run.showtime_id(), message.run.first_sequence(), message.run.last_sequence())
}

async fn expect_silence(subscription: &mut Subscription) {
    if let Ok(signal) = timeout(QUIET, subscription.recv()).await {
        panic!("nothing should come, but {signal:?} came");
    }
}

/// Polls until `done` says so; fails after a while.
async fn eventually(what: &str, mut done: impl AsyncFnMut() -> bool) {
    let start = std::time::Instant::now();
    while !done().await {
        assert!(start.elapsed() < SOON, "not within {SOON:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Last sequence seen per showtime; fails unless each message is the next of its showtime.
#[derive(Default)]
struct InOrder(HashMap<ShowtimeId, u64>);

impl InOrder {
    fn see(&mut self, message: &Message) {
        let last = self.0.entry(message.run.showtime_id()).or_default();
        assert_eq!(message.run.first_sequence(), *last + 1, "out of order");
        *last = message.run.last_sequence();
    }
}
