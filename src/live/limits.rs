//! The allowance of messages that a client may send: a token bucket.

/// See the module's documentation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Allowance {
    /// Thousandths of a message.
    left: u64,
    refilled_at: u64,
}

impl Allowance {
    /// Full at `now` (milliseconds).
    pub(super) fn full(burst: u32, now: u64) -> Self {
        Self { left: u64::from(burst) * 1_000, refilled_at: now }
    }

    /// Takes one message's worth; false if there is none left. `per_second` messages grow back each second, up to `burst`.
    pub(super) fn take(&mut self, per_second: u32, burst: u32, now: u64) -> bool {
        let elapsed = now.saturating_sub(self.refilled_at);
        self.refilled_at = now;
        let grown = elapsed.saturating_mul(u64::from(per_second));
        self.left = self.left.saturating_add(grown).min(u64::from(burst) * 1_000);
        match self.left.checked_sub(1_000) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_allowed_then_the_rate() {
        let mut allowance = Allowance::full(3, 0);
        let taken: Vec<bool> = (0..4).map(|_| allowance.take(2, 3, 0)).collect();
        assert_eq!(taken, [true, true, true, false]);
        assert!(!allowance.take(2, 3, 499));
        assert!(allowance.take(2, 3, 500));
        assert!(!allowance.take(2, 3, 500));
        let taken = (0..10).filter(|_| allowance.take(2, 3, 1_000_000)).count();
        assert_eq!(taken, 3);
    }
}
