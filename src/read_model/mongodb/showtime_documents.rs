//! The documents of one showtime in one generation on the server: [`Documents`] in MongoDB's terms.

use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt;
use mongodb::Database;
use mongodb::bson::{Bson, Document, doc};

use crate::domain::{ShowtimeId, Stamp};
use crate::read_model::ReadError;

use super::documents::{
    ChunkDocument, HeadDocument, chunk_id, head_id, integer, moved_chunk, moved_head, whole_chunk, whole_head,
};
use super::failure::unavailable;
use super::generations::{heads_collection, seats_collection};
use super::head::{ChunkWrite, Chunks, Head, HeadWrite};
use super::protocol::Documents;
use super::updates::Updates;

/// More chunks than the largest showtime has, so that they come in one answer.
const CHUNKS_PER_ANSWER: u32 = 1_000;

/// See the module's documentation.
pub(super) struct ShowtimeDocuments<'a> {
    /// The database, with its concerns set.
    pub(super) database: &'a Database,
    /// Where writes go.
    pub(super) updates: &'a Arc<Updates>,
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
        self.updates.run(seats_collection(self.generation), statements).await
    }

    async fn write_head(&self, write: &HeadWrite) -> Result<bool, ReadError> {
        let id = head_id(self.id);
        let statement = match write.expected {
            // The stamp, too: what this node remembers may be of a history that the write store has lost.
            Some((sequence, stamp)) => doc! {
                "q": { "_id": id, "sequence": integer(sequence)?, "stamp": stored(stamp), "fence": { "$lte": integer(self.known)? } },
                "u": { "$set": moved_head(&write.head)? },
            },
            None => create(id, whole_head(&write.head)?),
        };
        self.updates.run(heads_collection(self.generation), vec![statement]).await
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

/// How a stamp is stored; a document of a version that kept none has no such field.
fn stored(stamp: Stamp) -> Bson {
    if stamp == Stamp::default() { Bson::Null } else { Bson::Int64(stamp.0.cast_signed()) }
}

/// Makes a document, or fails with a duplicate key: no stored sequence is below zero, so an existing one is never found.
fn create(id: Bson, fields: Document) -> Document {
    doc! { "q": { "_id": id, "sequence": { "$lt": 0_i64 } }, "u": { "$set": fields }, "upsert": true }
}
