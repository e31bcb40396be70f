//! Row: the seats of one row while they are put together, and the rules that hold among them.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::domain::auditorium::fault::{Faults, Step, shortened};
use crate::domain::auditorium::parts::{Coordinate, Point};
use crate::domain::auditorium::placing::aisles;
use crate::domain::auditorium::seating::at;
use crate::domain::text;
use crate::domain::{SeatIndex, SeatKind};

/// Highest adjacency index: an aisle after every seat of the longest row.
pub(super) const MOST_ADJACENCY: u32 = 400_000;

/// Where the parts of a plan stand in its format.
#[derive(Clone, Copy, Debug)]
pub(super) struct Members {
    pub(super) section: &'static str,
    pub(super) row: &'static str,
    pub(super) seats: SeatsAt,
    pub(super) label: &'static str,
    pub(super) x: &'static [Step],
    pub(super) y: &'static [Step],
    pub(super) adjacency: &'static str,
    /// In a place that has a category.
    pub(super) category: &'static str,
    /// In a category.
    pub(super) key: &'static str,
    pub(super) companion_of: &'static str,
    pub(super) note: &'static str,
    pub(super) guid: &'static str,
    /// Members that are not known are skipped instead of refused.
    pub(super) skips_unknown: bool,
}

/// Where the seats of a row stand.
#[derive(Clone, Copy, Debug)]
pub(super) enum SeatsAt {
    /// In a list of this name in the row.
    List(&'static str),
    /// In one or several rows of the zone, whose list the row stands in.
    RowsOfZone,
    /// On a line of the file each.
    Lines,
}

impl Members {
    /// What is wrong with a row or a section that is there again.
    pub(super) fn twice(&self) -> &'static str {
        match self.seats {
            SeatsAt::List(_) | SeatsAt::RowsOfZone => "is listed twice",
            SeatsAt::Lines => "was there before: its lines belong together",
        }
    }

    /// Pointer to a member of what a seat of the current row was made from.
    fn pointer(&self, faults: &Faults, seat: &RowSeat, member: &'static str) -> String {
        match self.seats {
            SeatsAt::List(seats) => faults.pointer(&[Step::Name(seats), Step::Index(seat.entry), Step::Name(member)]),
            SeatsAt::RowsOfZone => {
                let entry = [Step::Index(seat.part), Step::Name("seats"), Step::Index(seat.entry), Step::Name(member)];
                faults.beside(&entry)
            }
            SeatsAt::Lines => format!("/{}/{member}", seat.entry),
        }
    }
}

/// A seat of the row, as far as its row must know it.
#[derive(Clone, Debug)]
pub(super) struct RowSeat {
    pub(super) label: String,
    pub(super) point: Option<Point>,
    pub(super) adjacency: Option<u32>,
    pub(super) kind: SeatKind,
    pub(super) companion_of: Option<String>,
    /// The part of the row that it is in, where a row may have several.
    pub(super) part: usize,
    /// The entry of the list, or the line, that it was made from.
    pub(super) entry: usize,
}

/// The seats of the row that is being read.
#[derive(Debug, Default)]
pub(super) struct RowSeats(pub(super) Vec<RowSeat>);

/// What was found out about the seats of a row.
#[derive(Debug)]
pub(super) struct Settled {
    pub(super) adjacency: Vec<u32>,
    /// Each seat's place, if the row says it.
    pub(super) points: Option<Vec<Point>>,
    /// A companion's seat and its wheelchair place, by their places in the row.
    pub(super) companions: Vec<(usize, usize)>,
}

/// What tells aisles apart.
#[derive(Clone, Copy, Debug)]
pub(super) enum Aisles<'a> {
    /// They are after the n-th seats, ascending.
    After(&'a [u32]),
    /// They are where a gap is.
    Gaps,
}

/// The row's seats and how it is told about them.
pub(super) struct RowCheck<'a> {
    pub(super) seats: &'a [RowSeat],
    pub(super) row: &'a str,
    pub(super) members: &'a Members,
    pub(super) faults: &'a mut Faults,
}

impl RowCheck<'_> {
    /// Holds the rules of a row; what is wrong is noted.
    pub(super) fn settle(mut self, aisles: Aisles<'_>) -> Settled {
        self.labels();
        let points = self.points();
        let adjacency = self.adjacency(aisles, points.as_deref());
        let companions = self.companions(&adjacency);
        Settled { adjacency, points, companions }
    }

    fn wrong(&mut self, seat: &RowSeat, member: &'static str, detail: &str) {
        let pointer = self.members.pointer(self.faults, seat, member);
        self.faults.add_at(pointer, format!("row {}: {detail}", shortened(self.row)));
    }

    /// Labels are unique in their row, as people see them.
    fn labels(&mut self) {
        let mut known = HashMap::with_capacity(self.seats.len());
        for (position, seat) in self.seats.iter().enumerate() {
            if !seat.label.is_empty() && known.insert(text::seen(&seat.label), position).is_some() {
                self.wrong(seat, self.members.label, &format!("seat {} is listed twice", shortened(&seat.label)));
                if self.faults.go_on().is_err() {
                    return;
                }
            }
        }
    }

    /// Either all seats of a row say where they are, or none does.
    fn points(&mut self) -> Option<Vec<Point>> {
        let points: Vec<Point> = self.seats.iter().filter_map(|seat| seat.point).collect();
        let without = self.seats.iter().find(|seat| seat.point.is_none());
        if let Some(without) = without.filter(|_| !points.is_empty()) {
            let member = self.members.label;
            let detail =
                format!("seat {} has no position, though others of its row have one", shortened(&without.label));
            self.wrong(without, member, &detail);
            return None;
        }
        (!points.is_empty()).then_some(points)
    }

    /// One more from seat to seat, two more across an aisle, unless it is said.
    fn adjacency(&mut self, aisles_are: Aisles<'_>, points: Option<&[Point]>) -> Vec<u32> {
        let gaps = match aisles_are {
            Aisles::Gaps => points.map(aisles).unwrap_or_default(),
            Aisles::After(_) => Vec::new(),
        };
        let mut after = match aisles_are {
            Aisles::After(after) => after.iter().copied().peekable(),
            Aisles::Gaps => [].iter().copied().peekable(),
        };
        let mut last = 0_u32;
        let mut given = Vec::with_capacity(self.seats.len());
        for (position, seat) in self.seats.iter().enumerate() {
            let mut next = last.saturating_add(1);
            if after.next_if(|after| at(*after) == position).is_some()
                || position.checked_sub(1).and_then(|before| gaps.get(before)).copied().unwrap_or_default()
            {
                next = next.saturating_add(1);
            }
            let stated = seat.adjacency.unwrap_or(next);
            if stated <= last || stated > MOST_ADJACENCY {
                let detail = format!(
                    "seat {} has adjacency {stated}; it must be above {last}, which the seat on its left has, and at most {MOST_ADJACENCY}",
                    shortened(&seat.label)
                );
                self.wrong(seat, self.members.adjacency, &detail);
                return given;
            }
            given.push(stated);
            last = stated;
        }
        if let Some(beyond) = after.next() {
            let detail = format!("no aisle can be after seat number {beyond} of {}", self.seats.len());
            self.faults.member("aisleAfter", format!("row {}: {detail}", shortened(self.row)));
        }
        given
    }

    /// A companion's seat belongs to the wheelchair place that it names, or to the nearest one.
    fn companions(&mut self, adjacency: &[u32]) -> Vec<(usize, usize)> {
        let mut bound = Vec::new();
        let places = WheelchairPlaces::of(self.seats, adjacency);
        for (position, seat) in self.seats.iter().enumerate() {
            if seat.kind != SeatKind::Companion {
                if seat.companion_of.is_some() {
                    let detail = format!("seat {} is no companion's seat", shortened(&seat.label));
                    self.wrong(seat, self.members.companion_of, &detail);
                }
                continue;
            }
            let place = match &seat.companion_of {
                Some(label) => places.called(label),
                None => places.nearest(adjacency.get(position).copied().unwrap_or_default()),
            };
            if let Some(place) = place {
                bound.push((position, place));
                continue;
            }
            let whose = match &seat.companion_of {
                Some(label) => format!("no wheelchair place of the row is called {}", shortened(label)),
                None => "no wheelchair place is in the row".to_owned(),
            };
            let detail = format!("seat {} is a companion's, but {whose}", shortened(&seat.label));
            self.wrong(seat, self.members.companion_of, &detail);
            if self.faults.go_on().is_err() {
                return bound;
            }
        }
        bound
    }
}

/// The wheelchair places of a row, for the companions' seats.
struct WheelchairPlaces<'a> {
    by_label: HashMap<Cow<'a, str>, usize>,
    /// Adjacency index and place in the row, ascending.
    in_order: Vec<(u32, usize)>,
}

impl<'a> WheelchairPlaces<'a> {
    fn of(seats: &'a [RowSeat], adjacency: &[u32]) -> Self {
        let places = seats.iter().enumerate().filter(|(_, seat)| seat.kind == SeatKind::Wheelchair);
        let in_order = places.clone().filter_map(|(place, _)| Some((adjacency.get(place).copied()?, place)));
        let in_order = in_order.collect();
        Self { by_label: places.map(|(place, seat)| (text::seen(&seat.label), place)).collect(), in_order }
    }

    fn called(&self, label: &str) -> Option<usize> {
        self.by_label.get(&text::seen(label)).copied()
    }

    fn nearest(&self, adjacency: u32) -> Option<usize> {
        let after = self.in_order.partition_point(|(other, _)| *other < adjacency);
        let around = [after.checked_sub(1), Some(after)].into_iter().flatten();
        let around = around.filter_map(|position| self.in_order.get(position));
        around.min_by_key(|(other, _)| other.abs_diff(adjacency)).map(|(_, place)| *place)
    }
}

/// A place from what a client says; `None` after noting what is wrong, or if nothing is said.
pub(super) fn point(x: Option<f64>, y: Option<f64>, members: &Members, faults: &mut Faults) -> Option<Point> {
    let mut axis = |value: Option<f64>, other: Option<f64>, place: &[Step]| {
        let fits = value.and_then(Coordinate::of);
        if value.is_some() && fits.is_none() {
            faults.add(place, format!("must be a number from -{0} to {0}", Coordinate::MOST));
        } else if value.is_none() && other.is_some() {
            faults.add(place, "is missing: a position has x and y");
        }
        fits
    };
    let (x, y) = (axis(x, y, members.x), axis(y, x, members.y));
    Some(Point { x: x?, y: y? })
}

/// A seat's index, from its place in a row.
pub(super) fn index_in(start: SeatIndex, place: usize) -> SeatIndex {
    start.saturating_add(u32::try_from(place).unwrap_or(u32::MAX))
}
