//! Strays: showtimes whose document tells of a history that the journal does not have, since the write store was restored to an
//! earlier moment or a fail-over lost commits. They are removed; the sweep then finds them missing and makes them anew.

use std::collections::HashMap;

use crate::read_model::{ReadError, ReadModel};
use crate::write_store::{Journal, StoreError};

/// Looks at every document, `page` of them at a time; returns how many were removed.
pub(super) async fn forget_strays<E>(journal: &dyn Journal, read_model: &dyn ReadModel, page: usize) -> Result<usize, E>
where
    E: From<StoreError> + From<ReadError>,
{
    let (mut start, mut removed) = (None, 0);
    loop {
        let shown = read_model.list(start, page).await?;
        let Some(last) = shown.last() else { break };
        start = Some((last.start_time, last.id));
        // Asked after the documents: what they have, the journal had before them.
        let places = shown.iter().map(|summary| (summary.id, summary.sequence)).collect();
        let recorded: HashMap<_, _> = journal.stamps(places).await?.into_iter().collect();
        for summary in shown {
            let place = (summary.id, summary.sequence);
            if recorded.get(&place) != Some(&summary.stamp) {
                read_model.forget(summary.id, summary.sequence).await?;
                removed += 1;
            }
        }
    }
    if removed > 0 {
        tracing::warn!(
            showtimes.count = removed,
            "{removed} showtimes in the read model had another history than the journal: they are made anew (was the write store restored?)"
        );
    }
    Ok(removed)
}
