//! The board: which seats of a showtime are taken, which bookings are pending, and how far its work is. Published by its actor, readable
//! by every thread without asking it.
//!
//! A reservation of a taken seat is refused from the board: no queue, no lock. Everything else goes to the actor.
//! **Invariant:** such a refusal rests on knowledge that is at most [`MAX_AGE`] older than the request. The board says up to which
//! sequence it shows everything; if the store has nothing beyond that, the board agrees with the store at the moment it was asked. An
//! entry is changed before the command that changed the seat is answered. Another node's change may be missing for that long, but
//! none that this node has told anybody, by its live feed or in an answer.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use tokio::time::Instant;

use crate::box_office::progress::Progress;
use crate::domain::{
    Booking, BookingId, BookingStatus, ConflictReason, Listing, Rejection, SeatConflict, SeatId, SeatIdPrefix,
    SeatStatus, Showtime, ShowtimeFacts, ShowtimeId, Stamp, Timestamp, TokenHash,
};

/// How much older than a request the knowledge may be that refuses it. In a storm few requests then ask the store; with 0
/// every refusal waits for an answer, which makes them a quarter slower.
const MAX_AGE: Duration = Duration::from_millis(1);
/// Time after which the store is asked again whether it still has the last event that is shown. It may have been restored to an earlier
/// moment, and have another history of the same length since.
const VERIFIED_FOR: Duration = Duration::from_secs(1);

/// One byte per seat and one entry per pending booking, for as long as the showtime is open on this node.
#[derive(Debug)]
pub(super) struct Board {
    prefix: SeatIdPrefix,
    /// Made when the showtime is loaded for the first time, and made anew when its listing or its house changes.
    shown: RwLock<Option<Shown>>,
    /// Pending bookings that the actor has in memory, each with the hash of its hold token.
    holds: Mutex<HashMap<BookingId, TokenHash>>,
    /// The step that the actor or its batch is in.
    pub progress: Progress,
    opened: Instant,
    /// Microseconds from `opened` to the moment at which the board was last known to agree with the store; 0: never.
    synced: AtomicU64,
    /// Everything up to this sequence is shown.
    sequence: AtomicU64,
    /// Stamp of the event with that sequence; 0 before the first load.
    stamp: AtomicU64,
    /// Microseconds from `opened` to the moment at which the store was last asked for that event, and had it; 0: never.
    verified: AtomicU64,
    /// The highest sequence that this node has told anybody since the board was made.
    told: AtomicU64,
}

#[derive(Debug)]
struct Shown {
    facts: ShowtimeFacts,
    listing: Arc<Listing>,
    /// Each seat's [`SeatStatus::code`].
    seats: Box<[AtomicU8]>,
}

impl Shown {
    fn of(showtime: &Showtime) -> Self {
        Self {
            facts: showtime.facts().clone(),
            listing: Arc::clone(showtime.listing()),
            seats: showtime.statuses().iter().map(|status| AtomicU8::new(status.code())).collect(),
        }
    }

    /// Whether only the seats' statuses may differ.
    fn is_like(&self, showtime: &Showtime) -> bool {
        Arc::ptr_eq(&self.listing, showtime.listing()) && Arc::ptr_eq(&self.facts.seat_map, &showtime.facts().seat_map)
    }
}

impl Board {
    pub(super) fn new(id: ShowtimeId) -> Self {
        Self {
            prefix: SeatId::prefix(id),
            shown: RwLock::default(),
            holds: Mutex::default(),
            progress: Progress::new(id),
            opened: Instant::now(),
            synced: AtomicU64::new(0),
            sequence: AtomicU64::new(0),
            stamp: AtomicU64::new(0),
            verified: AtomicU64::new(0),
            told: AtomicU64::new(0),
        }
    }

    /// The sequence up to which everything is shown; 0 before the first load.
    pub(super) fn sequence(&self) -> u64 {
        self.sequence.load(Ordering::Acquire)
    }

    /// Whether a reservation is the actor's to decide, by what the board shows: seats are on sale, and all of these look free.
    ///
    /// # Errors
    /// What the reservation would be refused for.
    pub(super) fn check(&self, wanted: &[SeatId], now: Timestamp) -> Result<(), Rejection> {
        let shown = self.shown();
        let Some(shown) = &*shown else { return Ok(()) };
        shown.listing.check_on_sale(now)?;
        self.conflicts(shown, wanted).map_or(Ok(()), |conflicts| Err(Rejection::SeatsTaken { conflicts }))
    }

    /// The seats in the way of a reservation as the board shows them; `None` if it is the actor's to decide: all its seats look free, or
    /// one is unknown.
    fn conflicts(&self, Shown { facts, seats, .. }: &Shown, wanted: &[SeatId]) -> Option<Vec<SeatConflict>> {
        let mut conflicts = Vec::new();
        for seat_id in wanted {
            let index = usize::try_from(seat_id.index_under(self.prefix)?).ok()?;
            let code = seats.get(index)?.load(Ordering::Acquire);
            if let Some(reason) = ConflictReason::of(SeatStatus::from_code(code)?) {
                if !facts.seat_map.is_present(seat_id.index()) {
                    return None;
                }
                conflicts.push(facts.conflict(*seat_id, reason));
            }
        }
        (!conflicts.is_empty()).then_some(conflicts)
    }

    /// Each seat's status as the board shows it, in order of index; empty before the first load.
    pub(super) fn statuses(&self) -> Vec<SeatStatus> {
        let shown = self.shown();
        let seats = shown.iter().flat_map(|shown| &*shown.seats);
        seats.filter_map(|seat| SeatStatus::from_code(seat.load(Ordering::Acquire))).collect()
    }

    /// Whether the board may refuse a request of `moment`.
    pub(super) fn may_refuse(&self, moment: Instant) -> bool {
        let synced = self.synced.load(Ordering::Acquire);
        let is_new = synced != 0 && moment <= self.opened + Duration::from_micros(synced) + MAX_AGE;
        is_new && self.told.load(Ordering::Acquire) <= self.sequence()
    }

    /// This node is about to tell somebody how the showtime stands at `sequence`.
    pub(super) fn note_told(&self, sequence: u64) {
        self.told.fetch_max(sequence, Ordering::AcqRel);
    }

    /// Shows all of a showtime just loaded.
    pub(super) fn show(&self, showtime: &Showtime) {
        self.replace_shown(showtime);
        let pending = showtime.bookings().filter(|booking| is_hold(booking));
        *self.holds() = pending.map(|booking| (booking.id, booking.token)).collect();
    }

    /// Shows the listing and how these bookings stand in a showtime whose last events are committed.
    pub(super) fn follow(&self, showtime: &Showtime, bookings: impl Iterator<Item = BookingId>) {
        let is_like = self.shown().as_ref().is_some_and(|shown| shown.is_like(showtime));
        if !is_like {
            self.replace_shown(showtime);
        }
        let mut holds = self.holds();
        for id in bookings {
            match showtime.booking(id) {
                Some(booking) if is_hold(booking) => holds.insert(id, booking.token),
                Some(_) | None => holds.remove(&id),
            };
        }
    }

    /// The hash of a booking's hold token, if the booking is pending and the actor has it in memory.
    pub(super) fn hold(&self, id: BookingId) -> Option<TokenHash> {
        self.holds().get(&id).copied()
    }

    /// Shows the seats of a committed event.
    pub(super) fn change(&self, seat_ids: &[SeatId], status: SeatStatus) {
        let shown = self.shown();
        let Some(Shown { seats, .. }) = &*shown else { return };
        for seat_id in seat_ids {
            let seat = usize::try_from(seat_id.index()).ok().and_then(|index| seats.get(index));
            if let Some(seat) = seat {
                seat.store(status.code(), Ordering::Release);
            }
        }
    }

    /// The board agreed with the store, at this sequence, at `moment`. To be called after what was read or committed then is shown.
    pub(super) fn agreed_at(&self, sequence: u64, stamp: Stamp, moment: Instant) {
        self.stamp.store(stamp.0, Ordering::Release);
        self.sequence.store(sequence, Ordering::Release);
        self.still_agreed_at(moment);
    }

    /// Whether the store was lately found to have the last event that is shown.
    pub(super) fn is_verified(&self, moment: Instant) -> bool {
        let verified = self.verified.load(Ordering::Acquire);
        verified != 0 && moment <= self.opened + Duration::from_micros(verified) + VERIFIED_FOR
    }

    /// Whether the store, asked at `moment` for the stamp of the last event that is shown, had it.
    pub(super) fn verify(&self, found: Option<Stamp>, moment: Instant) -> bool {
        let is_there =
            found.is_some_and(|found| found != Stamp::default() && found.0 == self.stamp.load(Ordering::Acquire));
        if is_there {
            self.verified.fetch_max(self.micros_at(moment), Ordering::AcqRel);
        }
        is_there
    }

    /// The store, asked at `moment`, had nothing that the board does not show.
    pub(super) fn still_agreed_at(&self, moment: Instant) {
        self.synced.fetch_max(self.micros_at(moment), Ordering::AcqRel);
    }

    fn replace_shown(&self, showtime: &Showtime) {
        *self.shown.write().unwrap_or_else(PoisonError::into_inner) = Some(Shown::of(showtime));
    }

    fn shown(&self) -> RwLockReadGuard<'_, Option<Shown>> {
        // Replaced as a whole, so a panic elsewhere leaves it usable.
        self.shown.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn holds(&self) -> MutexGuard<'_, HashMap<BookingId, TokenHash>> {
        // Consistent after every statement, so a panic elsewhere leaves it usable.
        self.holds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Microseconds from `opened` to `moment`, at least 1.
    fn micros_at(&self, moment: Instant) -> u64 {
        let micros = moment.saturating_duration_since(self.opened).as_micros();
        u64::try_from(micros).unwrap_or(u64::MAX).max(1)
    }
}

/// A pending booking of a customer's.
fn is_hold(booking: &Booking) -> bool {
    booking.status == BookingStatus::Pending && booking.block.is_none()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::{Row, SeatMap};
    use uuid::Uuid;

    const ID: ShowtimeId = ShowtimeId(Uuid::from_u128(7));

    fn board() -> Board {
        let board = Board::new(ID);
        let seat_map = Arc::new(SeatMap::new(vec![Row::numbered("A", 4)]).unwrap());
        let listing = Listing::new("M", Timestamp::from_millis(1_000));
        board.show(&Showtime::scheduled(ShowtimeFacts { id: ID, seat_map }, listing));
        board
    }

    fn conflicts(board: &Board, wanted: &[SeatId]) -> Option<Vec<SeatConflict>> {
        board.conflicts(board.shown().as_ref().unwrap(), wanted)
    }

    #[tokio::test(start_paused = true)]
    async fn taken_seats_are_named_and_unknown_ones_left_to_the_actor() {
        let board = board();
        let seats: Vec<SeatId> = (0..5).map(|index| SeatId::new(ID, index)).collect();
        board.change(&seats[1..2], SeatStatus::Reserved);
        board.change(&seats[2..3], SeatStatus::Sold);
        assert_eq!((conflicts(&board, &seats[..1]), board.sequence()), (None, 0));
        board.agreed_at(3, Stamp::default(), Instant::now());
        assert_eq!(board.sequence(), 3);
        let named: Vec<_> =
            conflicts(&board, &seats[..4]).unwrap().into_iter().map(|c| (c.seat_id, c.reason)).collect();
        assert_eq!(named, [(seats[1], ConflictReason::Reserved), (seats[2], ConflictReason::Sold)]);
        assert_eq!(conflicts(&board, &seats[1..5]), None, "an unknown seat is another refusal");
        let foreign = SeatId::new(ShowtimeId(Uuid::from_u128(8)), 1);
        assert_eq!(conflicts(&board, &[foreign]), None);
        let [free, held, sold] = [SeatStatus::Available, SeatStatus::Reserved, SeatStatus::Sold];
        assert_eq!(board.statuses(), [free, held, sold, free]);
        board.change(&seats[1..2], SeatStatus::Available);
        assert_eq!(conflicts(&board, &seats[1..2]), None);
        let started_at = Timestamp::from_millis(1_000);
        assert_eq!(board.check(&seats[..1], Timestamp::from_millis(999)), Ok(()));
        assert_eq!(board.check(&seats[..1], started_at), Err(Rejection::ShowtimeStarted { started_at }));
    }

    #[tokio::test(start_paused = true)]
    async fn a_moved_house_is_shown_with_its_new_seats() {
        let board = board();
        let rows: SeatMap = serde_json::from_str(
            r#"[{"row":"A","seats":3,"indices":[{"to":3,"from":2}]},{"row":"A","seats":2,"indices":[{"to":2,"from":0}],"former":true}]"#,
        )
        .unwrap();
        let listing = Listing::new("M", Timestamp::from_millis(1_000));
        board.follow(&Showtime::scheduled(ShowtimeFacts { id: ID, seat_map: Arc::new(rows) }, listing), [].into_iter());
        let seats: Vec<SeatId> = (0..5).map(|index| SeatId::new(ID, index)).collect();
        board.change(&seats[4..], SeatStatus::Reserved);
        assert_eq!(conflicts(&board, &seats[4..]).unwrap().len(), 1);
        assert_eq!(conflicts(&board, &seats[..1]), None, "a former seat is left to the actor");
    }

    #[tokio::test(start_paused = true)]
    async fn another_history_is_not_taken_for_what_is_shown() {
        let board = board();
        tokio::time::advance(Duration::from_secs(1)).await;
        board.agreed_at(3, Stamp::default(), Instant::now());
        assert!(!board.verify(Some(Stamp::default()), Instant::now()), "its stamp is not known");
        board.agreed_at(3, Stamp(7), Instant::now());
        assert!(!board.verify(Some(Stamp(8)), Instant::now()) && !board.verify(None, Instant::now()));
        assert!(!board.is_verified(Instant::now()));
        assert!(board.verify(Some(Stamp(7)), Instant::now()));
        tokio::time::advance(VERIFIED_FOR).await;
        assert!(board.is_verified(Instant::now()));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(!board.is_verified(Instant::now()));
    }

    #[tokio::test(start_paused = true)]
    async fn an_old_board_refuses_nobody() {
        let board = board();
        assert!(!board.may_refuse(Instant::now()), "it was never known to agree with the store");
        tokio::time::advance(Duration::from_secs(10)).await;
        board.agreed_at(1, Stamp::default(), Instant::now());
        tokio::time::advance(Duration::from_millis(500)).await;
        let then = Instant::now() - Duration::from_millis(500);
        assert!(!board.may_refuse(Instant::now()) && board.may_refuse(then + MAX_AGE));
        board.still_agreed_at(Instant::now());
        board.agreed_at(2, Stamp::default(), then);
        assert!(board.may_refuse(Instant::now()), "an earlier agreement makes a later one no older");
        board.note_told(3);
        assert!(!board.may_refuse(Instant::now()), "what was told is not shown yet");
        board.agreed_at(3, Stamp::default(), Instant::now());
        board.note_told(2);
        assert!(board.may_refuse(Instant::now()));
    }
}
