//! Runs: events of different showtimes that wait at the same moment are applied together, by one query and one command. So many
//! lukewarm showtimes share round trips and flushes of the server's log.
//!
//! A document is changed only over the sequence and stamp that it was read with. If one of them has another by then, somebody else
//! wrote, and it is read again. So a statement does no harm if its caller has given up, or if it is sent twice.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use mongodb::bson::{Bson, Document, doc};

use crate::coalesce::{Carrier, Waiting};
use crate::domain::{Applied, EventRun, Listing, Place, SeatMap, SeatStatus, ShowtimeId, ShowtimeView, Stamp};
use crate::read_model::ReadError;
use crate::read_model::mongodb::collection::{Showtimes, statement};
use crate::read_model::mongodb::document::{self, Damaged, LISTING_FIELDS, laid_out, listed, moved, whole};
use crate::read_model::mongodb::failure::unavailable;

/// Most runs in one command. A statement has at most some 100 KB, and a message may have 48 MB.
const RUNS_AT_ONCE: usize = 128;
/// Attempts to write a load while others write the same documents.
const ATTEMPTS: u32 = 16;

/// Applies runs to the documents.
pub(super) struct Runs(pub(super) Showtimes);

/// What is to be done about a run.
enum Step {
    /// Nothing is to be written.
    Answer(Applied),
    /// This update statement is to be carried out.
    Write(Document),
}

/// What a run needs of its document.
struct Stored {
    place: Place,
    listing: Arc<Listing>,
    statuses: Vec<SeatStatus>,
    /// Read if a run sets the rows.
    seat_map: Option<Arc<SeatMap>>,
}

impl Carrier for Runs {
    type Item = EventRun;
    type Answer = Result<Applied, ReadError>;

    fn load(&self, waiting: &mut VecDeque<Waiting<Self>>) -> Vec<Waiting<Self>> {
        let count = waiting.len().min(RUNS_AT_ONCE);
        waiting.drain(..count).collect()
    }

    async fn carry(self: Arc<Self>, mut load: Vec<Waiting<Self>>) {
        for attempt in 0..ATTEMPTS {
            let pause = Duration::from_millis(u64::from((attempt * attempt * 5).min(200)));
            tokio::time::sleep(pause).await;
            load = self.attempt(load).await;
            if load.is_empty() {
                return;
            }
        }
        answer_all(load, &unavailable(format!("{ATTEMPTS} attempts to write met other writers")));
    }
}

impl Runs {
    /// Returns the runs that are to be tried again.
    async fn attempt(&self, load: Vec<Waiting<Self>>) -> Vec<Waiting<Self>> {
        let stored = match self.stored(&load).await {
            Ok(stored) => stored,
            Err(error) => return answer_all(load, &error),
        };
        let (mut statements, mut written, mut creates) = (Vec::new(), Vec::new(), false);
        for waiting in load {
            let stored = stored.get(&waiting.item.showtime_id());
            match step(&waiting.item, stored) {
                Ok(Step::Answer(applied)) => waiting.answer(Ok(applied)),
                Ok(Step::Write(statement)) => {
                    statements.push(statement);
                    written.push(waiting);
                    creates |= stored.is_none();
                }
                Err(error) => waiting.answer(Err(error.into())),
            }
        }
        if written.is_empty() {
            return written;
        }
        match self.write(statements, creates).await {
            Ok(true) => {
                for waiting in written {
                    let reached = waiting.item.last_sequence();
                    waiting.answer(Ok(Applied::UpTo(reached)));
                }
                Vec::new()
            }
            Ok(false) => written,
            Err(error) => answer_all(written, &error),
        }
    }

    async fn stored(&self, load: &[Waiting<Self>]) -> Result<HashMap<ShowtimeId, Stored>, ReadError> {
        let ids = load.iter().map(|waiting| waiting.item.showtime_id()).collect();
        let mut fields = doc! { "sequence": 1, "stamp": 1, "seatCount": 1, "statuses": 1 };
        fields.extend(LISTING_FIELDS.map(|name| (name.to_owned(), Bson::from(1))));
        // A new showtime has no document, whose rows could be read.
        let of_move = |run: &EventRun| run.rows_after(1).is_some().then(|| run.showtime_id());
        let with_rows: HashSet<ShowtimeId> = load.iter().filter_map(|waiting| of_move(&waiting.item)).collect();
        if !with_rows.is_empty() {
            fields.insert("rows", 1);
        }
        let decode = |found: &Document| {
            let (place, statuses) = (document::place(found)?, document::statuses(found)?);
            let listing = Arc::new(document::listing(found)?);
            let id = document::id(found)?;
            let seat_map = with_rows.contains(&id).then(|| document::seat_map(found)).transpose()?.map(Arc::new);
            Ok((id, Stored { place, listing, statuses, seat_map }))
        };
        Ok(self.0.find(ids, fields, decode).await?.into_iter().collect())
    }

    async fn write(&self, statements: Vec<Document>, creates: bool) -> Result<bool, ReadError> {
        if creates {
            self.0.prepare().await?;
        }
        self.0.update(statements).await
    }
}

fn step(run: &EventRun, stored: Option<&Stored>) -> Result<Step, Damaged> {
    if let Some(stored) = stored {
        return stored.step(run);
    }
    let first = run.events().first().filter(|_first| run.goes_on(0, Stamp::default()));
    let Some(mut view) = first.and_then(|first| ShowtimeView::scheduled(run.showtime_id(), first)) else {
        return Ok(Step::Answer(Applied::Gap { have: 0 }));
    };
    view.apply(run);
    Ok(Step::Write(statement(view.id, None, whole(&view)?)?))
}

impl Stored {
    fn step(&self, run: &EventRun) -> Result<Step, Damaged> {
        let (id, mut listing, mut statuses) = (run.showtime_id(), Arc::clone(&self.listing), self.statuses.clone());
        let mut next = self.place;
        let (applied, rows) = match &self.seat_map {
            Some(seat_map) if run.rows_after(next.sequence).is_some() => {
                let Place { sequence, stamp } = next;
                let mut view = ShowtimeView { id, listing, sequence, stamp, seat_map: Arc::clone(seat_map), statuses };
                let applied = view.apply(run);
                (next, listing, statuses) = (view.place(), view.listing, view.statuses);
                (applied, Some(view.seat_map))
            }
            Some(_) | None => (next.apply(run, &mut listing, &mut statuses), None),
        };
        if next == self.place {
            return Ok(Step::Answer(applied));
        }
        let mut fields = moved(next, &statuses)?;
        if listing != self.listing {
            fields.extend(listed(&listing)?);
        }
        if let Some(rows) = rows {
            fields.extend(laid_out(&rows)?);
        }
        Ok(Step::Write(statement(id, Some(self.place), fields)?))
    }
}

/// Returns no runs: none is left to be tried again.
fn answer_all(load: Vec<Waiting<Runs>>, error: &ReadError) -> Vec<Waiting<Runs>> {
    for waiting in load {
        waiting.answer(Err(error.clone()));
    }
    Vec::new()
}
