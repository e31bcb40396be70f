//! Pace: when a client sends its next request. In the closed loop at once; in the open loop by a schedule that does not wait for answers.

use std::time::Duration;

use crate::loadtest::quantity::real;

/// How clients send.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Pace {
    /// Each client sends when its last request has been answered.
    Closed,
    /// All clients together start so many requests per second, whatever the answers do.
    Open {
        /// Requests per second, all clients together.
        per_second: f64,
    },
}

/// When one client's requests are due.
///
/// **Invariant:** a due time depends on the request's number alone, never on an answer. A server that stands still for a second makes
/// every request that was due in that second late, and each of them is counted from when it was due.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    pace: Pace,
    client: u64,
    clients: u64,
}

impl Schedule {
    /// The schedule of `client`, from 0, of so many.
    pub fn new(pace: Pace, client: u32, clients: u32) -> Self {
        Self { pace, client: client.into(), clients: clients.max(1).into() }
    }

    /// When this client's request with this number, from 0, is due since the start; `None` in the closed loop: now.
    pub fn due(&self, number: u64) -> Option<Duration> {
        let Pace::Open { per_second } = self.pace else { return None };
        let position = number.saturating_mul(self.clients).saturating_add(self.client);
        Some(Duration::try_from_secs_f64(real(position) / per_second).unwrap_or(Duration::MAX))
    }

    /// Requests of this client from `next` on that are due before `end`.
    pub fn outstanding(&self, next: u64, end: Duration) -> u64 {
        let mut low = next;
        let mut high = next;
        let is_due = |number| self.due(number).is_some_and(|due| due < end);
        let mut step = 1;
        while is_due(high) {
            low = high + 1;
            high = high.saturating_add(step);
            step = step.saturating_mul(2);
        }
        while low < high {
            let middle = low + (high - low) / 2;
            if is_due(middle) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low - next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clients_together_keep_the_rate_evenly() {
        let pace = Pace::Open { per_second: 100.0 };
        let mut due: Vec<Duration> =
            (0..4).flat_map(|client| (0..25).filter_map(move |n| Schedule::new(pace, client, 4).due(n))).collect();
        due.sort();
        for (number, due) in (0_u64..).zip(&due) {
            let even = Duration::from_millis(number * 10);
            assert!(due.abs_diff(even) < Duration::from_micros(1), "{number}: {due:?}");
        }
    }

    #[test]
    fn the_closed_loop_has_no_schedule() {
        assert_eq!(Schedule::new(Pace::Closed, 0, 4).due(7), None);
        assert_eq!(Schedule::new(Pace::Closed, 0, 4).outstanding(0, Duration::from_secs(9)), 0);
    }

    #[test]
    fn what_was_due_and_not_sent_is_known() {
        let schedule = Schedule::new(Pace::Open { per_second: 10.0 }, 1, 2);
        // Due at 0.1, 0.3, 0.5, ..
        for (next, outstanding) in [(0, 5), (3, 2), (5, 0), (9, 0)] {
            assert_eq!(schedule.outstanding(next, Duration::from_secs(1)), outstanding, "from {next}");
        }
    }
}
