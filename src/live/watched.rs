//! What the hub alone knows of a watched showtime: whether a gap is being closed, who waits for that, and when who watches is woken next.

use std::sync::Arc;
use std::time::Duration;

use crate::live::Settings;
use crate::live::feed::Feed;
use crate::live::hub::Reply;

/// Whether a feed's gap is being closed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Refetch {
    Idle,
    Queued,
    Running,
}

/// When to wake who watches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Turn {
    /// Now.
    Now,
    /// After a pause; then [`Watched::turn_has_come`].
    In(Duration),
    /// A pause is under way.
    Awaited,
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
    /// When who watches was last woken, in milliseconds since the node started.
    woken_at: u64,
    /// They are woken again at the end of a pause.
    is_due: bool,
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
            woken_at: 0,
            is_due: false,
        }
    }

    /// When to wake who watches, as there is something new. The more there are, the longer the pause between two rounds: each costs
    /// a write to every connection, and what comes meanwhile shares the next one.
    pub(super) fn turn(&mut self, watchers: usize, now: u64, settings: &Settings) -> Turn {
        if self.is_due {
            return Turn::Awaited;
        }
        let watchers = u64::try_from(watchers).unwrap_or(u64::MAX);
        let pause = watchers.saturating_mul(settings.pause_micros_per_watcher) / 1_000;
        let next = self.woken_at.saturating_add(pause.min(settings.max_pause_millis));
        if now >= next {
            self.woken_at = now;
            return Turn::Now;
        }
        self.is_due = true;
        Turn::In(Duration::from_millis(next - now))
    }

    /// The pause has ended.
    pub(super) fn turn_has_come(&mut self) {
        self.is_due = false;
    }
}

/// A feed being opened.
pub(super) struct Opening {
    pub(super) replies: Vec<(u64, Reply)>,
    /// Highest sequence that the bus brought meanwhile.
    pub(super) known: u64,
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::ShowtimeId;
    use crate::live::ring::Ring;

    #[test]
    fn the_more_watch_the_longer_is_the_pause_and_nothing_new_is_forgotten() {
        let id = ShowtimeId(Uuid::from_u128(1));
        let mut watched = Watched::new(Arc::new(Feed::new(id, Ring::new(id, 0, 10, 1_000))));
        let settings = Settings { pause_micros_per_watcher: 20, max_pause_millis: 100, ..Settings::default() };
        let pause = |millis| Turn::In(Duration::from_millis(millis));
        assert_eq!(watched.turn(500, 1_000, &settings), Turn::Now);
        assert_eq!(watched.turn(500, 1_004, &settings), pause(6));
        assert_eq!(watched.turn(500, 1_005, &settings), Turn::Awaited);
        watched.turn_has_come();
        assert_eq!(watched.turn(500, 1_010, &settings), Turn::Now);
        assert_eq!(watched.turn(1_000_000, 1_010, &settings), pause(100));
        watched.turn_has_come();
        assert_eq!(watched.turn(40, 1_010, &settings), Turn::Now, "a few cost nothing");
    }
}
