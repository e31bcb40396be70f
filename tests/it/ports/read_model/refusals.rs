//! Contract suite of the refusals that are kept beside the read model, run on every adapter.

use std::sync::Arc;

use bytes::Bytes;
use mongodb::bson::{Document, doc};
use turnstile::domain::{BookingId, ShowtimeId, Timestamp, UserId};
use turnstile::read_model::embedded::EmbeddedReadModel;
use turnstile::read_model::mongodb::MongoReadModel;
use turnstile::read_model::refusals::{KEPT_FOR, MOST_FOUND, Refusal, Refusals, RequestId};
use uuid::Uuid;

use super::mongodb::Mongo;

/// Two nodes that keep and find (in memory, both are the same).
struct Nodes {
    one: Arc<dyn Refusals>,
    other: Arc<dyn Refusals>,
}

async fn on_mongodb() -> (Mongo, Nodes) {
    let mongo = Mongo::start().await;
    let node = async || MongoReadModel::connect(mongo.url(), &super::mongodb::quick()).await.unwrap();
    let (one, other) = (Arc::new(node().await), Arc::new(node().await));
    (mongo, Nodes { one, other })
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_kept_in_memory() {
    let model = Arc::new(EmbeddedReadModel::new());
    let one = Arc::<EmbeddedReadModel>::clone(&model);
    refusals_are_found_by_request_the_newest_first(Nodes { one, other: model }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_kept_on_mongodb() {
    let (mongo, nodes) = on_mongodb().await;
    refusals_are_found_by_request_the_newest_first(nodes).await;
    mongo.drop().await;
}

fn id() -> RequestId {
    RequestId::parse(&Uuid::new_v4().simple().to_string()).unwrap()
}

fn refusal(request_id: RequestId, at: Timestamp) -> Refusal {
    Refusal {
        request_id,
        refused_at: at,
        method: "POST".to_owned(),
        path: "/api/bookings".to_owned(),
        showtime_id: Some(ShowtimeId(Uuid::new_v4())),
        booking_id: None,
        user_id: Some(UserId::parse("Zoë 😀").unwrap()),
        retry_after_seconds: Some(7),
        problem: Bytes::from("{\"detail\": \"row A, seat 5 is taken\"}"),
    }
}

/// The machine's time: MongoDB deletes by its own.
fn now() -> Timestamp {
    let since_1970 = std::time::UNIX_EPOCH.elapsed().unwrap();
    Timestamp::from_millis(i64::try_from(since_1970.as_millis()).unwrap())
}

async fn refusals_are_found_by_request_the_newest_first(nodes: Nodes) {
    let (asked, other, unknown, now) = (id(), id(), id(), now());
    let at = |milliseconds: i64| Timestamp::from_millis(now.as_millis() + milliseconds);
    let bare = Refusal { showtime_id: None, user_id: None, retry_after_seconds: None, ..refusal(asked, at(-9)) };
    let bare = Refusal { booking_id: Some(BookingId(Uuid::new_v4())), ..bare };
    let late = refusal(asked, at(0));
    let batch = [&bare, &refusal(other, at(-5)), &late].map(|refusal| Arc::new(refusal.clone()));
    nodes.one.keep(&batch).await.unwrap();
    let since = now - KEPT_FOR;
    assert_eq!(nodes.other.find(asked, since).await.unwrap(), [late.clone(), bare], "word for word");
    assert_eq!(nodes.other.find(asked, at(-8)).await.unwrap(), [late], "only since then");
    assert_eq!(nodes.other.find(unknown, since).await.unwrap(), []);

    let many: Vec<_> = (0..50).map(|number| Arc::new(refusal(unknown, at(-number)))).collect();
    nodes.other.keep(&many).await.unwrap();
    let found = nodes.one.find(unknown, since).await.unwrap();
    let times: Vec<_> = found.iter().map(|refusal| refusal.refused_at).collect();
    assert_eq!(times, (0..).map(|number| at(-number)).take(MOST_FOUND).collect::<Vec<_>>());
}

/// Also of a database that was emptied meanwhile; and a document that nobody of ours wrote hides no other.
#[tokio::test(flavor = "multi_thread")]
async fn mongodb_deletes_refusals_after_a_day_and_finds_them_by_an_index() {
    let (mongo, nodes) = on_mongodb().await;
    let kept = refusal(id(), now());
    for round in 0..2 {
        nodes.one.keep(&[Arc::new(kept.clone())]).await.unwrap();
        let indexes = mongo.database.run_command(doc! { "listIndexes": "refusals" }).await.unwrap();
        let indexes = indexes.get_document("cursor").unwrap().get_array("firstBatch").unwrap();
        let of = |field: &str| {
            let mut indexes = indexes.iter().filter_map(|index| index.as_document());
            indexes.find(|index| index.get_document("key").unwrap().contains_key(field)).cloned().unwrap()
        };
        let seconds = of("refusedAt").get("expireAfterSeconds").cloned().unwrap();
        let seconds = seconds.as_i64().or(seconds.as_i32().map(i64::from));
        assert_eq!(seconds, Some(24 * 60 * 60), "round {round}");
        of("requestId");
        if round == 0 {
            mongo.database.drop().await.unwrap();
        }
    }
    let foreign = doc! { "requestId": kept.request_id.to_string(), "refusedAt": mongodb::bson::DateTime::now() };
    mongo.database.collection::<Document>("refusals").insert_one(foreign).await.unwrap();
    assert_eq!(nodes.other.find(kept.request_id, kept.refused_at - KEPT_FOR).await.unwrap(), [kept]);
    mongo.drop().await;
}

/// A batch whose answer was lost is sent again, with others that are new: each is one document.
#[tokio::test(flavor = "multi_thread")]
async fn mongodb_has_a_refusal_once_that_is_kept_again_and_those_beside_it() {
    let (mongo, nodes) = on_mongodb().await;
    let (first, second) = (Arc::new(refusal(id(), now())), Arc::new(refusal(id(), now())));
    nodes.one.keep(&[Arc::clone(&first)]).await.unwrap();
    nodes.other.keep(&[Arc::clone(&first), Arc::clone(&second)]).await.unwrap();
    for kept in [first, second] {
        let found = nodes.one.find(kept.request_id, kept.refused_at - KEPT_FOR).await.unwrap();
        assert_eq!(found, [(*kept).clone()]);
    }
    mongo.drop().await;
}
