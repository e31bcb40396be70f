//! Backoff: growing, jittered pauses between attempts that are never given up.

use std::time::Duration;

/// Each pause is up to twice as long as the one before, until the longest.
#[derive(Clone, Debug)]
pub(super) struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Backoff {
    pub(super) fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, next: first.min(longest) }
    }

    /// The pause before the next attempt: between half and all of the present step, so that nodes do not come back in lockstep.
    pub(super) fn next_pause(&mut self) -> Duration {
        let step = self.next;
        self.next = step.saturating_mul(2).min(self.longest);
        step.mul_f64(0.5 + rand::random::<f64>() / 2.0)
    }

    /// Starts again with the first pause, after an attempt that held.
    pub(super) fn reset(&mut self) {
        self.next = self.first.min(self.longest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_longest_and_start_again() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_millis(250));
        for step in [100, 200, 250, 250] {
            let pause = backoff.next_pause();
            let step = Duration::from_millis(step);
            assert!(pause <= step && pause >= step / 2, "{pause:?} for a step of {step:?}");
        }
        backoff.reset();
        assert!(backoff.next_pause() <= Duration::from_millis(100));
    }
}
