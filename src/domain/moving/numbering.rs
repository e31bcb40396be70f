//! Numbering: gives the seats of a moved showtime's rows their indices.

use crate::domain::{IndexRun, Labels, Row, Seat, SeatIndex};

/// Gives seats that are new the next free indices.
pub(super) struct Numbering {
    next: SeatIndex,
}

impl Numbering {
    /// For a showtime that has had so many seats.
    pub(super) fn after(seats: u32) -> Self {
        Self { next: seats }
    }

    /// The row with the indices of its seats, from the left; `None`: the seat is new.
    pub(super) fn number(&mut self, row: Row, indices: impl Iterator<Item = Option<SeatIndex>>) -> Row {
        let indices = indices.map(|index| {
            index.unwrap_or_else(|| {
                self.next = self.next.saturating_add(1);
                self.next - 1
            })
        });
        Row { indices: runs(indices), former: false, ..row }
    }
}

/// The rows, without indices where those are the seats' positions.
pub(super) fn shortened(mut rows: Vec<Row>) -> Vec<Row> {
    let mut first = 0;
    for row in &mut rows {
        if let [IndexRun { from, .. }] = &*row.indices
            && *from == first
        {
            row.indices = Box::default();
        }
        first += row.seats;
    }
    rows
}

/// The row of seats of one row that are left out. Nobody draws it: their names and indices are kept, nothing else.
pub(super) fn former(row: &Row, seats: &[Seat<'_>]) -> Row {
    let labels: Vec<_> = seats.iter().map(Seat::label).collect();
    Row {
        row: row.row.clone(),
        section: row.section.clone(),
        seats: u32::try_from(seats.len()).unwrap_or(u32::MAX),
        labels: Labels::of(labels.iter().map(|label| &**label)),
        area: row.area.clone(),
        indices: runs(seats.iter().map(|seat| seat.index)),
        former: true,
        ..Row::default()
    }
}

/// The indices of the seats of a row that was numbered.
pub(super) fn indices(row: &Row) -> impl Iterator<Item = SeatIndex> {
    let starts = std::iter::once(0).chain(row.indices.iter().map(|run| run.to));
    row.indices.iter().zip(starts).flat_map(|(run, start)| run.from..run.from + (run.to - start))
}

fn runs(indices: impl Iterator<Item = SeatIndex>) -> Box<[IndexRun]> {
    let mut runs: Vec<IndexRun> = Vec::new();
    let mut next = None;
    for (to, index) in (1..).zip(indices) {
        match runs.last_mut() {
            Some(run) if next == Some(index) => run.to = to,
            Some(_) | None => runs.push(IndexRun { to, from: index }),
        }
        next = index.checked_add(1);
    }
    runs.into()
}
