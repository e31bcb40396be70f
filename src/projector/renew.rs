//! Renewal: puts a showtime as the write store has it in place of its document, whatever that was.

use std::time::Duration;

use crate::domain::{Place, ShowtimeId};
use crate::projector::outage::Outage;
use crate::read_model::{ReadError, ReadModel};
use crate::write_store::Journal;

/// Attempts while others write the same document.
const ATTEMPTS: u32 = 16;
/// Pause before the second attempt; it grows with each further one.
const PAUSE: Duration = Duration::from_millis(5);

/// Returns where the showtime stands now; `None` if the write store does not know it, and its document was removed.
pub(super) async fn renew(
    journal: &dyn Journal,
    read_model: &dyn ReadModel,
    id: ShowtimeId,
) -> Result<Option<Place>, Outage> {
    for attempt in 0..ATTEMPTS {
        tokio::time::sleep(PAUSE * attempt).await;
        // The document is read first: the write store had what it shows before. So no reader is shown an older showtime than before.
        let over = read_model.place(id).await?;
        let view = journal.view(id).await?;
        let place = view.as_ref().map(|view| view.place());
        if read_model.replace(id, over, view).await? {
            return Ok(place);
        }
    }
    let reason = format!("{ATTEMPTS} attempts to replace the showtime {id} met other writers");
    Err(ReadError { reason }.into())
}
