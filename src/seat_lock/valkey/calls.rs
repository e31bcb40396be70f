//! Calls to Valkey: those that are made while another one is under way travel together in the next, whatever showtimes they are
//! about. So many lukewarm showtimes share calls as the commands of one hot showtime do.
//!
//! A call that finds none under way leaves at once. Operations are carried out in the order in which they were handed in.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::redis::{Script, ScriptInvocation};
use futures_util::future::join_all;
use tokio::runtime::Handle;
use tokio::time::timeout;
use uuid::Uuid;

use crate::coalesce::{Carrier, Loads, Waiting};
use crate::domain::{BookingId, ShowtimeId};
use crate::seat_lock::valkey::Settings;
use crate::seat_lock::valkey::link::{Line, Link, is_connection_lost, late};
use crate::seat_lock::valkey::servers::Wire;
use crate::seat_lock::{Claim, LockError, Obstacle};

/// A lock in the way, as the script answers: its position in the claim's seats, its value, and the milliseconds that are left to it.
type Found = (usize, String, i64);

/// What is to become of one booking's locks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Operation {
    pub(super) showtime: ShowtimeId,
    pub(super) claim: Claim,
    pub(super) action: Action,
    /// In whole milliseconds; of [`Action::Keep`], less than one removes the locks.
    pub(super) lasting: Duration,
}

/// See [`Operation`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Action {
    /// Take all the locks or none; those of the ghosts may be taken over.
    Claim { ghosts: Vec<BookingId> },
    /// Set how long the locks last that belong to the booking.
    Keep,
}

/// For each operation the locks in its way; empty where it was carried out.
type Answers = Result<Vec<Vec<Obstacle>>, LockError>;

/// See the module's documentation.
pub(super) struct Calls {
    link: Arc<Link>,
    scripts: Arc<Loads<ScriptCalls>>,
    response_timeout: Duration,
    max_keys: usize,
}

impl Calls {
    /// Its calls are tasks on the current runtime.
    pub(super) fn open(link: Arc<Link>, settings: &Settings) -> Self {
        let response_timeout = Duration::from_millis(settings.response_timeout_milliseconds);
        let max_keys = settings.max_keys_per_call.max(1);
        let script = Script::new(include_str!("locks.lua"));
        let calls = ScriptCalls { link: Arc::clone(&link), response_timeout, max_keys, script };
        let scripts = Loads::new(calls, Handle::current(), 1, settings.max_waiting_calls.max(1));
        Self { link, scripts, response_timeout, max_keys }
    }

    /// Carries operations out. Bounded by the response timeout.
    pub(super) async fn carry(&self, operations: Vec<Operation>) -> Answers {
        // Without a connection nobody waits behind a call that is stuck on the one that was lost.
        self.link.line()?;
        let parts = parts(operations, self.max_keys).into_iter().map(|part| self.scripts.call(part));
        let answered = async {
            let mut all = Vec::new();
            for answer in join_all(parts).await {
                all.append(&mut answer.map_err(|error| LockError { reason: error.to_string() })??);
            }
            Ok(all)
        };
        timeout(self.response_timeout, answered).await.unwrap_or_else(|_elapsed| Err(late()))
    }
}

/// Calls the script.
struct ScriptCalls {
    link: Arc<Link>,
    response_timeout: Duration,
    max_keys: usize,
    script: Script,
}

impl Carrier for ScriptCalls {
    type Item = Vec<Operation>;
    type Answer = Answers;

    fn load(&self, waiting: &mut VecDeque<Waiting<Self>>) -> Vec<Waiting<Self>> {
        let mut keys = 0_usize;
        let fitting = waiting.iter().take_while(|waiting| {
            let is_first = keys == 0;
            keys = keys.saturating_add(waiting.item.iter().map(Operation::keys).sum());
            is_first || keys <= self.max_keys
        });
        let count = fitting.count();
        waiting.drain(..count).collect()
    }

    async fn carry(self: Arc<Self>, load: Vec<Waiting<Self>>) {
        match self.call(load.iter().flat_map(|waiting| &waiting.item)).await {
            Ok(answers) => {
                let mut answers = answers.into_iter();
                for waiting in load {
                    let own = answers.by_ref().take(waiting.item.len()).collect();
                    answer(waiting, own);
                }
            }
            // It may be the fault of one of them, for one of a key that is no string: each finds out alone.
            Err(Trouble::Refused(_)) if load.len() > 1 => {
                for waiting in load {
                    match self.call(waiting.item.iter()).await {
                        Ok(answers) => answer(waiting, answers),
                        Err(trouble) => waiting.answer(Err(trouble.into())),
                    }
                }
            }
            Err(trouble) => {
                let LockError { reason } = trouble.into();
                for waiting in load {
                    waiting.answer(Err(LockError { reason: reason.clone() }));
                }
            }
        }
    }
}

fn answer(waiting: Waiting<ScriptCalls>, found: Vec<Vec<Found>>) {
    let answers = waiting.item.iter().zip(found).map(|(operation, found)| operation.obstacles(found)).collect();
    waiting.answer(answers);
}

impl ScriptCalls {
    /// Carries operations out with one script call, or in a cluster with one for each showtime: a call never mixes hash slots.
    async fn call(&self, operations: impl Iterator<Item = &Operation>) -> Result<Vec<Vec<Found>>, Trouble> {
        let line = self.link.line().map_err(Trouble::Lost)?;
        if matches!(line.wire, Wire::One(_)) {
            return self.invoke(line, operations.collect()).await;
        }
        let mut showtimes: HashMap<ShowtimeId, (Vec<usize>, Vec<&Operation>)> = HashMap::new();
        let mut count = 0_usize;
        for (position, operation) in operations.enumerate() {
            let (positions, own) = showtimes.entry(operation.showtime).or_default();
            positions.push(position);
            own.push(operation);
            count += 1;
        }
        let calls = showtimes.into_values().map(|(positions, own)| {
            let line = line.clone();
            async move { self.invoke(line, own).await.map(|found| (positions, found)) }
        });
        let mut answers = vec![Vec::new(); count];
        for answered in join_all(calls).await {
            let (positions, found) = answered?;
            for (position, found) in positions.into_iter().zip(found) {
                if let Some(place) = answers.get_mut(position) {
                    *place = found;
                }
            }
        }
        Ok(answers)
    }

    /// One script call; the script is loaded first where the server does not know it (any more).
    async fn invoke(&self, mut line: Line, operations: Vec<&Operation>) -> Result<Vec<Vec<Found>>, Trouble> {
        let mut invocation = self.script.prepare_invoke();
        for operation in &operations {
            operation.write(&mut invocation);
        }
        match timeout(self.response_timeout, invocation.invoke_async(&mut line.wire)).await {
            Ok(Ok(answers)) => {
                self.link.succeeded();
                Some(answers)
                    .filter(|answers: &Vec<_>| answers.len() == operations.len())
                    .ok_or_else(|| Trouble::Refused(unexpected("another number of answers than of operations")))
            }
            Ok(Err(error)) if is_connection_lost(&error) => Err(Trouble::Lost(self.link.failed(&line, &error))),
            Ok(Err(error)) => Err(Trouble::Refused(self.link.failed(&line, &error))),
            Err(_elapsed) => Err(Trouble::Lost(self.link.timed_out(&line))),
        }
    }
}

/// Why a call has no answers.
enum Trouble {
    /// The server answered with an error.
    Refused(LockError),
    /// There is no server, or it did not answer.
    Lost(LockError),
}

impl From<Trouble> for LockError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Refused(error) | Trouble::Lost(error) => error,
        }
    }
}

impl Operation {
    fn keys(&self) -> usize {
        self.claim.seats.len()
    }

    /// As the script reads it.
    fn write(&self, invocation: &mut ScriptInvocation<'_>) {
        let millis = u64::try_from(self.lasting.as_millis()).unwrap_or(u64::MAX);
        let (kind, millis, ghosts) = match &self.action {
            // Valkey refuses a time to live of 0.
            Action::Claim { ghosts } => ("claim", millis.max(1), ghosts.as_slice()),
            Action::Keep => ("keep", millis, &[][..]),
        };
        let booking = self.claim.booking_id.to_string();
        invocation.arg(booking).arg(kind).arg(millis).arg(self.keys()).arg(ghosts.len());
        for ghost in ghosts {
            invocation.arg(ghost.to_string());
        }
        for seat in &self.claim.seats {
            // The braces put all locks of a showtime into one cluster slot.
            invocation.key(format!("lock:{{{}}}:{seat}", self.showtime));
        }
    }

    fn obstacles(&self, found: Vec<Found>) -> Result<Vec<Obstacle>, LockError> {
        let obstacle = |(position, owner, millis): Found| {
            let seat = *self
                .claim
                .seats
                .get(position)
                .ok_or_else(|| unexpected("an obstacle at a seat that was not claimed"))?;
            let owner =
                Uuid::parse_str(&owner).map_err(|_not_uuid| unexpected("a lock whose value is no booking id"))?;
            // A lock without an expiry was not made by this adapter; it may last for ever.
            let remaining = u64::try_from(millis).map_or(Duration::MAX, Duration::from_millis);
            Ok(Obstacle { seat, owner: BookingId(owner), remaining })
        };
        found.into_iter().map(obstacle).collect()
    }
}

/// Splits `operations` into runs of at most `max_keys` keys, but at least one operation each.
fn parts(operations: Vec<Operation>, max_keys: usize) -> Vec<Vec<Operation>> {
    let mut parts: Vec<Vec<Operation>> = Vec::new();
    let mut keys = 0_usize;
    for operation in operations {
        keys = keys.saturating_add(operation.keys());
        match parts.last_mut() {
            Some(part) if keys <= max_keys => part.push(operation),
            Some(_) | None => {
                keys = operation.keys();
                parts.push(vec![operation]);
            }
        }
    }
    parts
}

/// The error for an answer that the script never gives.
pub(super) fn unexpected(what: &str) -> LockError {
    LockError { reason: format!("Valkey answered with {what}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_sent_in_parts_but_never_split() {
        let operation = |keys: u32| Operation {
            showtime: ShowtimeId(Uuid::nil()),
            claim: Claim { booking_id: BookingId(Uuid::nil()), seats: (0..keys).collect() },
            action: Action::Keep,
            lasting: Duration::ZERO,
        };
        let sizes = |sizes: &[u32]| -> Vec<Vec<usize>> {
            let parts = parts(sizes.iter().copied().map(operation).collect(), 6);
            parts.iter().map(|part| part.iter().map(Operation::keys).collect()).collect()
        };
        assert_eq!(sizes(&[3, 3, 3, 9, 1, 1, 1]), [&[3, 3][..], &[3], &[9], &[1, 1, 1]]);
        assert!(sizes(&[]).is_empty());
    }
}
