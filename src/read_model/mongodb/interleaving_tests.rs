//! Every order in which readers, several writers and crashes can meet, one document at a time: the protocol itself, stepped by hand.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;
use uuid::Uuid;

use super::chunk::available;
use super::head::{ChunkWrite, Chunks, Head, HeadWrite};
use super::protocol::{Documents, Written, apply, read};
use crate::domain::{
    BookingId, Event, EventRun, PaymentReference, RecordedEvent, Row, SeatId, SeatMap, ShowtimeId, Stamp, Timestamp,
    UserId,
};
use crate::read_model::{Applied, ReadError, ShowtimeView};

const SHOWTIME: ShowtimeId = ShowtimeId(Uuid::from_u128(7));
/// Three chunks of 4, 4 and 2 seats.
const LARGE: u32 = 10;
/// One chunk would hold them: they are within the head.
const SMALL: u32 = 4;

/// The documents of one showtime. Each access to one document is one step: the scheduler decides who goes next.
#[derive(Clone, Default)]
struct Shelf(Arc<Mutex<Stored>>);

#[derive(Default)]
struct Stored {
    head: Option<Head>,
    chunks: Chunks,
    /// The head that was acknowledged last.
    acknowledged: u64,
    removals: u32,
}

/// One step: pending once, so that the scheduler can let others go first.
async fn step() {
    let mut stepped = false;
    std::future::poll_fn(
        |_context| {
            if std::mem::replace(&mut stepped, true) { Poll::Ready(()) } else { Poll::Pending }
        },
    )
    .await;
}

impl Shelf {
    fn with<T>(&self, access: impl FnOnce(&mut Stored) -> T) -> T {
        access(&mut self.0.lock().unwrap())
    }

    async fn read_chunk(&self, number: u32, into: &mut Chunks) {
        step().await;
        if let Some(chunk) = self.with(|stored| stored.chunks.get(&number).cloned()) {
            into.insert(number, chunk);
        }
    }
}

impl Documents for Shelf {
    async fn head(&self) -> Result<Option<Head>, ReadError> {
        step().await;
        Ok(self.with(|stored| stored.head.clone()))
    }

    async fn chunks(&self, numbers: Vec<u32>) -> Result<Chunks, ReadError> {
        let mut chunks = Chunks::new();
        for number in numbers {
            self.read_chunk(number, &mut chunks).await;
        }
        Ok(chunks)
    }

    async fn all_chunks(&self) -> Result<Chunks, ReadError> {
        self.chunks(vec![0, 1, 2]).await
    }

    async fn write_chunks(&self, writes: &[ChunkWrite]) -> Result<bool, ReadError> {
        let mut all = true;
        for write in writes {
            step().await;
            all &= self.with(|stored| {
                let matches = stored.chunks.get(&write.chunk.number).map(|chunk| chunk.sequence) == write.expected;
                if matches {
                    stored.chunks.insert(write.chunk.number, write.chunk.clone());
                }
                matches
            });
        }
        step().await;
        Ok(all)
    }

    async fn write_head(&self, write: &HeadWrite) -> Result<bool, ReadError> {
        step().await;
        Ok(self.with(|stored| {
            let matches = stored.head.as_ref().map(|head| (head.sequence, head.stamp)) == write.expected;
            if matches {
                stored.head = Some(write.head.clone());
                stored.acknowledged = write.head.sequence;
            }
            matches
        }))
    }

    async fn remove(&self, head: Option<u64>) -> Result<(), ReadError> {
        step().await;
        let removed = self.with(|stored| {
            let matches = stored.head.as_ref().map(|head| head.sequence) == head;
            if matches {
                stored.head = None;
                stored.removals += 1;
            }
            matches
        });
        for number in 0..3 {
            step().await;
            if removed {
                self.with(|stored| stored.chunks.remove(&number));
            }
        }
        Ok(())
    }

    async fn pause(&self, _attempt: u32) {
        step().await;
    }
}

fn event(sequence: u64, kind: u8, seats: &[u32]) -> RecordedEvent {
    let seat_ids: Vec<SeatId> = seats.iter().map(|seat| SeatId::new(SHOWTIME, *seat)).collect();
    let booking_id = BookingId(Uuid::from_u128(u128::from(sequence)));
    let expires_at = Timestamp::from_millis(1);
    let event = match kind % 4 {
        0 => Event::SeatsReserved { booking_id, seat_ids, user_id: UserId::parse("a").unwrap(), expires_at },
        1 => Event::HoldExtended { booking_id, seat_ids, expires_at },
        2 => Event::BookingCancelled { booking_id, seat_ids },
        _ => Event::BookingConfirmed { booking_id, seat_ids, payment_reference: PaymentReference::parse("p").unwrap() },
    };
    let (stamp, follows) = (Stamp(sequence), Stamp(sequence - 1));
    RecordedEvent { sequence, recorded_at: Timestamp::from_millis(0), stamp, follows, event }
}

fn journal(seats: u32, changes: &[(u8, Vec<u32>)]) -> Vec<RecordedEvent> {
    let rows = vec![Row { row: "A".into(), seats: 3 }, Row { row: "B".into(), seats: seats - 3 }];
    let scheduled = Event::ShowtimeScheduled {
        movie_title: "Heat".into(),
        start_time: Timestamp::from_millis(5),
        rows: SeatMap::new(rows).unwrap(),
    };
    let first = RecordedEvent {
        sequence: 1,
        recorded_at: Timestamp::from_millis(0),
        stamp: Stamp(1),
        follows: Stamp(0),
        event: scheduled,
    };
    let rest = (2..).zip(changes).map(|(sequence, (kind, seats))| event(sequence, *kind, seats));
    std::iter::once(first).chain(rest).collect()
}

/// The fold of the events up to each sequence; `[0]` is sequence 1.
fn folds(journal: &[RecordedEvent]) -> Vec<ShowtimeView> {
    let mut view = ShowtimeView::scheduled(SHOWTIME, &journal[0]).unwrap();
    let mut folds = vec![view.clone()];
    for recorded in &journal[1..] {
        view.apply(&EventRun::new(SHOWTIME, vec![recorded.clone()]).unwrap());
        folds.push(view.clone());
    }
    folds
}

/// A projector that starts at `from` and cuts the journal into runs of these lengths, going back where a gap is reported.
async fn project(shelf: Shelf, journal: Arc<Vec<RecordedEvent>>, from: usize, lengths: Vec<usize>) {
    let mut next = from.min(journal.len() - 1);
    let mut lengths = lengths.into_iter().cycle();
    let mut memory = None;
    while next < journal.len() {
        let end = (next + lengths.next().unwrap_or(1).max(1)).min(journal.len());
        let run = EventRun::new(SHOWTIME, journal[next..end].to_vec()).unwrap();
        match apply(&shelf, &run, 1, &mut memory).await {
            Ok(Written::Applied(Applied::UpTo(_))) => next = end,
            Ok(Written::Applied(Applied::Gap { have })) => next = usize::try_from(have).unwrap(),
            Ok(Written::Fenced) => panic!("nobody fences here"),
            Err(_too_many_writers) => {}
        }
    }
}

/// Reads for ever and compares every answer with the fold. With `strict`, no read may be older than what was acknowledged before it.
async fn watch(shelf: Shelf, folds: Arc<Vec<ShowtimeView>>, strict: bool) {
    let mut last = 0;
    loop {
        let floor = shelf.with(|stored| stored.acknowledged).max(last);
        match read(&shelf, SHOWTIME).await {
            Ok(Some(view)) => {
                let fold = &folds[usize::try_from(view.sequence).unwrap() - 1];
                assert_eq!(&view, fold, "a read at sequence {} is not the fold", view.sequence);
                if strict {
                    assert!(view.sequence >= floor, "read {} after {floor} was acknowledged", view.sequence);
                    last = view.sequence;
                }
            }
            Ok(None) => assert!(!strict || floor == 0, "a showtime vanished"),
            Err(_moving) => {}
        }
    }
}

type Task = Pin<Box<dyn Future<Output = ()>>>;

/// True when the task has ended.
fn poll(task: &mut Task) -> bool {
    task.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

fn finish(mut task: Task) {
    for _ in 0..100_000 {
        if poll(&mut task) {
            return;
        }
    }
    panic!("a projector alone does not come to an end");
}

#[derive(Clone, Debug)]
struct Case {
    seats: u32,
    changes: Vec<(u8, Vec<u32>)>,
    /// Where each projector starts and how it cuts its runs. A projector that crashes or ends is followed by the next one.
    projectors: Vec<(usize, Vec<usize>)>,
    /// Who takes the next step.
    schedule: Vec<u8>,
}

fn cases(seats: u32) -> impl Strategy<Value = Case> {
    let change = (any::<u8>(), prop::collection::btree_set(0..seats, 1..4).prop_map(|set| set.into_iter().collect()));
    (
        prop::collection::vec(change, 1..14),
        prop::collection::vec((0_usize..14, prop::collection::vec(1_usize..6, 1..4)), 2..8),
        prop::collection::vec(any::<u8>(), 0..500),
    )
        .prop_map(move |(changes, projectors, schedule)| Case { seats, changes, projectors, schedule })
}

/// Two projectors at a time and two readers, stepped as the schedule says; `meddle` is called on some steps.
fn run(case: &Case, strict: bool, meddle: impl Fn(&mut Stored, u8)) {
    let journal = Arc::new(journal(case.seats, &case.changes));
    let folds = Arc::new(folds(&journal));
    let shelf = Shelf::default();
    let mut waiting = case.projectors.clone().into_iter();
    let mut start = || -> Option<Task> {
        let (from, lengths) = waiting.next()?;
        Some(Box::pin(project(shelf.clone(), Arc::clone(&journal), from, lengths)))
    };
    let mut projectors = [start(), start()];
    let mut readers: [Task; 2] = std::array::from_fn(|_| {
        let reader: Task = Box::pin(watch(shelf.clone(), Arc::clone(&folds), strict));
        reader
    });
    for choice in &case.schedule {
        match choice % 16 {
            who @ 0..=11 if who % 3 != 2 => {
                let slot = &mut projectors[usize::from(who % 3)];
                if slot.as_mut().is_some_and(poll) {
                    *slot = start();
                }
            }
            // A crash: the future is dropped between two documents, and the next projector takes its place.
            15 if choice / 16 < 6 => projectors[usize::from(choice / 16 % 2)] = start(),
            14 if choice / 16 < 6 => shelf.with(|stored| meddle(stored, choice / 16)),
            who => assert!(!poll(&mut readers[usize::from(who % 2)])),
        }
    }
    drop((projectors, readers));

    // Damage that nobody has met yet is met by a read, and then refilled, as the sweep does.
    for _ in 0..4 {
        finish(Box::pin(project(shelf.clone(), Arc::clone(&journal), 0, vec![3, 1])));
        let reading = shelf.clone();
        finish(Box::pin(async move { drop(read(&reading, SHOWTIME).await) }));
    }
    let expected = folds.last().unwrap().clone();
    let head = shelf.with(|stored| stored.head.clone()).unwrap();
    assert_eq!(head.available, available(&expected.statuses));
    finish(Box::pin({
        let shelf = shelf.clone();
        async move { assert_eq!(read(&shelf, SHOWTIME).await.unwrap(), Some(expected)) }
    }));
    if strict {
        assert_eq!(shelf.with(|stored| stored.removals), 0, "sound documents were taken for damaged");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_read_is_the_fold_at_one_sequence_and_never_older_than_acknowledged(case in cases(LARGE)) {
        run(&case, true, |_stored, _choice| {});
    }

    #[test]
    fn every_read_of_a_single_document_is_the_fold_and_never_older_than_acknowledged(case in cases(SMALL)) {
        run(&case, true, |stored, _choice| assert!(stored.chunks.is_empty()));
    }

    #[test]
    fn documents_lost_at_any_moment_never_give_a_wrong_answer_and_are_refilled(case in cases(LARGE)) {
        run(&case, false, |stored, choice| match choice {
            0 => stored.head = None,
            1 | 2 => drop(stored.chunks.remove(&u32::from(choice))),
            3 => stored.chunks.clear(),
            _ => {
                stored.chunks.clear();
                stored.head = None;
            }
        });
    }

    #[test]
    fn a_single_document_lost_at_any_moment_is_refilled(case in cases(SMALL)) {
        run(&case, false, |stored, _choice| stored.head = None);
    }
}
