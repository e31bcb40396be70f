//! Quantities: counts and durations as real numbers, for rates, shares and milliseconds with their fraction.

use std::time::Duration;

/// A count as a real number; exact up to 2^53.
pub(super) fn real(count: u64) -> f64 {
    let high = u32::try_from(count >> 32).unwrap_or(u32::MAX);
    let low = u32::try_from(count & u64::from(u32::MAX)).unwrap_or(u32::MAX);
    f64::from(high) * 4_294_967_296.0 + f64::from(low)
}

/// As [`real`], for lengths.
pub(super) fn length(count: usize) -> f64 {
    real(u64::try_from(count).unwrap_or(u64::MAX))
}

/// `count` per second; 0 for no time at all.
pub(super) fn per_second(count: u64, time: Duration) -> f64 {
    if time.is_zero() { 0.0 } else { rounded(real(count) / time.as_secs_f64()) }
}

/// Whole microseconds; the longest that fits for more.
pub(super) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// Microseconds as milliseconds.
pub(super) fn millis(micros: u64) -> f64 {
    rounded(real(micros) / 1_000.0)
}

/// Three decimals are enough for people and for scripts.
pub(super) fn rounded(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_rates_and_times_keep_their_size() {
        assert!((real(5_000_000_000) - 5e9).abs() < 0.5);
        assert!((per_second(50, Duration::from_secs(4)) - 12.5).abs() < 1e-9);
        assert!(per_second(50, Duration::ZERO).abs() < 1e-9);
        assert!((millis(1_234) - 1.234).abs() < 1e-9);
        assert_eq!(micros(Duration::from_millis(2)), 2_000);
    }
}
