//! What the MongoDB adapter promises beyond the contract: outages, emptied databases, dead writers, nodes that have not heard.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use mongodb::bson::{Document, doc};
use mongodb::{Client, Collection, Database};
use turnstile::domain::{Applied, ShowtimeId, Timestamp};
use turnstile::read_model::ReadModel;
use turnstile::read_model::mongodb::{MongoReadModel, Settings};
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

    pub fn url(&self) -> &str {
        &self.url
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

pub fn quick() -> Settings {
    Settings { operation_timeout_milliseconds: 4_000, ..Settings::default() }
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

/// Runs of showtimes that wait at the same time share a query and a command.
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

/// What the server really did is read from its profiler.
#[tokio::test]
async fn a_page_of_upcoming_showtimes_among_10_000_reads_no_others() {
    const SHOWTIMES: usize = 10_000;
    const PAGE: usize = 50;
    let mongo = Mongo::start().await;
    let node = mongo.node().await;
    let journals: Vec<_> = (0..).take(SHOWTIMES).map(|second| Journal::new(1, second * 1_000, 0, 1)).collect();
    for some in journals.chunks(1_000) {
        let runs: Vec<_> = some.iter().map(|journal| journal.run(1, 1)).collect();
        let applied = futures_util::future::join_all(runs.iter().map(|run| node.apply(run))).await;
        assert!(applied.into_iter().all(|applied| applied.unwrap() == Applied::UpTo(1)));
    }
    mongo.database.run_command(doc! { "profile": 2 }).await.unwrap();
    let now = (Timestamp::from_millis(5_000 * 1_000 - 1), ShowtimeId(Uuid::max()));
    let listed = node.list(Some(now), PAGE).await.unwrap();
    mongo.database.run_command(doc! { "profile": 0 }).await.unwrap();
    assert_eq!(listed.iter().map(|line| line.id).collect::<Vec<_>>(), ids(&journals[5_000..5_000 + PAGE]));
    let find = doc! { "op": "query", "command.find": "showtimes" };
    let profiled = mongo.collection("system.profile").find_one(find).await.unwrap().expect("the query was profiled");
    let count = |name: &str| profiled.get_i32(name).unwrap();
    assert_eq!(profiled.get_str("planSummary").unwrap(), "IXSCAN { startTime: 1, _id: 1 }", "{profiled}");
    let page = i32::try_from(PAGE).unwrap();
    assert!(count("docsExamined") == page && count("keysExamined") <= page + 1, "{profiled}");
    assert!(!profiled.get_bool("hasSortStage").unwrap_or(false), "{profiled}");
    mongo.drop().await;
}

fn ids(journals: &[Journal]) -> Vec<ShowtimeId> {
    journals.iter().map(|journal| journal.id).collect()
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
        assert_eq!(nodes[1].places(vec![journal.id]).await.unwrap(), []);
    }
    mongo.drop().await;
}

#[tokio::test]
async fn a_writer_that_dies_at_any_moment_leaves_no_harm() {
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
async fn one_showtime_is_one_document_and_one_index_lists_them() {
    let mongo = Mongo::start().await;
    let node = mongo.node().await;
    for seats in [4_096, 200_000] {
        let journal = Journal::new(seats, 0, 50, 8);
        journal.apply_all(&*node, 3).await;
        journal.assert_complete(&*mongo.node().await).await;
    }
    let journal = Journal::new(100, 0, 5, 9);
    assert!(node.replace(journal.id, None, Some(Arc::new(journal.fold(6)))).await.unwrap());
    assert_eq!(mongo.database.list_collection_names().await.unwrap(), ["showtimes"]);
    let showtimes = mongo.collection("showtimes");
    assert_eq!(showtimes.count_documents(doc! {}).await.unwrap(), 3);
    assert_eq!(showtimes.list_index_names().await.unwrap(), ["_id_", "startTime_1__id_1"]);
    let stats = [doc! { "$group": { "_id": null, "most": { "$max": { "$bsonSize": "$$ROOT" } } } }];
    let mut answer = showtimes.aggregate(stats).await.unwrap();
    assert!(answer.advance().await.unwrap());
    let most = answer.current().get_i32("most").unwrap();
    assert!(most < 60_000, "a document of {most} bytes");
    mongo.drop().await;
}

#[tokio::test]
async fn a_damaged_document_is_never_shown_and_counts_as_missing() {
    let mongo = Mongo::start().await;
    let showtimes = mongo.collection("showtimes");
    let node = mongo.node().await;
    let healthy = Journal::new(300, 0, 60, 4);
    healthy.apply_all(&*node, 2).await;
    let journal = Journal::new(300, 0, 60, 5);
    for damage in [
        doc! { "$unset": { "statuses": 1 } },
        doc! { "$set": { "seatCount": 299_i64 } },
        doc! { "$set": { "rows": "A" } },
        doc! { "$set": { "stamp": "none" } },
        doc! { "$unset": { "sequence": 1, "stamp": 1 } },
    ] {
        journal.apply_all(&*node, 1).await;
        let with_film = doc! { "movieTitle": "Film 5" };
        assert_eq!(showtimes.update_one(with_film, damage.clone()).await.unwrap().modified_count, 1);
        assert_eq!(node.showtime(journal.id).await.unwrap(), None, "{damage}");
        assert_eq!(node.places(vec![journal.id]).await.unwrap(), [], "{damage}");
        assert_eq!(node.list(None, 10).await.unwrap().len(), 1, "{damage}");
    }
    // Found by a write.
    journal.apply_all(&*node, 1).await;
    showtimes.update_many(doc! {}, doc! { "$unset": { "statuses": 1 } }).await.unwrap();
    assert_eq!(node.apply(&journal.run(30, journal.last())).await.unwrap(), Applied::Gap { have: 0 });
    assert_eq!(node.apply(&journal.run(1, journal.last())).await.unwrap(), Applied::UpTo(journal.last()));
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
