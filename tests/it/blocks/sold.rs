//! Sales out of a block: an operator who names a block takes its seats, and what is given back is the block's again.

use turnstile::domain::{
    BestAvailable, BlockAccess, BlockRejection, BlockSeats, Buyer, Command, ConflictReason, Credential, Event,
    GivenTime, HoldToken, ListingChange, NewBlock, Orphans, Rejection, SeatExchange, SeatSelection, SeatStatus,
    TermChange, Together, UserId, Within,
};

use super::press;
use crate::story::{ID, Story, at, id, payment, seats};

fn unknown<T>() -> Result<T, Rejection> {
    Err(BlockRejection::Unknown.into())
}

fn released(block: u128, of: &[u32]) -> Event {
    let (booking_id, reason, refund) = (id(block), None, None);
    Event::SeatsReleased { booking_id, seat_ids: seats(of), reason, refund, refund_amount: None }
}

fn returned(block: u128, of: &[u32]) -> Event {
    Event::SeatsBlocked { booking_id: id(block), seat_ids: seats(of), block: press(), until: None }
}

impl Story {
    /// An operator holds seats, and names a block.
    fn hold_out_of(&mut self, number: u128, block: u128, of: &[u32], now: i64) -> Result<Vec<Event>, Rejection> {
        let buyer = Buyer { access: Some(BlockAccess::Block(id(block))), is_operator: true, ..Buyer::default() };
        self.reserve_as(number, ("counter", buyer), SeatSelection::new(ID, seats(of)).unwrap(), now)
    }

    /// The same, sold at once.
    fn sell_out_of(&mut self, number: u128, block: u128, of: &[u32], now: i64) -> Result<Vec<Event>, Rejection> {
        let access = Some(BlockAccess::Block(id(block)));
        let buyer = Buyer { access, is_operator: true, payment: Some(payment(&format!("cash {number}"))) };
        self.reserve_as(number, ("counter", buyer), SeatSelection::new(ID, seats(of)).unwrap(), now)
    }

    fn swap_out_of(
        &mut self,
        number: u128,
        by: Credential,
        (block, add, remove): (u128, &[u32], &[u32]),
        now: i64,
    ) -> Result<Vec<Event>, Rejection> {
        let access = Some(BlockAccess::Block(id(block)));
        let exchange = SeatExchange { add: seats(add), remove: seats(remove), access, ..SeatExchange::default() };
        self.exchange_all(number, by, exchange, now)
    }

    fn is_left(&self, block: u128) -> Vec<u32> {
        self.booking(block).seat_ids.iter().map(|seat| seat.index()).collect()
    }
}

fn holder() -> Credential {
    Credential::Holder(HoldToken::from_bytes([1; 32]).hash())
}

#[test]
fn an_operator_sells_seats_of_a_block_and_free_ones_in_one_step() {
    let mut story = Story::begin();
    story.block(1, &[2, 3], None, 0).unwrap();
    let events = story.sell_out_of(2, 1, &[1, 2], 1).unwrap();
    assert_eq!(events[0], released(1, &[2]));
    let Event::SeatsReserved { seat_ids, from_blocks, .. } = &events[1] else { panic!("{events:?}") };
    assert_eq!((seat_ids, from_blocks.as_slice()), (&seats(&[1, 2]), &[from(1, &[2])][..]));
    assert!(matches!(&events[2], Event::BookingConfirmed { booking_id, .. } if *booking_id == id(2)), "{events:?}");
    assert_eq!((events.len(), story.is_left(1), story.status(2)), (3, vec![3], SeatStatus::Sold));
    story.sell_out_of(3, 1, &[3], 2).unwrap();
    assert_eq!(story.is_left(1), [0; 0], "it is sold out, and not over");
    let Err(Rejection::SeatsTaken { conflicts }) = story.sell_out_of(4, 1, &[3, 4], 3) else { panic!("it is sold") };
    let told: Vec<_> = conflicts.iter().map(|conflict| (conflict.seat_id.index(), conflict.reason)).collect();
    assert_eq!(told, [(3, ConflictReason::Sold)]);
    // Nothing was asked of the block that has to be in it.
    story.sell_out_of(5, 1, &[4], 3).unwrap();
}

fn from(block: u128, of: &[u32]) -> BlockSeats {
    BlockSeats { id: id(block), seat_ids: seats(of) }
}

#[test]
fn a_block_opens_to_operators_while_it_lives_and_no_other_block_with_it() {
    let mut story = Story::begin();
    story.block(1, &[0, 1], None, 0).unwrap();
    story.block(2, &[2, 3], Some(GivenTime::At(at(50))), 0).unwrap();
    story.reserve(3, "ada", &[9], 1).unwrap();
    let customer = Buyer { access: Some(BlockAccess::Block(id(1))), ..Buyer::default() };
    for wanted in [[0], [5]] {
        let wanted = SeatSelection::new(ID, seats(&wanted)).unwrap();
        assert_eq!(story.reserve_as(9, ("ada", customer.clone()), wanted, 1), unknown());
    }
    for no_block in [3, 77] {
        assert_eq!(story.hold_out_of(9, no_block, &[5], 1), unknown(), "{no_block}");
    }
    let Err(Rejection::SeatsTaken { conflicts }) = story.hold_out_of(9, 1, &[1, 2], 1) else {
        panic!("that is another block's")
    };
    assert_eq!(conflicts.iter().map(|conflict| conflict.seat_id.index()).collect::<Vec<_>>(), [2]);
    story.hold_out_of(4, 2, &[3], 49).unwrap();
    assert_eq!(story.hold_out_of(9, 2, &[2], 50), unknown(), "due, though its end is not recorded yet");
    story.expire(2, 50);
    assert_eq!(story.hold_out_of(9, 2, &[2], 51), unknown());
    story.unblock(1, &[], 52).unwrap();
    assert_eq!(story.hold_out_of(9, 1, &[5], 53), unknown());
    assert_eq!(story.cancel(4, 54).len(), 1, "what its block can have no more is everybody's");
}

#[test]
fn what_is_given_back_is_the_blocks_again_while_it_lives() {
    let mut story = Story::begin();
    story.block(1, &[2, 3, 4], None, 0).unwrap();
    story.hold_out_of(2, 1, &[1, 2, 3, 4], 1).unwrap();
    assert_eq!(story.cancel(2, 2)[1..], [returned(1, &[2, 3, 4])]);
    story.hold_out_of(3, 1, &[2], 3).unwrap();
    assert_eq!(story.expire(3, 13)[1..], [returned(1, &[2])]);
    // The payment came late, and has the seat again.
    let late = story.confirm(3, "late", 14).unwrap();
    assert_eq!((&late[0], story.is_left(1)), (&released(1, &[2]), vec![3, 4]));
    assert_eq!(story.refund(3, &[], 15).unwrap()[1..], [returned(1, &[2])]);
    story.sell_out_of(4, 1, &[2, 3, 4], 16).unwrap();
    let refunded = story.refund(4, &[3], 17).unwrap();
    assert_eq!((&refunded[2..], story.is_left(1)), (&[returned(1, &[3])][..], vec![3]));
    assert_eq!(story.reserve(5, "ada", &[3], 18).map_err(|_taken| ()), Err(()), "nobody else's");
    // Given back to everybody, it is over: what comes later is everybody's, too.
    story.unblock(1, &[3], 19).unwrap();
    assert_eq!(story.refund(4, &[], 20).unwrap().len(), 1);
    story.reserve(6, "ada", &[2, 3, 4], 21).unwrap();
}

#[test]
fn a_channels_block_sells_to_operators_without_its_key() {
    let mut story = Story::begin();
    let token = turnstile::domain::TokenHash::of_channel_key("the-key-of-the-fans").unwrap();
    let block = turnstile::domain::Block { channel: Some(press().kind), ..press() };
    let (seats, until) = (SeatSelection::blocked(ID, seats(&[2, 3])).unwrap(), None);
    let new = NewBlock { booking_id: id(1), seats, block: block.clone(), until, token, asked_at: at(0) };
    story.when(&Command::BlockSeats { new }, 0).unwrap();
    story.hold_out_of(2, 1, &[2], 1).unwrap();
    let back = Event::SeatsBlocked { booking_id: id(1), seat_ids: crate::story::seats(&[2]), block, until: None };
    assert_eq!(story.cancel(2, 2)[1..], [back]);
}

#[test]
fn the_best_seats_are_chosen_from_the_free_ones_and_the_blocks() {
    let mut story = Story::begin();
    story.block(1, &[4, 5], None, 0).unwrap();
    story.block(2, &[6], None, 0).unwrap();
    let mut best = |number, access: Option<BlockAccess>| {
        let (user_id, token) = (UserId::parse("counter").unwrap(), HoldToken::from_bytes([1; 32]).hash());
        let best = BestAvailable::new(4, Together::Required, Within::default()).unwrap();
        let buyer = Buyer { access, is_operator: true, ..Buyer::default() };
        let (booking_id, choice, asked_at) = (id(number), best.into(), at(1));
        story.when(&Command::ReserveChosen { booking_id, choice, user_id, token, asked_at, buyer }, 1).unwrap();
        story.booking(number).seat_ids.iter().map(|seat| seat.index()).collect::<Vec<_>>()
    };
    assert_eq!(best(7, Some(BlockAccess::Block(id(1)))), [2, 3, 4, 5]);
}

#[test]
fn an_exchange_takes_seats_out_of_a_block_for_operators_only() {
    let mut story = Story::begin();
    story.block(1, &[2, 3, 4], None, 0).unwrap();
    story.reserve(2, "ada", &[8, 9], 1).unwrap();
    assert_eq!(story.swap_out_of(2, holder(), (1, &[2], &[9]), 2), unknown());
    let events = story.swap_out_of(2, Credential::Operator, (1, &[2], &[9]), 2).unwrap();
    assert_eq!(events[0], released(1, &[2]));
    assert_eq!((story.booking(2).seat_ids.clone(), story.is_left(1)), (seats(&[8, 2]), vec![3, 4]));
    assert_eq!(story.booking(2).from_blocks, [from(1, &[2])]);
    assert_eq!(story.swap_out_of(2, Credential::Operator, (1, &[2], &[9]), 3), Ok(vec![]), "it is so already");
    // The holder gives it back, and names nothing for it.
    let back = story.exchange(2, holder(), (&[9], &[2]), 4).unwrap();
    assert_eq!((back.last(), story.is_left(1)), (Some(&returned(1, &[2])), vec![3, 4, 2]));
    story.confirm(2, "pay", 5).unwrap();
    story.swap_out_of(2, Credential::Operator, (1, &[3], &[9]), 6).unwrap();
    assert_eq!((story.status(3), story.status(9)), (SeatStatus::Sold, SeatStatus::Available));
    assert_eq!(story.swap_out_of(2, Credential::Operator, (77, &[5], &[]), 7), unknown());
}

#[test]
fn no_seat_of_the_block_is_left_alone_by_a_hold_out_of_it() {
    let mut story = Story::begin();
    story.change(ListingChange { orphans: TermChange::Set(Some(Orphans::Refuse)), ..ListingChange::default() });
    story.block(1, &[0, 1], None, 0).unwrap();
    let alone = story.hold_out_of(2, 1, &[1, 2], 1);
    assert!(matches!(alone, Err(Rejection::SeatLeftAlone { .. })), "{alone:?}");
    story.hold_out_of(2, 1, &[0, 1], 1).unwrap();
}
