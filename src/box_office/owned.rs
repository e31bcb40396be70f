//! A showtime's state in the hands of its actor, and how it is kept true to the store.

use std::sync::Arc;

use tokio::time::Instant;

use crate::box_office::board::Board;
use crate::box_office::progress::Step;
use crate::domain::{Event, RecordedEvent, Showtime, Stamp};
use crate::write_store::{Committed, Ledger, Loaded, StoreError};

/// Events read from the journal in one call while catching up.
const JOURNAL_PAGE: usize = 1_000;
/// Gap in the journal past which loading the showtime again is cheaper than catching up.
const MAX_CATCH_UP: usize = 20_000;

/// A showtime's state as its actor owns it between batches.
pub(super) struct Owned {
    pub showtime: Showtime,
    fence: u64,
    /// Stamp of the state's last event: the journal must still have that event.
    stamp: Stamp,
    /// When the state was last known to be the store's: a refusal must not rest on knowledge older than the request.
    synced_at: Instant,
    /// Shows everybody what is committed; never what is only decided.
    board: Arc<Board>,
}

impl Owned {
    /// A state that was asked for at `asked`.
    pub(super) fn new(loaded: Loaded, asked: Instant, board: Arc<Board>) -> Self {
        board.show(&loaded.showtime);
        let Loaded { showtime, stamp, fence } = loaded;
        board.agreed_at(showtime.sequence(), stamp, asked);
        Self { showtime, fence, stamp, synced_at: asked, board }
    }

    /// What a batch that goes on from here names: the fence, and the last event's stamp.
    pub(super) fn standing(&self) -> (u64, Stamp) {
        (self.fence, self.stamp)
    }

    /// Learns from the journal which holds ended shortly before the state was loaded, so that whoever gave them up is known for it.
    pub(super) async fn learn_recent_past(&mut self, store: &dyn Ledger) {
        let sequence = self.showtime.sequence();
        // A hold that ended needs three events before it can be missed: scheduled, reserved, ended.
        if sequence < 3 {
            return;
        }
        let events = self.showtime.telling_events();
        let after = sequence.saturating_sub(u64::from(events));
        match store.journal(self.showtime.id(), after, usize::from(events)).await {
            Ok(events) => {
                for recorded in &events {
                    self.showtime.note_ended(recorded);
                }
            }
            Err(error) => tracing::debug!(error = %error, "the recent past of a showtime was not read"),
        }
    }

    /// Whether others may have written between the state's last agreement with the store and `moment`.
    pub(super) fn is_from_before(&self, moment: Instant) -> bool {
        self.synced_at < moment
    }

    /// These events are committed and the state has them: everybody may know.
    pub(super) fn show(&self, events: &[Event]) {
        for event in events {
            let seats = event.seats_status();
            self.board.change(seats.seat_ids, seats.status);
        }
        self.board.follow(&self.showtime, events.iter().filter_map(Event::booking_id));
    }

    /// The state's last events were committed by this owner, and follow what it had seen. False if they do not: others have written, or
    /// the store has lost events.
    pub(super) fn goes_on_with(&mut self, base: u64, committed: &Committed) -> bool {
        self.fence = committed.fence;
        let goes_on = committed.first_sequence == base + 1 && committed.follows == self.stamp;
        if goes_on {
            self.stamp = committed.stamp;
        }
        goes_on
    }

    /// The state is the store's as of `moment`: when the commit or the journal that shows it was asked for. Before the answer came
    /// others may have written.
    pub(super) fn agreed_at(&mut self, moment: Instant) {
        self.synced_at = moment;
        self.board.agreed_at(self.showtime.sequence(), self.stamp, moment);
    }

    /// Applies what the journal has beyond the state: changes by other owners. If it does not have the state's last event any more (the
    /// store was restored to an earlier moment, or a fail-over lost commits), the showtime is loaded again.
    pub(super) async fn catch_up(&mut self, store: &dyn Ledger) -> Result<(), StoreError> {
        self.board.progress.enter(Step::CatchingUp);
        let started = Instant::now();
        let mut read = 0;
        loop {
            let known = self.showtime.sequence();
            let page = store.missed(self.showtime.id(), known.saturating_sub(1), JOURNAL_PAGE).await?;
            let Some((last_known, events)) = page.split_first().filter(|(first, _)| self.has_seen(first)) else {
                tracing::warn!(showtime.id = %self.showtime.id(), "the journal has lost events of showtime {}; it is loaded again", self.showtime.id());
                return self.load_again(store).await;
            };
            self.stamp = events.last().unwrap_or(last_known).stamp;
            for recorded in events {
                self.showtime.evolve(&recorded.event, recorded.sequence, recorded.recorded_at, None);
                self.show(std::slice::from_ref(&recorded.event));
            }
            read += events.len();
            if page.len() < JOURNAL_PAGE {
                break;
            }
            if read > MAX_CATCH_UP {
                return self.load_again(store).await;
            }
        }
        self.agreed_at(started);
        Ok(())
    }

    /// Whether this is the state's last event.
    fn has_seen(&self, event: &RecordedEvent) -> bool {
        event.sequence == self.showtime.sequence() && event.stamp == self.stamp
    }

    async fn load_again(&mut self, store: &dyn Ledger) -> Result<(), StoreError> {
        self.board.progress.enter(Step::Loading);
        let asked = Instant::now();
        let loaded = store.load(self.showtime.id()).await?;
        let loaded = loaded.ok_or_else(|| StoreError::Corrupt("a showtime is gone".to_owned()))?;
        *self = Self::new(loaded, asked, Arc::clone(&self.board));
        self.learn_recent_past(store).await;
        Ok(())
    }
}
