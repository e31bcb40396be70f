//! How one showtime is written and read with nothing but atomic single documents: no transaction, no lock, any number of writers.
//!
//! **Writing a run** of events with the head at H: read the head, then the chunks that the run is about; write their new content,
//! each only over the sequence it was made from; when all are acknowledged, write the head over H. Whatever does not match
//! means that somebody else wrote: start again from the head.
//!
//! **Reading**: take the head, then all chunks; show every chunk as it was at the head's sequence ([`Chunk::at`](super::chunk::Chunk::at)).
//!
//! **Why a read is the fold at exactly one sequence.**
//! 1. A chunk's content is a function of the journal: the fold at its `sequence`, with the way back to its `base`. Two writers
//!    with other run boundaries may write different `sequence`s, never contradicting ones. A chunk's sequence only grows.
//! 2. The head is moved to E only after every chunk has the events about it up to E. So a chunk read after the head has
//!    all that the head promises. It may have more (a write under way, or one that died there, or another writer with longer runs):
//!    that is undone, event by event, so any boundary in between can be shown.
//! 3. A writer forgets undo entries only up to a head that it has read, and heads only grow. So a reader finds its
//!    sequence forgotten only if the head has moved on, and starts again with the newer one.
//! 4. The head names for each chunk the last event about it. So also documents from different moments (a new primary;
//!    a collection that was emptied under a writer) cannot be mistaken for a fitting set: what does not fit is read again, and if it stays so, removed, to be refilled from the journal.
//!
//! A showtime whose seats one chunk would hold has them within its head: then there is one document, and nothing to fit.
//!
//! **Why a dead writer leaves no harm**: what it wrote is either ahead of the head, hence invisible, or complete. The same
//! events, cut into other runs, find the chunks that have them already and leave these alone.

use std::future::Future;

use crate::domain::{EventRun, ShowtimeId};
use crate::read_model::{Applied, ReadError, ShowtimeView};

use super::head::{ChunkWrite, Chunks, Head, HeadWrite, Misfit, Plan, plan_first};

/// The stored documents of one showtime in one generation. Every single write is atomic and durable when it returns.
pub(super) trait Documents: Send + Sync {
    /// The head, if there is one.
    fn head(&self) -> impl Future<Output = Result<Option<Head>, ReadError>> + Send;

    /// The chunks with these numbers, without their rows; those that do not exist are left out.
    fn chunks(&self, numbers: Vec<u32>) -> impl Future<Output = Result<Chunks, ReadError>> + Send;

    /// Every chunk, with its rows.
    fn all_chunks(&self) -> impl Future<Output = Result<Chunks, ReadError>> + Send;

    /// Writes chunks, in any order, each if it is what the write expects; true if all were.
    fn write_chunks(&self, writes: &[ChunkWrite]) -> impl Future<Output = Result<bool, ReadError>> + Send;

    /// Writes the head if it is what the write expects, and not fenced against this writer; true if it was.
    fn write_head(&self, write: &HeadWrite) -> impl Future<Output = Result<bool, ReadError>> + Send;

    /// Removes the head if it has this sequence (`None`: there is none), then all chunks.
    fn remove(&self, head: Option<u64>) -> impl Future<Output = Result<(), ReadError>> + Send;

    /// Waits a little before the next attempt, longer each time.
    fn pause(&self, attempt: u32) -> impl Future<Output = ()> + Send;
}

/// Attempts of one read or write before it is given up for now. Each but the last few means that somebody else made progress.
const ATTEMPTS: u32 = 16;
/// Attempts that find the same misfit under the same head before the showtime is taken for damaged.
const MISFITS_OF_DAMAGE: u32 = 8;

/// What became of a write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Written {
    /// As in the port.
    Applied(Applied),
    /// The head belongs to writers that know of a newer generation: learn of it and begin there.
    Fenced,
}

/// What a writer wrote last about a showtime. It is only a guess at what is stored now: every write checks it, and no answer
/// is given on its word alone.
#[derive(Clone, Debug)]
pub(super) struct Remembered {
    head: Head,
    chunks: Chunks,
}

impl Remembered {
    /// For a bound on memory: how many chunks it holds (seats within the head are one), and one for the head.
    pub(super) fn size(&self) -> usize {
        self.chunks.len() + 1 + usize::from(self.head.within.is_some())
    }
}

/// Applies a run. `known` is the newest generation that the writer knows of. `memory` saves reading what this writer wrote
/// itself: the same sequence and stamp mean the same content, so a guess that passes the guards was right.
pub(super) async fn apply(
    documents: &impl Documents,
    run: &EventRun,
    known: u64,
    memory: &mut Option<Remembered>,
) -> Result<Written, ReadError> {
    let guess = memory.take().filter(|guess| run.goes_on(guess.head.sequence, guess.head.stamp));
    if let Some(Remembered { head, mut chunks }) = guess {
        read_missing(documents, &head, run, &mut chunks).await?;
        if let Ok(plan) = head.plan(run, &chunks)
            && write(documents, &plan).await?
        {
            *memory = Some(plan.remember(chunks));
            return Ok(Written::Applied(Applied::UpTo(run.last_sequence())));
        }
    }
    apply_to_stored(documents, run, known, memory).await
}

async fn apply_to_stored(
    documents: &impl Documents,
    run: &EventRun,
    known: u64,
    memory: &mut Option<Remembered>,
) -> Result<Written, ReadError> {
    let mut misfits = Misfits::default();
    for attempt in 0..ATTEMPTS {
        if attempt > 0 {
            documents.pause(attempt).await;
        }
        let head = documents.head().await?;
        let (have, stamp) = head.as_ref().map_or_else(Default::default, |head| (head.sequence, head.stamp));
        if head.as_ref().is_some_and(|head| head.fence > known) {
            return Ok(Written::Fenced);
        }
        if run.last_sequence() <= have {
            return Ok(Written::Applied(Applied::UpTo(have)));
        }
        if !run.goes_on(have, stamp) {
            return Ok(Written::Applied(Applied::Gap { have }));
        }
        let mut chunks = Chunks::new();
        let plan = if let Some(head) = &head {
            read_missing(documents, head, run, &mut chunks).await?;
            head.plan(run, &chunks)
        } else {
            match plan_first(run, &documents.all_chunks().await?, known) {
                Some(plan) => plan,
                None => return Ok(Written::Applied(Applied::Gap { have: 0 })),
            }
        };
        match plan {
            Ok(plan) => {
                if write(documents, &plan).await? {
                    *memory = Some(plan.remember(chunks));
                    return Ok(Written::Applied(Applied::UpTo(run.last_sequence())));
                }
            }
            Err(misfit) => {
                if misfits.is_damage(head.map(|head| head.sequence), misfit) {
                    repair(documents, misfits.head).await?;
                    return Ok(Written::Applied(Applied::Gap { have: 0 }));
                }
            }
        }
    }
    Err(ReadError { reason: format!("{ATTEMPTS} attempts to write a showtime met other writers") })
}

async fn read_missing(
    documents: &impl Documents,
    head: &Head,
    run: &EventRun,
    chunks: &mut Chunks,
) -> Result<(), ReadError> {
    let missing = head.touched(run).into_iter().filter(|number| !chunks.contains_key(number)).collect();
    chunks.append(&mut documents.chunks(missing).await?);
    Ok(())
}

/// The chunks, and once all of them are there, the head; true if all was as expected.
async fn write(documents: &impl Documents, plan: &Plan) -> Result<bool, ReadError> {
    Ok(documents.write_chunks(&plan.chunks).await? && documents.write_head(&plan.head).await?)
}

impl Plan {
    /// What is stored once the plan is carried out, as far as it is known.
    fn remember(self, mut chunks: Chunks) -> Remembered {
        for write in self.chunks {
            chunks.insert(write.chunk.number, write.chunk);
        }
        Remembered { head: self.head.head, chunks }
    }
}

/// Reads a showtime; `None` if there is no head.
pub(super) async fn read(documents: &impl Documents, id: ShowtimeId) -> Result<Option<ShowtimeView>, ReadError> {
    let mut misfits = Misfits::default();
    for attempt in 0..ATTEMPTS {
        if attempt > 0 {
            documents.pause(attempt).await;
        }
        let Some(head) = documents.head().await? else {
            return Ok(None);
        };
        let chunks = if head.within.is_some() { Chunks::new() } else { documents.all_chunks().await? };
        match head.view(id, &chunks) {
            Ok(view) => return Ok(Some(view)),
            Err(misfit) => {
                if misfits.is_damage(Some(head.sequence), misfit) {
                    repair(documents, misfits.head).await?;
                    return Err(ReadError { reason: format!("the showtime {id} was damaged and is being refilled") });
                }
            }
        }
    }
    Err(ReadError { reason: format!("the showtime {id} changed faster than it could be read") })
}

/// The sweep finds the showtime missing and refills it. Somebody who writes meanwhile leaves at worst another misfit.
async fn repair(documents: &impl Documents, head: Option<u64>) -> Result<(), ReadError> {
    tracing::warn!("a showtime in the read model is damaged: it is removed, to be refilled from the journal");
    documents.remove(head).await
}

/// Tells a head that moves on between two reads from documents that do not belong together.
#[derive(Default)]
struct Misfits {
    head: Option<u64>,
    kind: Option<Misfit>,
    seen: u32,
}

impl Misfits {
    fn is_damage(&mut self, head: Option<u64>, kind: Misfit) -> bool {
        if (self.head, self.kind) == (head, Some(kind)) {
            self.seen += 1;
        } else {
            *self = Self { head, kind: Some(kind), seen: 1 };
        }
        self.seen >= MISFITS_OF_DAMAGE
    }
}
