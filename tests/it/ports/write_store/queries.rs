//! Queries: bookings, due holds, heads and the audit.

use std::time::Duration;

use turnstile::domain::{Booking, BookingId, EventRun, Place, ShowtimeId, ShowtimeView, Stamp};
use turnstile::write_store::{CommitError, NewShowtime, Totals};
use uuid::Uuid;

use crate::ports::write_store::Adapter;
use crate::ports::write_store::draft::{Draft, at, booking, new_showtime, reserved, scheduled, stored};
use crate::ports::write_store::oracle::{check, holders};

pub async fn bookings_are_found_by_id<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let (id, other) = (scheduled(&store, 9).await, scheduled(&store, 9).await);
    let mut expected = vec![
        reserved(&store, id, &[8, 1], 1).await,
        reserved(&store, other, &[0], 1).await,
        reserved(&store, other, &[3, 2, 1], 1).await,
    ];
    reserved(&store, id, &[5], 1).await;
    let mut ids: Vec<_> = expected.iter().map(|booking| booking.id).collect();
    ids.push(BookingId(Uuid::now_v7()));
    let mut found = store.bookings(ids.clone()).await.unwrap();
    found.sort_unstable_by_key(|booking| booking.id);
    expected.sort_unstable_by_key(|booking| booking.id);
    assert_eq!(found, expected);
    assert_eq!(store.bookings(vec![]).await.unwrap(), []);
    assert_eq!(store.bookings(vec![ids[0], ids[0]]).await.unwrap().len(), 1, "asked twice, told once");
}

pub async fn due_holds_come_earliest_first<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let (id, other) = (scheduled(&store, 20).await, scheduled(&store, 20).await);
    let mut made = Vec::new();
    for (seat, deadline) in [500_i64, 100, 400, 200, 300, 600].into_iter().enumerate() {
        let showtime = if seat % 2 == 0 { id } else { other };
        let new = Booking { expires_at: at(deadline), ..booking(showtime, &[u32::try_from(seat).unwrap()]) };
        store.commit(Draft::kept(&store, showtime).await.reserve(&new, 1).done()).await.unwrap();
        made.push((deadline, (showtime, new.id)));
    }
    // Ended and sold bookings have no deadline any more; an extended one has its new one.
    let (sold, ended, extended) = (made[1].1.1, made[2].1.1, made[3].1.1);
    let draft = Draft::kept(&store, other).await.confirm(&stored(&store, sold).await, "pay");
    store.commit(draft.done()).await.unwrap();
    store.commit(Draft::kept(&store, id).await.expire(&stored(&store, ended).await).done()).await.unwrap();
    let draft = Draft::kept(&store, other).await.extend(&stored(&store, extended).await, at(550));
    store.commit(draft.done()).await.unwrap();

    let expected = [made[4].1, made[0].1, made[3].1, made[5].1];
    let due = async |before, limit| {
        let holds = store.due(at(before), limit).await.unwrap();
        holds.iter().map(|hold| (hold.booking.showtime_id, hold.booking.id)).collect::<Vec<_>>()
    };
    assert_eq!(due(600, 10).await, expected);
    assert_eq!(due(599, 10).await, expected[..3]);
    assert_eq!(due(600, 2).await, expected[..2]);
    assert_eq!(due(299, 10).await, []);
    // All that a batch that ends it has to name.
    for hold in store.due(at(600), 10).await.unwrap() {
        assert_eq!(hold.booking, stored(&store, hold.booking.id).await);
        assert_eq!(hold.fence, store.load(hold.booking.showtime_id).await.unwrap().unwrap().fence);
        let draft = Draft::new(hold.booking.showtime_id, hold.fence).expire(&hold.booking);
        store.commit(draft.done()).await.unwrap();
    }
}

pub async fn heads_of_known_showtimes<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let (one, two, three) = (scheduled(&store, 3).await, scheduled(&store, 3).await, scheduled(&store, 3).await);
    reserved(&store, two, &[0], 1).await;
    reserved(&store, two, &[1], 1).await;
    let mut heads = store.heads(vec![two, ShowtimeId(Uuid::new_v4()), one]).await.unwrap();
    heads.sort_unstable();
    let mut expected = [(one, 1), (two, 3)];
    expected.sort_unstable();
    assert_eq!(heads, expected);
    assert_eq!(store.heads(vec![]).await.unwrap(), []);
    assert_eq!(store.heads(vec![three]).await.unwrap(), [(three, 1)]);
}

pub async fn heads_page_walks_all_showtimes<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    assert_eq!(store.heads_page(None, 10).await.unwrap(), []);
    let mut expected = Vec::new();
    for number in 0..11_u64 {
        let id = scheduled(&store, 1).await;
        if number % 2 == 0 {
            reserved(&store, id, &[0], 1).await;
        }
        expected.push((id, 2 - number % 2));
    }
    expected.sort_unstable();
    let mut walked: Vec<(ShowtimeId, u64)> = Vec::new();
    loop {
        let page = store.heads_page(walked.last().map(|head| head.0), 4).await.unwrap();
        assert!(page.len() <= 4);
        if page.is_empty() {
            break;
        }
        assert!(walked.last() < page.first(), "each page begins behind the last one");
        walked.extend(page);
    }
    assert_eq!(walked, expected);
    assert_eq!(store.heads_page(None, 100).await.unwrap(), expected);
}

/// Creations are decided at 0 ms, reservations at 10 ms.
pub async fn showtimes_that_changed_since_a_moment<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(scheduled(&store, 3).await);
    }
    reserved(&store, ids[1], &[0], 1).await;
    reserved(&store, ids[1], &[1], 1).await;
    reserved(&store, ids[3], &[0], 1).await;
    let changed = async |since, limit| {
        let mut changed = store.changed(at(since), limit).await.unwrap();
        changed.sort_unstable();
        changed
    };
    let sorted = |mut ids: Vec<ShowtimeId>| {
        ids.sort_unstable();
        ids
    };
    assert_eq!(changed(0, 10).await, sorted(ids.clone()));
    assert_eq!(changed(1, 10).await, sorted(vec![ids[1], ids[3]]));
    assert_eq!(changed(10, 10).await, sorted(vec![ids[1], ids[3]]));
    assert_eq!(changed(11, 10).await, []);
    assert_eq!(changed(0, 3).await.len(), 3);
}

pub async fn places_that_the_journal_does_not_have<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let (one, two) = (scheduled(&store, 3).await, scheduled(&store, 3).await);
    reserved(&store, one, &[0], 1).await;
    let place = async |id, sequence: u64| {
        let events = store.journal(id, sequence - 1, 1).await.unwrap();
        (id, Place { sequence, stamp: events[0].stamp })
    };
    let (first, last, other) = (place(one, 1).await, place(one, 2).await, place(two, 1).await);
    assert_eq!(store.lost(vec![first, last, other]).await.unwrap(), []);
    let wrong = |place: (ShowtimeId, Place)| (place.0, Place { stamp: Stamp(place.1.stamp.0 ^ 1), ..place.1 });
    let ahead = (two, Place { sequence: 2, ..last.1 });
    let unknown = (ShowtimeId(Uuid::new_v4()), last.1);
    assert_eq!(store.lost(vec![wrong(first), other]).await.unwrap(), [one]);
    assert_eq!(store.lost(vec![last, ahead]).await.unwrap(), [two]);
    assert_eq!(store.lost(vec![unknown, first]).await.unwrap(), [unknown.0]);
    assert_eq!(store.lost(vec![]).await.unwrap(), []);
}

pub async fn a_view_is_the_fold_of_the_journal<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let id = scheduled(&store, 9).await;
    let held = reserved(&store, id, &[3, 1], 1).await;
    reserved(&store, id, &[7], 1).await;
    store.commit(Draft::kept(&store, id).await.confirm(&held, "pay").done()).await.unwrap();
    let events = store.journal(id, 0, 10).await.unwrap();
    let mut fold = ShowtimeView::scheduled(id, &events[0]).unwrap();
    fold.apply(&EventRun::new(id, events).unwrap());
    assert_eq!(*store.view(id).await.unwrap().unwrap(), fold);
    assert_eq!(store.view(ShowtimeId(Uuid::new_v4())).await.unwrap(), None);
}

pub async fn totals_count_what_is_scheduled_and_nothing_else<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    assert_eq!(store.totals().await.unwrap(), Totals { showtimes: 0, seats: 0 });
    let id = scheduled(&store, 7).await;
    scheduled(&store, 200_000).await;
    let taken = store.schedule(NewShowtime { id, ..new_showtime(5) }).await;
    assert!(matches!(taken, Err(CommitError::Conflict)), "{taken:?}");
    let held = reserved(&store, id, &[3, 1], 1).await;
    store.commit(Draft::kept(&store, id).await.confirm(&held, "pay").done()).await.unwrap();
    let expected = Totals { showtimes: 2, seats: 200_007 };
    assert_eq!(store.totals().await.unwrap(), expected);
    assert_eq!(adapter.another_node().await.totals().await.unwrap(), expected);
}

pub async fn an_audit_shows_everything<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let (id, other) = (scheduled(&store, 5).await, scheduled(&store, 5).await);
    let held = reserved(&store, id, &[4, 0], 1).await;
    let ended = reserved(&store, id, &[2], 1).await;
    let foreign = reserved(&store, other, &[1], 1).await;
    store.commit(Draft::kept(&store, id).await.cancel(&ended).done()).await.unwrap();

    let audit = check(&store, id).await;
    assert_eq!(audit.sequence, 4);
    assert_eq!(audit.seats.len(), 5);
    assert_eq!(holders(&audit), [(0, held.id), (4, held.id)]);
    let mut bookings: Vec<_> = audit.bookings.iter().map(|booking| booking.id).collect();
    bookings.sort_unstable();
    assert_eq!(bookings, [held.id, ended.id]);
    let audit = check(&store, other).await;
    assert_eq!(audit.bookings, [foreign]);
}

pub async fn an_audit_of_an_unknown_showtime_is_none<A: Adapter>() {
    let adapter = A::fresh().await;
    assert_eq!(adapter.store().audit(ShowtimeId(Uuid::new_v4())).await.unwrap(), None);
}

pub async fn a_ping_is_answered<A: Adapter>() {
    let adapter = A::fresh().await;
    tokio::time::timeout(Duration::from_secs(10), adapter.store().ping()).await.unwrap().unwrap();
}

pub async fn the_journal_tells_the_stamps_of_its_events<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let (id, other) = (scheduled(&store, 9).await, scheduled(&store, 9).await);
    let held = reserved(&store, id, &[8, 1], 1).await;
    store.commit(Draft::kept(&store, id).await.cancel(&held).done()).await.unwrap();
    reserved(&store, other, &[0], 1).await;
    let mut expected = Vec::new();
    for showtime in [id, other] {
        let events = store.journal(showtime, 0, 10).await.unwrap();
        expected.extend(events.iter().map(|event| ((showtime, event.sequence), event.stamp)));
    }
    assert_eq!(expected.len(), 5);
    let mut places: Vec<_> = expected.iter().map(|(place, _)| *place).collect();
    places.extend([(id, 4), (other, 0), (ShowtimeId(Uuid::now_v7()), 1)]);
    let by_place = |stamps: &mut Vec<((ShowtimeId, u64), Stamp)>| stamps.sort_unstable_by_key(|(place, _)| *place);
    let mut found = store.stamps(places).await.unwrap();
    by_place(&mut found);
    by_place(&mut expected);
    assert_eq!(found, expected, "places that the journal does not have are left out");
    let mut stamps: Vec<_> = found.iter().map(|((showtime, _), stamp)| (*showtime, stamp.0)).collect();
    stamps.sort_unstable();
    stamps.dedup();
    assert_eq!(stamps.len(), 5, "each event of a showtime has a stamp of its own");
    assert_eq!(store.stamps(vec![]).await.unwrap(), []);
}
