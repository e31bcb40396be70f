//! Channels: whoever shows the key takes the channel's seats, and what is given back is the channel's again.

use serde_json::json;
use turnstile::domain::{
    AreaPlaces, BestAvailable, BlockAccess, BlockRejection, BlockSeats, BookingId, BookingStatus, Buyer, CancelReason,
    Choice, Command, Credential, Event, GivenTime, HoldToken, ListingChange, NewBlock, Orphans, Rejection,
    SeatExchange, SeatSelection, SeatStatus, TermChange, Together, TokenHash, UserId, Within,
};

use super::press;
use crate::story::{ID, Story, at, id, seats};

fn key(name: &str) -> TokenHash {
    TokenHash::of_channel_key(format!("the-key-of-{name}-which-is-long")).unwrap()
}

impl Story {
    /// A channel's block of these seats, until 100.
    fn channel(&mut self, number: u128, name: &str, of: &[u32]) -> Vec<Event> {
        let seats = SeatSelection::blocked(ID, seats(of)).unwrap();
        let block = turnstile::domain::Block { channel: Some(press().kind), ..press() };
        let until = Some(GivenTime::At(at(100)));
        let new = NewBlock { booking_id: id(number), seats, block, until, token: key(name), asked_at: at(0) };
        self.when(&Command::BlockSeats { new }, 0).unwrap()
    }

    fn buy(&mut self, number: u128, name: &str, of: &[u32], now: i64) -> Result<Vec<Event>, Rejection> {
        let buyer = Buyer { access: Some(BlockAccess::ChannelKey(key(name))), ..Buyer::default() };
        self.reserve_as(number, ("ada", buyer), SeatSelection::new(ID, seats(of)).unwrap(), now)
    }

    /// The holder of a booking takes seats besides and gives others back, and shows a channel's key.
    fn swap(
        &mut self,
        number: u128,
        name: &str,
        (add, remove): (&[u32], &[u32]),
        now: i64,
    ) -> Result<Vec<Event>, Rejection> {
        let holder = Credential::Holder(HoldToken::from_bytes([1; 32]).hash());
        let access = Some(BlockAccess::ChannelKey(key(name)));
        let exchange = SeatExchange { add: seats(add), remove: seats(remove), access, ..SeatExchange::default() };
        self.exchange_all(number, holder, exchange, now)
    }

    /// Which seats a block has.
    fn has(&self, number: u128) -> Vec<u32> {
        self.booking(number).seat_ids.iter().map(|seat| seat.index()).collect()
    }
}

fn returned(block: BookingId, of: &[u32]) -> Event {
    let told = turnstile::domain::Block { channel: Some(press().kind), ..press() };
    Event::SeatsBlocked { booking_id: block, seat_ids: seats(of), block: told, until: Some(at(100)) }
}

fn conflicts(refused: Result<Vec<Event>, Rejection>) -> Vec<u32> {
    let Err(Rejection::SeatsTaken { conflicts }) = refused else { panic!("{refused:?}") };
    conflicts.iter().map(|conflict| conflict.seat_id.index()).collect()
}

#[test]
fn a_key_takes_free_seats_and_the_channels_in_one_step() {
    let mut story = Story::begin();
    story.channel(1, "fans", &[2, 3, 4]);
    let events = story.buy(2, "fans", &[1, 2, 3], 1).unwrap();
    let (booking_id, reason, refund) = (id(1), None, None);
    assert_eq!(
        events[0],
        Event::SeatsReleased { booking_id, seat_ids: seats(&[2, 3]), reason, refund, refund_amount: None }
    );
    let Event::SeatsReserved { seat_ids, from_blocks, .. } = &events[1] else { panic!("{events:?}") };
    assert_eq!(*seat_ids, seats(&[1, 2, 3]));
    assert_eq!(*from_blocks, [BlockSeats { id: id(1), seat_ids: seats(&[2, 3]) }]);
    assert_eq!((story.has(1), events.len()), (vec![4], 2));
    assert_eq!([1, 2, 3, 4, 5].map(|seat| story.status(seat)), {
        use SeatStatus::{Available, Reserved};
        [Reserved, Reserved, Reserved, Reserved, Available]
    });
    // The last seat, once.
    story.buy(3, "fans", &[4], 2).unwrap();
    assert_eq!(conflicts(story.buy(4, "fans", &[4, 5], 3)), [4]);
    assert_eq!(story.has(1), [0; 0], "it is sold out, and not over");
    story.buy(5, "fans", &[5], 3).unwrap();
}

#[test]
fn a_wrong_key_is_refused_whatever_it_asks_for() {
    let mut story = Story::begin();
    story.channel(1, "fans", &[0, 1]);
    story.channel(2, "club", &[2, 3]);
    story.block(3, &[4], None, 0).unwrap();
    for wanted in [[0], [5], [4]] {
        assert_eq!(story.buy(9, "nobody", &wanted, 1), Err(BlockRejection::WrongKey.into()), "{wanted:?}");
    }
    // Neither another channel's, nor the house's own.
    assert_eq!(conflicts(story.buy(9, "club", &[0, 2, 4], 1)), [0, 4]);
    assert_eq!(conflicts(story.reserve(9, "ada", &[0], 1)), [0]);
    // The hash of a block's token is not the key of a channel.
    let (seats, user_id) = (SeatSelection::new(ID, seats(&[4])).unwrap(), UserId::parse("ada").unwrap());
    let token = HoldToken::from_bytes([9; 32]).hash();
    let buyer = Buyer { access: Some(BlockAccess::ChannelKey(token)), ..Buyer::default() };
    let command = Command::ReserveSeats { booking_id: id(9), seats, user_id, token, asked_at: at(1), buyer };
    assert_eq!(story.when(&command, 1), Err(BlockRejection::WrongKey.into()));
}

#[test]
fn the_best_seats_are_chosen_from_both() {
    let mut story = Story::begin();
    story.channel(1, "fans", &[4, 5]);
    let mut best = |number, channel: Option<&str>| {
        let (user_id, token) = (UserId::parse("ada").unwrap(), HoldToken::from_bytes([1; 32]).hash());
        let best = BestAvailable::new(4, Together::Required, Within::default()).unwrap();
        let buyer = Buyer { access: channel.map(key).map(BlockAccess::ChannelKey), ..Buyer::default() };
        let choice = best.into();
        let command = Command::ReserveChosen { booking_id: id(number), choice, user_id, token, asked_at: at(1), buyer };
        story.when(&command, 1).map(|events| match events.last() {
            Some(Event::SeatsReserved { seat_ids, .. }) => seat_ids.iter().map(|seat| seat.index()).collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        })
    };
    assert_eq!(best(2, Some("fans")).unwrap(), [3, 4, 5, 6]);
    assert!(matches!(best(3, None), Err(Rejection::NotTogether { .. })));
    assert_eq!(best(4, Some("nobody")), Err(BlockRejection::WrongKey.into()));
}

#[test]
fn places_of_an_area_are_sold_to_its_channel_by_quantity() {
    let house = json!([{"row": "A", "seats": 2}, {"row": "Lawn", "seats": 4, "area": {}}]);
    let mut story = Story::of(serde_json::from_value(house).unwrap());
    story.channel(1, "fans", &[2, 3, 4]);
    let mut places = |number, channel: Option<&str>, quantity| {
        let (user_id, token) = (UserId::parse("ada").unwrap(), HoldToken::from_bytes([1; 32]).hash());
        let buyer = Buyer { access: channel.map(key).map(BlockAccess::ChannelKey), ..Buyer::default() };
        let choice = Choice::new(None, vec![AreaPlaces::parse("Lawn", quantity, None).unwrap()]).unwrap();
        let command = Command::ReserveChosen { booking_id: id(number), choice, user_id, token, asked_at: at(1), buyer };
        story.when(&command, 1).map(|events| match events.last() {
            Some(Event::SeatsReserved { seat_ids, from_blocks, .. }) => {
                let from: usize = from_blocks.iter().map(|block| block.seat_ids.len()).sum();
                (seat_ids.iter().map(|seat| seat.index()).collect::<Vec<_>>(), from)
            }
            other => panic!("{other:?}"),
        })
    };
    let too_few = |wanted, left| Err(Rejection::TooFewPlaces { area: "Lawn".to_owned(), wanted, left });
    assert_eq!(places(2, None, 2), too_few(2, 1));
    assert_eq!(places(3, Some("fans"), 5), too_few(5, 4));
    assert_eq!(places(4, Some("fans"), 4), Ok((vec![2, 3, 4, 5], 3)));
    assert_eq!(story.has(1), [0; 0]);
}

#[test]
fn no_seat_is_left_alone_beside_the_channels_own() {
    let mut story = Story::begin();
    story.change(ListingChange { orphans: TermChange::Set(Some(Orphans::Refuse)), ..ListingChange::default() });
    story.channel(1, "fans", &[0, 1]);
    let alone = |refused| matches!(refused, Err(Rejection::SeatLeftAlone { .. }));
    assert!(alone(story.reserve(2, "bob", &[3], 1)), "seat 2 has no free neighbour for him");
    assert!(alone(story.buy(2, "fans", &[1], 1)), "seat 0 is as good as free for her");
    story.buy(2, "fans", &[3], 1).unwrap();
    story.reserve(3, "bob", &[2], 1).unwrap();
}

#[test]
fn what_is_given_back_is_the_channels_again_while_it_lives() {
    let mut story = Story::begin();
    story.channel(1, "fans", &[2, 3, 4, 5]);
    story.buy(2, "fans", &[1, 2], 1).unwrap();
    assert_eq!(story.cancel(2, 2)[1..], [returned(id(1), &[2])]);
    assert_eq!(story.has(1), [3, 4, 5, 2]);
    assert_eq!((story.status(1), story.status(2)), (SeatStatus::Available, SeatStatus::Reserved));
    story.buy(3, "fans", &[2, 3], 3).unwrap();
    assert_eq!(story.expire(3, 13)[1..], [returned(id(1), &[2, 3])]);

    // A sale: in part, then all.
    story.buy(4, "fans", &[0, 2, 3], 14).unwrap();
    story.confirm(4, "pay", 15).unwrap();
    let partly = story.refund(4, &[0, 2], 16).unwrap();
    assert_eq!((partly.len(), &partly[2]), (3, &returned(id(1), &[2])));
    assert_eq!(story.booking(4).from_blocks, [BlockSeats { id: id(1), seat_ids: seats(&[3]) }]);
    assert_eq!(story.refund(4, &[], 17).unwrap()[1..], [returned(id(1), &[3])]);

    // An exchange.
    story.buy(5, "fans", &[2, 3], 18).unwrap();
    let exchanged = story.exchange(5, Credential::Operator, (&[9], &[3]), 19).unwrap();
    assert_eq!(exchanged[2..], [returned(id(1), &[3])]);
    assert_eq!(story.cancel(5, 20)[1..], [returned(id(1), &[2])]);
    story.buy(6, "fans", &[2, 3], 20).unwrap();
}

#[test]
fn an_exchange_that_shows_the_key_takes_the_channels_seats() {
    let mut story = Story::begin();
    story.channel(1, "fans", &[2, 3, 4]);
    story.buy(2, "fans", &[2, 9], 1).unwrap();
    let holder = Credential::Holder(HoldToken::from_bytes([1; 32]).hash());
    assert_eq!(conflicts(story.exchange(2, holder, (&[3], &[]), 2)), [3], "without the key it is the house's");
    assert_eq!(story.swap(2, "nobody", (&[3], &[]), 2), Err(BlockRejection::WrongKey.into()));

    let events = story.swap(2, "fans", (&[3, 5], &[2, 9]), 2).unwrap();
    let [
        Event::SeatsReleased { booking_id: from, seat_ids: out, .. },
        Event::SeatsReleased { booking_id, seat_ids, .. },
        changed,
        back,
    ] = events.as_slice()
    else {
        panic!("{events:?}")
    };
    assert_eq!(((*from, out), (*booking_id, seat_ids)), ((id(1), &seats(&[3])), (id(2), &seats(&[2, 9]))));
    let Event::BookingChanged { seat_ids, from_blocks, .. } = changed else { panic!("{changed:?}") };
    assert_eq!(
        (seat_ids, from_blocks.as_slice()),
        (&seats(&[3, 5]), &[BlockSeats { id: id(1), seat_ids: seats(&[3]) }][..])
    );
    assert_eq!((back, story.has(1)), (&returned(id(1), &[2]), vec![4, 2]));
    assert_eq!(story.booking(2).from_blocks, [BlockSeats { id: id(1), seat_ids: seats(&[3]) }]);
    assert_eq!(story.swap(2, "fans", (&[3, 5], &[2, 9]), 3), Ok(vec![]), "it is so already");

    // Another one of the same block joins those that the booking has. What it has when its deadline passes goes back.
    story.swap(2, "fans", (&[4], &[]), 3).unwrap();
    assert_eq!(story.booking(2).from_blocks, [BlockSeats { id: id(1), seat_ids: seats(&[3, 4]) }]);
    story.buy(3, "fans", &[2], 4).unwrap();
    assert_eq!(conflicts(story.swap(2, "fans", (&[2], &[]), 5)), [2], "its last place is sold");
    assert_eq!(story.expire(2, 11)[1..], [returned(id(1), &[3, 4])]);
}

/// As the journal is folded: by who was not there when it was decided, and once more from the middle.
#[test]
fn what_an_exchange_took_from_a_channel_is_known_from_the_journal() {
    let mut story = Story::begin();
    story.channel(1, "fans", &[2, 3, 4]);
    story.channel(3, "club", &[6, 7]);
    story.buy(2, "fans", &[2], 1).unwrap();
    let mut other = story.showtime.clone();
    let mut run = story.swap(2, "club", (&[6], &[]), 2).unwrap();
    run.extend(story.swap(2, "fans", (&[3], &[]), 3).unwrap());
    let first = other.sequence() + 1;
    for _ in 0..2 {
        for (sequence, event) in (first..).zip(&run) {
            other.evolve(event, sequence, at(3), None);
        }
        assert_eq!(other.booking(id(2)), story.showtime.booking(id(2)));
    }
    let from = |block, of| BlockSeats { id: id(block), seat_ids: seats(of) };
    assert_eq!(story.booking(2).from_blocks, [from(1, &[2, 3]), from(3, &[6])]);
}

#[test]
fn an_exchange_takes_places_of_an_area_from_its_channel_until_the_channel_ends() {
    let house = json!([{"row": "A", "seats": 2}, {"row": "Lawn", "seats": 4, "area": {}}]);
    let mut story = Story::of(serde_json::from_value(house).unwrap());
    story.channel(1, "fans", &[2, 3, 4]);
    story.buy(2, "fans", &[0], 95).unwrap();
    let lawn = |quantity, key: Option<TokenHash>| SeatExchange {
        areas: vec![AreaPlaces::parse("Lawn", quantity, None).unwrap()],
        access: key.map(BlockAccess::ChannelKey),
        ..SeatExchange::default()
    };
    let too_few = |wanted, left| Err(Rejection::TooFewPlaces { area: "Lawn".to_owned(), wanted, left });
    assert_eq!(story.exchange_all(2, Credential::Operator, lawn(2, None), 96), too_few(2, 1));
    assert_eq!(story.exchange_all(2, Credential::Operator, lawn(5, Some(key("fans"))), 96), too_few(5, 4));
    story.exchange_all(2, Credential::Operator, lawn(3, Some(key("fans"))), 96).unwrap();
    assert_eq!((story.has(2), story.has(1)), (vec![0, 2, 3, 4], vec![]));
    let late = story.exchange_all(2, Credential::Operator, lawn(4, Some(key("fans"))), 100);
    assert_eq!(late, Err(BlockRejection::WrongKey.into()), "the channel has ended");
    story.exchange_all(2, Credential::Operator, lawn(4, None), 100).unwrap();
}

#[test]
fn an_exchange_leaves_no_seat_alone_beside_the_channels_own() {
    let mut story = Story::begin();
    story.change(ListingChange { orphans: TermChange::Set(Some(Orphans::Refuse)), ..ListingChange::default() });
    story.channel(1, "fans", &[0, 1]);
    story.buy(2, "fans", &[8, 9], 1).unwrap();
    let alone = story.swap(2, "fans", (&[1], &[]), 2);
    assert!(matches!(alone, Err(Rejection::SeatLeftAlone { .. })), "seat 0 is as good as free for her: {alone:?}");
    story.swap(2, "fans", (&[0, 1], &[]), 2).unwrap();
}

#[test]
fn what_is_given_back_later_is_everybodys() {
    let mut story = Story::begin();
    story.channel(1, "fans", &[2, 3, 4]);
    story.buy(2, "fans", &[2], 95).unwrap();
    // Due, though its end is not recorded yet.
    assert_eq!(story.cancel(2, 100).len(), 1);
    assert_eq!(story.buy(3, "fans", &[5], 100), Err(BlockRejection::WrongKey.into()));
    story.expire(1, 100);
    story.reserve(4, "ada", &[2, 3, 4], 101).unwrap();

    let mut story = Story::begin();
    story.channel(1, "fans", &[2, 3]);
    story.buy(2, "fans", &[2], 1).unwrap();
    story.unblock(1, &[], 2).unwrap();
    assert_eq!(story.cancel(2, 3).len(), 1, "the channel was ended");
    story.channel(3, "fans", &[2]);
    story.buy(4, "fans", &[2], 4).unwrap();
    story.when(&Command::CancelShowtime { reason: CancelReason::parse("storm").unwrap() }, 5).unwrap();
    assert_eq!(story.expire(4, 6).len(), 1, "nothing is sold any more");
    assert_eq!(story.booking(4).status, BookingStatus::Cancelled);
}

#[test]
fn a_late_payment_takes_its_seats_out_of_the_channel_again() {
    let mut story = Story::begin();
    story.channel(1, "fans", &[2, 3]);
    story.buy(2, "fans", &[1, 2], 1).unwrap();
    story.expire(2, 11);
    let events = story.confirm(2, "pay", 12).unwrap();
    assert!(matches!(&events[0], Event::SeatsReleased { booking_id, .. } if *booking_id == id(1)), "{events:?}");
    assert!(matches!(&events[1], Event::BookingConfirmed { late_for: Some(_), .. }), "{events:?}");
    assert_eq!((story.has(1), story.status(2)), (vec![3], SeatStatus::Sold));

    let mut story = Story::begin();
    story.channel(1, "fans", &[2]);
    story.buy(2, "fans", &[2], 1).unwrap();
    story.expire(2, 11);
    story.buy(3, "fans", &[2], 22).unwrap();
    assert!(matches!(story.confirm(2, "pay", 23), Err(Rejection::PaymentTooLate { .. })));
}

#[test]
fn keys_are_long_and_never_shown() {
    for wrong in ["", "fifteen letters", "sixteen letters!\n", "sixteen  letters\u{e9}", &"x".repeat(256)] {
        assert!(TokenHash::of_channel_key(wrong).is_err(), "{wrong}");
    }
    let hash = TokenHash::of_channel_key("sixteen-letters!").unwrap();
    assert_eq!(hash, TokenHash::of_channel_key("sixteen-letters!").unwrap());
    assert_ne!(hash, TokenHash::of_channel_key("sixteen-letters?").unwrap());
    let shown = format!("{:?}", Buyer { access: Some(BlockAccess::ChannelKey(hash)), ..Buyer::default() });
    assert!(shown.starts_with("Buyer { access: Some(ChannelKey(TokenHash(..)))"), "{shown}");
}
