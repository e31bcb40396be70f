//! What the clients of one run were told: each request once, with its outcome as far as its client knows it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::stack::{Answer, Held};

/// What became of a request, as far as its client knows.
#[derive(Clone, Debug)]
pub enum Outcome<T> {
    /// Answered with success: true for ever after.
    Done(T),
    /// Refused by the rules: has no effect, ever.
    Refused,
    /// Told that nothing was changed (503), or never sent, as nobody listened: has no effect, ever.
    Unavailable,
    /// An extension of a hold that has ended: it may have taken effect before that, if it was carried out twice.
    Over,
    /// No answer, or told that the outcome is not known: may have taken effect, or may do so later.
    Unknown,
}

/// One reservation that a client wanted; repeated sends with one idempotency key are one reservation.
#[derive(Debug)]
pub struct Reservation {
    /// Used for this reservation only, so that its booking can be found without knowing its id.
    pub user: String,
    pub showtime: String,
    pub seats: Vec<String>,
    pub outcome: Outcome<Held>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    Confirm,
    Cancel,
    Extend,
}

/// One request about an acknowledged booking.
#[derive(Debug)]
pub struct Change {
    pub booking_id: String,
    pub kind: Kind,
    /// The sequence that was answered.
    pub outcome: Outcome<u64>,
}

/// All that one run's clients were told.
#[derive(Default, Debug)]
pub struct History {
    pub reservations: Vec<Reservation>,
    pub changes: Vec<Change>,
    /// When each request was sent and how long its answer, or the loss of it, took.
    pub times: Vec<(Instant, Duration)>,
    /// Answers that no client may get.
    pub oddities: Vec<String>,
}

impl History {
    pub fn merge(&mut self, other: Self) {
        self.reservations.extend(other.reservations);
        self.changes.extend(other.changes);
        self.times.extend(other.times);
        self.oddities.extend(other.oddities);
    }

    /// The slowest request sent within this time.
    pub fn slowest(&self, from: Instant, to: Instant) -> Duration {
        let sent_then = self.times.iter().filter(|(sent, _)| (from..=to).contains(sent));
        sent_then.map(|(_, took)| *took).max().unwrap_or_default()
    }

    /// Nine of ten requests sent within this time were answered, or lost, at least as fast.
    pub fn nine_of_ten(&self, from: Instant, to: Instant) -> Duration {
        let sent_then = self.times.iter().filter(|(sent, _)| (from..=to).contains(sent));
        let mut times: Vec<Duration> = sent_then.map(|(_, took)| *took).collect();
        times.sort_unstable();
        times.get(times.len() * 9 / 10).copied().unwrap_or_default()
    }

    /// Outcomes by number, for people.
    pub fn summary(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        let reserved = self.reservations.iter().map(|r| format!("Reserve {}", name(&r.outcome)));
        let changed = self.changes.iter().map(|c| format!("{:?} {}", c.kind, name(&c.outcome)));
        for what in reserved.chain(changed) {
            *counts.entry(what).or_default() += 1;
        }
        counts
    }

    /// Reads an answer. `success` is the status that means done, `read` takes what was answered.
    pub fn judge<T>(
        &mut self,
        what: &str,
        success: u16,
        answer: Result<Answer, reqwest::Error>,
        read: impl FnOnce(&Value) -> T,
    ) -> Outcome<T> {
        let answer = match answer {
            // Nobody listened: it was not sent.
            Err(error) if error.is_connect() => return Outcome::Unavailable,
            Err(_) => return Outcome::Unknown,
            Ok(answer) => answer,
        };
        match (answer.status, answer.body["code"].as_str()) {
            (status, _) if status == success => Outcome::Done(read(&answer.body)),
            // The refusal tells how the booking stands, not what was done.
            (409, Some("hold-expired")) if what == "extend" => Outcome::Over,
            (409, _) => Outcome::Refused,
            (503, Some("outcome-unknown")) => Outcome::Unknown,
            (503, Some(_)) if answer.headers.contains_key("retry-after") => Outcome::Unavailable,
            // A lost booking shows as 404, a bug as 500: both are findings.
            _ => {
                self.oddities.push(format!("{what}: {} {}", answer.status, answer.body));
                Outcome::Unknown
            }
        }
    }
}

fn name<T>(outcome: &Outcome<T>) -> &'static str {
    match outcome {
        Outcome::Done(_) => "done",
        Outcome::Refused => "refused",
        Outcome::Unavailable => "unavailable",
        Outcome::Over => "over",
        Outcome::Unknown => "unknown",
    }
}
