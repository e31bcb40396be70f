//! The collection of showtimes, and the few commands that are sent to it.

use std::time::Duration;

use futures_util::TryStreamExt;
use mongodb::bson::{Bson, Document, doc};
use mongodb::options::FindOptions;
use mongodb::{Collection, Database, IndexModel};

use crate::domain::{Place, ShowtimeId};
use crate::read_model::ReadError;
use crate::read_model::mongodb::document::{Damaged, at, stored_id};
use crate::read_model::mongodb::failure::{DUPLICATE_KEY, is_duplicate_key, unavailable};

/// One document a showtime.
const COLLECTION: &str = "showtimes";

/// An update statement that sets these fields of the showtime that stands at `over`; `None` creates its document, and fails with a
/// duplicate key if it is there by now.
pub(super) fn statement(id: ShowtimeId, over: Option<Place>, fields: Document) -> Result<Document, Damaged> {
    // No stored sequence is below zero.
    let mut query = over.map_or_else(|| Ok(doc! { "sequence": { "$lt": 0_i64 } }), at)?;
    query.insert("_id", stored_id(id));
    Ok(doc! { "q": query, "u": { "$set": fields }, "upsert": over.is_none() })
}

/// See the module's documentation. Cheap to clone.
#[derive(Clone)]
pub(super) struct Showtimes {
    database: Database,
    documents: Collection<Document>,
    /// Longest time for one command.
    max_time: Duration,
}

impl Showtimes {
    pub(super) fn of(database: Database, max_time: Duration) -> Self {
        let documents = database.collection(COLLECTION);
        Self { database, documents, max_time }
    }

    /// The documents of these showtimes, with these fields and the id.
    pub(super) async fn find<T>(
        &self,
        ids: Vec<ShowtimeId>,
        fields: Document,
        decode: impl Fn(&Document) -> Result<T, Damaged>,
    ) -> Result<Vec<T>, ReadError> {
        let ids: Vec<Bson> = ids.into_iter().map(stored_id).collect();
        self.select(doc! { "_id": { "$in": ids } }, FindOptions::builder().projection(fields).build(), decode).await
    }

    /// The document of one showtime: the server finds it by its id without planning.
    pub(super) async fn find_one<T>(
        &self,
        id: ShowtimeId,
        fields: Document,
        decode: impl Fn(&Document) -> Result<T, Damaged>,
    ) -> Result<Option<T>, ReadError> {
        let find = self.documents.find_one(doc! { "_id": stored_id(id) }).projection(fields).max_time(self.max_time);
        match find.await.map_err(unavailable)? {
            Some(found) => self.decoded(&found, decode(&found)).await,
            None => Ok(None),
        }
    }

    /// The documents that match.
    pub(super) async fn select<T>(
        &self,
        filter: Document,
        options: FindOptions,
        decode: impl Fn(&Document) -> Result<T, Damaged>,
    ) -> Result<Vec<T>, ReadError> {
        let find = self.documents.find(filter).with_options(options).max_time(self.max_time);
        let mut found = find.await.map_err(unavailable)?;
        let mut decoded = Vec::new();
        while let Some(document) = found.try_next().await.map_err(unavailable)? {
            decoded.extend(self.decoded(&document, decode(&document)).await?);
        }
        Ok(decoded)
    }

    /// A damaged document is removed: the showtime then counts as missing, and is made anew.
    async fn decoded<T>(&self, document: &Document, decoded: Result<T, Damaged>) -> Result<Option<T>, ReadError> {
        let damage = match decoded {
            Ok(decoded) => return Ok(Some(decoded)),
            Err(damage) => damage,
        };
        tracing::error!(document.id = ?document.get("_id"), "{damage}: it is removed, to be made anew from the write store");
        let field = |name: &str| document.get(name).cloned().unwrap_or(Bson::Null);
        let filter = doc! { "_id": field("_id"), "sequence": field("sequence"), "stamp": field("stamp") };
        self.documents.delete_one(filter).await.map_err(unavailable)?;
        Ok(None)
    }

    /// Makes the list's index, unless it is there.
    pub(super) async fn prepare(&self) -> Result<(), ReadError> {
        let index = IndexModel::builder().keys(doc! { "startTime": 1, "_id": 1 }).build();
        self.documents.create_index(index).max_time(self.max_time).await.map_err(unavailable)?;
        Ok(())
    }

    /// Carries update statements out in one command, in any order. True if each has found, or made, its document.
    pub(super) async fn update(&self, statements: Vec<Document>) -> Result<bool, ReadError> {
        let expected = i32::try_from(statements.len()).map_err(unavailable)?;
        let milliseconds = i64::try_from(self.max_time.as_millis()).unwrap_or(i64::MAX);
        let command = doc! {
            "update": COLLECTION,
            "updates": statements,
            "ordered": false,
            "maxTimeMS": milliseconds,
            "writeConcern": { "w": "majority", "j": true, "wtimeout": milliseconds },
        };
        let late = |_elapsed| unavailable(format!("no answer within {:?}", self.max_time));
        let answer = tokio::time::timeout(self.max_time, self.database.run_command(command)).await.map_err(late)?;
        let answer = answer.map_err(unavailable)?;
        if let Ok(error) = answer.get_document("writeConcernError") {
            return Err(unavailable(error));
        }
        for error in answer.get_array("writeErrors").into_iter().flatten() {
            let code = error.as_document().and_then(|error| error.get_i32("code").ok());
            if code != Some(DUPLICATE_KEY) {
                return Err(unavailable(error));
            }
        }
        Ok(answer.get_i32("n").map_err(unavailable)? == expected)
    }

    /// Removes the showtime that stands at `over`; true if it did.
    pub(super) async fn remove(&self, id: ShowtimeId, over: Place) -> Result<bool, ReadError> {
        let mut filter = at(over)?;
        filter.insert("_id", stored_id(id));
        Ok(self.documents.delete_one(filter).await.map_err(unavailable)?.deleted_count == 1)
    }

    /// Writes to a document of no showtime, durably.
    pub(super) async fn ping(&self) -> Result<(), ReadError> {
        let touch = doc! { "$currentDate": { "at": true } };
        let documents = self.database.collection::<Document>("meta");
        match documents.update_one(doc! { "_id": "ping" }, touch).upsert(true).await {
            Ok(_) => Ok(()),
            Err(error) if is_duplicate_key(&error) => Ok(()),
            Err(error) => Err(unavailable(error)),
        }
    }
}
