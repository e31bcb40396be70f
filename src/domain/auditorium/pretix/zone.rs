//! Zone: a zone of a seating plan of pretix. It is kept whole until its end, because its position and its rows' may come last.

use std::collections::HashMap;

use serde::de::{Error, MapAccess, SeqAccess};

use crate::domain::auditorium::builder::Builder;
use crate::domain::auditorium::draft::{RowDraft, SeatDraft, SectionDraft};
use crate::domain::auditorium::fault::{Enough, Step};
use crate::domain::auditorium::json::object::{PointOf, Read, Shape, below, entries, keep, members};
use crate::domain::auditorium::json::scalar::text;
use crate::domain::auditorium::parts::Point;
use crate::domain::auditorium::placing::RowPlace;
use crate::domain::auditorium::row::Aisles;
use crate::domain::{MAX_SEATS_PER_SHOWTIME, SeatKind};

/// A zone by its position in the list.
pub(super) struct Zone(pub(super) usize);

/// The rows with seats, and how many seats they have.
#[derive(Default)]
struct ZoneRows {
    rows: Vec<ZoneRow>,
    seats: u32,
}

/// A row as it is there: a part of a row here.
#[derive(Default)]
struct ZoneRow {
    /// Its position in the zone's list.
    position: usize,
    label: Option<String>,
    at: Option<Point>,
    seats: Vec<ZoneSeat>,
}

struct ZoneSeat {
    /// Its position in the row's list.
    position: usize,
    label: Option<String>,
    guid: Option<String>,
    category: Option<String>,
    at: Point,
}

impl<'de> Shape<'de> for Zone {
    const EXPECTED: &'static str = "an object";

    fn object<M: MapAccess<'de>>(self, builder: &mut Builder, map: &mut M) -> Result<(), M::Error> {
        let (mut name, mut at) = (None, None);
        let mut rows = ZoneRows::default();
        members(builder, map, &["name", "position", "rows"], |builder, map, member| match member {
            "name" => keep(builder, map, &mut name),
            "position" => below(builder, map, member, PointOf(&mut at)),
            _rows => below(builder, map, member, Rows(&mut rows)),
        })?;
        let name = text(name, "name", &mut builder.faults).filter(|name| !name.trim().is_empty());
        // A zone of drawings only.
        if rows.rows.is_empty() {
            return Ok(());
        }
        let name = name.unwrap_or_else(|| format!("Zone {}", self.0 + 1));
        hand_over(name, at.unwrap_or_default(), rows.rows, builder).map_err(M::Error::custom)
    }
}

/// Hands the zone's seats to the builder, the rows of one label as one.
fn hand_over(name: String, zone: Point, rows: Vec<ZoneRow>, builder: &mut Builder) -> Result<(), Enough> {
    builder.begin_section();
    for parts in in_one(rows) {
        let first = parts.first().map_or(0, |part| part.position);
        let label = parts.first().and_then(|part| part.label.clone());
        for part in parts {
            let row = part.at.unwrap_or_default();
            for seat in part.seats {
                for step in
                    [Step::Name("rows"), Step::Index(part.position), Step::Name("seats"), Step::Index(seat.position)]
                {
                    builder.faults.enter(step);
                }
                let at = seat.at;
                let draft = SeatDraft {
                    label: seat.label,
                    x: Some(zone.x.units() + row.x.units() + at.x.units()),
                    y: Some(zone.y.units() + row.y.units() + at.y.units()),
                    category: seat.category.filter(|category| !category.trim().is_empty()),
                    kind: SeatKind::Standard,
                    guid: seat.guid,
                    ..SeatDraft::default()
                };
                let outcome = builder.seat_of(part.position, draft, seat.position);
                for _step in 0..4 {
                    builder.faults.leave();
                }
                outcome?;
            }
        }
        builder.faults.enter(Step::Name("rows"));
        builder.faults.enter(Step::Index(first));
        let draft = RowDraft { label, category: None, place: RowPlace::default(), aisles: Aisles::Gaps };
        let outcome = builder.end_row(draft);
        builder.faults.leave();
        builder.faults.leave();
        outcome?;
    }
    builder.end_section(SectionDraft { name: Some(name), ..SectionDraft::default() })
}

/// The rows by their labels, in the order in which each label comes first.
fn in_one(rows: Vec<ZoneRow>) -> Vec<Vec<ZoneRow>> {
    let mut places = HashMap::new();
    let mut grouped: Vec<Vec<ZoneRow>> = Vec::new();
    for row in rows {
        let next = grouped.len();
        // A row without a label has a fault, which is told of it alone.
        let place = row.label.as_ref().map_or(next, |label| *places.entry(label.trim().to_owned()).or_insert(next));
        match grouped.get_mut(place) {
            Some(parts) => parts.push(row),
            None => grouped.push(vec![row]),
        }
    }
    grouped
}

struct Rows<'x>(&'x mut ZoneRows);

impl<'de> Shape<'de> for Rows<'_> {
    const EXPECTED: &'static str = "a list of rows";

    fn list<S: SeqAccess<'de>>(self, builder: &mut Builder, list: &mut S) -> Result<(), S::Error> {
        entries(builder, list, |builder, list, position| {
            list.next_element_seed(Read(builder, Row { position, zone: &mut *self.0 }))
        })
    }
}

struct Row<'x> {
    position: usize,
    zone: &'x mut ZoneRows,
}

impl<'de> Shape<'de> for Row<'_> {
    const EXPECTED: &'static str = "an object";

    fn object<M: MapAccess<'de>>(self, builder: &mut Builder, map: &mut M) -> Result<(), M::Error> {
        let mut label = None;
        let mut row = ZoneRow { position: self.position, ..ZoneRow::default() };
        let ZoneRows { rows, seats } = self.zone;
        members(builder, map, &["row_number", "position", "seats"], |builder, map, member| match member {
            "row_number" => keep(builder, map, &mut label),
            "position" => below(builder, map, member, PointOf(&mut row.at)),
            _seats => below(builder, map, member, Seats { row: &mut row.seats, zone: &mut *seats }),
        })?;
        row.label = text(label, "row_number", &mut builder.faults);
        if !row.seats.is_empty() {
            rows.push(row);
        }
        Ok(())
    }
}

struct Seats<'x> {
    row: &'x mut Vec<ZoneSeat>,
    /// Seats of the zone so far.
    zone: &'x mut u32,
}

impl<'de> Shape<'de> for Seats<'_> {
    const EXPECTED: &'static str = "a list of seats";

    fn list<S: SeqAccess<'de>>(self, builder: &mut Builder, list: &mut S) -> Result<(), S::Error> {
        entries(builder, list, |builder, list, position| {
            *self.zone += 1;
            if *self.zone > MAX_SEATS_PER_SHOWTIME + 1 {
                builder.faults.fatal(&[], format!("there are more than {MAX_SEATS_PER_SHOWTIME} seats"));
            }
            list.next_element_seed(Read(builder, Seat { position, row: &mut *self.row }))
        })
    }
}

struct Seat<'x> {
    position: usize,
    row: &'x mut Vec<ZoneSeat>,
}

impl<'de> Shape<'de> for Seat<'_> {
    const EXPECTED: &'static str = "an object";

    fn object<M: MapAccess<'de>>(self, builder: &mut Builder, map: &mut M) -> Result<(), M::Error> {
        let (mut guid, mut label, mut category, mut at) = (None, None, None, None);
        let mut has_position = false;
        let names = &["seat_guid", "seat_number", "category", "position"];
        members(builder, map, names, |builder, map, member| match member {
            "seat_guid" => keep(builder, map, &mut guid),
            "seat_number" => keep(builder, map, &mut label),
            "category" => keep(builder, map, &mut category),
            _position => {
                has_position = true;
                below(builder, map, member, PointOf(&mut at))
            }
        })?;
        let faults = &mut builder.faults;
        if !has_position {
            faults.member("position", "is missing");
        }
        self.row.push(ZoneSeat {
            position: self.position,
            label: text(label, "seat_number", faults),
            guid: text(guid, "seat_guid", faults),
            category: text(category, "category", faults),
            at: at.unwrap_or_default(),
        });
        Ok(())
    }
}
