//! What the MongoDB adapter promises beyond the contract: outages, emptied databases, dead writers, nodes that have not heard.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use mongodb::bson::{Document, doc};
use mongodb::{Client, Collection, Database};
use turnstile::read_model::mongodb::{MongoReadModel, Settings};
use turnstile::read_model::{Applied, ReadModel};
use uuid::Uuid;

use super::journal::{Dice, Journal, watch};
use crate::ports::private_service::PrivateService;
use crate::proxy::Proxy;
use crate::services;
use crate::tls_front::{CLIENT, ROOT, TlsFront};

/// A database of its own on the test server.
pub struct Mongo {
    url: String,
    pub database: Database,
}

impl Mongo {
    pub async fn start() -> Self {
        Self::at(&services::mongodb()).await
    }

    async fn at(server: &str) -> Self {
        let name = format!("turnstile_{}", Uuid::new_v4().simple());
        let (server, query) = server.split_once('?').unwrap_or((server, ""));
        let url = format!("{}/{name}?{query}", server.trim_end_matches('/'));
        let database = Client::with_uri_str(&url).await.unwrap().database(&name);
        Self { url, database }
    }

    pub async fn node(&self) -> Arc<dyn ReadModel> {
        self.node_with(&quick()).await
    }

    async fn node_with(&self, settings: &Settings) -> Arc<dyn ReadModel> {
        Arc::new(MongoReadModel::connect(&self.url, settings).await.unwrap())
    }

    pub async fn drop(self) {
        self.database.drop().await.unwrap();
    }

    fn collection(&self, name: &str) -> Collection<Document> {
        self.database.collection(name)
    }
}

/// So that a rebuild need not wait long for other nodes.
fn quick() -> Settings {
    Settings { generations_cached_milliseconds: 50, operation_timeout_milliseconds: 4_000, ..Settings::default() }
}

#[tokio::test]
async fn a_server_that_is_down_stops_nothing_and_a_malformed_url_is_refused() {
    // Nothing listens on port 1.
    let settings = Settings { server_selection_timeout_milliseconds: 300, ..Settings::default() };
    let model = MongoReadModel::connect("mongodb://127.0.0.1:1/turnstile", &settings).await.unwrap();
    let started = Instant::now();
    model.ping().await.unwrap_err();
    model.apply(&Journal::new(10, 0, 1, 1).run(1, 2)).await.unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(3), "not bounded: {:?}", started.elapsed());
    assert!(MongoReadModel::connect("localhost:27017", &settings).await.is_err());
}

/// Writes of showtimes that wait at the same time share commands: chunks in one, heads in the next.
#[tokio::test]
async fn showtimes_written_at_the_same_time_share_round_trips() {
    const SHOWTIMES: usize = 60;
    let mongo = Mongo::start().await;
    let server = url::Url::parse(&mongo.url).unwrap();
    let proxy = Proxy::to(&format!("{}:{}", server.host_str().unwrap(), server.port().unwrap_or(27_017))).await;
    let through = mongo.url.replacen(
        &format!("{}:{}", server.host_str().unwrap(), server.port().unwrap_or(27_017)),
        &proxy.address().to_string(),
        1,
    );
    let node = MongoReadModel::connect(&through, &quick()).await.unwrap();
    let journals: Vec<_> = (0..).take(SHOWTIMES).map(|seed| Journal::new(20, 0, 4, seed)).collect();
    for journal in &journals {
        assert_eq!(node.apply(&journal.run(1, 1)).await.unwrap(), Applied::UpTo(1));
    }
    let before = proxy.round_trips();
    let runs: Vec<_> = journals.iter().map(|journal| journal.run(2, 5)).collect();
    let applied = futures_util::future::join_all(runs.iter().map(|run| node.apply(run))).await;
    let cost = proxy.round_trips() - before;
    assert!(applied.into_iter().all(|applied| applied.unwrap() == Applied::UpTo(5)));
    assert!(cost <= SHOWTIMES / 2, "{cost} round trips for {SHOWTIMES} showtimes");
    mongo.drop().await;
}

#[tokio::test]
async fn an_emptied_database_reports_gaps_and_is_refilled_by_many_nodes_at_once() {
    let mongo = Mongo::start().await;
    let journal = Arc::new(Journal::new(3_000, 0, 60, 1));
    let mut nodes = Vec::new();
    for _ in 0..6 {
        nodes.push(mongo.node().await);
    }
    for round in 0..3 {
        let refills = nodes.iter().zip(0..).map(|(node, seed)| {
            let (node, journal) = (Arc::clone(node), Arc::clone(&journal));
            tokio::spawn(async move { journal.apply_all(&*node, seed + round).await })
        });
        for refill in refills.collect::<Vec<_>>() {
            refill.await.unwrap();
        }
        for node in &nodes {
            journal.assert_complete(&**node).await;
        }
        mongo.database.drop().await.unwrap();
        let last = journal.run(journal.last(), journal.last());
        assert_eq!(nodes[0].apply(&last).await.unwrap(), Applied::Gap { have: 0 });
        assert_eq!(nodes[1].showtime(journal.id).await.unwrap(), None);
        assert_eq!(nodes[1].heads(vec![journal.id]).await.unwrap(), []);
    }
    mongo.drop().await;
}

#[tokio::test]
async fn a_writer_that_dies_between_two_documents_leaves_no_harm() {
    let mongo = Mongo::start().await;
    let journal = Arc::new(Journal::new(8_000, 0, 400, 2));
    let folds = Arc::new(journal.folds());
    let model = mongo.node().await;
    let running = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let reader = tokio::spawn(watch(Arc::clone(&model), folds, {
        let running = Arc::clone(&running);
        move || running.load(std::sync::atomic::Ordering::SeqCst)
    }));
    let mut dice = Dice(2);
    for life in 0..25 {
        // A process of its own, as far as the adapter can tell: its runtime is torn down at a random moment.
        let process = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (url, journal) = (mongo.url.clone(), Arc::clone(&journal));
        process.spawn(async move {
            let node = MongoReadModel::connect(&url, &quick()).await.unwrap();
            journal.apply_all(&node, life).await;
        });
        tokio::time::sleep(Duration::from_micros(10_000 + dice.roll(20_000))).await;
        process.shutdown_background();
    }
    journal.apply_all(&*model, 0).await;
    journal.assert_complete(&*model).await;
    running.store(false, std::sync::atomic::Ordering::SeqCst);
    assert!(reader.await.unwrap() > 0);
    mongo.drop().await;
}

#[tokio::test]
async fn a_node_that_has_not_heard_of_a_new_copy_cannot_leave_it_behind() {
    let mongo = Mongo::start().await;
    let journal = Journal::new(100, 0, 20, 3);
    let aware = mongo.node().await;
    let unaware = mongo.node_with(&Settings { generations_cached_milliseconds: 3_600_000, ..quick() }).await;
    unaware.apply(&journal.run(1, 10)).await.unwrap();

    let generation = aware.begin_rebuild().await.unwrap();
    aware.apply_to(generation, &journal.run(1, 10)).await.unwrap();
    assert_eq!(unaware.apply(&journal.run(11, 12)).await.unwrap(), Applied::UpTo(12));
    assert_eq!(aware.heads_in(generation, vec![journal.id]).await.unwrap(), [(journal.id, 12)]);

    aware.publish_rebuild(generation).await.unwrap();
    // Its copy is dropped by now: it must not take that for an unknown showtime, nor write there.
    assert_eq!(unaware.sequence(journal.id).await.unwrap(), Some(12));
    assert_eq!(unaware.list(None, 10).await.unwrap().len(), 1);
    assert_eq!(unaware.apply(&journal.run(13, journal.last())).await.unwrap(), Applied::UpTo(journal.last()));
    journal.assert_complete(&*aware).await;
    journal.assert_complete(&*unaware).await;
    mongo.drop().await;
}

#[tokio::test]
async fn the_dropped_copy_leaves_nothing_behind() {
    let mongo = Mongo::start().await;
    let journal = Journal::new(5_000, 0, 20, 4);
    let node = mongo.node().await;
    journal.apply_all(&*node, 1).await;
    let forgotten = node.begin_rebuild().await.unwrap();
    let generation = node.begin_rebuild().await.unwrap();
    node.apply_to(generation, &journal.run(1, journal.last())).await.unwrap();
    node.publish_rebuild(generation).await.unwrap();
    node.publish_rebuild(forgotten).await.expect_err("an older copy was published over a newer one");
    journal.assert_complete(&*node).await;
    let mut collections = mongo.database.list_collection_names().await.unwrap();
    collections.sort_unstable();
    assert_eq!(collections, ["meta", "seats_g3", "showtimes_g3"]);
    let indexes = mongo.collection("showtimes_g3").list_index_names().await.unwrap();
    assert_eq!(indexes, ["_id_", "startTime_1__id_1"]);
    mongo.drop().await;
}

#[tokio::test]
async fn a_lost_chunk_is_never_shown_and_the_showtime_is_refilled() {
    let mongo = Mongo::start().await;
    let journal = Journal::new(5_000, 0, 60, 5);
    let node = mongo.node().await;
    node.apply(&journal.run(1, 30)).await.unwrap();
    let removed = mongo.collection("seats_g1").find_one_and_delete(doc! {}).await.unwrap();
    assert!(removed.is_some());
    node.showtime(journal.id).await.expect_err("a showtime without some of its seats was shown");
    // Removed by the read that found it: the sweep sees it missing.
    assert_eq!(node.heads(vec![journal.id]).await.unwrap(), []);
    journal.apply_all(&*node, 1).await;
    journal.assert_complete(&*node).await;

    mongo.collection("seats_g1").delete_many(doc! {}).await.unwrap();
    assert_eq!(node.apply(&journal.run(1, journal.last())).await.unwrap(), Applied::UpTo(journal.last()));
    mongo.drop().await;
}

#[tokio::test]
async fn a_showtime_is_one_document_up_to_4096_seats() {
    let mongo = Mongo::start().await;
    let node = mongo.node().await;
    for (seats, chunks) in [(4_096, 0), (4_097, 2)] {
        let journal = Journal::new(seats, 0, 50, 8);
        journal.apply_all(&*node, 3).await;
        journal.assert_complete(&*node).await;
        assert_eq!(mongo.collection("seats_g1").count_documents(doc! {}).await.unwrap(), chunks);
        // Nor does a node need chunks that has not written it.
        journal.assert_complete(&*mongo.node().await).await;
    }
    assert_eq!(mongo.collection("showtimes_g1").count_documents(doc! {}).await.unwrap(), 2);
    mongo.drop().await;
}

#[tokio::test]
async fn an_update_touches_only_the_chunks_concerned_and_documents_stay_small() {
    let mongo = Mongo::start().await;
    let journal = Journal::new(200_000, 0, 2_000, 6);
    let node = mongo.node().await;
    node.apply(&journal.run(1, 1)).await.unwrap();
    let seats = mongo.collection("seats_g1");
    assert_eq!(seats.count_documents(doc! {}).await.unwrap(), 49);
    node.apply(&journal.run(2, 2)).await.unwrap();
    let touched = seats.count_documents(doc! { "sequence": { "$gt": 0 } }).await.unwrap();
    assert!((1..=8).contains(&touched), "{touched} chunks were written for one booking");
    node.apply(&journal.run(3, journal.last())).await.unwrap();
    for collection in ["seats_g1", "showtimes_g1"] {
        let stats = [doc! { "$group": { "_id": null, "most": { "$max": { "$bsonSize": "$$ROOT" } } } }];
        let mut answer = mongo.collection(collection).aggregate(stats).await.unwrap();
        assert!(answer.advance().await.unwrap());
        let most = answer.current().get_i32("most").unwrap();
        assert!(most < 20_000, "{collection}: a document of {most} bytes");
    }
    mongo.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_or_frozen_server_loses_nothing_acknowledged_and_holds_nobody_up() {
    let server = PrivateService::start("mongodb");
    let mongo = Mongo::at(&server.url()).await;
    let settings = Settings { server_selection_timeout_milliseconds: 1_000, ..quick() };
    let (node, fresh) = (mongo.node_with(&settings).await, mongo.node_with(&settings).await);
    // More than can be written in the time: the writer is busy whenever the server goes away.
    let journal = Arc::new(Journal::new(3_000, 0, 20_000, 7));
    let writer = Arc::new(Writer::default());
    let writing = tokio::spawn({
        let (journal, writer) = (Arc::clone(&journal), Arc::clone(&writer));
        async move { writer.write(&journal, &*node).await }
    });
    for is_killed in [true, false, true] {
        let before = writer.acknowledged.load(Ordering::SeqCst);
        reaches(&writer.acknowledged, before + 60).await;
        let failures = writer.failures.load(Ordering::SeqCst);
        if is_killed {
            server.kill();
        } else {
            server.pause();
        }
        reaches(&writer.failures, failures + 1).await;
        if is_killed {
            server.start_again();
        } else {
            server.resume();
        }
        let floor = writer.acknowledged.load(Ordering::SeqCst);
        let view = loop {
            if let Ok(view) = fresh.showtime(journal.id).await {
                break view.expect("the showtime survived");
            }
        };
        assert!(view.sequence >= floor, "{floor} was acknowledged, {} is left", view.sequence);
        assert_eq!(*view, journal.fold(view.sequence));
    }
    writer.ends.store(true, Ordering::SeqCst);
    let written = writing.await.unwrap();
    assert!(written < journal.events.len(), "all was written before the last outage had ended");
    let Journal { id, history, .. } = *journal;
    Journal { id, history, events: journal.events[..written].to_vec() }.assert_complete(&*fresh).await;
}

/// The driver's own names in the URL do what they say.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_needs_the_right_authority_and_the_clients_certificate() {
    let mongo = Mongo::start().await;
    let plain = url::Url::parse(&mongo.url).unwrap();
    let front = TlsFront::of(&format!("{}:{}", plain.host_str().unwrap(), plain.port().unwrap_or(27_017))).await;
    let at = |query: &str| {
        format!("mongodb://localhost:{}{}?tls=true&directConnection=true&{query}", front.port, plain.path())
    };
    let settings = Settings { server_selection_timeout_milliseconds: 1_000, ..quick() };
    let client = format!("tlsCertificateKeyFile={CLIENT}");
    for bad in [at(&client), at(&format!("tlsCAFile={ROOT}"))] {
        let node = MongoReadModel::connect(&bad, &settings).await.unwrap();
        node.ping().await.expect_err(&bad);
    }
    let node = MongoReadModel::connect(&at(&format!("tlsCAFile={ROOT}&{client}")), &quick()).await.unwrap();
    let journal = Journal::new(100, 0, 20, 1);
    journal.apply_all(&node, 1).await;
    journal.assert_complete(&node).await;
    assert!(front.let_in() > 0);
    mongo.drop().await;
}

/// Writes a journal on and on, through outages, until it is told to end.
#[derive(Default)]
struct Writer {
    acknowledged: AtomicU64,
    failures: AtomicU64,
    ends: AtomicBool,
}

impl Writer {
    /// Returns how many events are written.
    async fn write(&self, journal: &Journal, node: &dyn ReadModel) -> usize {
        let mut next = 1;
        while next <= journal.last() && !self.ends.load(Ordering::SeqCst) {
            let last = (next + 2).min(journal.last());
            let started = Instant::now();
            match node.apply(&journal.run(next, last)).await {
                Ok(Applied::UpTo(reached)) => {
                    self.acknowledged.store(reached, Ordering::SeqCst);
                    next = reached + 1;
                }
                Ok(Applied::Gap { have }) => panic!("{have} is left of what was acknowledged up to {next}"),
                Err(_down) => {
                    self.failures.fetch_add(1, Ordering::SeqCst);
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
            assert!(started.elapsed() < Duration::from_secs(15), "an apply took {:?}", started.elapsed());
        }
        usize::try_from(next - 1).unwrap()
    }
}

async fn reaches(counter: &AtomicU64, target: u64) {
    let started = Instant::now();
    while counter.load(Ordering::SeqCst) < target {
        assert!(started.elapsed() < Duration::from_secs(30), "the writer stands still short of {target}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
