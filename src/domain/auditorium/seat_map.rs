//! Seat map: an auditorium's seats and areas as a showtime keeps them.

use crate::domain::auditorium::parts::{Area, Point};
use crate::domain::auditorium::seating::{Auditorium, RowView, SeatView, SectionView};
use crate::domain::{AreaShape, CategoryRun, Labels, Places, Row, SeatKind, SeatMap, SeatMapError, SpecialSeat};

impl Auditorium {
    /// The seats in their order, then the areas, placed around the focal point. Without one that is the middle of the front.
    ///
    /// # Errors
    /// There are too many places.
    pub fn seat_map(&self) -> Result<SeatMap, SeatMapError> {
        let focal_point = self.focal_point().map_or_else(|| self.middle_of_the_front(), hundredths);
        let rows = self.sections().flat_map(|section| section.rows().map(move |row| row_of(section, row, focal_point)));
        let areas = self.areas().iter().map(|area| self.row_of_area(area, focal_point));
        SeatMap::stored(rows.chain(areas).collect())
    }

    fn row_of_area(&self, area: &Area, (x, y): (i64, i64)) -> Row {
        let (position, size) = (area.position.map(hundredths), area.size.map(hundredths));
        let category = self.category_of(area);
        let run =
            category.map(|category| CategoryRun { to: area.capacity, category: Some(category.key.as_str().into()) });
        let shape = AreaShape {
            x: position.map(|(to_right, _)| to_right - x),
            y: position.map(|(_, away)| away - y),
            width: size.map(|(width, _)| width),
            height: size.map(|(_, height)| height),
        };
        Row {
            row: area.label.clone(),
            seats: area.capacity,
            categories: run.into_iter().collect(),
            area: Some(Box::new(shape)),
            ..Row::default()
        }
    }

    /// In hundredths of a unit.
    fn middle_of_the_front(&self) -> (i64, i64) {
        let points = || self.records.iter().map(|seat| hundredths(seat.point));
        let left = points().map(|(x, _)| x).min().unwrap_or_default();
        let right = points().map(|(x, _)| x).max().unwrap_or_default();
        (i64::midpoint(left, right), points().map(|(_, y)| y).min().unwrap_or_default())
    }
}

fn hundredths(point: Point) -> (i64, i64) {
    (i64::from(point.x.hundredths()), i64::from(point.y.hundredths()))
}

fn row_of(section: SectionView<'_>, row: RowView<'_>, (x, y): (i64, i64)) -> Row {
    let seats: Vec<SeatView<'_>> = row.seats().collect();
    let offset = |seat: &SeatView<'_>| hundredths(seat.point);
    let aisles = (1..).zip(seats.iter().zip(seats.iter().skip(1)));
    let aisles = aisles.filter(|(_, (one, next))| next.adjacency != one.adjacency + 1).map(|(place, _)| place);
    let first = seats.first().map_or(0, |seat| seat.index);
    let special = seats.iter().filter(|seat| !seat.kind.is_standard() || seat.note.is_some());
    Row {
        row: row.label.to_owned(),
        seats: (1..).zip(&seats).last().map_or(0, |(count, _)| count),
        section: Some(section.name.into()),
        labels: Labels::of(seats.iter().map(|seat| seat.name.label)),
        x: Some(Places::of(seats.iter().map(|seat| offset(seat).0 - x).collect())),
        y: Some(Places::of(seats.iter().map(|seat| offset(seat).1 - y).collect())),
        aisle_after: aisles.collect(),
        categories: categories(&seats),
        special: special.map(|seat| special_seat(seat, first)).collect(),
        ..Row::default()
    }
}

fn key<'a>(seat: &SeatView<'a>) -> Option<&'a str> {
    seat.category.map(|category| category.key.as_str())
}

/// Nothing if no seat of the row has a category.
fn categories(seats: &[SeatView<'_>]) -> Box<[CategoryRun]> {
    if seats.iter().all(|seat| seat.category.is_none()) {
        return Box::default();
    }
    let is_last = |position: usize, seat| seats.get(position + 1).is_none_or(|next| key(next) != key(seat));
    let last = seats.iter().enumerate().filter(|(position, seat)| is_last(*position, seat));
    let run = |(position, seat): (usize, &SeatView<'_>)| {
        let to = u32::try_from(position + 1).unwrap_or(u32::MAX);
        CategoryRun { to, category: key(seat).map(Box::from) }
    };
    last.map(run).collect()
}

fn special_seat(seat: &SeatView<'_>, first: u32) -> SpecialSeat {
    let place = |index: u32| index.saturating_sub(first) + 1;
    SpecialSeat {
        seat: place(seat.index),
        kind: seat.kind,
        companion_of: seat.companion_of.filter(|_| seat.kind == SeatKind::Companion).map(place),
        note: seat.note.map(Box::from),
    }
}
