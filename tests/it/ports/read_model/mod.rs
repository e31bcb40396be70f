//! Contract suite of the `read_model` port, run on every adapter.

pub mod journal;
pub mod mongodb;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use turnstile::domain::ShowtimeId;
use turnstile::read_model::embedded::EmbeddedReadModel;
use turnstile::read_model::{Applied, Generation, ReadModel};
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
    heads_leave_unknown_showtimes_out,
    readers_see_folds_only_while_two_projectors_overlap,
    a_house_of_200_000_seats_fits,
    a_rebuilt_copy_takes_over_without_a_step_back,
    who_applies_events_closes_the_short_gap_of_a_copy,
    a_copy_that_is_behind_is_not_published,
    an_abandoned_copy_is_gone,
    it_answers_pings,
    what_is_forgotten_is_made_anew_from_another_history,
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
    expected.sort_by_key(|summary| (summary.start_time, summary.id));
    assert_eq!(nodes.other.list(None, 100).await.unwrap(), expected);
    assert_eq!(nodes.other.list(None, 0).await.unwrap(), []);
    for limit in [1, 4, 23] {
        let (mut listed, mut start) = (Vec::new(), None);
        loop {
            let page = nodes.other.list(start, limit).await.unwrap();
            assert!(page.len() <= limit);
            let Some(last) = page.last() else { break };
            start = Some((last.start_time, last.id));
            listed.extend(page);
        }
        assert_eq!(listed, expected);
    }
}

async fn heads_leave_unknown_showtimes_out(nodes: Nodes) {
    let (one, two) = (Journal::new(10, 0, 4, 4), Journal::new(10, 0, 7, 5));
    one.apply_all(&*nodes.one, 0).await;
    two.apply_all(&*nodes.one, 0).await;
    let ids = vec![one.id, ShowtimeId(Uuid::new_v4()), two.id];
    let mut heads = nodes.other.heads(ids).await.unwrap();
    heads.sort_unstable();
    let mut expected = vec![(one.id, 5), (two.id, 8)];
    expected.sort_unstable();
    assert_eq!(heads, expected);
    assert_eq!(nodes.other.heads(Vec::new()).await.unwrap(), []);
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

/// Fills a generation from journals, as a rebuild does.
async fn fill(model: &dyn ReadModel, generation: Generation, journals: &[&Journal]) {
    for journal in journals {
        let all = journal.run(1, journal.last());
        assert_eq!(model.apply_to(generation, &all).await.unwrap(), Applied::UpTo(journal.last()));
    }
}

async fn a_rebuilt_copy_takes_over_without_a_step_back(nodes: Nodes) {
    let journal = Arc::new(Journal::new(3_000, 0, 2_000, 8));
    let still = Journal::new(30, 0, 12, 9);
    still.apply_all(&*nodes.one, 0).await;
    let folds = Arc::new(journal.folds());
    // 2: written and read; 1: no more events, as the new copy is live; 0: no more reads.
    let running = Arc::new(AtomicUsize::new(2));
    let writer = tokio::spawn({
        let (model, journal, running) = (Arc::clone(&nodes.other), Arc::clone(&journal), Arc::clone(&running));
        async move {
            let mut sequence = 0;
            while running.load(Ordering::SeqCst) == 2 && sequence < journal.last() {
                sequence += 1;
                let applied = model.apply(&journal.run(sequence, sequence)).await.unwrap();
                if let Applied::Gap { have } = applied {
                    // The new copy's: its builder never meets it between two events, so who writes them closes the gap.
                    let missing = journal.run(have + 1, sequence);
                    assert_eq!(model.apply(&missing).await.unwrap(), Applied::UpTo(sequence));
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            sequence
        }
    });
    let readers = [&nodes.one, &nodes.other].map(|model| {
        let running = Arc::clone(&running);
        tokio::spawn(watch(Arc::clone(model), Arc::clone(&folds), move || running.load(Ordering::SeqCst) > 0))
    });
    while nodes.one.sequence(journal.id).await.unwrap().is_none_or(|sequence| sequence < 20) {
        tokio::task::yield_now().await;
    }
    let generation = nodes.one.begin_rebuild().await.unwrap();
    fill(&*nodes.one, generation, &[&still]).await;
    // Not to the end of the journal, most of which has not happened yet, but to what the live copy has by now.
    let reached = nodes.one.sequence(journal.id).await.unwrap().unwrap();
    nodes.one.apply_to(generation, &journal.run(1, reached)).await.unwrap();
    while nodes.one.heads_in(generation, vec![journal.id]).await.unwrap()[0].1 <= reached {
        tokio::task::yield_now().await;
    }
    nodes.one.publish_rebuild(generation).await.unwrap();
    running.store(1, Ordering::SeqCst);
    let written = writer.await.unwrap();
    assert!(written < journal.last(), "the copy took over after all was written: nothing was shown");
    running.store(0, Ordering::SeqCst);
    for reader in readers {
        assert!(reader.await.unwrap() > 0);
    }
    for model in [&nodes.one, &nodes.other] {
        assert_eq!(*model.showtime(journal.id).await.unwrap().unwrap(), journal.fold(written));
        still.assert_complete(&**model).await;
    }
}

async fn who_applies_events_closes_the_short_gap_of_a_copy(nodes: Nodes) {
    let journal = Journal::new(100, 0, 3_000, 14);
    let apply = |first, last| {
        let (run, model) = (journal.run(first, last), Arc::clone(&nodes.one));
        async move { model.apply(&run).await.unwrap() }
    };
    assert_eq!(apply(1, 1_500).await, Applied::UpTo(1_500));
    let generation = nodes.one.begin_rebuild().await.unwrap();
    // A copy that is empty or far behind is its builder's business.
    assert_eq!(apply(1_501, 1_502).await, Applied::UpTo(1_502));
    nodes.one.apply_to(generation, &journal.run(1, 502)).await.unwrap();
    assert_eq!(apply(1_503, 1_503).await, Applied::UpTo(1_503));
    nodes.one.apply_to(generation, &journal.run(503, 504)).await.unwrap();
    assert_eq!(apply(1_504, 1_504).await, Applied::Gap { have: 504 });
    assert_eq!(apply(505, 1_000).await, Applied::UpTo(1_000));
    assert_eq!(apply(1_001, 1_504).await, Applied::UpTo(1_504));
    assert_eq!(apply(1_505, 1_505).await, Applied::UpTo(1_505));
    assert_eq!(nodes.one.heads_in(generation, vec![journal.id]).await.unwrap(), [(journal.id, 1_505)]);
    nodes.one.publish_rebuild(generation).await.unwrap();
    assert_eq!(*nodes.other.showtime(journal.id).await.unwrap().unwrap(), journal.fold(1_505));
}

async fn a_copy_that_is_behind_is_not_published(nodes: Nodes) {
    let (one, two) = (Journal::new(10, 0, 8, 10), Journal::new(10, 0, 8, 11));
    one.apply_all(&*nodes.one, 0).await;
    two.apply_all(&*nodes.one, 0).await;
    let generation = nodes.one.begin_rebuild().await.unwrap();
    fill(&*nodes.one, generation, &[&one]).await;
    nodes.one.apply_to(generation, &two.run(1, 8)).await.unwrap();
    nodes.one.publish_rebuild(generation).await.unwrap_err();
    one.assert_complete(&*nodes.other).await;
    two.assert_complete(&*nodes.other).await;
    assert_eq!(nodes.one.heads_in(generation, vec![two.id]).await.unwrap(), [(two.id, 8)]);
    fill(&*nodes.one, generation, &[&two]).await;
    nodes.one.publish_rebuild(generation).await.unwrap();
    one.assert_complete(&*nodes.other).await;
    two.assert_complete(&*nodes.other).await;
}

async fn an_abandoned_copy_is_gone(nodes: Nodes) {
    let journal = Journal::new(10, 0, 8, 12);
    journal.apply_all(&*nodes.one, 0).await;
    let generation = nodes.one.begin_rebuild().await.unwrap();
    fill(&*nodes.one, generation, &[&journal]).await;
    nodes.one.abandon_rebuild(generation).await.unwrap();
    nodes.one.apply_to(generation, &journal.run(1, 1)).await.unwrap_err();
    nodes.one.publish_rebuild(generation).await.unwrap_err();
    journal.assert_complete(&*nodes.other).await;

    let next = nodes.one.begin_rebuild().await.unwrap();
    assert!(next > generation);
    fill(&*nodes.one, next, &[&journal]).await;
    nodes.one.publish_rebuild(next).await.unwrap();
    nodes.one.abandon_rebuild(next).await.expect_err("the live copy was abandoned");
    journal.assert_complete(&*nodes.other).await;
}

async fn it_answers_pings(nodes: Nodes) {
    nodes.one.ping().await.unwrap();
    nodes.one.ping().await.unwrap();
}

/// A restored write store goes on with another history under the same id.
/// A store was restored and went on: its new history has grown past the lost one.
async fn an_event_of_another_history_is_not_applied(nodes: Nodes) {
    for seats in [50, 9_000] {
        let lost = Journal::new(seats, 0, 19, 5);
        let told = lost.branch(15, 20, seats, 6);
        lost.apply_all(&*nodes.one, 5).await;
        for node in [&nodes.one, &nodes.other] {
            for (first, last) in [(21, 21), (21, 25), (18, 25), (1, 25)] {
                assert_eq!(node.apply(&told.run(first, last)).await.unwrap(), Applied::Gap { have: 20 });
            }
            assert_eq!(node.apply(&told.run(16, 20)).await.unwrap(), Applied::UpTo(20), "old news");
        }
        lost.assert_complete(&*nodes.other).await;
        nodes.other.forget(lost.id, 20).await.unwrap();
        assert_eq!(nodes.one.apply(&told.run(1, 25)).await.unwrap(), Applied::UpTo(25));
        assert_eq!(nodes.one.apply(&told.run(26, 35)).await.unwrap(), Applied::UpTo(35));
        told.assert_complete(&*nodes.other).await;

        // Messages of earlier versions have no stamps: nobody can tell what they follow. The journal fills the gap.
        let mut bare = Journal::new(seats, 0, 3, 7);
        bare.events.iter_mut().for_each(|event| (event.stamp, event.follows) = Default::default());
        assert_eq!(nodes.one.apply(&bare.run(1, 4)).await.unwrap(), Applied::Gap { have: 0 });
        assert_eq!(nodes.one.showtime(bare.id).await.unwrap(), None);
    }
}

async fn what_is_forgotten_is_made_anew_from_another_history(nodes: Nodes) {
    for seats in [50, 9_000] {
        let lost = Journal::new(seats, 0, 30, 5);
        lost.apply_all(&*nodes.one, 5).await;
        nodes.one.forget(lost.id, 29).await.unwrap();
        lost.assert_complete(&*nodes.other).await;
        let found = nodes.other.place(lost.id).await.unwrap().unwrap();
        assert_eq!((found.sequence, found.stamp), (31, lost.fold(31).stamp), "it stands elsewhere: it stays");

        nodes.other.forget(lost.id, 31).await.unwrap();
        assert_eq!(nodes.one.showtime(lost.id).await.unwrap(), None);
        assert!(nodes.one.list(None, 100).await.unwrap().iter().all(|summary| summary.id != lost.id));
        // As far as before: what a node remembers of the lost history must not pass for it.
        let told = Journal { id: lost.id, ..Journal::new(seats, 0, 40, 6) };
        nodes.other.apply(&told.run(1, 31)).await.unwrap();
        assert_eq!(*nodes.other.showtime(lost.id).await.unwrap().unwrap(), told.fold(31));
        nodes.one.apply(&told.run(32, 41)).await.unwrap();
        assert_eq!(*nodes.other.showtime(lost.id).await.unwrap().unwrap(), told.fold(41));
    }
}
