//! Event bus on RabbitMQ (3.10 or newer): a topic exchange, a quorum queue for the projector, a queue per node for live
//! updates, and a quorum queue for dead letters.

mod brokers;
mod dead_letters;
mod link;
mod live_queue;
mod packing;
mod parcel;
mod projection;
mod publisher;
mod settings;
mod topology;
mod window;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::runtime::Handle;
use tokio::sync::{Mutex, mpsc};

use crate::domain::Clock;
use crate::event_bus::{BusError, DeadLetters, EventBus, Message, Replay, Subscription};

use self::brokers::Brokers;
use self::dead_letters::DeadLetterQueue;
use self::link::Link;
use self::live_queue::LiveQueue;
use self::packing::Packing;
use self::parcel::{Parcel, parcel};
use self::projection::Projection;
use self::publisher::Publisher;
use self::topology::Names;

pub use self::settings::Settings;

/// The adapter. Two connections, one for publishing and one for consuming, so that a broker that refuses messages for a while
/// still delivers and takes acknowledgements; each is rebuilt in the background for ever when it breaks.
pub struct RabbitBus {
    publisher: Arc<Publisher>,
    consuming: Arc<Link>,
    names: Names,
    settings: Settings,
    clock: Clock,
    runtime: Handle,
    packing: Packing,
    /// Whoever holds it looks at the dead letters.
    look: Arc<Mutex<()>>,
}

impl RabbitBus {
    /// Connects to `amqp://user:password@host1:port,host2:port/vhost` or `amqps://`: the hosts are tried in turn, each within the connect
    /// timeout, again and again in the background; when a connection goes, the next host comes first. Waits for the first attempt. All names on the broker begin with `namespace`.
    /// Must be called on the runtime that is to own the connections.
    ///
    /// # Errors
    /// Only if the URL or the namespace is malformed, or a TLS file that the URL names cannot be used.
    pub async fn connect(url: &str, namespace: &str, settings: &Settings, clock: Clock) -> Result<Self, BusError> {
        let brokers = Arc::new(Brokers::parse(url, settings)?);
        let names = Names::new(namespace)?;
        let (publishing, consuming) = tokio::join!(
            Link::open(&brokers, "publishing", names.clone(), settings),
            Link::open(&brokers, "consuming", names.clone(), settings),
        );
        Ok(Self {
            publisher: Arc::new(Publisher::new(publishing, names.clone(), settings)),
            consuming: Arc::new(consuming),
            names,
            settings: settings.clone(),
            clock,
            runtime: Handle::current(),
            packing: Packing::new(settings.max_events_per_message),
            look: Arc::default(),
        })
    }

    fn dead_letter_queue(&self) -> DeadLetterQueue {
        DeadLetterQueue {
            consuming: self.consuming.clone(),
            publisher: self.publisher.clone(),
            names: self.names.clone(),
            clock: self.clock.clone(),
            look: self.look.clone(),
            call_timeout: Duration::from_millis(self.settings.call_timeout_milliseconds),
        }
    }

    /// Runs what must not be cut off when the caller loses interest.
    async fn to_the_end<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, BusError> {
        self.runtime.spawn(work).await.map_err(|error| BusError { reason: error.to_string() })
    }
}

#[async_trait]
impl EventBus for RabbitBus {
    async fn publish(&self, messages: Vec<Message>) -> Vec<Result<(), BusError>> {
        let now = (self.clock)();
        let packs = self.packing.packs(&messages);
        let parcels: Result<Vec<Parcel>, BusError> =
            packs.iter().map(|pack| parcel(pack.iter().filter_map(|n| messages.get(*n)), &self.names, now)).collect();
        let published = match parcels {
            Ok(parcels) => {
                let publisher = self.publisher.clone();
                self.to_the_end(async move { publisher.publish(parcels).await }).await
            }
            Err(error) => Err(error),
        };
        self.packing.answers(&messages, &packs, published)
    }

    async fn subscribe_projection(&self) -> Result<Subscription, BusError> {
        let (signals, subscription) = mpsc::channel(self.settings.projection_prefetch.max(1).into());
        let dead_letters = self.dead_letter_queue();
        let projection = Projection::new(self.consuming.clone(), dead_letters, self.names.clone(), &self.settings);
        projection.start(&self.runtime, signals).await;
        Ok(subscription)
    }

    async fn subscribe_live(&self) -> Result<Subscription, BusError> {
        let (signals, subscription) = mpsc::channel(self.settings.live_capacity.max(1));
        let live = LiveQueue::new(self.consuming.clone(), self.names.clone(), &self.settings);
        live.start(&self.runtime, signals).await;
        Ok(subscription)
    }

    async fn dead_letters(&self, limit: usize) -> Result<DeadLetters, BusError> {
        let letters = self.dead_letter_queue();
        self.to_the_end(async move { letters.list(limit).await }).await?
    }

    async fn replay_dead_letters(&self, limit: usize) -> Result<Replay, BusError> {
        let letters = self.dead_letter_queue();
        self.to_the_end(async move { letters.replay(limit).await }).await?
    }

    async fn ping(&self) -> Result<(), BusError> {
        let publisher = self.publisher.clone();
        self.to_the_end(async move { publisher.ping().await }).await?
    }
}
