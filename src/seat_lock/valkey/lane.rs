//! The lane to Valkey: calls that are made while another one is under way travel together in the next, whatever showtimes they are
//! about. So many lukewarm showtimes share calls as the commands of one hot showtime do.
//!
//! A call that finds the lane free leaves at once. Operations are carried out in the order in which they were handed in.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::redis::{Script, ScriptInvocation};
use futures_util::future::join_all;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use uuid::Uuid;

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

/// Operations that travel together, and where their answers go.
struct Waiting {
    operations: Vec<Operation>,
    answers: oneshot::Sender<Answers>,
}

/// For each operation the locks in its way; empty where it was carried out.
type Answers = Result<Vec<Vec<Obstacle>>, LockError>;

/// See the module's documentation. Dropping it ends its task.
pub(super) struct Lane {
    link: Arc<Link>,
    waiting: mpsc::Sender<Waiting>,
    response_timeout: Duration,
    max_keys: usize,
}

impl Lane {
    /// Starts the lane's task on the current runtime.
    pub(super) fn open(link: Arc<Link>, settings: &Settings) -> Self {
        let (sender, receiver) = mpsc::channel(settings.max_waiting_calls.max(1));
        let response_timeout = Duration::from_millis(settings.response_timeout_milliseconds);
        let max_keys = settings.max_keys_per_call.max(1);
        let script = Script::new(include_str!("locks.lua"));
        tokio::spawn(Runner { link: Arc::clone(&link), response_timeout, max_keys, script }.run(receiver));
        Self { link, waiting: sender, response_timeout, max_keys }
    }

    /// Carries operations out. Bounded by the response timeout.
    pub(super) async fn carry(&self, operations: Vec<Operation>) -> Answers {
        // Without a connection nobody waits behind a call that is stuck on the one that was lost.
        self.link.line()?;
        let mut answers = Vec::new();
        for part in parts(operations, self.max_keys) {
            let (sender, answer) = oneshot::channel();
            let waiting = Waiting { operations: part, answers: sender };
            self.waiting.try_send(waiting).map_err(|_full| LockError { reason: "too many calls wait".to_owned() })?;
            answers.push(answer);
        }
        let answered = async {
            let mut all = Vec::new();
            for answer in answers {
                all.append(&mut answer.await.map_err(|_ended| LockError { reason: "the lane ended".to_owned() })??);
            }
            Ok(all)
        };
        timeout(self.response_timeout, answered).await.unwrap_or_else(|_elapsed| Err(late()))
    }
}

/// The lane's task.
struct Runner {
    link: Arc<Link>,
    response_timeout: Duration,
    max_keys: usize,
    script: Script,
}

impl Runner {
    async fn run(self, mut waiting: mpsc::Receiver<Waiting>) {
        let mut next = None;
        loop {
            let first = match next.take() {
                Some(first) => first,
                None => match waiting.recv().await {
                    Some(first) => first,
                    None => return,
                },
            };
            let mut keys = first.keys();
            let mut load = vec![first];
            while let Ok(another) = waiting.try_recv() {
                keys = keys.saturating_add(another.keys());
                if keys > self.max_keys {
                    next = Some(another);
                    break;
                }
                load.push(another);
            }
            self.deliver(load).await;
        }
    }

    async fn deliver(&self, load: Vec<Waiting>) {
        match self.call(load.iter().flat_map(|waiting| &waiting.operations)).await {
            Ok(answers) => {
                let mut answers = answers.into_iter();
                for waiting in load {
                    let own = answers.by_ref().take(waiting.operations.len()).collect();
                    waiting.answer(own);
                }
            }
            // It may be the fault of one of them, for one of a key that is no string: each finds out alone.
            Err(Trouble::Refused(_)) if load.len() > 1 => {
                for waiting in load {
                    match self.call(waiting.operations.iter()).await {
                        Ok(answers) => waiting.answer(answers),
                        Err(trouble) => waiting.send(Err(trouble.into())),
                    }
                }
            }
            Err(trouble) => {
                let LockError { reason } = trouble.into();
                for waiting in load {
                    waiting.send(Err(LockError { reason: reason.clone() }));
                }
            }
        }
    }

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

impl Waiting {
    fn keys(&self) -> usize {
        self.operations.iter().map(Operation::keys).sum()
    }

    fn answer(self, found: Vec<Vec<Found>>) {
        let answers = self.operations.iter().zip(found).map(|(operation, found)| operation.obstacles(found)).collect();
        self.send(answers);
    }

    fn send(self, answers: Answers) {
        if self.answers.send(answers).is_err() {
            tracing::debug!("nobody waited for the seat lock's answer");
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
