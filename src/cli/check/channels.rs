//! Channels, and other blocks that operators sell out of, as the journal tells of them: what a booking has from a block was the block's, and goes back
//! to it while the block lives.

use std::collections::{BTreeMap, HashMap};

use crate::cli::check::told::{Told, each_with_block};
use crate::domain::{BookingId, Event, RecordedEvent, SeatIndex};

/// The ways of such blocks' seats, followed event by event.
#[derive(Default)]
pub(super) struct Channels {
    /// Seats whose last event is that this block gave them away.
    given: HashMap<SeatIndex, BookingId>,
    /// Seats whose last event is that this booking gave them back, and that this block is to have again. In order of seat.
    owed: BTreeMap<SeatIndex, (BookingId, BookingId)>,
    is_cancelled: bool,
    findings: Vec<String>,
}

impl Channels {
    /// Follows the next event. `told` is what those before it say.
    pub(super) fn follow(
        &mut self,
        told: &HashMap<BookingId, Told>,
        RecordedEvent { recorded_at, event, .. }: &RecordedEvent,
    ) {
        if let Event::ShowtimeCancelled { .. } = event {
            self.is_cancelled = true;
        }
        let Some(id) = event.booking_id() else { return };
        let of_event: Vec<SeatIndex> = event.seats_status().seat_ids.iter().map(|seat| seat.index()).collect();
        if let Event::SeatsReserved { from_blocks, .. } | Event::BookingChanged { from_blocks, .. } = event {
            for (block, seat) in each_with_block(from_blocks) {
                if self.given.get(&seat) != Some(&block) {
                    self.findings.push(format!(
                        "booking {id} is said to have seat {seat} from block {block}, which did not give it"
                    ));
                }
            }
        }
        for seat in &of_event {
            self.given.remove(seat);
            if let Some((booking, block)) = self.owed.remove(seat)
                && !(block == id && matches!(event, Event::SeatsBlocked { .. }))
            {
                self.findings.push(not_returned(*seat, booking, block));
            }
        }
        let Some(known) = told.get(&id).filter(|_| event.given_up_seats().is_some()) else { return };
        if known.is_block() {
            if let Event::SeatsReleased { .. } = event {
                self.given.extend(of_event.into_iter().map(|seat| (seat, id)));
            }
            return;
        }
        let is_live = |block| told.get(block).is_some_and(|block| block.is_live_block(*recorded_at));
        let owed = known
            .from_blocks
            .iter()
            .filter(|(block, seat)| !self.is_cancelled && of_event.contains(seat) && is_live(block));
        self.owed.extend(owed.map(|(block, seat)| (*seat, (id, *block))));
    }

    /// What is wrong after the last event.
    pub(super) fn findings(self) -> impl Iterator<Item = String> {
        let owed = self.owed.into_iter().map(|(seat, (booking, block))| not_returned(seat, booking, block));
        self.findings.into_iter().chain(owed)
    }
}

fn not_returned(seat: SeatIndex, booking: BookingId, block: BookingId) -> String {
    format!("booking {booking} gave back seat {seat}, and block {block}, from which it was, did not get it")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::check::told::tell;
    use crate::domain::{Block, BlockSeats, HouseWord, SeatId, ShowtimeId, Stamp, Timestamp, UserId};
    use uuid::Uuid;

    const SHOWTIME: ShowtimeId = ShowtimeId(Uuid::from_u128(7));
    const BLOCK: BookingId = BookingId(Uuid::from_u128(1));
    const BUYER: BookingId = BookingId(Uuid::from_u128(2));
    const OTHER: BookingId = BookingId(Uuid::from_u128(3));

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn seats(indices: &[u32]) -> Vec<SeatId> {
        indices.iter().map(|seat| SeatId::new(SHOWTIME, *seat)).collect()
    }

    fn blocked(indices: &[u32], until: Option<i64>) -> Event {
        let kind = HouseWord::parse("presale").unwrap();
        let block = Block { channel: Some(kind.clone()), kind, reason: None };
        Event::SeatsBlocked { booking_id: BLOCK, seat_ids: seats(indices), block, until: until.map(at) }
    }

    /// The same without a channel.
    fn house(indices: &[u32]) -> Event {
        let block = Block { kind: HouseWord::parse("house").unwrap(), channel: None, reason: None };
        Event::SeatsBlocked { booking_id: BLOCK, seat_ids: seats(indices), block, until: None }
    }

    fn released(booking_id: BookingId, indices: &[u32]) -> Event {
        Event::SeatsReleased { booking_id, seat_ids: seats(indices), reason: None, refund: None, refund_amount: None }
    }

    fn reserved(booking_id: BookingId, indices: &[u32], of_block: &[u32]) -> Event {
        let from_blocks = vec![BlockSeats { id: BLOCK, seat_ids: seats(of_block) }];
        let from_blocks = if of_block.is_empty() { Vec::new() } else { from_blocks };
        let user_id = UserId::parse("fan").unwrap();
        let seat_ids = seats(indices);
        Event::SeatsReserved { booking_id, seat_ids, user_id, expires_at: at(60), price: None, from_blocks }
    }

    /// A booking of these seats is changed, and takes those of the block.
    fn changed(booking_id: BookingId, indices: &[u32], of_block: &[u32]) -> Event {
        let from_blocks = vec![BlockSeats { id: BLOCK, seat_ids: seats(of_block) }];
        let (seat_ids, confirmed, price, difference, held_since) = (seats(indices), false, None, None, None);
        Event::BookingChanged { booking_id, seat_ids, confirmed, price, difference, held_since, from_blocks }
    }

    fn expired(booking_id: BookingId, indices: &[u32]) -> Event {
        Event::HoldExpired { booking_id, seat_ids: seats(indices) }
    }

    /// What is found if these events happen, one each second.
    fn findings(events: impl IntoIterator<Item = Event>) -> Vec<String> {
        let (mut told, mut channels) = (HashMap::new(), Channels::default());
        for (sequence, event) in (1..).zip(events) {
            let recorded_at = at(i64::try_from(sequence).unwrap());
            let recorded =
                RecordedEvent { sequence, recorded_at, stamp: Stamp(sequence), follows: Stamp(sequence - 1), event };
            channels.follow(&told, &recorded);
            tell(&mut told, &recorded);
        }
        channels.findings().collect()
    }

    /// Seats 0 and 1 are the channel's; a fan has seat 1 of it, and seat 2.
    fn sold() -> Vec<Event> {
        vec![blocked(&[0, 1], Some(30)), released(BLOCK, &[1]), reserved(BUYER, &[1, 2], &[1])]
    }

    #[test]
    fn what_goes_back_to_its_block_is_in_order() {
        let mut events = sold();
        events.extend([expired(BUYER, &[1, 2]), blocked(&[1], Some(30)), reserved(OTHER, &[2], &[])]);
        events.extend([released(BLOCK, &[1]), reserved(BUYER, &[1], &[1])]);
        assert_eq!(findings(events), Vec::<String>::new());
    }

    #[test]
    fn what_does_not_go_back_to_its_block_is_found() {
        let found = [not_returned(1, BUYER, BLOCK)];
        let end = |rest: Vec<Event>| findings(sold().into_iter().chain([expired(BUYER, &[1, 2])]).chain(rest));
        assert_eq!(end(vec![]), found);
        assert_eq!(end(vec![reserved(OTHER, &[1], &[])]), found);
        let given_back = findings(sold().into_iter().chain([released(BUYER, &[1])]));
        assert_eq!(given_back, found);
    }

    #[test]
    fn a_block_without_a_channel_is_to_have_its_seats_again_too() {
        let sold = || [house(&[0, 1]), released(BLOCK, &[0, 1]), reserved(BUYER, &[0, 1], &[0, 1])];
        let ended = || sold().into_iter().chain([expired(BUYER, &[0, 1])]);
        assert_eq!(findings(ended().chain([house(&[0, 1])])), Vec::<String>::new());
        assert_eq!(findings(ended().chain([house(&[0])])), [not_returned(1, BUYER, BLOCK)]);
    }

    #[test]
    fn what_an_exchange_takes_from_a_block_goes_back_to_it() {
        let exchanged = || sold().into_iter().chain([released(BLOCK, &[0]), changed(BUYER, &[1, 2, 0], &[0])]);
        let in_order = [expired(BUYER, &[1, 2, 0]), blocked(&[1, 0], Some(30))];
        assert_eq!(findings(exchanged().chain(in_order)), Vec::<String>::new());
        let kept = [expired(BUYER, &[1, 2, 0]), blocked(&[1], Some(30))];
        assert_eq!(findings(exchanged().chain(kept)), [not_returned(0, BUYER, BLOCK)]);
        let said = format!("booking {BUYER} is said to have seat 0 from block {BLOCK}, which did not give it");
        assert_eq!(findings(sold().into_iter().chain([changed(BUYER, &[1, 2, 0], &[0])])), [said]);
    }

    #[test]
    fn a_block_that_is_over_gets_nothing_back() {
        let ended = [expired(BLOCK, &[0]), expired(BUYER, &[1, 2])];
        assert_eq!(findings(sold().into_iter().chain(ended)), Vec::<String>::new());
        let over =
            vec![blocked(&[0], Some(4)), released(BLOCK, &[0]), reserved(BUYER, &[0], &[0]), expired(BUYER, &[0])];
        assert_eq!(findings(over), Vec::<String>::new(), "it ends at the fourth second");
        let reason = crate::domain::CancelReason::parse("storm").unwrap();
        let cancelled = [Event::ShowtimeCancelled { reason }, expired(BUYER, &[1, 2])];
        assert_eq!(findings(sold().into_iter().chain(cancelled)), Vec::<String>::new());
    }

    #[test]
    fn a_seat_that_its_block_did_not_give_is_found() {
        let said = format!("booking {BUYER} is said to have seat 2 from block {BLOCK}, which did not give it");
        let never_had = [blocked(&[0], None), reserved(BUYER, &[2], &[2])];
        assert_eq!(findings(never_had), [said.as_str()]);
        let given_to_another =
            [blocked(&[2], None), released(BLOCK, &[2]), reserved(OTHER, &[2], &[]), expired(OTHER, &[2])];
        assert_eq!(findings(given_to_another.into_iter().chain([reserved(BUYER, &[2], &[2])])), [said]);
    }
}
