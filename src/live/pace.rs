//! The pace of a feed: when those who watch it are woken again.
//!
//! A round of wake-ups costs a write to every connection, and what comes meanwhile shares the next one. So after each round there is a rest
//! half as long as the round took, on this machine, with all else that it has to do: a few watchers see each change at once, many
//! together with what came since, and the machine always has time for those who book.

use std::time::Duration;

/// What has become of a wake-up.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answer {
    /// The session looked at this time, in milliseconds since the node started.
    LookedAt(u64),
    /// It has not looked yet.
    NotYet,
}

/// How a round of wake-ups stands: collected from the answers to it.
#[derive(Default)]
pub(super) struct Round {
    woken: usize,
    outstanding: usize,
    last_look: u64,
}

impl FromIterator<Answer> for Round {
    fn from_iter<I: IntoIterator<Item = Answer>>(answers: I) -> Self {
        answers.into_iter().fold(Self::default(), |round, answer| {
            let woken = round.woken + 1;
            match answer {
                Answer::LookedAt(time) => Self { woken, last_look: round.last_look.max(time), ..round },
                Answer::NotYet => Self { woken, outstanding: round.outstanding + 1, ..round },
            }
        })
    }
}

/// When to wake who watches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Turn {
    /// Now.
    Now,
    /// After a pause; then [`Pace::turn_has_come`].
    In(Duration),
    /// A pause is under way.
    Awaited,
}

/// See the module's documentation. Times are milliseconds since the node started.
#[derive(Default)]
pub(super) struct Pace {
    /// Begin of the last round.
    woken_at: u64,
    /// A pause is under way.
    is_due: bool,
}

impl Pace {
    /// When to wake who watches, as there is something new. `round` tells of the round that began at a time.
    pub(super) fn turn(&mut self, now: u64, max_pause_milliseconds: u64, round: impl FnOnce(u64) -> Round) -> Turn {
        if self.is_due {
            return Turn::Awaited;
        }
        let since = now.saturating_sub(self.woken_at);
        let left = max_pause_milliseconds.saturating_sub(since);
        let rest = if left == 0 { 0 } else { rest(self.woken_at, since, &round(self.woken_at)).min(left) };
        if rest == 0 {
            self.woken_at = now;
            return Turn::Now;
        }
        self.is_due = true;
        Turn::In(Duration::from_millis(rest))
    }

    /// The pause has ended.
    pub(super) fn turn_has_come(&mut self) {
        self.is_due = false;
    }
}

/// Milliseconds until the rest after the round at `woken_at`, `since` milliseconds ago, is over, or until it is time to see whether the
/// round is.
fn rest(woken_at: u64, since: u64, round: &Round) -> u64 {
    // A few slow connections do not hold up the others.
    if round.outstanding > (round.woken / 8).max(8) {
        return since.div_ceil(2).max(1);
    }
    let took = round.last_look.saturating_sub(woken_at);
    (took + took / 2).saturating_sub(since)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX_PAUSE: u64 = 100;

    fn round(looked_at: &[u64], outstanding: usize) -> Round {
        let looked = looked_at.iter().map(|time| Answer::LookedAt(*time));
        looked.chain(std::iter::repeat_n(Answer::NotYet, outstanding)).collect()
    }

    fn pause(millis: u64) -> Turn {
        Turn::In(Duration::from_millis(millis))
    }

    #[test]
    fn the_rest_is_half_as_long_as_the_round_took() {
        let mut pace = Pace::default();
        assert_eq!(pace.turn(1_000, MAX_PAUSE, |_| panic!("long ago")), Turn::Now);
        let took_ten = |time| {
            assert_eq!(time, 1_000);
            round(&[1_004, 1_010, 1_003], 0)
        };
        assert_eq!(pace.turn(1_011, MAX_PAUSE, took_ten), pause(4));
        assert_eq!(pace.turn(1_012, MAX_PAUSE, |_| round(&[], 0)), Turn::Awaited);
        pace.turn_has_come();
        assert_eq!(pace.turn(1_015, MAX_PAUSE, took_ten), Turn::Now);
        assert_eq!(pace.turn(1_015, MAX_PAUSE, |_| round(&[1_015; 3], 0)), Turn::Now, "who is quick is woken at once");
    }

    #[test]
    fn a_round_under_way_is_looked_at_again_and_again_until_it_is_over() {
        let mut pace = Pace::default();
        assert_eq!(pace.turn(1_000, MAX_PAUSE, |_| round(&[], 0)), Turn::Now);
        for (now, wait) in [(1_000, 1), (1_001, 1), (1_002, 1), (1_003, 2), (1_060, 30), (1_090, 10)] {
            assert_eq!(pace.turn(now, MAX_PAUSE, |_| round(&[1_000; 50], 50)), pause(wait), "at {now}");
            pace.turn_has_come();
        }
        assert_eq!(pace.turn(1_100, MAX_PAUSE, |_| round(&[], 100)), Turn::Now, "nobody waits longer");
    }

    #[test]
    fn a_few_slow_connections_do_not_hold_up_the_others() {
        let mut pace = Pace::default();
        assert_eq!(pace.turn(1_000, MAX_PAUSE, |_| round(&[], 0)), Turn::Now);
        assert_eq!(pace.turn(1_003, MAX_PAUSE, |_| round(&[1_002], 8)), Turn::Now);
        assert_eq!(pace.turn(1_006, MAX_PAUSE, |_| round(&[1_005; 700], 100)), Turn::Now);
        assert_eq!(pace.turn(1_009, MAX_PAUSE, |_| round(&[1_008; 699], 101)), pause(2));
    }
}
