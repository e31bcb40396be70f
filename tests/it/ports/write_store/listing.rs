//! The listing: kept with the showtime, read by each new owner, and what becomes of the bookings of a cancelled showtime.

use std::sync::Arc;

use turnstile::domain::{CancelReason, Event, Listing, ShowtimeId, Terms, Timestamp};
use turnstile::write_store::{CommitError, WriteStore};

use crate::ports::write_store::Adapter;
use crate::ports::write_store::draft::{Draft, at, booking, reserved, scheduled, stored};
use crate::ports::write_store::oracle::check;

fn changed(movie_title: &str) -> Event {
    let terms = Terms { on_sale_until: Some(at(5)), places_per_booking: Some(4), ..Terms::default() };
    Event::ShowtimeChanged { movie_title: movie_title.to_owned(), start_time: at(9), terms, rows: None }
}

fn storm() -> CancelReason {
    CancelReason::parse("a \"storm\" \u{1F32A}").unwrap()
}

async fn listing(store: &Arc<dyn WriteStore>, id: ShowtimeId) -> Arc<Listing> {
    Arc::clone(store.load(id).await.unwrap().unwrap().showtime.listing())
}

pub async fn a_new_listing_is_kept_and_voids_commits_that_were_decided_before<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let (id, other) = (scheduled(&store, 4).await, scheduled(&store, 4).await);
    let before = store.load(id).await.unwrap().unwrap();
    let draft = Draft::new(id, before.fence).reserve(&booking(id, &[0]), 1);
    store.commit(draft.list(before.showtime.listing(), changed("Nosferatu")).done()).await.unwrap();

    let after = store.load(id).await.unwrap().unwrap();
    assert_eq!(after.showtime.listing().movie_title, "Nosferatu");
    assert_eq!(after.showtime.listing().terms.places_per_booking, Some(4));
    assert_eq!(after.fence, before.fence + 1);
    // Decided on the old listing.
    let late = store.commit(Draft::new(id, before.fence).reserve(&booking(id, &[1]), 1).done()).await;
    assert!(matches!(late, Err(CommitError::Fenced)), "{late:?}");
    // The next commit leaves the listing and the fence.
    store.commit(Draft::new(id, after.fence).reserve(&booking(id, &[1]), 1).done()).await.unwrap();
    assert_eq!(store.load(id).await.unwrap().unwrap().fence, after.fence);
    assert_eq!(store.view(id).await.unwrap().unwrap().listing, *after.showtime.listing());
    check(&store, id).await;
    assert_eq!(listing(&store, other).await.movie_title, "Bourne Identity");

    let taken_over = store.take_over(id).await.unwrap().unwrap();
    assert_eq!(taken_over.showtime.listing(), after.showtime.listing());
}

pub async fn live_bookings_of_a_cancelled_showtime_are_to_be_ended<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let (id, other) = (scheduled(&store, 6).await, scheduled(&store, 6).await);
    let pending = reserved(&store, id, &[0, 1], 1).await;
    let paid = reserved(&store, id, &[2], 1).await;
    let gone = reserved(&store, id, &[3], 1).await;
    reserved(&store, other, &[0], 1).await;
    store.commit(Draft::kept(&store, id).await.confirm(&paid, "pay-1").cancel(&gone).done()).await.unwrap();
    assert_eq!(store.due(Timestamp::MIN, 10).await.unwrap(), []);

    let before = listing(&store, id).await;
    let cancel = Event::ShowtimeCancelled { reason: storm() };
    store.commit(Draft::kept(&store, id).await.list(&before, cancel).done()).await.unwrap();
    assert_eq!(store.due(Timestamp::MIN, 1).await.unwrap().len(), 1);
    // A hold that is due besides is told once.
    let due = store.due(pending.expires_at, 10).await.unwrap();
    assert_eq!(due.len(), 3, "{due:?}");
    let due = store.due(Timestamp::MIN, 10).await.unwrap();
    let mut ids: Vec<_> = due.iter().map(|due| due.booking.id).collect();
    ids.sort_unstable();
    let mut expected = [pending.id, paid.id];
    expected.sort_unstable();
    assert_eq!(ids, expected);

    let mut draft = Draft::kept(&store, id).await;
    for due in &due {
        assert_eq!(due.booking, stored(&store, due.booking.id).await);
        assert_eq!(due.cancelled, Some(storm()));
        assert_eq!(due.fence, store.load(id).await.unwrap().unwrap().fence);
        draft = draft.cancel_for(&due.booking, due.cancelled.clone());
    }
    store.commit(draft.done()).await.unwrap();
    assert_eq!(stored(&store, paid.id).await.cancel_reason, Some(storm()));
    assert_eq!(store.due(Timestamp::MIN, 10).await.unwrap(), []);
    assert_eq!(store.due(Timestamp::MIN, 10).await.unwrap(), []);
    check(&store, id).await;
}

/// An owner that has waited for a commit with a new listing has that listing.
pub async fn the_listing_is_read_after_the_wait_for_a_commit_in_flight<A: Adapter>() {
    let adapter = A::fresh().await;
    let (owner, successor) = (adapter.store(), adapter.another_node().await);
    let id = scheduled(&owner, 1).await;
    for round in 0..30 {
        let before = owner.take_over(id).await.unwrap().unwrap();
        let draft = Draft::new(id, before.fence).list(before.showtime.listing(), changed(&format!("M{round}")));
        let (committed, loaded) = tokio::join!(owner.commit(draft.done()), successor.take_over(id));
        let loaded = loaded.unwrap().unwrap();
        match committed {
            Ok(committed) => assert!(committed.first_sequence <= loaded.showtime.sequence(), "landed behind the fence"),
            Err(CommitError::Fenced) => {}
            Err(other) => panic!("{other:?}"),
        }
        let journal = owner.journal(id, 0, 100).await.unwrap();
        let seen = journal.iter().take_while(|recorded| recorded.sequence <= loaded.showtime.sequence());
        let folded = seen.fold(None, |listing: Option<Listing>, recorded| match listing {
            None => Listing::scheduled(&recorded.event),
            Some(listing) => Some(listing.after(&recorded.event).unwrap_or(listing)),
        });
        assert_eq!(Some(&**loaded.showtime.listing()), folded.as_ref());
    }
    check(&owner, id).await;
}
