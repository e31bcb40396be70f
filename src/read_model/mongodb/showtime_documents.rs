//! The documents of one showtime in one generation on the server: [`Documents`] in MongoDB's terms.

use std::time::Duration;

use futures_util::TryStreamExt;
use mongodb::Database;
use mongodb::bson::{Document, doc};

use crate::domain::ShowtimeId;
use crate::read_model::ReadError;

use super::documents::{
    ChunkDocument, HeadDocument, chunk_id, head_id, integer, moved_chunk, moved_head, whole_chunk, whole_head,
};
use super::generations::{heads_collection, seats_collection};
use super::head::{ChunkWrite, Chunks, Head, HeadWrite};
use super::protocol::Documents;
use super::unavailable;

/// Code of MongoDB's error for a document whose id exists.
const DUPLICATE_KEY: i32 = 11_000;
/// More chunks than the largest showtime has, so that they come in one answer.
const CHUNKS_PER_ANSWER: u32 = 1_000;

/// See the module's documentation.
pub(super) struct ShowtimeDocuments<'a> {
    /// The database, with its concerns set.
    pub(super) database: &'a Database,
    /// The copy.
    pub(super) generation: u64,
    /// The newest generation that this writer knows of.
    pub(super) known: u64,
    /// The showtime.
    pub(super) id: ShowtimeId,
    /// Longest time for one command on the server.
    pub(super) max_time: Duration,
}

impl ShowtimeDocuments<'_> {
    async fn find_chunks(&self, filter: Document, projection: Document) -> Result<Chunks, ReadError> {
        let collection = self.database.collection::<ChunkDocument>(&seats_collection(self.generation));
        let find = collection.find(filter).projection(projection).batch_size(CHUNKS_PER_ANSWER).max_time(self.max_time);
        let mut documents = find.await.map_err(unavailable)?;
        let mut chunks = Chunks::new();
        while let Some(document) = documents.try_next().await.map_err(unavailable)? {
            let chunk = document.decode()?;
            chunks.insert(chunk.number, chunk);
        }
        Ok(chunks)
    }

    /// Runs the statements in one command; true if each has found, or made, its document.
    async fn update(&self, collection: String, statements: Vec<Document>) -> Result<bool, ReadError> {
        let Ok(expected) = i32::try_from(statements.len()) else {
            return Err(unavailable("too many statements"));
        };
        if expected == 0 {
            return Ok(true);
        }
        let milliseconds = i64::try_from(self.max_time.as_millis()).unwrap_or(i64::MAX);
        let command = doc! {
            "update": collection,
            "updates": statements,
            "ordered": false,
            "maxTimeMS": milliseconds,
            "writeConcern": { "w": "majority", "j": true, "wtimeout": milliseconds },
        };
        let answer = self.database.run_command(command).await.map_err(unavailable)?;
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
}

impl Documents for ShowtimeDocuments<'_> {
    async fn head(&self) -> Result<Option<Head>, ReadError> {
        let collection = self.database.collection::<HeadDocument>(&heads_collection(self.generation));
        let find = collection.find_one(doc! { "_id": head_id(self.id) }).max_time(self.max_time);
        find.await.map_err(unavailable)?.map(HeadDocument::decode).transpose()
    }

    async fn chunks(&self, numbers: Vec<u32>) -> Result<Chunks, ReadError> {
        if numbers.is_empty() {
            return Ok(Chunks::new());
        }
        let ids: Vec<_> = numbers.into_iter().map(|number| chunk_id(self.id, number)).collect();
        self.find_chunks(doc! { "_id": { "$in": ids } }, doc! { "rows": 0 }).await
    }

    async fn all_chunks(&self) -> Result<Chunks, ReadError> {
        let (first, last) = (chunk_id(self.id, 0), chunk_id(self.id, u32::MAX));
        self.find_chunks(doc! { "_id": { "$gte": first, "$lte": last } }, doc! {}).await
    }

    async fn write_chunks(&self, writes: &[ChunkWrite]) -> Result<bool, ReadError> {
        let statement = |write: &ChunkWrite| {
            let id = chunk_id(self.id, write.chunk.number);
            Ok::<_, ReadError>(match write.expected {
                Some(sequence) => doc! {
                    "q": { "_id": id, "sequence": integer(sequence)? },
                    "u": { "$set": moved_chunk(&write.chunk)? },
                },
                None => create(id, whole_chunk(&write.chunk)?),
            })
        };
        let statements = writes.iter().map(statement).collect::<Result<_, _>>()?;
        self.update(seats_collection(self.generation), statements).await
    }

    async fn write_head(&self, write: &HeadWrite) -> Result<bool, ReadError> {
        let id = head_id(self.id);
        let statement = match write.expected {
            Some(sequence) => doc! {
                "q": { "_id": id, "sequence": integer(sequence)?, "fence": { "$lte": integer(self.known)? } },
                "u": { "$set": moved_head(&write.head)? },
            },
            None => create(id, whole_head(&write.head)?),
        };
        self.update(heads_collection(self.generation), vec![statement]).await
    }

    async fn remove(&self, head: Option<u64>) -> Result<(), ReadError> {
        let heads = self.database.collection::<Document>(&heads_collection(self.generation));
        let id = head_id(self.id);
        let ours = match head {
            Some(sequence) => {
                let filter = doc! { "_id": id, "sequence": integer(sequence)? };
                heads.delete_one(filter).await.map_err(unavailable)?.deleted_count == 1
            }
            None => heads.find_one(doc! { "_id": id }).max_time(self.max_time).await.map_err(unavailable)?.is_none(),
        };
        if ours {
            let seats = self.database.collection::<Document>(&seats_collection(self.generation));
            let (first, last) = (chunk_id(self.id, 0), chunk_id(self.id, u32::MAX));
            seats.delete_many(doc! { "_id": { "$gte": first, "$lte": last } }).await.map_err(unavailable)?;
        }
        Ok(())
    }

    async fn pause(&self, attempt: u32) {
        let milliseconds = attempt.saturating_mul(attempt).saturating_mul(5).min(200);
        tokio::time::sleep(Duration::from_millis(u64::from(milliseconds))).await;
    }
}

/// Makes a document, or fails with [`DUPLICATE_KEY`]: no stored sequence is below zero, so an existing one is never found.
fn create(id: mongodb::bson::Bson, fields: Document) -> Document {
    doc! { "q": { "_id": id, "sequence": { "$lt": 0_i64 } }, "u": { "$set": fields }, "upsert": true }
}
