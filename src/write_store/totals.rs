//! Totals: how many showtimes and seats a store has.

/// How much there is in all.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Totals {
    /// Number of showtimes.
    pub showtimes: u64,
    /// Number of their seats.
    pub seats: u64,
}

impl Totals {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            showtimes: self.showtimes.saturating_add(other.showtimes),
            seats: self.seats.saturating_add(other.seats),
        }
    }

    /// The rest without the other; never below 0.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self {
            showtimes: self.showtimes.saturating_sub(other.showtimes),
            seats: self.seats.saturating_sub(other.seats),
        }
    }
}
