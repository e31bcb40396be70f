//! The board: which seats of a showtime are taken, published by its actor and readable by every thread without asking it.
//!
//! A reservation of a seat that is certainly taken is refused from the board: no queue, no lock, no query. Everything else goes to the
//! actor. **Invariant:** an entry is changed before the command that changed the seat is answered, so whoever was told that a seat is
//! free again finds it free here; what other nodes free is known within the freshness setting, because an older board answers nothing.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::{ConflictReason, SeatConflict, SeatId, SeatIdPrefix, SeatStatus, Showtime, ShowtimeId};

/// One byte per seat, for as long as the showtime is open on this node.
#[derive(Debug)]
pub(super) struct Board {
    prefix: SeatIdPrefix,
    /// Each seat's [`SeatStatus::code`]; made when the showtime is loaded for the first time.
    seats: OnceLock<Box<[AtomicU8]>>,
    opened: Instant,
    /// Microseconds from `opened` to the moment at which the board was last known to agree with the store; 0: never.
    synced: AtomicU64,
}

impl Board {
    pub(super) fn new(id: ShowtimeId) -> Self {
        Self { prefix: SeatId::prefix(id), seats: OnceLock::new(), opened: Instant::now(), synced: AtomicU64::new(0) }
    }

    /// The seats in the way of a reservation that must be refused; `None` if it is the actor's to decide: all its seats look free,
    /// one is unknown, or the board is older than `freshness`.
    pub(super) fn conflicts(&self, wanted: &[SeatId], freshness: Duration) -> Option<Vec<SeatConflict>> {
        self.obstacles(wanted, freshness).filter(|conflicts| !conflicts.is_empty())
    }

    /// Whether all these seats are certainly free, as far as `freshness` goes.
    pub(super) fn are_free(&self, wanted: &[SeatId], freshness: Duration) -> bool {
        self.obstacles(wanted, freshness).is_some_and(|conflicts| conflicts.is_empty())
    }

    /// The seats that are taken; `None` if that is not certain.
    fn obstacles(&self, wanted: &[SeatId], freshness: Duration) -> Option<Vec<SeatConflict>> {
        let seats = self.seats.get()?;
        let synced = self.synced.load(Ordering::Acquire);
        if synced == 0 || self.opened.elapsed() > Duration::from_micros(synced) + freshness {
            return None;
        }
        let mut conflicts = Vec::new();
        for seat_id in wanted {
            let index = usize::try_from(seat_id.index_under(self.prefix)?).ok()?;
            let code = seats.get(index)?.load(Ordering::Acquire);
            let reason = match SeatStatus::from_code(code)? {
                SeatStatus::Available => continue,
                SeatStatus::Reserved => ConflictReason::Reserved,
                SeatStatus::Sold => ConflictReason::Sold,
            };
            conflicts.push(SeatConflict { seat_id: *seat_id, reason });
        }
        Some(conflicts)
    }

    /// Shows all of a showtime just loaded.
    pub(super) fn show(&self, showtime: &Showtime) {
        let statuses = showtime.statuses();
        let seats = self.seats.get_or_init(|| statuses.iter().map(|status| AtomicU8::new(status.code())).collect());
        for (seat, status) in seats.iter().zip(statuses) {
            seat.store(status.code(), Ordering::Release);
        }
    }

    /// Shows the seats of a committed event.
    pub(super) fn change(&self, seat_ids: &[SeatId], status: SeatStatus) {
        let Some(seats) = self.seats.get() else { return };
        for seat_id in seat_ids {
            let seat = usize::try_from(seat_id.index()).ok().and_then(|index| seats.get(index));
            if let Some(seat) = seat {
                seat.store(status.code(), Ordering::Release);
            }
        }
    }

    /// The board agreed with the store at `moment`. To be called after what was read or committed then is shown.
    pub(super) fn agreed_at(&self, moment: Instant) {
        let micros = moment.saturating_duration_since(self.opened).as_micros();
        self.synced.store(u64::try_from(micros).unwrap_or(u64::MAX).max(1), Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Row, SeatMap};
    use uuid::Uuid;

    const ID: ShowtimeId = ShowtimeId(Uuid::from_u128(7));
    const FRESHNESS: Duration = Duration::from_millis(500);

    fn board() -> Board {
        let board = Board::new(ID);
        board.show(&Showtime::scheduled(ID, &SeatMap::new(vec![Row { row: "A".into(), seats: 4 }]).unwrap()));
        board
    }

    #[tokio::test(start_paused = true)]
    async fn only_what_is_certainly_taken_is_refused() {
        let board = board();
        let seats: Vec<SeatId> = (0..5).map(|index| SeatId::new(ID, index)).collect();
        board.change(&seats[1..2], SeatStatus::Reserved);
        board.change(&seats[2..3], SeatStatus::Sold);
        assert_eq!(board.conflicts(&seats[1..2], FRESHNESS), None, "it was never known to agree with the store");
        assert!(!board.are_free(&seats[..1], FRESHNESS));
        board.agreed_at(Instant::now());
        assert_eq!(board.conflicts(&seats[..1], FRESHNESS), None);
        assert!(board.are_free(&seats[..1], FRESHNESS) && !board.are_free(&seats[..2], FRESHNESS));
        let conflicts = board.conflicts(&seats[..4], FRESHNESS).unwrap();
        assert_eq!(
            conflicts,
            [
                SeatConflict { seat_id: seats[1], reason: ConflictReason::Reserved },
                SeatConflict { seat_id: seats[2], reason: ConflictReason::Sold },
            ]
        );
        assert_eq!(board.conflicts(&seats[1..5], FRESHNESS), None, "an unknown seat is another refusal");
        let foreign = SeatId::new(ShowtimeId(Uuid::from_u128(8)), 1);
        assert_eq!(board.conflicts(&[foreign], FRESHNESS), None);
        board.change(&seats[1..2], SeatStatus::Available);
        assert_eq!(board.conflicts(&seats[1..2], FRESHNESS), None);
    }

    #[tokio::test(start_paused = true)]
    async fn an_old_board_refuses_nothing() {
        let board = board();
        let seat = [SeatId::new(ID, 0)];
        board.change(&seat, SeatStatus::Sold);
        tokio::time::advance(Duration::from_secs(10)).await;
        board.agreed_at(Instant::now());
        tokio::time::advance(FRESHNESS).await;
        assert!(board.conflicts(&seat, FRESHNESS).is_some());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(board.conflicts(&seat, FRESHNESS), None);
    }
}
