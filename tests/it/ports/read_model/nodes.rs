//! Contract suite of the nodes that are kept beside the read model, run on every adapter.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use mongodb::bson::{Document, doc};
use turnstile::domain::{Clock, Timestamp};
use turnstile::read_model::embedded::EmbeddedNodes;
use turnstile::read_model::mongodb::MongoReadModel;
use turnstile::read_model::nodes::{HeardNode, KEPT_FOR, MOST_LISTED, Node, NodeHealth, NodeId, Nodes, SILENT_AFTER};
use uuid::Uuid;

use super::mongodb::Mongo;

/// Longest time between two calls of a test.
const AT_ONCE: Duration = Duration::from_secs(5);

/// Two nodes that announce and list (in memory, both are the same), and a clock that can be put forward.
struct Pair {
    one: Arc<dyn Nodes>,
    other: Arc<dyn Nodes>,
    time: Time,
}

enum Time {
    Clock(Arc<AtomicI64>),
    Mongo(Mongo),
}

impl Pair {
    fn embedded() -> Self {
        let now = Arc::new(AtomicI64::new(1_795_392_000_000));
        let read = Arc::clone(&now);
        let clock: Clock = Arc::new(move || Timestamp::from_millis(read.load(Ordering::SeqCst)));
        let nodes = Arc::new(EmbeddedNodes::new(clock));
        Self { one: Arc::<EmbeddedNodes>::clone(&nodes), other: nodes, time: Time::Clock(now) }
    }

    async fn mongodb() -> Self {
        let mongo = Mongo::start().await;
        let node = async || MongoReadModel::connect(mongo.url(), &super::mongodb::quick()).await.unwrap();
        let (one, other) = (Arc::new(node().await), Arc::new(node().await));
        Self { one, other, time: Time::Mongo(mongo) }
    }

    /// All that was heard so far was heard so much earlier.
    async fn passes(&self, time: Duration) {
        let milliseconds = i64::try_from(time.as_millis()).unwrap();
        match &self.time {
            Time::Clock(now) => drop(now.fetch_add(milliseconds, Ordering::SeqCst)),
            Time::Mongo(mongo) => {
                let earlier = doc! { "$set": { "heardAt": { "$subtract": ["$heardAt", milliseconds] } } };
                mongo.database.collection::<Document>("nodes").update_many(doc! {}, vec![earlier]).await.unwrap();
            }
        }
    }

    /// What the store's clock says.
    async fn now(&self) -> Timestamp {
        match &self.time {
            Time::Clock(now) => Timestamp::from_millis(now.load(Ordering::SeqCst)),
            Time::Mongo(mongo) => {
                let hello = mongo.database.run_command(doc! { "hello": 1 }).await.unwrap();
                Timestamp::from_millis(hello.get_datetime("localTime").unwrap().timestamp_millis())
            }
        }
    }

    async fn end(self) {
        if let Time::Mongo(mongo) = self.time {
            mongo.drop().await;
        }
    }
}

macro_rules! contract {
    ($($test:ident),* $(,)?) => {
        mod embedded {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$test(&super::Pair::embedded()).await;
            })*
        }
        mod on_mongodb {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                let pair = super::Pair::mongodb().await;
                super::$test(&pair).await;
                pair.end().await;
            })*
        }
    };
}

contract!(
    every_node_is_heard_word_for_word_until_it_is_withdrawn,
    the_clock_of_the_store_tells_when_a_node_was_heard,
    a_node_is_silent_after_15_seconds_and_not_when_it_is_heard_again,
    a_node_is_listed_for_an_hour_after_it_was_heard,
);

fn node(name: &str) -> Node {
    Node {
        id: NodeId(Uuid::new_v4()),
        host: name.to_owned(),
        address: "[::1]:5000".to_owned(),
        version: "$0.1".to_owned(),
        // The clock by which a node tells its start may be any.
        started_at: Timestamp::from_millis(7),
    }
}

fn health(status: &str) -> NodeHealth {
    let dependencies = format!("{{\"store\": {{\"status\": \"{status}\", \"required\": true}}}}");
    NodeHealth { status: status.to_owned(), dependencies: Bytes::from(dependencies) }
}

/// The nodes as they are heard, by host.
async fn heard(nodes: &Arc<dyn Nodes>) -> Vec<HeardNode> {
    let mut heard = nodes.heard().await.unwrap();
    heard.sort_by(|one, other| one.node.host.cmp(&other.node.host));
    heard
}

fn said(heard: &[HeardNode]) -> Vec<(Node, NodeHealth)> {
    heard.iter().map(|heard| (heard.node.clone(), heard.health.clone())).collect()
}

async fn every_node_is_heard_word_for_word_until_it_is_withdrawn(pair: &Pair) {
    assert_eq!(heard(&pair.one).await, []);
    let (ada, bob) = (node("$ada"), node("bob 😀"));
    pair.one.announce(&ada, &health("down")).await.unwrap();
    pair.other.announce(&bob, &health("ready")).await.unwrap();
    pair.one.announce(&ada, &health("degraded")).await.unwrap();
    let both = [(ada.clone(), health("degraded")), (bob.clone(), health("ready"))];
    for nodes in [&pair.one, &pair.other] {
        assert_eq!(said(&heard(nodes).await), both, "each once, as it spoke last");
    }
    for _ in 0..2 {
        pair.one.withdraw(ada.id).await.unwrap();
        assert_eq!(said(&heard(&pair.other).await), both[1..]);
    }
    pair.other.announce(&ada, &health("ready")).await.unwrap();
    assert_eq!(heard(&pair.one).await.len(), 2, "it may come back");
}

async fn the_clock_of_the_store_tells_when_a_node_was_heard(pair: &Pair) {
    let before = pair.now().await;
    pair.one.announce(&node("ada"), &health("ready")).await.unwrap();
    let after = pair.now().await;
    let [ada] = heard(&pair.other).await.try_into().unwrap();
    assert!(before <= ada.heard_at && ada.heard_at <= after, "{before} {ada:?} {after}");
    assert!(ada.age < AT_ONCE, "{ada:?}");
    pair.passes(Duration::from_secs(600)).await;
    let [later] = heard(&pair.other).await.try_into().unwrap();
    assert!(later.age >= Duration::from_secs(600) && later.age < Duration::from_secs(600) + AT_ONCE, "{later:?}");
}

async fn a_node_is_silent_after_15_seconds_and_not_when_it_is_heard_again(pair: &Pair) {
    assert_eq!(SILENT_AFTER, Duration::from_secs(15));
    let (ada, bob) = (node("ada"), node("bob"));
    pair.one.announce(&ada, &health("ready")).await.unwrap();
    pair.one.announce(&bob, &health("ready")).await.unwrap();
    let silent = async || heard(&pair.other).await.iter().map(HeardNode::is_silent).collect::<Vec<_>>();
    pair.passes(SILENT_AFTER - AT_ONCE).await;
    assert_eq!(silent().await, [false, false]);
    pair.passes(AT_ONCE).await;
    assert_eq!(silent().await, [true, true]);
    pair.one.announce(&bob, &health("ready")).await.unwrap();
    assert_eq!(silent().await, [true, false]);
}

async fn a_node_is_listed_for_an_hour_after_it_was_heard(pair: &Pair) {
    let (ada, bob) = (node("ada"), node("bob"));
    pair.one.announce(&ada, &health("ready")).await.unwrap();
    pair.passes(KEPT_FOR - Duration::from_secs(60)).await;
    pair.one.announce(&bob, &health("ready")).await.unwrap();
    assert_eq!(heard(&pair.other).await.len(), 2);
    pair.passes(Duration::from_secs(60)).await;
    assert_eq!(said(&heard(&pair.other).await), [(bob, health("ready"))]);
}

/// Also of a database that was emptied meanwhile; and a document that nobody of ours wrote hides no other.
#[tokio::test(flavor = "multi_thread")]
async fn mongodb_deletes_nodes_after_an_hour_and_has_one_document_for_each() {
    let pair = Pair::mongodb().await;
    let Time::Mongo(mongo) = &pair.time else { unreachable!() };
    let ada = node("ada");
    for round in 0..2 {
        for _ in 0..2 {
            pair.one.announce(&ada, &health("ready")).await.unwrap();
        }
        let documents = mongo.database.collection::<Document>("nodes");
        assert_eq!(documents.count_documents(doc! {}).await.unwrap(), 1);
        let indexes = mongo.database.run_command(doc! { "listIndexes": "nodes" }).await.unwrap();
        let indexes = indexes.get_document("cursor").unwrap().get_array("firstBatch").unwrap();
        let mut indexes = indexes.iter().filter_map(|index| index.as_document());
        let of_time = indexes.find(|index| index.get_document("key").unwrap().contains_key("heardAt")).unwrap();
        let seconds = of_time.get("expireAfterSeconds").unwrap();
        assert_eq!(seconds.as_i64().or(seconds.as_i32().map(i64::from)), Some(60 * 60), "round {round}");
        let foreign = [doc! { "heardAt": mongodb::bson::DateTime::now() }, doc! { "host": "eve" }];
        documents.insert_many(foreign).await.unwrap();
        assert_eq!(said(&heard(&pair.other).await), [(ada.clone(), health("ready"))]);
        if round == 0 {
            mongo.database.drop().await.unwrap();
        }
    }
    pair.end().await;
}

/// A node that dies at its start, again and again.
#[tokio::test(flavor = "multi_thread")]
async fn mongodb_lists_a_thousand_nodes_those_that_were_heard_last() {
    let pair = Pair::mongodb().await;
    let Time::Mongo(mongo) = &pair.time else { unreachable!() };
    let ada = node("ada");
    pair.one.announce(&ada, &health("ready")).await.unwrap();
    let documents = mongo.database.collection::<Document>("nodes");
    let earlier = documents.find_one(doc! {}).await.unwrap().unwrap();
    let dead = (0..MOST_LISTED).map(|_| {
        let mut dead = earlier.clone();
        dead.insert("_id", mongodb::bson::Uuid::new());
        dead
    });
    documents.insert_many(dead).await.unwrap();
    pair.passes(Duration::from_secs(30)).await;
    pair.one.announce(&ada, &health("ready")).await.unwrap();
    let heard = pair.other.heard().await.unwrap();
    assert_eq!(heard.len(), MOST_LISTED);
    assert!(heard.iter().any(|heard| heard.node == ada && !heard.is_silent()));
    pair.end().await;
}
