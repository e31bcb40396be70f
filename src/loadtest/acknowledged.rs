//! Acknowledged: when each sequence's 201 came to its client, for those who measure how much later it is seen.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::loadtest::house::House;
use crate::loadtest::quantity::micros;

/// Sequences beyond the seats of a house that have room: holds that end and are held again.
const SPARE: usize = 1_000;

/// Microseconds since the start of the run by house and sequence; 0 = not yet.
#[derive(Debug)]
pub(super) struct Acknowledged(Vec<(u64, Vec<AtomicU64>)>);

impl Acknowledged {
    /// Room for every house's seats.
    pub(super) fn new(houses: &[House]) -> Self {
        let room = |house: &House| (0..house.free.len() * 2 + SPARE).map(|_| AtomicU64::new(0)).collect();
        Self(houses.iter().map(|house| (house.sequence, room(house))).collect())
    }

    /// A 201 has come.
    pub(super) fn note(&self, house: usize, sequence: u64, at: Duration) {
        if let Some(cell) = self.cell(house, sequence) {
            cell.store(micros(at).max(1), Ordering::Release);
        }
    }

    /// When it came, if it did.
    pub(super) fn at(&self, house: usize, sequence: u64) -> Option<Duration> {
        let noted = self.cell(house, sequence)?.load(Ordering::Acquire);
        (noted > 0).then(|| Duration::from_micros(noted))
    }

    fn cell(&self, house: usize, sequence: u64) -> Option<&AtomicU64> {
        let (base, cells) = self.0.get(house)?;
        cells.get(usize::try_from(sequence.checked_sub(*base)?).ok()?)
    }
}
