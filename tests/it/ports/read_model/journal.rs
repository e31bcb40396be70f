//! Journals of showtimes for tests of whatever folds events: made from a seed, with the fold at every sequence.

use std::sync::Arc;

use turnstile::domain::{Applied, ShowtimeView, Terms};
use turnstile::domain::{
    BookingId, Event, EventRun, PaymentReference, RecordedEvent, Row, SeatId, SeatMap, ShowtimeId, Stamp, Timestamp,
    UserId,
};
use turnstile::read_model::ReadModel;
use uuid::Uuid;

/// Numbers that look random, the same for the same seed (`SplitMix64`).
#[derive(Clone)]
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }
}

/// A showtime's events from the first.
pub struct Journal {
    pub id: ShowtimeId,
    pub events: Vec<RecordedEvent>,
    /// Tells its stamps from those of other histories.
    pub history: u64,
}

impl Journal {
    /// A showtime with rows of up to 100 seats that starts at `start` (milliseconds), and `changes` random changes of 1 to 8 seats.
    pub fn new(seats: u32, start: i64, changes: u64, seed: u64) -> Self {
        let id = ShowtimeId(Uuid::new_v4());
        let rows = (0..seats.div_ceil(100))
            .map(|row| Row::numbered(format!("R{row}"), (seats - row * 100).min(100)))
            .collect();
        let scheduled = Event::ShowtimeScheduled {
            movie_title: format!("Film {seed}"),
            start_time: Timestamp::from_millis(start),
            rows: SeatMap::new(rows).unwrap(),
            terms: Terms::default(),
        };
        let mut journal = Self { id, events: Vec::new(), history: seed };
        journal.push(scheduled);
        let mut dice = Dice(seed);
        journal.go_on(changes, seats, &mut dice);
        journal
    }

    /// Another history of the showtime: the same up to a sequence, then `changes` others.
    pub fn branch(&self, sequence: u64, changes: u64, seats: u32, seed: u64) -> Self {
        let common = self.events[..usize::try_from(sequence).unwrap()].to_vec();
        let mut branch = Self { id: self.id, events: common, history: seed };
        branch.go_on(changes, seats, &mut Dice(seed));
        branch
    }

    fn go_on(&mut self, changes: u64, seats: u32, dice: &mut Dice) {
        for _ in 0..changes {
            let event = self.change(dice, seats);
            self.push(event);
        }
    }

    fn push(&mut self, event: Event) {
        let sequence = u64::try_from(self.events.len()).unwrap() + 1;
        let recorded_at = Timestamp::from_millis(i64::try_from(sequence).unwrap());
        let follows = self.events.last().map_or(Stamp::default(), |last| last.stamp);
        let stamp = Stamp((self.history << 32) + sequence);
        self.events.push(RecordedEvent { sequence, recorded_at, stamp, follows, event });
    }

    fn change(&self, dice: &mut Dice, seats: u32) -> Event {
        let mut seat_ids: Vec<SeatId> = (0..=dice.roll(8))
            .map(|_| SeatId::new(self.id, u32::try_from(dice.roll(u64::from(seats))).unwrap()))
            .collect();
        seat_ids.sort_unstable();
        seat_ids.dedup();
        let booking_id = BookingId(Uuid::from_u128(u128::from(dice.roll(u64::MAX))));
        let expires_at = Timestamp::from_millis(1_000);
        match dice.roll(5) {
            0 | 1 => Event::SeatsReserved {
                booking_id,
                seat_ids,
                user_id: UserId::parse("someone").unwrap(),
                expires_at,
                price: None,
                from_blocks: Vec::new(),
            },
            2 => Event::HoldExpired { booking_id, seat_ids },
            3 => Event::HoldExtended { booking_id, seat_ids, expires_at },
            _ => {
                let payment_reference = PaymentReference::parse("paid").unwrap();
                Event::BookingConfirmed { booking_id, seat_ids, payment_reference, late_for: None }
            }
        }
    }

    pub fn last(&self) -> u64 {
        u64::try_from(self.events.len()).unwrap()
    }

    /// The events with these sequences, both included.
    pub fn run(&self, first: u64, last: u64) -> EventRun {
        let (first, last) = (usize::try_from(first).unwrap(), usize::try_from(last).unwrap());
        EventRun::new(self.id, self.events[first - 1..last].to_vec()).unwrap()
    }

    /// The fold up to a sequence.
    pub fn fold(&self, sequence: u64) -> ShowtimeView {
        let mut view = ShowtimeView::scheduled(self.id, &self.events[0]).unwrap();
        assert_eq!(view.apply(&self.run(1, sequence)), Applied::UpTo(sequence));
        view
    }

    /// The fold up to every sequence, in order.
    pub fn folds(&self) -> Vec<ShowtimeView> {
        let mut view = self.fold(1);
        let mut folds = vec![view.clone()];
        for sequence in 2..=self.last() {
            view.apply(&self.run(sequence, sequence));
            folds.push(view.clone());
        }
        folds
    }

    /// Applies the whole journal in runs of random lengths, starting again where a gap is reported.
    pub async fn apply_all(&self, model: &dyn ReadModel, seed: u64) {
        let mut dice = Dice(seed);
        let mut next = 1;
        while next <= self.last() {
            let last = (next + dice.roll(6)).min(self.last());
            next = match model.apply(&self.run(next, last)).await {
                Ok(Applied::UpTo(reached)) => reached.max(last) + 1,
                Ok(Applied::Gap { have }) => have + 1,
                Err(error) => panic!("{error}"),
            };
        }
    }

    /// Checks that the read model stands at the end of the journal.
    pub async fn assert_complete(&self, model: &dyn ReadModel) {
        let expected = self.fold(self.last());
        assert_eq!(model.sequence(self.id).await.unwrap(), Some(self.last()));
        let view = model.showtime(self.id).await.unwrap().expect("the showtime is known");
        assert_eq!(*view, expected);
        let listed = model.list(None, 100_000).await.unwrap();
        assert_eq!(listed.iter().find(|summary| summary.id == self.id), Some(&expected.summary()));
    }
}

/// Reads for as long as `running` says so: every answer must be a fold of the journal, and none older than the one before it.
pub async fn watch(model: Arc<dyn ReadModel>, folds: Arc<Vec<ShowtimeView>>, running: impl Fn() -> bool) -> usize {
    let id = folds[0].id;
    let (mut last, mut reads) = (0, 0);
    while running() {
        let floor = model.sequence(id).await.unwrap().unwrap_or(0);
        assert!(floor >= last, "the sequence went back from {last} to {floor}");
        let Some(view) = model.showtime(id).await.unwrap() else {
            assert_eq!(floor, 0, "the showtime vanished");
            continue;
        };
        assert!(view.sequence >= floor, "a view at {} after {floor} was seen", view.sequence);
        assert_eq!(*view, folds[usize::try_from(view.sequence).unwrap() - 1], "not the fold at {}", view.sequence);
        last = view.sequence;
        reads += 1;
        // The in-memory model never waits: let others run.
        tokio::task::yield_now().await;
    }
    reads
}
