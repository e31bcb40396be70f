//! Write: an auditorium as a seating plan of pretix.

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::domain::auditorium::parts::{Area, Category};
use crate::domain::auditorium::seating::{Auditorium, RowView, SeatView, SectionView};

/// Space around everything, in pixels.
const MARGIN: i32 = 50;
/// Width and height of an area that is not drawn here.
const AREA_SIZE: (i32, i32) = (200, 100);

/// An auditorium to be written as a plan of pretix. A pixel there is a unit here.
#[derive(Debug)]
pub struct Plan<'a> {
    house: &'a Auditorium,
    /// What is added to every position, so that none is negative.
    shift: (i32, i32),
    /// Width and height of the whole plan.
    size: (i32, i32),
}

impl<'a> Plan<'a> {
    /// The plan of this auditorium.
    pub fn of(house: &'a Auditorium) -> Self {
        let seats = house.sections().flat_map(SectionView::rows).flat_map(RowView::seats);
        let seats = seats.map(|seat| (seat.point.x.whole(), seat.point.y.whole()));
        let corners = house.areas().iter().flat_map(|area| {
            let ((x, y), (width, height)) = frame(area);
            [(x, y), (x + width, y + height)]
        });
        let mut bounds: Option<((i32, i32), (i32, i32))> = None;
        for (x, y) in seats.chain(corners) {
            let (least, most) = bounds.unwrap_or(((x, y), (x, y)));
            bounds = Some(((least.0.min(x), least.1.min(y)), (most.0.max(x), most.1.max(y))));
        }
        let ((left, top), (right, bottom)) = bounds.unwrap_or_default();
        let shift = |least: i32| if least < 0 { MARGIN - least } else { 0 };
        let shift = (shift(left), shift(top));
        Self { house, shift, size: (right + shift.0 + MARGIN, bottom + shift.1 + MARGIN) }
    }
}

/// Where an area is drawn: its corner and its size.
fn frame(area: &Area) -> ((i32, i32), (i32, i32)) {
    let position = area.position.map_or((0, 0), |position| (position.x.whole(), position.y.whole()));
    (position, area.size.map_or(AREA_SIZE, |size| (size.x.whole().max(1), size.y.whole().max(1))))
}

impl Serialize for Plan<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(4))?;
        map.serialize_entry("name", self.house.name())?;
        map.serialize_entry("categories", &Categories(self.house.categories()))?;
        map.serialize_entry("zones", &Zones(self))?;
        map.serialize_entry("size", &Size(self.size))?;
        map.end()
    }
}

struct Size((i32, i32));

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("width", &self.0.0)?;
        map.serialize_entry("height", &self.0.1)?;
        map.end()
    }
}

struct Position((i32, i32));

impl Serialize for Position {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("x", &self.0.0)?;
        map.serialize_entry("y", &self.0.1)?;
        map.end()
    }
}

struct Categories<'a>(&'a [Category]);

impl Serialize for Categories<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(OneCategory))
    }
}

/// A category is known there by its name only, which is the key here.
struct OneCategory<'a>(&'a Category);

impl Serialize for OneCategory<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", &self.0.key)?;
        if let Some(colour) = &self.0.colour {
            map.serialize_entry("color", colour)?;
        }
        map.end()
    }
}

struct Zones<'a>(&'a Plan<'a>);

impl Serialize for Zones<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let areas = (!self.0.house.areas().is_empty()).then_some(Zone { plan: self.0, section: None });
        let sections = self.0.house.sections().map(|section| Zone { plan: self.0, section: Some(section) });
        serializer.collect_seq(sections.chain(areas))
    }
}

/// A section; or all areas, which belong to none here.
struct Zone<'a> {
    plan: &'a Plan<'a>,
    section: Option<SectionView<'a>>,
}

impl Serialize for Zone<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", self.section.map_or("Areas", |section| section.name))?;
        map.serialize_entry("position", &Position(self.plan.shift))?;
        map.serialize_entry("rows", &Rows(self.section))?;
        if self.section.is_none() {
            map.serialize_entry("areas", &Areas(self.plan.house.areas()))?;
        }
        map.end()
    }
}

struct Rows<'a>(Option<SectionView<'a>>);

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.into_iter().flat_map(SectionView::rows).map(Row))
    }
}

struct Row<'a>(RowView<'a>);

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("row_number", self.0.label)?;
        map.serialize_entry("position", &Position((0, 0)))?;
        map.serialize_entry("seats", &Seats(self.0))?;
        map.end()
    }
}

struct Seats<'a>(RowView<'a>);

impl Serialize for Seats<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.seats().map(Seat))
    }
}

struct Seat<'a>(SeatView<'a>);

impl Serialize for Seat<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let seat = &self.0;
        let mut map = serializer.serialize_map(Some(4))?;
        match seat.guid {
            Some(guid) => map.serialize_entry("seat_guid", guid)?,
            None => map.serialize_entry("seat_guid", &format!("turnstile-{}", seat.index))?,
        }
        map.serialize_entry("seat_number", seat.name.label)?;
        map.serialize_entry("position", &Position((seat.point.x.whole(), seat.point.y.whole())))?;
        map.serialize_entry("category", seat.category.map_or("", |category| &category.key))?;
        map.end()
    }
}

struct Areas<'a>(&'a [Area]);

impl Serialize for Areas<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(OneArea))
    }
}

struct OneArea<'a>(&'a Area);

impl Serialize for OneArea<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (position, (width, height)) = frame(self.0);
        let mut map = serializer.serialize_map(Some(4))?;
        map.serialize_entry("width", &width)?;
        map.serialize_entry("height", &height)?;
        map.serialize_entry("position", &Position(position))?;
        map.serialize_entry("text", &self.0.label)?;
        map.end()
    }
}
