//! Contract suite of the `read_model` port, run on every adapter.

pub mod journal;
pub mod mongodb;
mod nodes;
mod refusals;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use turnstile::domain::Applied;
use turnstile::domain::ShowtimeId;
use turnstile::read_model::ReadModel;
use turnstile::read_model::embedded::EmbeddedReadModel;
use uuid::Uuid;

use journal::{Journal, watch};
use mongodb::Mongo;

/// Two nodes' views of one read model (in memory, both are the same).
struct Nodes {
    one: Arc<dyn ReadModel>,
    other: Arc<dyn ReadModel>,
}

macro_rules! contract {
    ($($test:ident),* $(,)?) => {
        mod embedded {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                let model: std::sync::Arc<dyn super::ReadModel> = std::sync::Arc::new(super::EmbeddedReadModel::new());
                super::$test(super::Nodes { one: std::sync::Arc::clone(&model), other: model }).await;
            })*
        }
        mod on_mongodb {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                let mongo = super::Mongo::start().await;
                let (one, other) = (mongo.node().await, mongo.node().await);
                super::$test(super::Nodes { one, other }).await;
                mongo.drop().await;
            })*
        }
    };
}

contract!(
    a_journal_in_any_runs_gives_its_fold,
    nothing_is_known_of_unknown_showtimes,
    repeated_and_overlapping_runs_change_nothing_and_gaps_are_reported,
    a_journal_begins_with_its_first_event,
    the_list_is_in_order_of_start_then_id_and_pages_fit_together,
    places_leave_unknown_showtimes_out,
    readers_see_folds_only_while_two_projectors_overlap,
    a_house_of_200_000_seats_fits,
    a_showtime_is_replaced_without_a_step_back,
    it_answers_pings,
    a_showtime_is_replaced_only_where_it_stands,
    an_event_of_another_history_is_not_applied,
);

async fn a_journal_in_any_runs_gives_its_fold(nodes: Nodes) {
    for seed in 0..4 {
        let journal = Journal::new(2_500, 1_000, 40, seed);
        journal.apply_all(&*nodes.one, seed).await;
        journal.assert_complete(&*nodes.one).await;
        journal.assert_complete(&*nodes.other).await;
    }
    // Longer than the longest single write.
    let journal = Journal::new(140, 1_000, 1_300, 9);
    assert_eq!(nodes.one.apply(&journal.run(1, journal.last())).await.unwrap(), Applied::UpTo(journal.last()));
    journal.assert_complete(&*nodes.other).await;
}

async fn nothing_is_known_of_unknown_showtimes(nodes: Nodes) {
    let id = ShowtimeId(Uuid::new_v4());
    assert_eq!(nodes.one.showtime(id).await.unwrap(), None);
    assert_eq!(nodes.one.sequence(id).await.unwrap(), None);
    assert_eq!(nodes.one.list(None, 10).await.unwrap(), []);
    let journal = Journal::new(10, 0, 5, 1);
    assert_eq!(nodes.one.apply(&journal.run(2, 6)).await.unwrap(), Applied::Gap { have: 0 });
    assert_eq!(nodes.one.showtime(journal.id).await.unwrap(), None);
}

async fn repeated_and_overlapping_runs_change_nothing_and_gaps_are_reported(nodes: Nodes) {
    let journal = Journal::new(50, 0, 30, 2);
    let apply = |first, last| {
        let (run, model) = (journal.run(first, last), Arc::clone(&nodes.one));
        async move { model.apply(&run).await.unwrap() }
    };
    assert_eq!(apply(1, 10).await, Applied::UpTo(10));
    let at_ten = journal.fold(10);
    for (first, last) in [(1, 1), (1, 10), (4, 7), (10, 10)] {
        assert_eq!(apply(first, last).await, Applied::UpTo(10));
    }
    for (first, last) in [(12, 12), (12, 20), (31, 31)] {
        assert_eq!(apply(first, last).await, Applied::Gap { have: 10 });
    }
    assert_eq!(*nodes.other.showtime(journal.id).await.unwrap().unwrap(), at_ten);
    assert_eq!(apply(6, 12).await, Applied::UpTo(12));
    assert_eq!(*nodes.other.showtime(journal.id).await.unwrap().unwrap(), journal.fold(12));
    assert_eq!(apply(1, 31).await, Applied::UpTo(31));
    journal.assert_complete(&*nodes.other).await;
}

async fn a_journal_begins_with_its_first_event(nodes: Nodes) {
    let mut journal = Journal::new(10, 0, 3, 3);
    journal.events[0].event = journal.events[1].event.clone();
    assert_eq!(nodes.one.apply(&journal.run(1, 4)).await.unwrap(), Applied::Gap { have: 0 });
    assert_eq!(nodes.one.showtime(journal.id).await.unwrap(), None);
}

async fn the_list_is_in_order_of_start_then_id_and_pages_fit_together(nodes: Nodes) {
    let mut expected = Vec::new();
    for seed in 0..23 {
        // Several start together, some before 1970.
        let start = i64::try_from(seed % 5).unwrap() * 1_000 - 2_000;
        let journal = Journal::new(20, start, seed, seed);
        journal.apply_all(&*nodes.one, seed).await;
        expected.push(journal.fold(journal.last()).summary());
    }
    expected.sort_by_key(|summary| (summary.listing.start_time, summary.id));
    assert_eq!(nodes.other.list(None, 100).await.unwrap(), expected);
    assert_eq!(nodes.other.list(None, 0).await.unwrap(), []);
    for limit in [1, 4, 23] {
        let (mut listed, mut start) = (Vec::new(), None);
        loop {
            let page = nodes.other.list(start, limit).await.unwrap();
            assert!(page.len() <= limit);
            let Some(last) = page.last() else { break };
            start = Some((last.listing.start_time, last.id));
            listed.extend(page);
        }
        assert_eq!(listed, expected);
    }
}

async fn places_leave_unknown_showtimes_out(nodes: Nodes) {
    let (one, two) = (Journal::new(10, 0, 4, 4), Journal::new(10, 0, 7, 5));
    one.apply_all(&*nodes.one, 0).await;
    two.apply_all(&*nodes.one, 0).await;
    let ids = vec![one.id, ShowtimeId(Uuid::new_v4()), two.id];
    let mut places = nodes.other.places(ids).await.unwrap();
    places.sort_unstable_by_key(|(id, _)| *id);
    let mut expected = vec![(one.id, one.fold(5).place()), (two.id, two.fold(8).place())];
    expected.sort_unstable_by_key(|(id, _)| *id);
    assert_eq!(places, expected);
    assert_eq!(nodes.other.places(Vec::new()).await.unwrap(), []);
}

async fn readers_see_folds_only_while_two_projectors_overlap(nodes: Nodes) {
    let journal = Arc::new(Journal::new(5_000, 0, 150, 6));
    let folds = Arc::new(journal.folds());
    let writing = Arc::new(AtomicUsize::new(2));
    let writers = [(&nodes.one, 1), (&nodes.other, 2)].map(|(model, seed)| {
        let (model, journal, writing) = (Arc::clone(model), Arc::clone(&journal), Arc::clone(&writing));
        tokio::spawn(async move {
            journal.apply_all(&*model, seed).await;
            writing.fetch_sub(1, Ordering::SeqCst);
        })
    });
    let readers = [&nodes.one, &nodes.other, &nodes.one].map(|model| {
        let writing = Arc::clone(&writing);
        tokio::spawn(watch(Arc::clone(model), Arc::clone(&folds), move || writing.load(Ordering::SeqCst) > 0))
    });
    for writer in writers {
        writer.await.unwrap();
    }
    for reader in readers {
        reader.await.unwrap();
    }
    journal.assert_complete(&*nodes.other).await;
}

async fn a_house_of_200_000_seats_fits(nodes: Nodes) {
    let journal = Journal::new(200_000, 0, 300, 7);
    assert_eq!(nodes.one.apply(&journal.run(1, 1)).await.unwrap(), Applied::UpTo(1));
    assert_eq!(nodes.one.apply(&journal.run(2, journal.last())).await.unwrap(), Applied::UpTo(journal.last()));
    journal.assert_complete(&*nodes.other).await;
}

/// One node applies events while the other replaces the document by the fold at a place that the document may have left by then.
async fn a_showtime_is_replaced_without_a_step_back(nodes: Nodes) {
    let journal = Arc::new(Journal::new(3_000, 0, 300, 8));
    let folds = Arc::new(journal.folds());
    nodes.one.apply(&journal.run(1, 1)).await.unwrap();
    let (writing, reads) = (Arc::new(AtomicUsize::new(1)), Arc::new(AtomicUsize::new(0)));
    let writer = tokio::spawn({
        let (model, journal) = (Arc::clone(&nodes.other), Arc::clone(&journal));
        let (writing, reads) = (Arc::clone(&writing), Arc::clone(&reads));
        async move {
            for sequence in 2..=journal.last() {
                assert_eq!(model.apply(&journal.run(sequence, sequence)).await.unwrap(), Applied::UpTo(sequence));
                // Readers come in between, also in memory.
                let read = async {
                    while u64::try_from(reads.load(Ordering::SeqCst)).unwrap() < sequence {
                        tokio::task::yield_now().await;
                    }
                };
                tokio::time::timeout(Duration::from_secs(10), read).await.expect("the readers go on");
            }
            writing.store(0, Ordering::SeqCst);
        }
    });
    let readers = [&nodes.one, &nodes.other].map(|model| {
        let (writing, reads) = (Arc::clone(&writing), Arc::clone(&reads));
        tokio::spawn(watch(Arc::clone(model), Arc::clone(&folds), move || {
            reads.fetch_add(1, Ordering::SeqCst);
            writing.load(Ordering::SeqCst) > 0
        }))
    });
    let (mut replaced, mut refused) = (0, 0);
    while writing.load(Ordering::SeqCst) > 0 {
        let over = nodes.one.place(journal.id).await.unwrap().unwrap();
        let fold = Arc::new(folds[usize::try_from(over.sequence).unwrap() - 1].clone());
        let count = if nodes.one.replace(journal.id, Some(over), Some(fold)).await.unwrap() {
            &mut replaced
        } else {
            &mut refused
        };
        *count += 1;
        tokio::task::yield_now().await;
    }
    writer.await.unwrap();
    for reader in readers {
        reader.await.unwrap();
    }
    assert!(replaced > 0, "never replaced, {refused} times refused");
    journal.assert_complete(&*nodes.other).await;
}

async fn it_answers_pings(nodes: Nodes) {
    nodes.one.ping().await.unwrap();
    nodes.one.ping().await.unwrap();
}

/// A write store was restored and went on: its new history has grown past the lost one.
async fn an_event_of_another_history_is_not_applied(nodes: Nodes) {
    let lost = Journal::new(50, 0, 19, 5);
    let told = lost.branch(15, 20, 50, 6);
    lost.apply_all(&*nodes.one, 5).await;
    for node in [&nodes.one, &nodes.other] {
        for (first, last) in [(21, 21), (21, 25), (18, 25), (1, 25)] {
            assert_eq!(node.apply(&told.run(first, last)).await.unwrap(), Applied::Gap { have: 20 });
        }
        assert_eq!(node.apply(&told.run(16, 20)).await.unwrap(), Applied::UpTo(20), "old news");
    }
    lost.assert_complete(&*nodes.other).await;
    let over = Some(lost.fold(20).place());
    assert!(nodes.other.replace(lost.id, over, Some(Arc::new(told.fold(25)))).await.unwrap());
    assert_eq!(nodes.one.apply(&told.run(26, 35)).await.unwrap(), Applied::UpTo(35));
    told.assert_complete(&*nodes.other).await;

    // Messages of earlier versions have no stamps: nobody can tell what they follow. The journal fills the gap.
    let mut bare = Journal::new(50, 0, 3, 7);
    bare.events.iter_mut().for_each(|event| (event.stamp, event.follows) = Default::default());
    assert_eq!(nodes.one.apply(&bare.run(1, 4)).await.unwrap(), Applied::Gap { have: 0 });
    assert_eq!(nodes.one.showtime(bare.id).await.unwrap(), None);
}

async fn a_showtime_is_replaced_only_where_it_stands(nodes: Nodes) {
    let lost = Journal::new(50, 0, 30, 5);
    // As long as the lost history, with another film and another house.
    let told = Journal { id: lost.id, ..Journal::new(70, 9, 30, 6) };
    lost.apply_all(&*nodes.one, 5).await;
    let here = lost.fold(31).place();
    let elsewhere = [None, Some(lost.fold(30).place()), Some(told.fold(31).place())];
    for over in elsewhere {
        for with in [None, Some(Arc::new(told.fold(31)))] {
            assert!(!nodes.one.replace(lost.id, over, with).await.unwrap(), "{over:?}");
        }
    }
    lost.assert_complete(&*nodes.other).await;
    assert!(nodes.one.replace(lost.id, Some(here), Some(Arc::new(told.fold(31)))).await.unwrap());
    told.assert_complete(&*nodes.other).await;
    // What a node has written of the lost history must not pass for it.
    assert_eq!(nodes.one.apply(&lost.run(31, 31)).await.unwrap(), Applied::UpTo(31));
    told.assert_complete(&*nodes.other).await;

    assert!(nodes.other.replace(told.id, Some(told.fold(31).place()), None).await.unwrap());
    assert_eq!(nodes.one.showtime(lost.id).await.unwrap(), None);
    assert!(nodes.one.list(None, 100).await.unwrap().iter().all(|summary| summary.id != lost.id));
    assert!(nodes.one.replace(told.id, None, None).await.unwrap());
    assert!(nodes.one.replace(told.id, None, Some(Arc::new(told.fold(12)))).await.unwrap());
    assert_eq!(nodes.other.apply(&told.run(10, 31)).await.unwrap(), Applied::UpTo(31));
    told.assert_complete(&*nodes.one).await;
}
