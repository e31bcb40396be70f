//! The projector between a real write store, bus and read model: whatever comes, the read model ends as the fold of the journal.

mod faults;
mod scene;
mod sweeps;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use turnstile::domain::{
    Applied, BookingId, Event, EventRun, PaymentReference, RecordedEvent, SeatId, SeatStatus, ShowtimeId, ShowtimeView,
    Stamp,
};
use turnstile::event_bus::{DeadLetters, EventBus, Message};
use turnstile::projector::{RebuildError, RebuildProgress, Settings, Stores, rebuild};
use turnstile::read_model::ReadModel;
use turnstile::read_model::embedded::EmbeddedReadModel;
use uuid::Uuid;

use crate::ports::read_model::mongodb::Mongo;
use crate::ports::write_store::draft::{Draft, booking};
use scene::{Scene, eventually, on_stage, without_sweeps};

/// One test for each read model.
macro_rules! on_both {
    ($($test:ident),* $(,)?) => {
        mod embedded {
            $(#[test]
            fn $test() {
                super::on_stage(|arbiter| async move {
                    super::$test(arbiter, std::sync::Arc::new(super::EmbeddedReadModel::new())).await;
                });
            })*
        }
        mod on_mongodb {
            $(#[test]
            fn $test() {
                super::on_stage(|arbiter| async move {
                    let mongo = super::Mongo::start().await;
                    super::$test(arbiter, mongo.node().await).await;
                    mongo.drop().await;
                });
            })*
        }
    };
}

on_both!(
    duplicate_delayed_and_shuffled_deliveries_end_in_the_fold,
    what_the_broker_lost_is_read_from_the_journal,
    an_outage_of_the_read_model_loses_nothing,
    two_projectors_at_once_do_no_harm,
    a_rebuild_under_traffic_ends_in_the_fold,
);

type Stage = Arc<actix::Arbiter>;

/// With no sweep to help: each message comes at least once, in any order, some again long after.
async fn duplicate_delayed_and_shuffled_deliveries_end_in_the_fold(stage: Stage, model: Arc<dyn ReadModel>) {
    let mut scene = Scene::new(stage, model, 3, 1).await;
    let projector = scene.start(without_sweeps());
    projector.caught_up().await;
    let mut old = Vec::new();
    for round in 0..8 {
        scene.happen(40).await;
        let mut messages = scene.messages().await;
        old.extend(messages.clone());
        // Some of this round once more, some of earlier rounds again.
        for _ in 0..20 {
            let again = old[usize::try_from(scene.dice.roll(u64::try_from(old.len()).unwrap())).unwrap()].clone();
            messages.push(again);
        }
        if round % 2 == 0 {
            scene.shuffle(&mut messages);
        }
        scene.publish(messages).await;
    }
    scene.assert_caught_up().await;
    // Long after: every message once more, backwards; then one more event, which comes after all of them.
    old.reverse();
    scene.publish(old).await;
    let before: u64 = scene.store.heads(scene.showtimes.clone()).await.unwrap().iter().map(|(_, head)| head).sum();
    while scene.store.heads(scene.showtimes.clone()).await.unwrap().iter().map(|(_, head)| head).sum::<u64>() == before
    {
        scene.happen(1).await;
    }
    scene.relay().await;
    scene.assert_caught_up().await;
    scene.assert_all_settled().await;
    assert!(projector.clone().stop().await, "it stops in time");
    scene.assert_caught_up().await;
    assert_eq!(scene.bus.dead_letters(10).await.unwrap(), DeadLetters::default());
}

async fn what_the_broker_lost_is_read_from_the_journal(stage: Stage, model: Arc<dyn ReadModel>) {
    let mut scene = Scene::new(stage, model, 4, 2).await;
    scene.happen(60).await;
    drop(scene.messages().await);
    // At the start nothing has come; later it is lost while the projector runs.
    let projector = scene.start(Settings { sweep_every_milliseconds: 50, ..without_sweeps() });
    projector.caught_up().await;
    assert!(scene.is_caught_up().await, "caught up before it said so");
    for _ in 0..5 {
        scene.happen(20).await;
        let mut messages = scene.messages().await;
        messages.retain(|_| scene.dice.roll(2) == 0);
        scene.publish(messages).await;
        scene.assert_caught_up().await;
    }
    assert!(projector.stop().await);
}

async fn an_outage_of_the_read_model_loses_nothing(stage: Stage, model: Arc<dyn ReadModel>) {
    let mut scene = Scene::new(stage, model, 5, 3).await;
    let limit = 7;
    let projector = scene.start(Settings { max_unsettled: limit, ..without_sweeps() });
    projector.caught_up().await;
    let handed_out = scene.bus.handed_out.load(Ordering::SeqCst);
    scene.model.down.store(true, Ordering::SeqCst);
    scene.happen(60).await;
    scene.relay().await;
    let taken = || async { scene.bus.handed_out.load(Ordering::SeqCst) - handed_out };
    eventually("it takes what it may", || async { taken().await >= 7 }).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    // One more waits in the bus's hand, one in the channel.
    assert!(taken().await <= 9, "{} messages were taken of which none could be settled", taken().await);
    assert!(!scene.is_caught_up().await);
    scene.model.down.store(false, Ordering::SeqCst);
    scene.assert_caught_up().await;
    scene.assert_all_settled().await;
    assert!(projector.stop().await);
    assert_eq!(scene.bus.dead_letters(10).await.unwrap(), DeadLetters::default());
}

async fn two_projectors_at_once_do_no_harm(stage: Stage, model: Arc<dyn ReadModel>) {
    let mut scene = Scene::new(stage, model, 2, 4).await;
    // The second has no deliveries (one active consumer), but sweeps without any grace for the first.
    let eager = Settings { sweep_every_milliseconds: 1, sweep_grace_milliseconds: 0, ..without_sweeps() };
    let (first, second) = (scene.start(eager.clone()), scene.start(eager));
    for _ in 0..10 {
        scene.happen(15).await;
        scene.relay().await;
    }
    scene.assert_caught_up().await;
    // The first goes; the second takes over its subscription.
    assert!(first.stop().await);
    scene.happen(30).await;
    scene.relay().await;
    scene.assert_caught_up().await;
    scene.assert_all_settled().await;
    assert!(second.stop().await);
}

async fn a_rebuild_under_traffic_ends_in_the_fold(stage: Stage, model: Arc<dyn ReadModel>) {
    let mut scene = Scene::new(stage, model, 3, 5).await;
    scene.happen(80).await;
    scene.relay().await;
    let projector = scene.start(without_sweeps());
    scene.assert_caught_up().await;
    let stores = Stores { write_store: Arc::clone(&scene.store), read_model: Arc::clone(&scene.model.inner) };
    let done = Arc::new(AtomicBool::new(false));
    let rebuilding = tokio::spawn({
        let (stores, done) = (stores.clone(), Arc::clone(&done));
        async move {
            let mut told = Vec::new();
            let never = CancellationToken::new();
            let report = rebuild(&stores, &Settings::default(), &never, |progress| told.push(progress)).await;
            done.store(true, Ordering::SeqCst);
            (report.unwrap(), told)
        }
    });
    let mut last = vec![0; scene.showtimes.len()];
    while !done.load(Ordering::SeqCst) {
        scene.happen(2).await;
        scene.relay().await;
        for (id, last) in scene.showtimes.iter().zip(&mut last) {
            let sequence = scene.model.inner.sequence(*id).await.unwrap().expect("the showtime vanished");
            assert!(sequence >= *last, "the sequence went back from {last} to {sequence}");
            *last = sequence;
        }
    }
    let (report, told) = rebuilding.await.unwrap();
    assert_eq!(report, RebuildProgress { renewed: 3, removed: 0 });
    assert_eq!(told.last(), Some(&report));
    scene.assert_caught_up().await;

    // A damaged document, and one of a showtime that the write store does not know.
    let id = scene.showtimes[0];
    let right = stores.read_model.showtime(id).await.unwrap().unwrap();
    let mut wrong = ShowtimeView::clone(&right);
    wrong.statuses.fill(SeatStatus::Sold);
    let unknown = ShowtimeView { id: ShowtimeId(Uuid::new_v4()), ..wrong.clone() };
    assert!(stores.read_model.replace(id, Some(right.place()), Some(Arc::new(wrong))).await.unwrap());
    assert!(stores.read_model.replace(unknown.id, None, Some(Arc::new(unknown.clone()))).await.unwrap());
    let never = CancellationToken::new();
    let report = rebuild(&stores, &Settings::default(), &never, |_progress| ()).await.unwrap();
    assert_eq!(report, RebuildProgress { renewed: 3, removed: 1 });
    assert_eq!(stores.read_model.showtime(unknown.id).await.unwrap(), None);
    scene.assert_caught_up().await;

    // Stopped after its first page, it leaves whole documents behind.
    let stop = CancellationToken::new();
    let small_pages = Settings { sweep_page: 1, ..Settings::default() };
    let stopped = rebuild(&stores, &small_pages, &stop, |_progress| stop.cancel()).await;
    assert!(matches!(stopped, Err(RebuildError::Stopped)), "{stopped:?}");
    scene.happen(10).await;
    scene.relay().await;
    scene.assert_caught_up().await;
    assert!(projector.stop().await);
}

/// Something happens in a showtime just when its document is about to be made anew.
#[test]
fn a_document_that_is_made_anew_never_steps_back() {
    on_stage(|stage| async move {
        let mut scene = Scene::new(stage, Arc::new(EmbeddedReadModel::new()), 1, 15).await;
        scene.happen(5).await;
        let stores = Stores { write_store: Arc::clone(&scene.store), read_model: scene.model.clone() };
        let never = CancellationToken::new();
        rebuild(&stores, &Settings::default(), &never, |_progress| ()).await.unwrap();
        let id = scene.showtimes[0];
        let loaded = scene.store.load(id).await.unwrap().unwrap();
        let free = (0..12).find(|seat| loaded.showtime.seat(*seat).unwrap().0 == SeatStatus::Available).unwrap();
        let version = loaded.showtime.seat(free).unwrap().1;
        let batch = Draft::new(id, loaded.fence).reserve(&booking(id, &[free]), version).done();
        let (store, model) = (Arc::clone(&scene.store), Arc::clone(&scene.model.inner));
        *scene.model.before_place.lock().unwrap() = Some(Box::pin(async move {
            let last = loaded.showtime.sequence();
            store.commit(batch).await.unwrap();
            let run = EventRun::new(id, store.journal(id, last, 10).await.unwrap()).unwrap();
            assert_eq!(model.apply(&run).await.unwrap(), Applied::UpTo(last + 1));
        }));
        rebuild(&stores, &Settings::default(), &never, |_progress| ()).await.unwrap();
        scene.assert_caught_up().await;
    });
}

#[test]
fn a_message_that_the_journal_knows_nothing_of_goes_to_the_dead_letters() {
    on_stage(|stage| async move {
        let mut scene = Scene::new(stage, Arc::new(EmbeddedReadModel::new()), 2, 7).await;
        let projector = scene.start(without_sweeps());
        scene.happen(20).await;
        let messages = scene.messages().await;
        let last = messages.last().unwrap().run.events().last().unwrap().clone();
        let events = vec![RecordedEvent { sequence: last.sequence + 1_000, ..last }];
        let run = EventRun::new(messages.last().unwrap().run.showtime_id(), events).unwrap();
        scene.publish(vec![Message { run: Arc::new(run), traceparent: None }]).await;
        scene.publish(messages).await;
        scene.assert_caught_up().await;
        eventually("it is buried", || async { !scene.bus.dead_letters(10).await.unwrap().oldest.is_empty() }).await;
        let dead = scene.bus.dead_letters(10).await.unwrap().oldest;
        assert_eq!(dead.len(), 1);
        assert!(dead[0].reason.contains("the journal ends at"), "{}", dead[0].reason);
        scene.assert_all_settled().await;
        assert!(projector.stop().await);
    });
}

#[test]
fn a_showtime_that_always_fails_does_not_hold_up_the_others() {
    on_stage(|stage| async move {
        let mut scene = Scene::new(stage, Arc::new(EmbeddedReadModel::new()), 3, 8).await;
        let projector =
            scene.start(Settings { max_showtimes_at_once: 2, attempts_before_dead: 20, ..without_sweeps() });
        projector.caught_up().await;
        let poisoned = scene.showtimes.remove(0);
        *scene.model.poisoned.lock().unwrap() = Some(poisoned);
        let healthy = std::mem::replace(&mut scene.showtimes, vec![poisoned]);
        scene.happen(10).await;
        scene.showtimes = healthy;
        scene.happen(40).await;
        scene.relay().await;
        scene.assert_caught_up().await;
        eventually("it is buried", || async { !scene.bus.dead_letters(100).await.unwrap().oldest.is_empty() }).await;
        *scene.model.poisoned.lock().unwrap() = None;
        // What is missing comes back from the journal, or when the dead letters are replayed.
        scene.assert_all_settled().await;
        scene.bus.replay_dead_letters(100).await.unwrap();
        scene.showtimes.push(poisoned);
        scene.assert_caught_up().await;
        assert!(projector.stop().await);
    });
}

#[test]
fn panics_cost_one_write_or_a_fresh_start_but_never_the_projection() {
    on_stage(|stage| async move {
        let mut scene = Scene::new(stage, Arc::new(EmbeddedReadModel::new()), 3, 9).await;
        // The loop itself, before it has begun.
        scene.bus.subscribe_panics.store(2, Ordering::SeqCst);
        scene.bus.subscribe_failures.store(3, Ordering::SeqCst);
        // The sweep at the start.
        scene.model.places_panics.store(2, Ordering::SeqCst);
        let projector = scene.start(without_sweeps());
        scene.happen(20).await;
        scene.relay().await;
        scene.assert_caught_up().await;
        // Writes: their deliveries were dropped unsettled, so they come again.
        for _ in 0..5 {
            scene.model.apply_panics.store(3, Ordering::SeqCst);
            scene.happen(20).await;
            scene.relay().await;
            scene.assert_caught_up().await;
            scene.assert_all_settled().await;
        }
        assert_eq!(scene.bus.subscribe_panics.load(Ordering::SeqCst), 0);
        assert!(projector.stop().await);
    });
}

/// The write store was restored and sold on: the document tells of seats that are not sold any more. No sweep is needed to find out.
#[test]
fn a_document_of_another_history_is_made_anew_by_the_next_event() {
    on_stage(|stage| async move {
        let mut scene = Scene::new(stage, Arc::new(EmbeddedReadModel::new()), 1, 12).await;
        scene.happen(12).await;
        drop(scene.messages().await);
        let projector = scene.start(without_sweeps());
        projector.caught_up().await;
        let id = scene.showtimes[0];
        let told = scene.store.journal(id, 0, 100).await.unwrap();
        let mut lost: Vec<RecordedEvent> = told.clone();
        let mut follows = lost[7].stamp;
        for recorded in &mut lost[8..] {
            let (booking_id, seat_ids) = (BookingId(Uuid::nil()), (0..12).map(|seat| SeatId::new(id, seat)).collect());
            let payment_reference = PaymentReference::parse("lost").unwrap();
            recorded.event = Event::BookingConfirmed { booking_id, seat_ids, payment_reference, late_for: None };
            recorded.follows = std::mem::replace(&mut follows, Stamp(recorded.stamp.0 ^ 1));
            recorded.stamp = follows;
        }
        let run = EventRun::new(id, lost).unwrap();
        let mut view = ShowtimeView::scheduled(id, &told[0]).unwrap();
        view.apply(&run);
        let over = scene.model.inner.place(id).await.unwrap();
        assert!(scene.model.inner.replace(id, over, Some(Arc::new(view))).await.unwrap());
        assert_ne!(*scene.model.inner.showtime(id).await.unwrap().unwrap(), scene.fold(id).await);

        scene.happen(2).await;
        scene.relay().await;
        scene.assert_caught_up().await;
        scene.assert_all_settled().await;
        assert!(projector.stop().await);
    });
}

#[test]
fn an_interrupted_subscription_is_followed_by_a_sweep() {
    on_stage(|stage| async move {
        let mut scene = Scene::new(stage, Arc::new(EmbeddedReadModel::new()), 3, 10).await;
        let projector = scene.start(without_sweeps());
        projector.caught_up().await;
        eventually("it subscribes", || async { scene.bus.subscriptions.load(Ordering::SeqCst) == 1 }).await;
        for _ in 0..2 {
            scene.happen(20).await;
            drop(scene.messages().await);
            scene.bus.interrupt().await;
            scene.assert_caught_up().await;
        }
        assert!(projector.stop().await);
    });
}

#[test]
fn stopped_it_leaves_the_rest_to_its_successor() {
    on_stage(|stage| async move {
        let mut scene = Scene::new(stage, Arc::new(EmbeddedReadModel::new()), 4, 11).await;
        let first = scene.start(without_sweeps());
        first.caught_up().await;
        scene.model.down.store(true, Ordering::SeqCst);
        scene.happen(50).await;
        scene.relay().await;
        let handed_out = scene.bus.handed_out.load(Ordering::SeqCst);
        eventually("it has some in hand", || async { scene.bus.handed_out.load(Ordering::SeqCst) >= handed_out }).await;
        assert!(first.stop().await, "it stops although the read model is down");
        scene.model.down.store(false, Ordering::SeqCst);
        assert!(!scene.is_caught_up().await);
        // No sweep: only deliveries that were not settled can tell the successor.
        scene.model.places_panics.store(u32::MAX, Ordering::SeqCst);
        let second = scene.start(without_sweeps());
        eventually("the rest is delivered again", || scene.is_caught_up()).await;
        scene.assert_all_settled().await;
        assert!(second.stop().await);
    });
}
