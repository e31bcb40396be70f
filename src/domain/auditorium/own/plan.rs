//! Plan: an auditorium in our format, read from any serde format as it arrives.

use serde::de::{DeserializeSeed as _, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess};

use crate::domain::auditorium::builder::Builder;
use crate::domain::auditorium::draft::{RowDraft, SeatDraft, SectionDraft};
use crate::domain::auditorium::fault::{PlanError, Step};
use crate::domain::auditorium::json::object::{PointOf, Read, Shape, below, entries, keep, members};
use crate::domain::auditorium::json::scalar::{Scalar, number, text, to_whole, whole};
use crate::domain::auditorium::numbering::Run;
use crate::domain::auditorium::own::entries::{Areas, Categories};
use crate::domain::auditorium::own::runs::RunMembers;
use crate::domain::auditorium::placing::RowPlace;
use crate::domain::auditorium::row::{Aisles, MOST_ADJACENCY, Members, SeatsAt};
use crate::domain::auditorium::seating::{Auditorium, at};
use crate::domain::{MAX_SEATS_PER_SHOWTIME, SeatKind};

/// Where our format has the parts.
const MEMBERS: Members = Members {
    section: "name",
    row: "label",
    seats: SeatsAt::List("seats"),
    label: "label",
    x: &[Step::Name("x")],
    y: &[Step::Name("y")],
    adjacency: "adjacency",
    category: "category",
    key: "key",
    companion_of: "companionOf",
    note: "note",
    guid: "guid",
    skips_unknown: false,
};

/// Reads a plan as it arrives. The input must end after it: that is the caller's to check.
///
/// # Errors
/// The plan is wrong, or it is no JSON.
pub fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Auditorium, PlanError<D::Error>> {
    let mut builder = Builder::new(&MEMBERS);
    let outcome = Read(&mut builder, Plan).deserialize(deserializer);
    match outcome {
        Err(error) if builder.faults.go_on().is_ok() => Err(PlanError::Unreadable(error)),
        Ok(()) | Err(_) => builder.finish().map_err(PlanError::Faults),
    }
}

struct Plan;

impl<'de> Shape<'de> for Plan {
    const EXPECTED: &'static str = "an object";

    fn object<M: MapAccess<'de>>(self, builder: &mut Builder, map: &mut M) -> Result<(), M::Error> {
        let mut name = None;
        let mut focal_point = None;
        let names = &["$schema", "name", "focalPoint", "categories", "sections", "areas"];
        members(builder, map, names, |builder, map, member| match member {
            "name" => keep(builder, map, &mut name),
            "focalPoint" => below(builder, map, member, PointOf(&mut focal_point)),
            "categories" => below(builder, map, member, Categories),
            "sections" => below(builder, map, member, Sections),
            "areas" => below(builder, map, member, Areas),
            _schema => map.next_value::<IgnoredAny>().map(drop),
        })?;
        let name = text(name, "name", &mut builder.faults);
        builder.named(name, focal_point);
        Ok(())
    }
}

struct Sections;

impl<'de> Shape<'de> for Sections {
    const EXPECTED: &'static str = "a list of sections";

    fn list<S: SeqAccess<'de>>(self, builder: &mut Builder, list: &mut S) -> Result<(), S::Error> {
        entries(builder, list, |builder, list, _| list.next_element_seed(Read(builder, Section)))
    }
}

struct Section;

impl<'de> Shape<'de> for Section {
    const EXPECTED: &'static str = "an object";

    fn object<M: MapAccess<'de>>(self, builder: &mut Builder, map: &mut M) -> Result<(), M::Error> {
        builder.begin_section();
        let (mut name, mut category, mut x, mut y) = (None, None, None, None);
        members(builder, map, &["name", "category", "x", "y", "rows"], |builder, map, member| match member {
            "name" => keep(builder, map, &mut name),
            "category" => keep(builder, map, &mut category),
            "x" => keep(builder, map, &mut x),
            "y" => keep(builder, map, &mut y),
            _rows => below(builder, map, member, Rows),
        })?;
        let faults = &mut builder.faults;
        let draft = SectionDraft {
            name: text(name, "name", faults),
            category: text(category, "category", faults),
            x: number(x, "x", faults),
            y: number(y, "y", faults),
        };
        builder.end_section(draft).map_err(M::Error::custom)
    }
}

struct Rows;

impl<'de> Shape<'de> for Rows {
    const EXPECTED: &'static str = "a list of rows";

    fn list<S: SeqAccess<'de>>(self, builder: &mut Builder, list: &mut S) -> Result<(), S::Error> {
        entries(builder, list, |builder, list, _| list.next_element_seed(Read(builder, Row)))
    }
}

struct Row;

impl<'de> Shape<'de> for Row {
    const EXPECTED: &'static str = "an object";

    fn object<M: MapAccess<'de>>(self, builder: &mut Builder, map: &mut M) -> Result<(), M::Error> {
        let (mut label, mut category, mut x, mut y, mut curve) = (None, None, None, None, None);
        let mut run = RunMembers::default();
        let mut aisles = Vec::new();
        let mut has_list = false;
        let names =
            &["label", "category", "x", "y", "curve", "aisleAfter", "seats", "count", "numbering", "from", "first"];
        members(builder, map, names, |builder, map, member| match member {
            "label" => keep(builder, map, &mut label),
            "category" => keep(builder, map, &mut category),
            "x" => keep(builder, map, &mut x),
            "y" => keep(builder, map, &mut y),
            "curve" => keep(builder, map, &mut curve),
            "aisleAfter" => below(builder, map, member, AisleList(&mut aisles)),
            "seats" => below(builder, map, member, Seats { is_there: &mut has_list }),
            run_member => keep(builder, map, run.member(run_member)),
        })?;
        let faults = &mut builder.faults;
        let label = text(label, "label", faults);
        let category = text(category, "category", faults);
        let curve = number(curve, "curve", faults).unwrap_or_default();
        let place = RowPlace { x: number(x, "x", faults), y: number(y, "y", faults), curve };
        if has_list && run.is_any() {
            faults.member("seats", "is there besides a count: a row is a list of seats or a count");
        } else if let Some(run) = run.run(faults) {
            for label in run.labels() {
                let draft = SeatDraft { label: Some(label), ..SeatDraft::default() };
                builder.seat(draft, 0).map_err(M::Error::custom)?;
            }
        }
        aisles.sort_unstable();
        aisles.dedup();
        let draft = RowDraft { label, category, place, aisles: Aisles::After(&aisles) };
        builder.end_row(draft).map_err(M::Error::custom)
    }
}

/// After which seats an aisle is, counted from the left.
struct AisleList<'x>(&'x mut Vec<u32>);

impl<'de> Shape<'de> for AisleList<'_> {
    const EXPECTED: &'static str = "a whole number or a list of them";

    fn list<S: SeqAccess<'de>>(self, builder: &mut Builder, list: &mut S) -> Result<(), S::Error> {
        entries(builder, list, |builder, list, _| list.next_element_seed(Read(builder, AisleList(&mut *self.0))))
    }

    fn scalar(self, builder: &mut Builder, value: Scalar) {
        let whole = match value {
            Scalar::Number(number) => to_whole(number),
            Scalar::Null | Scalar::Bool | Scalar::Text(_) | Scalar::List | Scalar::Object => None,
        };
        let after = whole.filter(|after| (1..=MAX_SEATS_PER_SHOWTIME).contains(after));
        match after {
            // More aisles than seats have no meaning, and a list of them no bound.
            Some(after) if self.0.len() < at(MAX_SEATS_PER_SHOWTIME) => self.0.push(after),
            Some(_) | None => {
                builder.faults.add(&[], "must be the number of seats on the left of an aisle, at least 1");
            }
        }
    }
}

struct Seats<'x> {
    is_there: &'x mut bool,
}

impl<'de> Shape<'de> for Seats<'_> {
    const EXPECTED: &'static str = "a list of seats";

    fn list<S: SeqAccess<'de>>(self, builder: &mut Builder, list: &mut S) -> Result<(), S::Error> {
        *self.is_there = true;
        entries(builder, list, |builder, list, position| list.next_element_seed(Read(builder, Seat(position))))
    }
}

/// A seat by its position in the list; or a few side by side, as a count.
struct Seat(usize);

impl<'de> Shape<'de> for Seat {
    const EXPECTED: &'static str = "an object";

    fn object<M: MapAccess<'de>>(self, builder: &mut Builder, map: &mut M) -> Result<(), M::Error> {
        let (mut label, mut x, mut y, mut adjacency, mut category) = (None, None, None, None, None);
        let (mut kind, mut companion_of, mut note, mut guid) = (None, None, None, None);
        let mut run = RunMembers::default();
        let names = &[
            "label",
            "x",
            "y",
            "adjacency",
            "category",
            "kind",
            "companionOf",
            "note",
            "guid",
            "count",
            "numbering",
            "from",
            "first",
        ];
        members(builder, map, names, |builder, map, member| match member {
            "label" => keep(builder, map, &mut label),
            "x" => keep(builder, map, &mut x),
            "y" => keep(builder, map, &mut y),
            "adjacency" => keep(builder, map, &mut adjacency),
            "category" => keep(builder, map, &mut category),
            "kind" => keep(builder, map, &mut kind),
            "companionOf" => keep(builder, map, &mut companion_of),
            "note" => keep(builder, map, &mut note),
            "guid" => keep(builder, map, &mut guid),
            run_member => keep(builder, map, run.member(run_member)),
        })?;
        let faults = &mut builder.faults;
        let category = text(category, "category", faults);
        let kind = text(kind, "kind", faults).map_or(SeatKind::Standard, |kind| {
            SeatKind::parse(&kind).unwrap_or_else(|| {
                faults.member("kind", "must be standard, wheelchair, companion or restrictedView");
                SeatKind::Standard
            })
        });
        let draft = SeatDraft {
            label: text(label, "label", faults),
            x: number(x, "x", faults),
            y: number(y, "y", faults),
            adjacency: whole(adjacency, "adjacency", MOST_ADJACENCY, faults),
            category,
            kind,
            companion_of: text(companion_of, "companionOf", faults),
            note: text(note, "note", faults),
            guid: text(guid, "guid", faults),
        };
        if !run.is_any() {
            return builder.seat(draft, self.0).map_err(M::Error::custom);
        }
        let has_place = draft.x.is_some() || draft.y.is_some() || draft.adjacency.is_some();
        if draft.label.is_some() || draft.guid.is_some() || has_place {
            faults
                .member("count", "is there besides a label, a guid, a position or an adjacency: these are one seat's");
            return Ok(());
        }
        for label in run.run(faults).into_iter().flat_map(Run::labels) {
            builder.seat(SeatDraft { label: Some(label), ..draft.clone() }, self.0).map_err(M::Error::custom)?;
        }
        Ok(())
    }
}
