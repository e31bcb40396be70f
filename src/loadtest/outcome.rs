//! Outcomes: what was asked, and in which of four ways it was answered. They are never mixed in one count.

use hyper::StatusCode;
use serde::Serialize;

/// What a request wants.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Operation {
    /// Reserve seats.
    Reserve,
    /// Confirm a booking.
    Confirm,
    /// Cancel a booking.
    Cancel,
    /// Read a showtime with its seats, or whatever path the scenario `read` was given.
    Read,
    /// The same, answered with 304: the client has it.
    Unchanged,
}

impl Operation {
    /// For people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reserve => "reserve",
            Self::Confirm => "confirm",
            Self::Cancel => "cancel",
            Self::Read => "read",
            Self::Unchanged => "unchanged",
        }
    }
}

/// How a request ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// 2xx and 304.
    Accepted,
    /// 409: the rules say no.
    Refused,
    /// 503 and 429: the server says not now.
    Overloaded,
    /// Anything else, with no answer at all.
    Failed,
}

impl Outcome {
    /// Every outcome, in the order of the reports.
    pub const ALL: [Self; 4] = [Self::Accepted, Self::Refused, Self::Overloaded, Self::Failed];

    /// For people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Overloaded => "overloaded",
            Self::Failed => "failed",
        }
    }

    /// The outcome that a status means.
    pub fn of(status: StatusCode) -> Self {
        match status.as_u16() {
            200..=299 | 304 => Self::Accepted,
            409 => Self::Refused,
            429 | 503 => Self::Overloaded,
            _ => Self::Failed,
        }
    }
}

/// One value for each outcome.
#[derive(Clone, Default, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PerOutcome<T> {
    /// See [`Outcome::Accepted`].
    pub accepted: T,
    /// See [`Outcome::Refused`].
    pub refused: T,
    /// See [`Outcome::Overloaded`].
    pub overloaded: T,
    /// See [`Outcome::Failed`].
    pub failed: T,
}

impl<T> PerOutcome<T> {
    /// Makes each from its outcome.
    pub fn from_fn(mut make: impl FnMut(Outcome) -> T) -> Self {
        Self {
            accepted: make(Outcome::Accepted),
            refused: make(Outcome::Refused),
            overloaded: make(Outcome::Overloaded),
            failed: make(Outcome::Failed),
        }
    }

    /// The outcome's value.
    pub fn get(&self, outcome: Outcome) -> &T {
        match outcome {
            Outcome::Accepted => &self.accepted,
            Outcome::Refused => &self.refused,
            Outcome::Overloaded => &self.overloaded,
            Outcome::Failed => &self.failed,
        }
    }

    /// The outcome's value, to change it.
    pub fn get_mut(&mut self, outcome: Outcome) -> &mut T {
        match outcome {
            Outcome::Accepted => &mut self.accepted,
            Outcome::Refused => &mut self.refused,
            Outcome::Overloaded => &mut self.overloaded,
            Outcome::Failed => &mut self.failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_no_failure_and_no_overload() {
        let of = |status: u16| Outcome::of(StatusCode::from_u16(status).unwrap());
        assert_eq!([200, 201, 304].map(of), [Outcome::Accepted; 3]);
        assert_eq!(of(409), Outcome::Refused);
        assert_eq!([429, 503].map(of), [Outcome::Overloaded; 2]);
        assert_eq!([301, 400, 403, 404, 422, 500, 502].map(of), [Outcome::Failed; 7]);
    }
}
