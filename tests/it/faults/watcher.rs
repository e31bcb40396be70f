//! A watcher: a plain WebSocket client that resumes with `after=` whenever it loses its connection, and insists on each sequence once and in order.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt;
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;

use crate::faults::traffic::Addresses;

/// A delta as it was received: sequence, seats, and their status.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delta {
    pub sequence: u64,
    pub seats: Vec<String>,
    pub status: String,
}

/// Watches one showtime through one node from sequence 1 on, until dropped.
pub struct Watcher {
    pub node: usize,
    pub showtime: String,
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

/// What a watcher has been shown.
#[derive(Clone, Default, Debug)]
pub struct Seen {
    /// Every delta; the first has sequence 2.
    pub deltas: Vec<Delta>,
    pub connections: usize,
    /// Messages that break the order, or that no client may get.
    pub broken: Vec<String>,
}

impl Seen {
    fn last(&self) -> u64 {
        self.deltas.last().map_or(1, |delta| delta.sequence)
    }

    fn note(&mut self, text: &str) {
        let message: Value = serde_json::from_str(text).unwrap_or_default();
        let last = self.last();
        match message["sequence"].as_u64() {
            Some(sequence) if message["type"] == "seatsStatusChanged" && sequence == last + 1 => {
                let ids = message["seatIds"].as_array().cloned().unwrap_or_default();
                let seats = ids.iter().map(|id| id.as_str().unwrap_or_default().to_owned()).collect();
                let status = message["status"].as_str().unwrap_or_default().to_owned();
                self.deltas.push(Delta { sequence, seats, status });
            }
            _ => self.broken.push(format!("after {last}: {}", text.chars().take(200).collect::<String>())),
        }
    }
}

impl Watcher {
    pub fn start(addresses: Addresses, node: usize, showtime: String) -> Self {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let task = tokio::spawn(watch(addresses, node, showtime.clone(), Arc::clone(&seen)));
        Self { node, showtime, seen, task }
    }

    /// The last sequence seen.
    pub fn last(&self) -> u64 {
        self.seen.lock().unwrap().last()
    }

    pub fn seen(&self) -> Seen {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn watch(addresses: Addresses, node: usize, showtime: String, seen: Arc<Mutex<Seen>>) {
    loop {
        let address = addresses.lock().unwrap()[node].replacen("http", "ws", 1);
        let after = seen.lock().unwrap().last();
        let url = format!("{address}/ws/showtimes/{showtime}?after={after}");
        // Bounded: a stopped node accepts connections and says nothing.
        let connected = tokio::time::timeout(Duration::from_secs(12), tokio_tungstenite::connect_async(url)).await;
        if let Ok(Ok((mut socket, _))) = connected {
            seen.lock().unwrap().connections += 1;
            while let Some(Ok(message)) = socket.next().await {
                if let Message::Text(text) = message {
                    seen.lock().unwrap().note(&text);
                }
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
