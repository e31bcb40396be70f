//! Nodes in memory, for one process: it lists itself.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::domain::{Clock, Timestamp};
use crate::read_model::ReadError;
use crate::read_model::nodes::{HeardNode, KEPT_FOR, Node, NodeHealth, NodeId, Nodes};

/// See the module's documentation.
pub struct EmbeddedNodes {
    clock: Clock,
    heard: Mutex<HashMap<NodeId, Heard>>,
}

/// What a node said, and when.
struct Heard {
    node: Node,
    health: NodeHealth,
    at: Timestamp,
}

impl EmbeddedNodes {
    /// Nothing was heard yet; this clock tells when something is.
    pub fn new(clock: Clock) -> Self {
        Self { clock, heard: Mutex::default() }
    }

    /// Those that were heard within [`KEPT_FOR`] before `now`.
    fn kept(&self, now: Timestamp) -> MutexGuard<'_, HashMap<NodeId, Heard>> {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.retain(|_, heard| now.since(heard.at) < KEPT_FOR);
        heard
    }
}

#[async_trait]
impl Nodes for EmbeddedNodes {
    async fn announce(&self, node: &Node, health: &NodeHealth) -> Result<(), ReadError> {
        let at = (self.clock)();
        self.kept(at).insert(node.id, Heard { node: node.clone(), health: health.clone(), at });
        Ok(())
    }

    async fn withdraw(&self, id: NodeId) -> Result<(), ReadError> {
        self.kept((self.clock)()).remove(&id);
        Ok(())
    }

    async fn heard(&self) -> Result<Vec<HeardNode>, ReadError> {
        let now = (self.clock)();
        let told = |Heard { node, health, at }: &Heard| {
            let (node, health) = (node.clone(), health.clone());
            HeardNode { node, health, heard_at: *at, age: now.since(*at) }
        };
        Ok(self.kept(now).values().map(told).collect())
    }
}
