//! Entries: categories and areas in our format.

use serde::de::{Error, MapAccess, SeqAccess};

use crate::domain::auditorium::builder::Builder;
use crate::domain::auditorium::draft::{AreaDraft, MOST_CAPACITY};
use crate::domain::auditorium::json::object::{Read, Shape, entries, keep, members};
use crate::domain::auditorium::json::scalar::{point, text, whole};
use crate::domain::auditorium::parts::Colour;

/// The categories.
pub(super) struct Categories;

impl<'de> Shape<'de> for Categories {
    const EXPECTED: &'static str = "a list of categories";

    fn list<S: SeqAccess<'de>>(self, builder: &mut Builder, list: &mut S) -> Result<(), S::Error> {
        entries(builder, list, |builder, list, _| list.next_element_seed(Read(builder, OneCategory)))
    }
}

struct OneCategory;

impl<'de> Shape<'de> for OneCategory {
    const EXPECTED: &'static str = "an object";

    fn object<M: MapAccess<'de>>(self, builder: &mut Builder, map: &mut M) -> Result<(), M::Error> {
        let (mut key, mut name, mut colour) = (None, None, None);
        members(builder, map, &["key", "name", "colour"], |builder, map, member| {
            let into = match member {
                "key" => &mut key,
                "name" => &mut name,
                _colour => &mut colour,
            };
            keep(builder, map, into)
        })?;
        let faults = &mut builder.faults;
        let (key, name) = (text(key, "key", faults), text(name, "name", faults));
        let colour = text(colour, "colour", faults).and_then(|text| {
            let colour = Colour::parse(&text);
            if colour.is_none() {
                faults.member("colour", "must be a colour such as #3b7dd8");
            }
            colour
        });
        builder.category(key, name, colour);
        Ok(())
    }
}

/// The areas.
pub(super) struct Areas;

impl<'de> Shape<'de> for Areas {
    const EXPECTED: &'static str = "a list of areas";

    fn list<S: SeqAccess<'de>>(self, builder: &mut Builder, list: &mut S) -> Result<(), S::Error> {
        entries(builder, list, |builder, list, _| list.next_element_seed(Read(builder, OneArea)))
    }
}

struct OneArea;

impl<'de> Shape<'de> for OneArea {
    const EXPECTED: &'static str = "an object";

    fn object<M: MapAccess<'de>>(self, builder: &mut Builder, map: &mut M) -> Result<(), M::Error> {
        let (mut label, mut capacity, mut category) = (None, None, None);
        let (mut x, mut y, mut width, mut height) = (None, None, None, None);
        let names = &["label", "capacity", "category", "x", "y", "width", "height"];
        members(builder, map, names, |builder, map, member| {
            let into = match member {
                "label" => &mut label,
                "capacity" => &mut capacity,
                "category" => &mut category,
                "x" => &mut x,
                "y" => &mut y,
                "width" => &mut width,
                _height => &mut height,
            };
            keep(builder, map, into)
        })?;
        let faults = &mut builder.faults;
        let position = if x.is_some() || y.is_some() { point((x, y), ("x", "y"), faults) } else { None };
        let sized = width.is_some() || height.is_some();
        let size = if sized { point((width, height), ("width", "height"), faults) } else { None };
        let draft = AreaDraft {
            label: text(label, "label", faults),
            capacity: whole(capacity, "capacity", MOST_CAPACITY, faults),
            category: text(category, "category", faults),
            position,
            size,
        };
        builder.area(draft).map_err(M::Error::custom)
    }
}
