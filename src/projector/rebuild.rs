//! Rebuild: makes every document of the read model anew, one after the other. A rebuild that is stopped leaves whole documents, some
//! of them new; it can be run again at any time.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};
use tokio_util::sync::CancellationToken;

use super::Settings;
use super::outage::Outage;
use super::renew::renew;
use crate::domain::ShowtimeId;
use crate::read_model::ReadModel;
use crate::write_store::WriteStore;

/// How far a rebuild is, told after every page of showtimes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RebuildProgress {
    /// Documents made anew.
    pub renewed: usize,
    /// Documents removed, since the write store does not know their showtimes.
    pub removed: usize,
}

impl fmt::Display for RebuildProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} showtimes made anew, {} unknown ones removed", self.renewed, self.removed)
    }
}

/// Why a rebuild ended early.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// A store did not answer.
    #[error(transparent)]
    Outage(#[from] Outage),
    /// Asked to stop.
    #[error("the rebuild was stopped")]
    Stopped,
}

/// The two sides that a rebuild brings together.
#[derive(Clone)]
pub struct Stores {
    /// Where showtimes are.
    pub write_store: Arc<dyn WriteStore>,
    /// Where their documents are.
    pub read_model: Arc<dyn ReadModel>,
}

/// Rebuilds the read model. `stop` ends it after the documents under way. Projectors may run meanwhile.
pub async fn rebuild(
    stores: &Stores,
    settings: &Settings,
    stop: &CancellationToken,
    mut progress: impl FnMut(RebuildProgress) + Send,
) -> Result<RebuildProgress, RebuildError> {
    let mut state = RebuildProgress::default();
    let page = settings.sweep_page.max(1);
    let mut start = None;
    loop {
        let shown = stores.read_model.list(start, page).await.map_err(Outage::from)?;
        let Some(last) = shown.last() else { break };
        start = Some((last.listing.start_time, last.id));
        let ids: Vec<ShowtimeId> = shown.iter().map(|summary| summary.id).collect();
        let known: HashMap<_, _> =
            stores.write_store.heads(ids.clone()).await.map_err(Outage::from)?.into_iter().collect();
        let unknown = ids.into_iter().filter(|id| !known.contains_key(id)).collect();
        state.removed += renew_all(stores, settings, stop, unknown).await?;
    }
    let mut after = None;
    loop {
        let heads = stores.write_store.heads_page(after, page).await.map_err(Outage::from)?;
        let Some((last, _)) = heads.last() else { break };
        after = Some(*last);
        let ids = heads.into_iter().map(|(id, _)| id).collect();
        state.renewed += renew_all(stores, settings, stop, ids).await?;
        progress(state);
    }
    Ok(state)
}

/// Returns how many documents were made anew: all of them.
async fn renew_all(
    stores: &Stores,
    settings: &Settings,
    stop: &CancellationToken,
    ids: Vec<ShowtimeId>,
) -> Result<usize, RebuildError> {
    let renewals = ids.into_iter().map(async |id| {
        if stop.is_cancelled() {
            return Err(RebuildError::Stopped);
        }
        renew(&*stores.write_store, &*stores.read_model, id).await?;
        Ok(1)
    });
    stream::iter(renewals)
        .buffer_unordered(settings.rebuild_showtimes_at_once.max(1))
        .try_fold(0, async |sum, count| Ok(sum + count))
        .await
}
