//! The collection of refusals: one document each, which MongoDB deletes after a day.
//!
//! | field | type | meaning |
//! |---|---|---|
//! | `_id` | binary | a hash of what follows: a refusal that is written twice, after a lost answer, is one document |
//! | `requestId` | string | the request's id |
//! | `refusedAt` | date | when it was refused; the index on it deletes what is a day old |
//! | `method`, `path` | string | what was asked |
//! | `showtimeId`, `bookingId` | string | what the request named; absent: nothing |
//! | `userId` | string | the customer whom it named; absent: none |
//! | `retryAfterSeconds` | int64 | when to try again, as the client was told; absent: it was not told |
//! | `problem` | string | the problem document, JSON |

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::TryStreamExt;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, DateTime, Document, doc};
use mongodb::error::{Error, ErrorKind};
use mongodb::options::IndexOptions;
use mongodb::{Collection, Database, IndexModel};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::domain::{BookingId, ShowtimeId, Timestamp, UserId};
use crate::read_model::ReadError;
use crate::read_model::mongodb::document::{Damaged, damaged, field};
use crate::read_model::mongodb::failure::unavailable;
use crate::read_model::refusals::{KEPT_FOR, MOST_FOUND, Refusal, RequestId};

const COLLECTION: &str = "refusals";
/// The server's code for a document whose `_id` is there already.
const DUPLICATE_KEY: i32 = 11_000;

/// See the module's documentation. Cheap to clone.
#[derive(Clone)]
pub(super) struct KeptRefusals {
    documents: Collection<Document>,
    /// Longest time for one command.
    max_time: Duration,
}

impl KeptRefusals {
    pub(super) fn of(database: &Database, max_time: Duration) -> Self {
        Self { documents: database.collection(COLLECTION), max_time }
    }

    pub(super) async fn insert(&self, refusals: &[Arc<Refusal>]) -> Result<(), ReadError> {
        let documents: Vec<Document> = refusals.iter().map(|refusal| written(refusal)).collect::<Result<_, _>>()?;
        // With each batch: a database that was emptied has lost them, and without one nothing is deleted.
        let expiry = IndexOptions::builder().expire_after(KEPT_FOR).build();
        let indexes = [
            IndexModel::builder().keys(doc! { "requestId": 1 }).build(),
            IndexModel::builder().keys(doc! { "refusedAt": 1 }).options(expiry).build(),
        ];
        self.documents.create_indexes(indexes).max_time(self.max_time).await.map_err(unavailable)?;
        match self.documents.insert_many(documents).ordered(false).await {
            Err(error) if !is_known(&error) => Err(unavailable(error)),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    pub(super) async fn select(&self, id: RequestId, since: Timestamp) -> Result<Vec<Refusal>, ReadError> {
        let filter = doc! {
            "requestId": id.to_string(),
            "refusedAt": { "$gte": DateTime::from_millis(since.as_millis()) },
        };
        let most = i64::try_from(MOST_FOUND).map_err(unavailable)?;
        let find = self.documents.find(filter).sort(doc! { "refusedAt": -1 }).limit(most).max_time(self.max_time);
        let mut found = find.await.map_err(unavailable)?;
        let mut refusals = Vec::new();
        while let Some(document) = found.try_next().await.map_err(unavailable)? {
            match read(&document, id) {
                Ok(refusal) => refusals.push(refusal),
                Err(damage) => tracing::error!(request.id = %id, "a refusal is left out: {damage}"),
            }
        }
        Ok(refusals)
    }
}

/// Whether nothing went wrong but that some documents were there already.
fn is_known(error: &Error) -> bool {
    let ErrorKind::InsertMany(failed) = &*error.kind else { return false };
    let errors = failed.write_errors.as_deref().unwrap_or_default();
    failed.write_concern_error.is_none() && errors.iter().all(|error| error.code == DUPLICATE_KEY)
}

fn hash(refusal: &Refusal) -> Bson {
    let mut hash = Sha256::new();
    hash.update(refusal.request_id.to_string());
    hash.update(refusal.refused_at.as_millis().to_be_bytes());
    for text in [refusal.method.as_bytes(), refusal.path.as_bytes(), &refusal.problem] {
        hash.update(text.len().to_be_bytes());
        hash.update(text);
    }
    Bson::Binary(Binary { subtype: BinarySubtype::Generic, bytes: hash.finalize().to_vec() })
}

fn written(refusal: &Refusal) -> Result<Document, Damaged> {
    let mut document = doc! {
        "_id": hash(refusal),
        "requestId": refusal.request_id.to_string(),
        "refusedAt": DateTime::from_millis(refusal.refused_at.as_millis()),
        "method": &refusal.method,
        "path": &refusal.path,
        "problem": std::str::from_utf8(&refusal.problem).map_err(damaged)?,
    };
    if let Some(showtime) = refusal.showtime_id {
        document.insert("showtimeId", showtime.0.to_string());
    }
    if let Some(booking) = refusal.booking_id {
        document.insert("bookingId", booking.0.to_string());
    }
    if let Some(user) = &refusal.user_id {
        document.insert("userId", user.as_str());
    }
    if let Some(seconds) = refusal.retry_after_seconds {
        document.insert("retryAfterSeconds", i64::try_from(seconds).unwrap_or(i64::MAX));
    }
    Ok(document)
}

fn read(document: &Document, request_id: RequestId) -> Result<Refusal, Damaged> {
    let text = |name: &'static str| field(document, name, Document::get_str).map(str::to_owned);
    let optional = |name: &'static str| document.contains_key(name).then(|| text(name)).transpose();
    let id = |name: &'static str| optional(name)?.map(|id| Uuid::try_parse(&id).map_err(damaged)).transpose();
    let retry_after = document.contains_key("retryAfterSeconds");
    let retry_after = retry_after.then(|| field(document, "retryAfterSeconds", Document::get_i64)).transpose()?;
    Ok(Refusal {
        request_id,
        refused_at: Timestamp::from_millis(field(document, "refusedAt", Document::get_datetime)?.timestamp_millis()),
        method: text("method")?,
        path: text("path")?,
        showtime_id: id("showtimeId")?.map(ShowtimeId),
        booking_id: id("bookingId")?.map(BookingId),
        user_id: optional("userId")?.map(UserId::stored),
        retry_after_seconds: retry_after.map(i64::cast_unsigned),
        problem: Bytes::from(text("problem")?),
    })
}
