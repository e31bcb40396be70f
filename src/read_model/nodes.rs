//! Nodes port: the nodes of the box office, as each of them announces itself, so that an operator sees all of them from any node.
//!
//! **Contract.** Beside the showtimes, and no projection: each node says the same again every few seconds, so what is lost comes back. A node
//! is listed by every node once [`Nodes::announce`] has answered, until [`Nodes::withdraw`] has, or until nothing was heard from it for
//! [`KEPT_FOR`]. When a node was heard, and how long ago that is, is told by the one clock of the store: the clocks of the nodes do not
//! matter. Every call is bounded by the adapter's timeouts.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use uuid::Uuid;

use crate::domain::Timestamp;
use crate::read_model::ReadError;

/// A node from which nothing was heard for so long is silent.
pub const SILENT_AFTER: Duration = Duration::from_secs(15);
/// How long a node is listed after it was last heard.
pub const KEPT_FOR: Duration = Duration::from_hours(1);
/// Most nodes that are listed: those that were heard last. A node that dies and starts again and again is a new one each time.
pub const MOST_LISTED: usize = 1_000;

/// Identity of a node: one run of the server, from its start to its end.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct NodeId(pub Uuid);

/// A node: what it says of itself from its start to its end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Node {
    /// Its identity.
    pub id: NodeId,
    /// Name of the machine that it runs on.
    pub host: String,
    /// Where it listens: several nodes may run on one machine.
    pub address: String,
    /// Version of the program.
    pub version: String,
    /// When it started.
    pub started_at: Timestamp,
}

/// How a node is, in the words of its `/readyz`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NodeHealth {
    /// Its status.
    pub status: String,
    /// Its dependencies: JSON.
    pub dependencies: Bytes,
}

/// A node, and when it was last heard.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HeardNode {
    /// The node.
    pub node: Node,
    /// How it was when it was last heard.
    pub health: NodeHealth,
    /// When that was.
    pub heard_at: Timestamp,
    /// How long ago that was.
    pub age: Duration,
}

impl HeardNode {
    /// True if it should have been heard since: it died, it stands still, or it does not reach the store.
    pub fn is_silent(&self) -> bool {
        self.age >= SILENT_AFTER
    }
}

/// See the module's documentation.
#[async_trait]
pub trait Nodes: Send + Sync + 'static {
    /// Puts this in place of what the node said before. After an error that is done or not, or will be in a moment.
    async fn announce(&self, node: &Node, health: &NodeHealth) -> Result<(), ReadError>;

    /// Removes the node, if it is there.
    async fn withdraw(&self, id: NodeId) -> Result<(), ReadError>;

    /// The nodes, at most [`MOST_LISTED`], in no order.
    async fn heard(&self) -> Result<Vec<HeardNode>, ReadError>;
}
