//! A showtime's queue: commands in order of arrival. While a batch commits, the seats of those that wait behind it are claimed early, so
//! that the next batch finds its locks there and leaves at once.

use std::collections::{HashMap, HashSet, VecDeque};

use tokio::time::Instant;

use crate::box_office::Settings;
use crate::box_office::board::Board;
use crate::box_office::request::{EarlyClaim, QueuedCommand};
use crate::box_office::seat_claims::wanted_lock;
use crate::domain::{BookingId, SeatId, Timestamp};
use crate::seat_lock::{Claim, Claimed};

/// See the module's documentation. One early claim is under way at a time.
#[derive(Default)]
pub(super) struct Queue {
    waiting: VecDeque<QueuedCommand>,
    /// How many, from the front, were considered for an early claim.
    considered: usize,
    is_claiming: bool,
    /// Seats that the batch in flight wants: its own claims come first.
    wanted_before: HashSet<SeatId>,
}

impl Queue {
    pub(super) fn push(&mut self, queued: QueuedCommand) {
        self.waiting.push_back(queued);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// An early claim is under way: the next batch leaves when it is answered.
    pub(super) fn is_claiming(&self) -> bool {
        self.is_claiming
    }

    /// The first command, if it is such a one.
    pub(super) fn take_first_if(&mut self, is_such: impl Fn(&QueuedCommand) -> bool) -> Option<QueuedCommand> {
        let first = self.waiting.pop_front_if(|first| is_such(first))?;
        self.considered = self.considered.saturating_sub(1);
        Some(first)
    }

    /// The next batch: those whose seats were claimed early, if they are at least half of what waits; else all, most of whom still need
    /// their locks. At most `most`.
    pub(super) fn take_batch(&mut self, most: usize) -> Vec<QueuedCommand> {
        let waiting = self.waiting.len();
        let size = if self.considered >= waiting.div_ceil(2) { self.considered } else { waiting }.min(most);
        self.considered = self.considered.saturating_sub(size);
        let batch: Vec<QueuedCommand> = self.waiting.drain(..size).collect();
        self.wanted_before = batch.iter().flat_map(|queued| queued.request.command.wanted_seats()).copied().collect();
        batch
    }

    /// What to claim now, behind a batch of `in_flight` commands, for those who come with the next one: nothing until half as many
    /// have come, so that a batch costs about one call as before. [`Queue::claimed`] is owed for what is returned.
    pub(super) fn next_claims(
        &mut self,
        in_flight: usize,
        board: &Board,
        settings: &Settings,
    ) -> Vec<(Claim, Timestamp)> {
        let new = self.waiting.len().min(settings.max_batch).saturating_sub(self.considered);
        if self.is_claiming || new == 0 || new < in_flight / 2 {
            return Vec::new();
        }
        let policy = settings.policy();
        let claims: Vec<(Claim, Timestamp)> = self
            .waiting
            .range(self.considered..self.considered + new)
            .filter_map(|queued| {
                let request = &queued.request;
                // A repeated request may have its booking already, and an answer that was recorded.
                let is_first = request.key.is_none() && !request.repeated;
                let seats = request.command.wanted_seats();
                let is_next = is_first && !seats.iter().any(|seat| self.wanted_before.contains(seat));
                let may_have_them = is_next && board.are_free(seats, settings.freshness());
                if may_have_them { wanted_lock(&request.command, &policy) } else { None }
            })
            .collect();
        self.considered += new;
        self.is_claiming = !claims.is_empty();
        claims
    }

    /// The answers to an early claim, made at `asked`; none if the call failed, and may have been executed or not.
    pub(super) fn claimed(&mut self, asked: Instant, claims: &[(Claim, Timestamp)], answers: Option<&[Claimed]>) {
        self.is_claiming = false;
        let outcome = |position| match answers.map(|answers| answers.get(position)) {
            Some(Some(Claimed::Granted)) => EarlyClaim::Granted(asked),
            Some(Some(Claimed::Refused(_))) => EarlyClaim::None,
            Some(None) | None => EarlyClaim::Unknown,
        };
        let outcomes: HashMap<BookingId, EarlyClaim> =
            claims.iter().enumerate().map(|(position, (claim, _))| (claim.booking_id, outcome(position))).collect();
        for queued in self.waiting.iter_mut().take(self.considered) {
            if let Some(outcome) = outcomes.get(&queued.request.command.booking_id()) {
                queued.early_claim = *outcome;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::sync::{Semaphore, oneshot};
    use uuid::Uuid;

    use super::*;
    use crate::box_office::request::Request;
    use crate::domain::{
        Command, HoldToken, Row, SeatMap, SeatSelection, Showtime, ShowtimeFacts, ShowtimeId, Stamp, UserId,
    };

    const ID: ShowtimeId = ShowtimeId(Uuid::from_u128(7));

    fn settings() -> Settings {
        Settings { max_batch: 4, ..Settings::default() }
    }

    /// All of its seats are free.
    fn board() -> Board {
        let board = Board::new(ID);
        let seat_map = Arc::new(SeatMap::new(vec![Row { row: "A".into(), seats: 20 }]).unwrap());
        board.show(&Showtime::scheduled(ShowtimeFacts { id: ID, starts_at: Timestamp::MAX, seat_map }));
        board.agreed_at(1, Stamp::default(), Instant::now());
        board
    }

    fn reserve(seat: u32) -> QueuedCommand {
        let command = Command::ReserveSeats {
            booking_id: BookingId(Uuid::from_u128(seat.into())),
            seats: SeatSelection::new(ID, vec![SeatId::new(ID, seat)]).unwrap(),
            user_id: UserId::parse("u").unwrap(),
            token: HoldToken::from_bytes([0; 32]).hash(),
            asked_at: Timestamp::from_millis(0),
        };
        QueuedCommand {
            request: Arc::new(Request {
                command,
                key: None,
                traceparent: None,
                repeated: false,
                _arrival: None,
                arrived: Instant::now(),
            }),
            reply: oneshot::channel().0,
            deadline: Instant::now() + Duration::from_secs(1),
            early_claim: EarlyClaim::None,
            _place: Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap(),
        }
    }

    fn queue(seats: impl IntoIterator<Item = u32>) -> Queue {
        let mut queue = Queue::default();
        for seat in seats {
            queue.push(reserve(seat));
        }
        queue
    }

    fn next_seats(queue: &mut Queue, in_flight: usize, board: &Board) -> Vec<u32> {
        let claims = queue.next_claims(in_flight, board, &settings());
        let granted = vec![Claimed::Granted; claims.len()];
        queue.claimed(Instant::now(), &claims, Some(&granted));
        claims.iter().flat_map(|(claim, _)| claim.seats.clone()).collect()
    }

    #[tokio::test]
    async fn seats_are_claimed_for_the_next_batch_and_not_beyond() {
        let mut queue = queue(0..10);
        let board = board();
        assert_eq!(next_seats(&mut queue, 4, &board), [0, 1, 2, 3]);
        assert!(next_seats(&mut queue, 4, &board).is_empty());
        let batch = queue.take_batch(4);
        assert!(batch.iter().all(|queued| matches!(queued.early_claim, EarlyClaim::Granted(_))));
        assert_eq!(next_seats(&mut queue, 4, &board), [4, 5, 6, 7]);
    }

    #[tokio::test]
    async fn the_seats_of_the_batch_in_flight_are_left_to_it() {
        let mut queue = queue([0, 1]);
        assert_eq!(queue.take_batch(4).len(), 2);
        queue.push(reserve(1));
        queue.push(reserve(2));
        assert_eq!(next_seats(&mut queue, 2, &board()), [2]);
    }

    #[tokio::test]
    async fn only_seats_that_are_certainly_free_are_claimed() {
        let board = board();
        board.change(&[SeatId::new(ID, 1)], crate::domain::SeatStatus::Sold);
        assert_eq!(next_seats(&mut queue([0, 1, 2]), 2, &board), [0, 2]);
        assert!(next_seats(&mut queue([0, 1, 2]), 2, &Board::new(ID)).is_empty());
    }

    #[tokio::test]
    async fn a_claim_without_an_answer_may_have_been_executed() {
        let mut queue = queue([0, 1]);
        let claims = queue.next_claims(1, &board(), &settings());
        queue.claimed(Instant::now(), &claims, None);
        let early = queue.take_batch(4).into_iter().map(|queued| queued.early_claim);
        assert_eq!(early.collect::<Vec<_>>(), [EarlyClaim::Unknown; 2]);
    }
}
