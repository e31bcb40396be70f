//! Scheduling: a showtime appears with all its seats, its first event and its outbox row, or not at all.

use std::time::{Duration, Instant};

use turnstile::app::demo;
use turnstile::domain::{Event, Listing, MAX_SEATS_PER_SHOWTIME, Row, SeatMap, SeatStatus, ShowtimeId, Terms};
use turnstile::write_store::{CommitError, IdempotencyRecord, NewShowtime};

use crate::ports::write_store::Adapter;
use crate::ports::write_store::draft::{Draft, at, booking, key, new_showtime, reserved};
use crate::ports::write_store::oracle::{check, holders, picture};

pub async fn a_scheduled_showtime_has_free_seats_one_event_and_one_outbox_row<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let rows = vec![Row::numbered("Ä", 3), Row::numbered("B", 2)];
    let title = "Le fabuleux destin d'Amélie \u{1F3AC} \"quoted\" \\ 天使";
    let terms = Terms { on_sale_from: Some(at(1)), places_per_customer: Some(6), ..Terms::default() };
    let new = NewShowtime {
        listing: Listing { terms, ..Listing::new(title, at(7_200_001)) },
        seat_map: SeatMap::new(rows).unwrap(),
        ..new_showtime(1)
    };
    store.schedule(new.clone()).await.unwrap();

    let audit = check(&store, new.id).await;
    assert_eq!(audit.sequence, 1);
    assert_eq!(audit.seats, vec![(SeatStatus::Available, 1, None); 5]);
    let journal = store.journal(new.id, 0, 10).await.unwrap();
    assert_eq!(journal.len(), 1);
    assert_eq!(journal[0].recorded_at, new.recorded_at);
    let Listing { movie_title, start_time, terms, .. } = new.listing;
    assert_eq!(journal[0].event, Event::ShowtimeScheduled { movie_title, start_time, rows: new.seat_map, terms });
    let outbox = store.outbox(10, vec![]).await.unwrap();
    assert_eq!(outbox.len(), 1);
    assert_eq!(outbox[0].run.showtime_id(), new.id);
    assert_eq!(outbox[0].run.events(), journal);
    assert_eq!(outbox[0].traceparent, None);
}

pub async fn a_taken_id_is_refused_and_changes_nothing<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let new = new_showtime(4);
    store.schedule(new.clone()).await.unwrap();
    reserved(&store, new.id, &[1], 1).await;
    let before = picture(&store, new.id).await;

    let other =
        NewShowtime { listing: Listing::new("Another film", at(1)), idempotency: Some(key("taken")), ..new.clone() };
    let refused = store.schedule(other).await;
    assert!(matches!(refused, Err(CommitError::Conflict)), "{refused:?}");
    assert_eq!(picture(&store, new.id).await, before);
    assert_eq!(store.idempotency(vec![key("taken").key_hash]).await.unwrap(), []);
    check(&store, new.id).await;
}

pub async fn the_largest_house_is_scheduled_and_loaded<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let new = new_showtime(MAX_SEATS_PER_SHOWTIME);
    let begun = Instant::now();
    store.schedule(new.clone()).await.unwrap();
    let scheduled = begun.elapsed();
    let loaded = store.take_over(new.id).await.unwrap().unwrap();
    let loaded_after = begun.elapsed().saturating_sub(scheduled);
    // Generous for an unoptimised build on a busy machine, yet far below what one statement per seat takes.
    assert!(scheduled < Duration::from_secs(20), "scheduled in {scheduled:?}");
    assert!(loaded_after < Duration::from_secs(10), "loaded in {loaded_after:?}");

    let (first, last) = (booking(new.id, &[0]), booking(new.id, &[MAX_SEATS_PER_SHOWTIME - 1]));
    let draft = Draft::new(new.id, loaded.fence).reserve(&first, 1).reserve(&last, 1);
    store.commit(draft.done()).await.unwrap();
    let audit = check(&store, new.id).await;
    assert_eq!(audit.seats.len(), usize::try_from(MAX_SEATS_PER_SHOWTIME).unwrap());
    assert_eq!(holders(&audit), [(0, first.id), (MAX_SEATS_PER_SHOWTIME - 1, last.id)]);
}

pub async fn a_schedule_records_its_idempotency_key<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let record = IdempotencyRecord { sequence: 1, ..key("schedule") };
    store.schedule(NewShowtime { idempotency: Some(record.clone()), ..new_showtime(1) }).await.unwrap();
    assert_eq!(store.idempotency(vec![record.key_hash]).await.unwrap(), [record]);
}

pub async fn a_schedule_with_a_known_key_is_refused<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let first = NewShowtime { idempotency: Some(key("once")), ..new_showtime(1) };
    store.schedule(first.clone()).await.unwrap();

    let second = NewShowtime { idempotency: Some(key("once")), ..new_showtime(1) };
    let refused = store.schedule(second.clone()).await;
    assert!(matches!(refused, Err(CommitError::DuplicateKey)), "{refused:?}");
    assert_eq!(store.load(second.id).await.unwrap(), None);
    assert_eq!(store.journal(second.id, 0, 10).await.unwrap(), []);
    assert_eq!(store.outbox_depth(10).await.unwrap(), 1);

    // The same request again, id and key: the key is what the caller needs to hear of.
    let refused = store.schedule(first).await;
    assert!(matches!(refused, Err(CommitError::DuplicateKey)), "{refused:?}");
}

pub async fn schedules_of_one_id_at_once_leave_one<A: Adapter>() {
    let adapter = A::fresh().await;
    let (store, other) = (adapter.store(), adapter.another_node().await);
    let new = new_showtime(50);
    let tasks: Vec<_> = (0..10)
        .map(|number| {
            let store = if number % 2 == 0 { store.clone() } else { other.clone() };
            let new = new.clone();
            tokio::spawn(async move { store.schedule(new).await })
        })
        .collect();
    let mut scheduled = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(()) => scheduled += 1,
            Err(CommitError::Conflict) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(scheduled, 1);
    check(&store, new.id).await;
    assert_eq!(store.outbox_depth(10).await.unwrap(), 1);
}

pub async fn a_demo_that_has_started_is_followed_by_another<A: Adapter>() {
    let adapter = A::fresh().await;
    let store = adapter.store();
    let later = at(0) + Duration::from_hours(24 * 400);
    for (now, created) in [(at(0), true), (at(1), false), (later, true), (later, false)] {
        assert_eq!(demo::seed(store.as_ref(), now).await.unwrap(), created, "at {now}");
    }
    let second = ShowtimeId(uuid::Uuid::from_u128(demo::SHOWTIME_ID.0.as_u128() + 1));
    assert_eq!(store.heads(vec![demo::SHOWTIME_ID, second]).await.unwrap().len(), 2);
}
