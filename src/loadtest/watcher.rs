//! Watcher: one WebSocket client of a showtime; reconnects where it was, and times what it sees.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::loadtest::acknowledged::Acknowledged;
use crate::loadtest::feed::Feed;
use crate::loadtest::house::House;
use crate::loadtest::latencies::Latencies;
use crate::loadtest::tally::Tally;
use crate::loadtest::target::Target;

/// Pause before a lost connection is made again.
const RECONNECT_PAUSE: Duration = Duration::from_millis(100);

/// Of each connection.
const READ_BUFFER_BYTES: usize = 8 * 1024;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// What a watcher is given.
pub(super) struct Assignment {
    pub(super) target: Arc<Target>,
    pub(super) houses: Arc<[House]>,
    pub(super) house: usize,
    /// Keep every seat's status.
    pub(super) folds: bool,
    /// Times deltas against these, if they are to be timed.
    pub(super) acknowledged: Option<Arc<Acknowledged>>,
    /// From when on they are timed.
    pub(super) warm_up: Duration,
    pub(super) tally: Arc<Tally>,
    /// The sequence of each house at which watching ends, once it is known.
    pub(super) goal: watch::Receiver<Option<Arc<[u64]>>>,
    pub(super) blank: Latencies,
}

/// What it brings back.
pub(super) struct Watched {
    pub(super) house: usize,
    pub(super) feed: Feed,
    pub(super) connections: u64,
    /// From the 201's arrival to the delta's; 0 for those that were seen first.
    pub(super) seen: Latencies,
    /// True if its goal was reached.
    pub(super) arrived: bool,
    /// True while its connection stands.
    pub(super) connected: bool,
}

/// See the module's documentation.
pub(super) struct Watcher {
    assignment: Assignment,
    socket: Option<Socket>,
    watched: Watched,
}

impl Watcher {
    /// Connects, to be told all that comes after the house's sequence before the run.
    ///
    /// # Errors
    /// The node refuses, or cannot be reached.
    pub(super) async fn open(assignment: Assignment) -> Result<Option<Self>, Box<Error>> {
        let Some(house) = assignment.houses.get(assignment.house) else { return Ok(None) };
        let feed = Feed::new(house, assignment.folds);
        let seen = assignment.blank.clone();
        let watched = Watched { house: assignment.house, feed, connections: 0, seen, arrived: false, connected: false };
        let mut open = Self { assignment, socket: None, watched };
        open.connect().await?;
        Ok(Some(open))
    }

    /// Watches until the goal is reached; gives up when it is given and nothing new comes for as long as `grace`. A feed that is late
    /// is no feed with a gap.
    pub(super) async fn watch(mut self, grace: Duration) -> Watched {
        let mut goal = self.assignment.goal.clone();
        let mut end: Option<tokio::time::Instant> = None;
        loop {
            let target = goal.borrow().as_ref().and_then(|goals| goals.get(self.assignment.house).copied());
            self.watched.arrived = target.is_some_and(|target| self.watched.feed.last() >= target);
            if self.watched.arrived {
                return self.watched;
            }
            if target.is_some() && end.is_none() {
                end = Some(tokio::time::Instant::now() + grace);
            }
            let seen = self.watched.feed.last();
            let deadline = async {
                match end {
                    Some(end) => tokio::time::sleep_until(end).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = deadline => return self.watched,
                changed = goal.changed(), if end.is_none() => {
                    // Nobody will give a goal any more.
                    if changed.is_err() {
                        return self.watched;
                    }
                }
                () = self.step() => {
                    if self.watched.feed.last() > seen && end.is_some() {
                        end = Some(tokio::time::Instant::now() + grace);
                    }
                }
            }
        }
    }

    /// One message, or one try to connect. May be dropped at any point.
    async fn step(&mut self) {
        let Some(socket) = &mut self.socket else {
            if self.connect().await.is_err() {
                tokio::time::sleep(RECONNECT_PAUSE).await;
            }
            return;
        };
        match socket.next().await {
            Some(Ok(Message::Text(text))) => self.see(text.as_str()),
            Some(Ok(Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
            Some(Ok(Message::Close(_)) | Err(_)) | None => self.disconnect(),
        }
    }

    fn see(&mut self, text: &str) {
        let now = Instant::now();
        let Assignment { houses, house, acknowledged, tally, warm_up, .. } = &self.assignment;
        let Some(showtime) = houses.get(*house) else { return };
        let Some(sequence) = self.watched.feed.see(text, showtime) else { return };
        if let (Some(acknowledged), Some(start)) = (acknowledged, tally.started()) {
            let at = now.saturating_duration_since(start);
            if at >= *warm_up {
                let acknowledged = acknowledged.at(*house, sequence).unwrap_or(at);
                self.watched.seen.record(at.saturating_sub(acknowledged));
            }
        }
    }

    fn disconnect(&mut self) {
        self.socket = None;
        self.watched.connected = false;
    }

    async fn connect(&mut self) -> Result<(), Box<Error>> {
        let Some(house) = self.assignment.houses.get(self.assignment.house) else { return Ok(()) };
        let path = format!("/ws/showtimes/{}?after={}", house.id, self.watched.feed.last());
        let url = self.assignment.target.web_socket(&path);
        // The buffer is cleared before each read: the default of 128 KiB costs more than what comes.
        let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER_BYTES);
        let (socket, _) =
            tokio_tungstenite::connect_async_with_config(url, Some(config), true).await.map_err(Box::new)?;
        self.socket = Some(socket);
        self.watched.connected = true;
        self.watched.connections += 1;
        Ok(())
    }
}
