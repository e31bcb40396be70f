//! What the hub alone knows of a watched showtime: whether a gap is being closed, who waits for that, and the pace of wake-ups.

use std::sync::Arc;

use crate::live::LiveError;
use crate::live::feed::{Feed, Watch};
use crate::live::node::Reply;
use crate::live::pace::Pace;

/// Whether a feed's gap is being closed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Refetch {
    Idle,
    Queued,
    Running,
}

/// A feed, and what the hub alone knows of it.
pub(super) struct Watched {
    pub(super) feed: Arc<Feed>,
    /// Highest sequence heard of.
    pub(super) known: u64,
    pub(super) refetch: Refetch,
    /// Somebody asked after the running refetch had begun: once more.
    pub(super) again: bool,
    /// Who waits for the end of the refetch.
    pub(super) waiting: Vec<Reply>,
    /// When it was first found without a watch, in milliseconds since the node started.
    pub(super) idle_since: Option<u64>,
    /// When who watches is woken.
    pub(super) pace: Pace,
}

impl Watched {
    pub(super) fn new(feed: Arc<Feed>) -> Self {
        let known = feed.head();
        Self {
            feed,
            known,
            refetch: Refetch::Idle,
            again: false,
            waiting: Vec::new(),
            idle_since: None,
            pace: Pace::default(),
        }
    }
}

/// A feed being opened.
pub(super) struct Opening {
    pub(super) replies: Vec<(u64, Reply)>,
    /// Highest sequence that the bus brought meanwhile.
    pub(super) known: u64,
    /// A poll came meanwhile: what was not heard before it may be missing in what is being read.
    pub(super) polled: bool,
}

/// Whoever asked may have left meanwhile; a watch that nobody takes ends by itself.
pub(super) fn answer(reply: Reply, result: Result<Watch, LiveError>) {
    if reply.send(result).is_err() {
        tracing::debug!("a client left before its showtime was open");
    }
}
