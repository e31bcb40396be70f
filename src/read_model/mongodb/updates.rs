//! Updates: statements of different showtimes that wait at the same moment travel in one command, so that many lukewarm showtimes share
//! round trips and flushes of the server's log.
//!
//! Each collection has one command under way; what comes meanwhile is the next one's load. Every statement is guarded by what its
//! document must be, so it does no harm if its caller has given up, or if it is sent again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mongodb::Database;
use mongodb::bson::{Document, doc};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::failure::{DUPLICATE_KEY, unavailable};
use crate::read_model::ReadError;

/// Statements past which no further caller's join a command; the largest has some 300 KB, and a message may have 48 MB.
const STATEMENTS_AT_ONCE: usize = 128;

/// See the module's documentation.
pub(super) struct Updates {
    database: Database,
    /// Longest time for one command on the server.
    max_time: Duration,
    runtime: Handle,
    /// By collection; an entry is there as long as it has a command under way.
    queues: Mutex<HashMap<String, Vec<Waiting>>>,
}

/// One caller's statements, and where their outcome goes.
struct Waiting {
    statements: Vec<Document>,
    outcome: oneshot::Sender<Result<bool, ReadError>>,
}

impl Updates {
    /// To be called on the runtime that owns the database's connections.
    pub(super) fn new(database: Database, max_time: Duration) -> Arc<Self> {
        Arc::new(Self { database, max_time, runtime: Handle::current(), queues: Mutex::default() })
    }

    /// Runs the statements, in any order. True if each has found, or made, its document. False if one has not, or another caller's in
    /// the same command: then some may be done, and the documents tell which.
    pub(super) async fn run(
        self: &Arc<Self>,
        collection: String,
        statements: Vec<Document>,
    ) -> Result<bool, ReadError> {
        if statements.is_empty() {
            return Ok(true);
        }
        let (outcome, answer) = oneshot::channel();
        let waiting = Waiting { statements, outcome };
        let first = {
            let mut queues = self.queues();
            if let Some(queue) = queues.get_mut(&collection) {
                queue.push(waiting);
                None
            } else {
                queues.insert(collection.clone(), Vec::new());
                Some(vec![waiting])
            }
        };
        if let Some(load) = first {
            let lane = Lane { updates: Arc::clone(self), collection, is_done: false };
            self.runtime.spawn(lane.run(load));
        }
        answer.await.map_err(|_dropped| unavailable("the command's task ended"))?
    }

    fn queues(&self) -> MutexGuard<'_, HashMap<String, Vec<Waiting>>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs the statements in one command; true if each has found, or made, its document.
    async fn command(&self, collection: &str, statements: Vec<Document>) -> Result<bool, ReadError> {
        let expected = i32::try_from(statements.len()).map_err(unavailable)?;
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

/// A collection's commands, one after the other. Dropped, it leaves the collection to the next caller.
struct Lane {
    updates: Arc<Updates>,
    collection: String,
    /// It found nothing left, and the collection may have another one by now.
    is_done: bool,
}

impl Lane {
    async fn run(mut self, first: Vec<Waiting>) {
        let mut load = first;
        while !load.is_empty() {
            let (mut statements, mut callers) = (Vec::new(), Vec::new());
            for mut waiting in load {
                statements.append(&mut waiting.statements);
                callers.push(waiting.outcome);
            }
            let command = self.updates.command(&self.collection, statements);
            let limit = self.updates.max_time;
            let outcome = tokio::time::timeout(limit, command).await;
            let outcome = outcome.unwrap_or_else(|_elapsed| Err(unavailable(format!("no answer within {limit:?}"))));
            for caller in callers {
                if caller.send(outcome.clone()).is_err() {
                    tracing::debug!("nobody waited for an update's outcome");
                }
            }
            load = self.next();
        }
    }

    /// What has come meanwhile, up to the bound. With nothing left the collection has no lane.
    fn next(&mut self) -> Vec<Waiting> {
        let mut queues = self.updates.queues();
        let Some(queue) = queues.get_mut(&self.collection) else { return Vec::new() };
        let mut statements = 0;
        let fitting = queue.iter().take_while(|waiting| {
            let is_first = statements == 0;
            statements += waiting.statements.len();
            is_first || statements <= STATEMENTS_AT_ONCE
        });
        let count = fitting.count();
        let rest = queue.split_off(count);
        let load = std::mem::replace(queue, rest);
        if load.is_empty() {
            queues.remove(&self.collection);
            self.is_done = true;
        }
        load
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        if !self.is_done {
            // After a panic, or as the runtime ends: who waits hears that nobody works for them.
            self.updates.queues().remove(&self.collection);
        }
    }
}
