//! Placing: where seats stand if nobody says so, and where an aisle is if only positions are known.

use crate::domain::auditorium::parts::{Coordinate, Point};

/// From the middle of a seat to that of its neighbour; an aisle is as wide as a seat.
const SEAT_PITCH: f64 = 50.0;
/// From a row to the one behind it.
const ROW_PITCH: f64 = 90.0;
/// From a section's last row to the first row of the section behind it.
const SECTION_PITCH: f64 = 180.0;
/// A gap this many times as wide as the row's usual one is an aisle.
const AISLE_FACTOR: f64 = 1.5;

/// What is said about where a row stands.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(super) struct RowPlace {
    /// Middle of the row.
    pub(super) x: Option<f64>,
    /// The row's line, at its middle.
    pub(super) y: Option<f64>,
    /// How far the row's ends are nearer to the stage than its middle.
    pub(super) curve: f64,
}

/// Where the rows of a section go, one behind the other.
#[derive(Debug)]
pub(super) struct Line {
    x: f64,
    next_y: f64,
}

impl Line {
    /// Begins at the section's own place, or behind all that stands already.
    pub(super) fn begin(x: Option<f64>, y: Option<f64>, lowest: Option<f64>) -> Self {
        let behind = lowest.map_or(0.0, |lowest| lowest + SECTION_PITCH);
        Self { x: x.unwrap_or_default(), next_y: y.unwrap_or(behind) }
    }

    /// A row stands; its rearmost seat is at `y`.
    pub(super) fn passes(&mut self, y: f64) {
        self.next_y = y + ROW_PITCH;
    }

    /// Places a row by its adjacency indices, ascending; `None` if it would lie outside of every plan.
    pub(super) fn place(&self, row: RowPlace, adjacency: &[u32]) -> Option<Vec<Point>> {
        let (x, y) = (row.x.unwrap_or(self.x), row.y.unwrap_or(self.next_y));
        let (first, last) = (f64::from(*adjacency.first()?), f64::from(*adjacency.last()?));
        let (middle, half) = (f64::midpoint(first, last), (last - first) / 2.0);
        let point = |adjacency: &u32| {
            let aside = f64::from(*adjacency) - middle;
            let bend = if half > 0.0 { row.curve * (aside / half).powi(2) } else { 0.0 };
            Some(Point { x: Coordinate::of(x + aside * SEAT_PITCH)?, y: Coordinate::of(y - bend)? })
        };
        adjacency.iter().map(point).collect()
    }
}

/// For each seat after the first: whether an aisle is before it, told from how far it is from the seat before.
pub(super) fn aisles(points: &[Point]) -> Vec<bool> {
    let gaps: Vec<f64> = points
        .iter()
        .zip(points.iter().skip(1))
        .map(|(one, next)| (next.x.units() - one.x.units()).hypot(next.y.units() - one.y.units()))
        .collect();
    let mut sorted = gaps.clone();
    sorted.sort_by(f64::total_cmp);
    let usual = sorted.get(sorted.len().saturating_sub(1) / 2).copied().unwrap_or_default();
    gaps.into_iter().map(|gap| usual > 0.0 && gap > usual * AISLE_FACTOR).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(points: &[Point]) -> Vec<(f64, f64)> {
        points.iter().map(|point| (point.x.units(), point.y.units())).collect()
    }

    #[test]
    fn rows_stand_behind_each_other_around_the_middle() {
        let mut line = Line::begin(None, None, None);
        let first = line.place(RowPlace::default(), &[1, 2, 4]).unwrap();
        assert_eq!(units(&first), [(-75.0, 0.0), (-25.0, 0.0), (75.0, 0.0)]);
        line.passes(0.0);
        let second = line.place(RowPlace { curve: 30.0, ..RowPlace::default() }, &[1, 2, 3]).unwrap();
        assert_eq!(units(&second), [(-50.0, 60.0), (0.0, 90.0), (50.0, 60.0)]);
        line.passes(400.0);
        assert_eq!(units(&line.place(RowPlace::default(), &[7]).unwrap()), [(0.0, 490.0)]);
        let behind = Line::begin(Some(10.0), None, Some(490.0));
        assert_eq!(units(&behind.place(RowPlace::default(), &[1]).unwrap()), [(10.0, 670.0)]);
        assert_eq!(behind.place(RowPlace { y: Some(Coordinate::MOST + 1.0), ..RowPlace::default() }, &[1]), None);
    }

    #[test]
    fn a_wide_gap_is_an_aisle() {
        let at = |x: f64| Point { x: Coordinate::of(x).unwrap(), y: Coordinate::default() };
        assert_eq!(aisles(&[at(0.0), at(25.0), at(50.0), at(100.0)]), [false, false, true]);
        assert_eq!(aisles(&[at(0.0), at(100.0)]), [false]);
        assert!(aisles(&[at(0.0)]).is_empty());
        assert_eq!(aisles(&[at(5.0), at(5.0), at(5.0)]), [false, false]);
    }
}
