//! Sweeps: what was lost without a trace is found and made good.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use turnstile::projector::Settings;
use turnstile::read_model::embedded::EmbeddedReadModel;

use super::scene::{Scene, eventually, on_stage, without_sweeps};
use crate::ports::read_model::mongodb::Mongo;

#[test]
fn an_emptied_mongodb_heals_without_any_new_event() {
    on_stage(|stage| async move {
        let mongo = Mongo::start().await;
        let mut scene = Scene::new(stage, mongo.node().await, 5, 6).await;
        scene.happen(100).await;
        let projector = scene.start(Settings { sweep_every_milliseconds: 100, ..without_sweeps() });
        scene.relay().await;
        scene.assert_caught_up().await;
        for _ in 0..3 {
            mongo.database.drop().await.unwrap();
            scene.assert_caught_up().await;
        }
        // Emptied in the middle of traffic.
        for round in 0..6 {
            scene.happen(20).await;
            scene.relay().await;
            if round % 2 == 0 {
                mongo.database.drop().await.unwrap();
            }
        }
        scene.assert_caught_up().await;
        scene.assert_all_settled().await;
        assert!(projector.stop().await);
        mongo.drop().await;
    });
}

#[test]
fn a_sweep_that_broke_holds_up_no_delivery() {
    on_stage(|stage| async move {
        let mut scene = Scene::new(stage, Arc::new(EmbeddedReadModel::new()), 3, 9).await;
        scene.model.places_panics.store(1, Ordering::SeqCst);
        let projector = scene.start(Settings { restart_delay_milliseconds: 3_600_000, ..without_sweeps() });
        eventually("the sweep breaks", || async { scene.model.places_panics.load(Ordering::SeqCst) == 0 }).await;
        scene.happen(20).await;
        scene.relay().await;
        scene.assert_caught_up().await;
        scene.assert_all_settled().await;
        assert!(projector.stop().await);
    });
}

/// The events of the store are decided at the start, so an hour later nothing has changed lately.
const AN_HOUR: i64 = 3_600_000;

#[test]
fn a_sweep_looks_at_what_changed_and_at_everything_once_something_is_lost() {
    on_stage(|stage| async move {
        let mut scene = Scene::new(stage, Arc::new(EmbeddedReadModel::new()), 6, 13).await;
        scene.happen(40).await;
        drop(scene.messages().await);
        let projector = scene.start(Settings { sweep_every_milliseconds: 20, ..without_sweeps() });
        projector.caught_up().await;
        scene.clock.fetch_add(AN_HOUR, Ordering::SeqCst);
        let sweeps = async |count: u32| {
            let swept = scene.sweeps();
            eventually("it sweeps", || async { scene.sweeps() >= swept + count }).await;
        };
        // The last one to look by the old clock, and what it saw.
        sweeps(3).await;
        let lists = scene.model.lists.load(Ordering::SeqCst);
        // Not changed lately: not looked at. (A document does not vanish so; it is how the test tells who looks.)
        let quiet = scene.showtimes[0];
        let view = scene.model.inner.showtime(quiet).await.unwrap().unwrap();
        assert!(scene.model.inner.replace(quiet, Some(view.place()), None).await.unwrap());
        eventually("what the last sweep saw is missed", || scene.is_caught_up()).await;
        // The sweep that misses it has it made anew, and then looks at all.
        eventually("all documents are looked at", || async { scene.model.lists.load(Ordering::SeqCst) > lists }).await;

        // From now on nothing is known of the last sweep. One showtime is noted as missing; the other is only found with all the others.
        sweeps(3).await;
        let lists = scene.model.lists.load(Ordering::SeqCst);
        for (id, is_noted) in [(scene.showtimes[1], true), (scene.showtimes[2], false)] {
            let view = scene.model.inner.showtime(id).await.unwrap().unwrap();
            assert!(scene.model.inner.replace(id, Some(view.place()), None).await.unwrap());
            if is_noted {
                projector.note_missing()(id);
                eventually("it is made anew", || async { scene.model.inner.place(id).await.unwrap().is_some() }).await;
                assert_eq!(scene.model.lists.load(Ordering::SeqCst), lists, "no other document is looked at");
            } else {
                sweeps(5).await;
                assert_eq!(scene.model.inner.place(id).await.unwrap(), None, "nobody looks at it");
            }
        }
        // The noted one was seen by the last sweep: without it, all are looked at.
        let noted = scene.model.inner.place(scene.showtimes[1]).await.unwrap();
        assert!(scene.model.inner.replace(scene.showtimes[1], noted, None).await.unwrap());
        scene.assert_caught_up().await;
        assert!(projector.stop().await);
    });
}

#[test]
fn after_an_outage_everything_is_looked_at() {
    on_stage(|stage| async move {
        let mut scene = Scene::new(stage, Arc::new(EmbeddedReadModel::new()), 3, 14).await;
        scene.happen(10).await;
        drop(scene.messages().await);
        let projector = scene.start(Settings { sweep_every_milliseconds: 20, ..without_sweeps() });
        projector.caught_up().await;
        scene.clock.fetch_add(AN_HOUR, Ordering::SeqCst);
        let swept = scene.sweeps();
        eventually("it sweeps", || async { scene.sweeps() >= swept + 3 }).await;
        scene.model.down.store(true, Ordering::SeqCst);
        for id in &scene.showtimes {
            let over = scene.model.inner.place(*id).await.unwrap();
            assert!(scene.model.inner.replace(*id, over, None).await.unwrap());
        }
        let swept = scene.sweeps();
        eventually("a sweep fails", || async { scene.sweeps() >= swept + 2 }).await;
        scene.model.down.store(false, Ordering::SeqCst);
        scene.assert_caught_up().await;
        assert!(projector.stop().await);
    });
}
