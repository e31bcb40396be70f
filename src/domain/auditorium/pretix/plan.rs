//! Plan: a seating plan of pretix, read from any serde format as it arrives, zone by zone.

use serde::de::{DeserializeSeed as _, Deserializer, MapAccess, SeqAccess};

use crate::domain::auditorium::builder::Builder;
use crate::domain::auditorium::fault::{PlanError, Step};
use crate::domain::auditorium::json::object::{Read, Shape, below, entries, keep, members};
use crate::domain::auditorium::json::scalar::text;
use crate::domain::auditorium::parts::Colour;
use crate::domain::auditorium::pretix::zone::Zone;
use crate::domain::auditorium::row::{Members, SeatsAt};
use crate::domain::auditorium::seating::Auditorium;

const MEMBERS: Members = Members {
    section: "name",
    row: "row_number",
    seats: SeatsAt::RowsOfZone,
    label: "seat_number",
    x: &[Step::Name("position"), Step::Name("x")],
    y: &[Step::Name("position"), Step::Name("y")],
    adjacency: "position",
    category: "category",
    key: "name",
    companion_of: "seat_number",
    note: "seat_number",
    guid: "seat_guid",
    skips_unknown: true,
};

/// Reads a plan as it arrives. The input must end after it: that is the caller's to check.
///
/// # Errors
/// The plan is wrong, or it is no JSON.
pub fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Auditorium, PlanError<D::Error>> {
    let mut builder = Builder::new(&MEMBERS);
    match Read(&mut builder, WholePlan).deserialize(deserializer) {
        Err(error) if builder.faults.go_on().is_ok() => Err(PlanError::Unreadable(error)),
        Ok(()) | Err(_) => builder.finish().map_err(PlanError::Faults),
    }
}

struct WholePlan;

impl<'de> Shape<'de> for WholePlan {
    const EXPECTED: &'static str = "an object";

    fn object<M: MapAccess<'de>>(self, builder: &mut Builder, map: &mut M) -> Result<(), M::Error> {
        let mut name = None;
        members(builder, map, &["name", "categories", "zones"], |builder, map, member| match member {
            "name" => keep(builder, map, &mut name),
            "categories" => below(builder, map, member, Categories),
            _zones => below(builder, map, member, Zones),
        })?;
        let name = text(name, "name", &mut builder.faults);
        builder.named(name, None);
        Ok(())
    }
}

struct Categories;

impl<'de> Shape<'de> for Categories {
    const EXPECTED: &'static str = "a list of categories";

    fn list<S: SeqAccess<'de>>(self, builder: &mut Builder, list: &mut S) -> Result<(), S::Error> {
        entries(builder, list, |builder, list, _| list.next_element_seed(Read(builder, Category)))
    }
}

struct Category;

impl<'de> Shape<'de> for Category {
    const EXPECTED: &'static str = "an object";

    fn object<M: MapAccess<'de>>(self, builder: &mut Builder, map: &mut M) -> Result<(), M::Error> {
        let (mut name, mut drawn) = (None, None);
        members(builder, map, &["name", "color"], |builder, map, member| {
            keep(builder, map, if member == "name" { &mut name } else { &mut drawn })
        })?;
        let name = text(name, "name", &mut builder.faults);
        // Any text is a colour there; one that is none here is left out.
        let colour = text(drawn, "color", &mut builder.faults).and_then(|text| Colour::parse(&text));
        builder.category(name, None, colour);
        Ok(())
    }
}

struct Zones;

impl<'de> Shape<'de> for Zones {
    const EXPECTED: &'static str = "a list of zones";

    fn list<S: SeqAccess<'de>>(self, builder: &mut Builder, list: &mut S) -> Result<(), S::Error> {
        entries(builder, list, |builder, list, position| list.next_element_seed(Read(builder, Zone(position))))
    }
}
