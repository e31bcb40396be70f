//! The collection of nodes: one document each, which MongoDB deletes an hour after the node was last heard.
//!
//! | field | type | meaning |
//! |---|---|---|
//! | `_id` | UUID | the node's id |
//! | `host`, `address`, `version` | string | the machine, where the node listens, the program's version |
//! | `startedAt` | date | when the node started |
//! | `status` | string | its health in a word |
//! | `dependencies` | string | its dependencies, JSON |
//! | `heardAt` | date | when it was last heard, by MongoDB's clock; the index on it deletes what is an hour old |

use std::time::Duration;

use bytes::Bytes;
use futures_util::TryStreamExt;
use mongodb::bson::{Bson, DateTime, Document, doc, uuid::Uuid as BsonUuid};
use mongodb::options::IndexOptions;
use mongodb::{Collection, Database, IndexModel};
use uuid::Uuid;

use crate::domain::Timestamp;
use crate::read_model::ReadError;
use crate::read_model::mongodb::document::{Damaged, damaged, field};
use crate::read_model::mongodb::failure::unavailable;
use crate::read_model::nodes::{HeardNode, KEPT_FOR, MOST_LISTED, Node, NodeHealth, NodeId};

const COLLECTION: &str = "nodes";

/// See the module's documentation. Cheap to clone.
#[derive(Clone)]
pub(super) struct AnnouncedNodes {
    documents: Collection<Document>,
    /// Longest time for one command.
    max_time: Duration,
}

impl AnnouncedNodes {
    pub(super) fn of(database: &Database, max_time: Duration) -> Self {
        Self { documents: database.collection(COLLECTION), max_time }
    }

    pub(super) async fn replace(&self, node: &Node, health: &NodeHealth) -> Result<(), ReadError> {
        // Each time: a database that was emptied has lost it, and without it nothing is deleted.
        let expiry = IndexOptions::builder().expire_after(KEPT_FOR).build();
        let index = IndexModel::builder().keys(doc! { "heardAt": 1 }).options(expiry).build();
        self.documents.create_index(index).max_time(self.max_time).await.map_err(unavailable)?;
        // A pipeline, since only there the server says what time it is. `$literal`: a text may begin with a dollar sign.
        let said = doc! { "$mergeObjects": [{ "$literal": written(node, health)? }, { "heardAt": "$$NOW" }] };
        let replaced =
            self.documents.update_one(doc! { "_id": stored_id(node.id) }, vec![doc! { "$replaceWith": said }]);
        replaced.upsert(true).await.map_err(unavailable)?;
        Ok(())
    }

    pub(super) async fn remove(&self, id: NodeId) -> Result<(), ReadError> {
        self.documents.delete_one(doc! { "_id": stored_id(id) }).await.map_err(unavailable)?;
        Ok(())
    }

    /// Those that were heard within [`KEPT_FOR`]: MongoDB deletes the others a minute late.
    pub(super) async fn select(&self) -> Result<Vec<HeardNode>, ReadError> {
        let most = i64::try_from(MOST_LISTED).map_err(unavailable)?;
        let kept_for = i64::try_from(KEPT_FOR.as_millis()).map_err(unavailable)?;
        let pipeline = [
            doc! { "$set": { "age": { "$subtract": ["$$NOW", "$heardAt"] } } },
            doc! { "$match": { "age": { "$lt": kept_for } } },
            doc! { "$sort": { "heardAt": -1 } },
            doc! { "$limit": most },
        ];
        let mut found = self.documents.aggregate(pipeline).max_time(self.max_time).await.map_err(unavailable)?;
        let mut nodes = Vec::new();
        while let Some(document) = found.try_next().await.map_err(unavailable)? {
            match read(&document) {
                Ok(node) => nodes.push(node),
                Err(damage) => tracing::error!(document.id = ?document.get("_id"), "a node is left out: {damage}"),
            }
        }
        Ok(nodes)
    }
}

fn stored_id(id: NodeId) -> Bson {
    Bson::from(BsonUuid::from_bytes(*id.0.as_bytes()))
}

fn written(node: &Node, health: &NodeHealth) -> Result<Document, Damaged> {
    Ok(doc! {
        "_id": stored_id(node.id),
        "host": &node.host,
        "address": &node.address,
        "version": &node.version,
        "startedAt": DateTime::from_millis(node.started_at.as_millis()),
        "status": &health.status,
        "dependencies": std::str::from_utf8(&health.dependencies).map_err(damaged)?,
    })
}

fn read(document: &Document) -> Result<HeardNode, Damaged> {
    let text = |name: &'static str| field(document, name, Document::get_str).map(str::to_owned);
    let time = |name: &'static str| field(document, name, Document::get_datetime).map(|time| time.timestamp_millis());
    let Some(Bson::Binary(id)) = document.get("_id") else { return Err(damaged("_id")) };
    let node = Node {
        id: NodeId(Uuid::from_slice(&id.bytes).map_err(damaged)?),
        host: text("host")?,
        address: text("address")?,
        version: text("version")?,
        started_at: Timestamp::from_millis(time("startedAt")?),
    };
    let health = NodeHealth { status: text("status")?, dependencies: Bytes::from(text("dependencies")?) };
    // Below zero after a fail-over to a server whose clock is behind.
    let age = field(document, "age", Document::get_i64)?.max(0).cast_unsigned();
    let heard_at = Timestamp::from_millis(time("heardAt")?);
    Ok(HeardNode { node, health, heard_at, age: Duration::from_millis(age) })
}
