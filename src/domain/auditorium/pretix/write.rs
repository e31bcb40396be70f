//! Write: an auditorium as a seating plan of pretix.

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::domain::auditorium::parts::{Area, Category, Colour};
use crate::domain::auditorium::seating::{Auditorium, RowView, SeatView, SectionView};

/// Space around everything, in pixels.
const MARGIN: i32 = 50;
/// Width and height of an area that is not drawn here.
const AREA_SIZE: (i32, i32) = (200, 100);
/// An area's colour if its category has none, and the colours of its border and its label.
const AREA_COLOURS: [&str; 3] = ["#dddddd", "#888888", "#333333"];
/// Height of an area's label, in pixels.
const TEXT_SIZE: u32 = 16;
/// What the ids of seats without one begin with.
const GUID: &str = "turnstile-";

/// An auditorium to be written as a plan of pretix. A pixel there is a unit here.
#[derive(Debug)]
pub struct Plan<'a> {
    house: &'a Auditorium,
    /// What is added to every position, so that none is negative.
    shift: (i32, i32),
    /// Width and height of the whole plan.
    size: (i32, i32),
    /// What the ids of seats without one begin with, and no given one does.
    guid: String,
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
        let mut guid = GUID.to_owned();
        // A given one has an end, so this has.
        while house.guids.iter().any(|(_, given)| given.starts_with(&guid)) {
            guid.push('-');
        }
        Self { house, shift, size: (right + shift.0 + MARGIN, bottom + shift.1 + MARGIN), guid }
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
        map.serialize_entry("rows", &Rows(self))?;
        if self.section.is_none() {
            map.serialize_entry("areas", &Areas(self.plan.house))?;
        }
        map.end()
    }
}

struct Rows<'a>(&'a Zone<'a>);

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Zone { plan, section } = self.0;
        serializer.collect_seq(section.iter().flat_map(|section| section.rows()).map(|row| Row { plan, row }))
    }
}

struct Row<'a> {
    plan: &'a Plan<'a>,
    row: RowView<'a>,
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("row_number", self.row.label)?;
        map.serialize_entry("position", &Position((0, 0)))?;
        map.serialize_entry("seats", &Seats(self))?;
        map.end()
    }
}

struct Seats<'a>(&'a Row<'a>);

impl Serialize for Seats<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Row { plan, row } = self.0;
        serializer.collect_seq(row.seats().map(|seat| Seat { plan, seat }))
    }
}

struct Seat<'a> {
    plan: &'a Plan<'a>,
    seat: SeatView<'a>,
}

impl Serialize for Seat<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let seat = &self.seat;
        let mut map = serializer.serialize_map(Some(4))?;
        // An id there has two characters or more.
        match seat.guid.filter(|guid| guid.chars().nth(1).is_some()) {
            Some(guid) => map.serialize_entry("seat_guid", guid)?,
            None => map.serialize_entry("seat_guid", &format!("{}{}", self.plan.guid, seat.index))?,
        }
        map.serialize_entry("seat_number", seat.name.label)?;
        map.serialize_entry("position", &Position((seat.point.x.whole(), seat.point.y.whole())))?;
        map.serialize_entry("category", seat.category.map_or("", |category| &category.key))?;
        map.end()
    }
}

struct Areas<'a>(&'a Auditorium);

impl Serialize for Areas<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.areas().iter().map(|area| OneArea { house: self.0, area }))
    }
}

/// A rectangle with the area's label in its middle.
struct OneArea<'a> {
    house: &'a Auditorium,
    area: &'a Area,
}

impl Serialize for OneArea<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (position, size) = frame(self.area);
        let [colour, border, _text] = AREA_COLOURS;
        let own = self.house.category_of(self.area).and_then(|category| category.colour.as_ref());
        let mut map = serializer.serialize_map(Some(7))?;
        map.serialize_entry("shape", "rectangle")?;
        map.serialize_entry("position", &Position(position))?;
        map.serialize_entry("rectangle", &Size(size))?;
        map.serialize_entry("color", own.map_or(colour, Colour::as_str))?;
        map.serialize_entry("border_color", border)?;
        map.serialize_entry("rotation", &0)?;
        map.serialize_entry("text", &Label { text: &self.area.label, size })?;
        map.end()
    }
}

/// What is written in the middle of a rectangle of this size.
struct Label<'a> {
    text: &'a str,
    size: (i32, i32),
}

impl Serialize for Label<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let [_area, _border, colour] = AREA_COLOURS;
        let mut map = serializer.serialize_map(Some(4))?;
        map.serialize_entry("text", self.text)?;
        map.serialize_entry("position", &Position((self.size.0 / 2, self.size.1 / 2)))?;
        map.serialize_entry("color", colour)?;
        map.serialize_entry("size", &TEXT_SIZE)?;
        map.end()
    }
}
