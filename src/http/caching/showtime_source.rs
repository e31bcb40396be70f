//! Showtime source: the read model, or the write store while that is away.
//!
//! A read model that is away costs one request some time, and no other: from then on the write store is asked at once, until a look in
//! the background finds the read model again. What the write store is asked is bounded, so that readers cannot starve commands: a few
//! calls at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use crate::domain::{NoteTold, ShowtimeId};
use crate::domain::{ShowtimeSummary, ShowtimeView};
use crate::read_model::{PageStart, ReadError, ReadModel};
use crate::telemetry::metrics::{Counter, Registry};
use crate::write_store::{Journal, StoreError};

/// Longest wait for the read model before it counts as away.
const PATIENCE: Duration = Duration::from_secs(1);
/// Time between two looks whether a read model that is away has come back.
const LOOK_BACK: Duration = Duration::from_millis(500);
/// Calls to the write store that are under way at once.
const CALLS: usize = 4;
/// Longest wait for the turn of such a call.
const TURN: Duration = Duration::from_secs(2);

/// See the module's documentation.
pub(crate) struct ShowtimeSource {
    read_model: Arc<dyn ReadModel>,
    /// `None` if the read model lives in this process and cannot be away.
    journal: Option<Arc<dyn Journal>>,
    note_told: NoteTold,
    away: Arc<AtomicBool>,
    turns: Semaphore,
    answers: Counter,
}

/// A showtime's sequence in its source.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Look {
    /// At least 1: a showtime begins with an event.
    pub(crate) sequence: u64,
    /// Who told it.
    pub(crate) origin: Origin,
    /// Just before the source was asked.
    pub(crate) asked: Instant,
}

/// Where an answer comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Origin {
    /// The read model, as a rule.
    ReadModel,
    /// The write store, while the read model is away.
    WriteStore,
}

impl ShowtimeSource {
    pub(crate) fn new(read_model: Arc<dyn ReadModel>, journal: Option<Arc<dyn Journal>>, note_told: NoteTold) -> Self {
        Self {
            read_model,
            journal,
            note_told,
            away: Arc::default(),
            turns: Semaphore::new(CALLS),
            answers: Counter::default(),
        }
    }

    /// The showtime's sequence now; `None` if it is unknown.
    pub(crate) async fn look(&self, id: ShowtimeId) -> Result<Option<Look>, ReadError> {
        let look = self.unnoted_look(id).await?;
        if let Some(look) = look {
            (self.note_told)(id, look.sequence);
        }
        Ok(look)
    }

    async fn unnoted_look(&self, id: ShowtimeId) -> Result<Option<Look>, ReadError> {
        let asked = Instant::now();
        let error = match self.ask(self.read_model.sequence(id)).await {
            Ok(sequence) => return Ok(sequence.map(|sequence| Look { sequence, origin: Origin::ReadModel, asked })),
            Err(error) => error,
        };
        let Some(journal) = &self.journal else { return Err(error) };
        let _turn = self.turn().await?;
        let asked = Instant::now();
        let heads = journal.heads(vec![id]).await.map_err(|error| unreadable(&error))?;
        Ok(heads.first().map(|(_, sequence)| Look { sequence: *sequence, origin: Origin::WriteStore, asked }))
    }

    /// The showtime with all its seats; `None` if it is unknown.
    pub(crate) async fn showtime(&self, id: ShowtimeId) -> Result<Option<Arc<ShowtimeView>>, ReadError> {
        let view = self.view(id).await?;
        if let Some(view) = &view {
            (self.note_told)(id, view.sequence);
        }
        Ok(view)
    }

    async fn view(&self, id: ShowtimeId) -> Result<Option<Arc<ShowtimeView>>, ReadError> {
        let error = match self.ask(self.read_model.showtime(id)).await {
            Ok(view) => return Ok(view),
            Err(error) => error,
        };
        let Some(journal) = &self.journal else { return Err(error) };
        let _turn = self.turn().await?;
        journal.view(id).await.map_err(|error| unreadable(&error))
    }

    /// A page of the list. Only the read model has one; while it is away, that is said at once.
    pub(crate) async fn list(&self, start: PageStart, limit: usize) -> Result<Vec<ShowtimeSummary>, ReadError> {
        let page = self.ask(self.read_model.list(start, limit)).await?;
        for showtime in &page {
            (self.note_told)(showtime.id, showtime.sequence);
        }
        Ok(page)
    }

    async fn ask<T>(&self, call: impl Future<Output = Result<T, ReadError>>) -> Result<T, ReadError> {
        if self.away.load(Ordering::Relaxed) {
            return Err(ReadError { reason: "it is known to be away".to_owned() });
        }
        let late = |_elapsed| Err(ReadError { reason: format!("no answer within {PATIENCE:?}") });
        let answer = timeout(PATIENCE, call).await.unwrap_or_else(late);
        if let Err(error) = &answer {
            self.note_away(error);
        }
        answer
    }

    /// From now on the read model counts as away, until a look at it succeeds.
    fn note_away(&self, error: &ReadError) {
        if self.away.swap(true, Ordering::Relaxed) {
            return;
        }
        tracing::warn!(%error, "the read model is away: seat maps come from the write store");
        let (away, read_model) = (Arc::downgrade(&self.away), Arc::clone(&self.read_model));
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(LOOK_BACK).await;
                let found = read_model.ping().await.is_ok();
                let Some(away) = away.upgrade() else { return };
                if found {
                    tracing::info!("the read model is back");
                    away.store(false, Ordering::Relaxed);
                    return;
                }
            }
        });
    }

    async fn turn(&self) -> Result<tokio::sync::SemaphorePermit<'_>, ReadError> {
        let busy = || ReadError { reason: "too many showtimes are read from the write store".to_owned() };
        let turn = timeout(TURN, self.turns.acquire()).await.map_err(|_elapsed| busy())?.map_err(|_closed| busy())?;
        self.answers.inc();
        Ok(turn)
    }

    /// From now on it is told whether the read model is away, and how often the write store answered for it.
    pub(crate) fn register(&self, registry: &Registry) {
        let away = Arc::clone(&self.away);
        registry.read("read_model_away", "1 while seat maps come from the write store, else 0", move || {
            usize::from(away.load(Ordering::Relaxed))
        });
        let help = "Reads of seat maps that the write store answered";
        registry.add("write_store_reads", help, Counter::clone(&self.answers));
    }
}

fn unreadable(error: &StoreError) -> ReadError {
    ReadError { reason: format!("it is away, and the write store cannot be read: {error}") }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use uuid::Uuid;

    use super::*;
    use crate::domain::{Event, EventRun, RecordedEvent, Row, SeatMap, Stamp, Terms, Timestamp};
    use crate::read_model::embedded::EmbeddedReadModel;

    #[tokio::test]
    async fn what_is_told_is_noted_first() {
        let read_model = Arc::new(EmbeddedReadModel::new());
        let told: Arc<Mutex<Vec<(ShowtimeId, u64)>>> = Arc::default();
        let noting = Arc::clone(&told);
        let note_told: NoteTold = Arc::new(move |id, sequence| noting.lock().unwrap().push((id, sequence)));
        let source = ShowtimeSource::new(read_model.clone(), None, note_told);
        let id = ShowtimeId(Uuid::from_u128(7));
        assert_eq!(source.look(id).await.unwrap(), None);
        let rows = SeatMap::new(vec![Row::numbered("A", 1)]).unwrap();
        let (movie_title, terms) = ("M".to_owned(), Terms::default());
        let event = Event::ShowtimeScheduled { movie_title, start_time: Timestamp::MAX, rows, terms };
        let recorded =
            RecordedEvent { sequence: 1, recorded_at: Timestamp::MIN, stamp: Stamp(1), follows: Stamp(0), event };
        read_model.apply(&EventRun::new(id, vec![recorded]).unwrap()).await.unwrap();
        source.look(id).await.unwrap();
        source.showtime(id).await.unwrap();
        source.list(None, 1).await.unwrap();
        assert_eq!(*told.lock().unwrap(), [(id, 1); 3]);
    }
}
