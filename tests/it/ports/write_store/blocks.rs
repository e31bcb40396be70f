//! Blocks: bookings of the house, whose seats come and go one by one.

use turnstile::domain::{Block, Booking, BookingStatus, HouseWord, SeatIndex, ShowtimeId, Timestamp, UserId};
use turnstile::domain::{Event, Listing, Terms};
use turnstile::write_store::CommitError;

use crate::ports::write_store::Adapter;
use crate::ports::write_store::draft::{Draft, at, booking, new_showtime, scheduled, stored};
use crate::ports::write_store::oracle::{check, holders};

/// A block of the house, not yet stored.
fn block(id: ShowtimeId, seats: &[SeatIndex]) -> Booking {
    let kind = HouseWord::parse("press").unwrap();
    let block = Some(Block { kind, reason: None, channel: None });
    Booking { block, user_id: UserId::house(), expires_at: Timestamp::MAX, ..booking(id, seats) }
}

pub async fn a_block_is_kept_whole_and_listed_until_it_ends<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let (id, other) = (scheduled(&store, 6).await, scheduled(&store, 2).await);
    let mut made = Vec::new();
    for seats in [[0, 1], [2, 3], [4, 5]] {
        let new = block(id, &seats);
        let committed = store.commit(Draft::kept(&store, id).await.block(&new, 1).done()).await.unwrap();
        made.push(Booking { version: committed.first_sequence, ..new });
    }
    store.commit(Draft::kept(&store, other).await.reserve(&booking(other, &[0]), 1).done()).await.unwrap();
    assert_eq!(stored(&store, made[0].id).await, made[0]);
    assert_eq!(store.blocks(id, None, 10).await.unwrap(), made, "in the order of their making");
    assert_eq!(store.blocks(id, None, 2).await.unwrap(), made[..2]);
    assert_eq!(store.blocks(id, Some(made[1].id), 10).await.unwrap(), made[2..]);
    assert_eq!(store.blocks(other, None, 10).await.unwrap(), []);
    assert_eq!(store.due(at(999_999_999), 10).await.unwrap().len(), 1, "only the hold");
    check(&store, id).await;
    store.commit(Draft::kept(&store, id).await.cancel(&made[0]).done()).await.unwrap();
    store.commit(Draft::kept(&store, id).await.expire(&made[2]).done()).await.unwrap();
    assert_eq!(store.blocks(id, None, 10).await.unwrap(), made[1..2]);
    check(&store, id).await;
}

pub async fn seats_come_into_a_block_and_leave_it_alone<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let id = scheduled(&store, 4).await;
    let new = block(id, &[0, 1, 2]);
    store.commit(Draft::kept(&store, id).await.block(&new, 1).done()).await.unwrap();
    let first = stored(&store, new.id).await;
    store.commit(Draft::kept(&store, id).await.unblock_first(&first, 2).done()).await.unwrap();
    let fewer = stored(&store, new.id).await;
    assert_eq!(fewer.seat_ids, first.seat_ids[1..]);
    assert_eq!(holders(&check(&store, id).await), [(1, new.id), (2, new.id)]);
    // The others have the version that they had.
    let late = Draft::kept(&store, id).await.unblock_first(&first, 2).done();
    assert!(matches!(store.commit(late).await, Err(CommitError::Conflict)));
    store.commit(Draft::kept(&store, id).await.block_again(&fewer, 0, 3).done()).await.unwrap();
    let whole = stored(&store, new.id).await;
    assert_eq!(whole.seat_ids.iter().map(|seat| seat.index()).collect::<Vec<_>>(), [1, 2, 0]);
    let audit = check(&store, id).await;
    assert_eq!(audit.seats.iter().map(|seat| seat.1).collect::<Vec<_>>(), [4, 2, 2, 1]);
}

pub async fn a_block_without_seats_is_loaded<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let id = scheduled(&store, 2).await;
    let new = block(id, &[0]);
    store.commit(Draft::kept(&store, id).await.block(&new, 1).done()).await.unwrap();
    let first = stored(&store, new.id).await;
    store.commit(Draft::kept(&store, id).await.unblock_first(&first, 2).done()).await.unwrap();
    for loaded in [store.load(id).await, store.take_over(id).await] {
        let loaded = loaded.unwrap().unwrap();
        let booking = loaded.showtime.booking(new.id).expect("the block is there");
        assert_eq!((booking.status, booking.seat_ids.len()), (BookingStatus::Pending, 0));
    }
    check(&store, id).await;
}

pub async fn a_block_counts_for_no_customer<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let terms = Terms { places_per_customer: Some(2), ..Terms::default() };
    let new = new_showtime(4);
    let listing = Listing { terms, ..new.listing.clone() };
    let id = new.id;
    store.schedule(new).await.unwrap();
    let Listing { movie_title, start_time, terms, .. } = listing.clone();
    let event = Event::ShowtimeChanged { movie_title, start_time, terms, rows: None };
    store.commit(Draft::kept(&store, id).await.list(&listing, event).done()).await.unwrap();
    store.commit(Draft::kept(&store, id).await.block(&block(id, &[0, 1]), 1).done()).await.unwrap();
    store.commit(Draft::kept(&store, id).await.reserve(&booking(id, &[2]), 1).done()).await.unwrap();
    check(&store, id).await;
}
