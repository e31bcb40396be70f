//! Write: the canonical form of an auditorium in our format.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use crate::domain::SeatKind;
use crate::domain::auditorium::parts::{Area, Category};
use crate::domain::auditorium::seating::{Auditorium, RowView, SeatView, SectionView};

impl Serialize for Auditorium {
    /// The canonical form: equal auditoriums give equal texts, and reading one gives an equal auditorium.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", self.name())?;
        if let Some(focal_point) = self.focal_point() {
            map.serialize_entry("focalPoint", &focal_point)?;
        }
        if !self.categories().is_empty() {
            map.serialize_entry("categories", self.categories())?;
        }
        map.serialize_entry("sections", &Sections(self))?;
        if !self.areas().is_empty() {
            map.serialize_entry("areas", &Areas(self))?;
        }
        map.end()
    }
}

struct Sections<'a>(&'a Auditorium);

impl Serialize for Sections<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.sections().map(Section))
    }
}

struct Section<'a>(SectionView<'a>);

impl Serialize for Section<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("name", self.0.name)?;
        map.serialize_entry("rows", &Rows(self.0))?;
        map.end()
    }
}

struct Rows<'a>(SectionView<'a>);

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.rows().map(Row))
    }
}

struct Row<'a>(RowView<'a>);

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("label", self.0.label)?;
        let shared = shared_category(self.0);
        if let Some(category) = shared {
            map.serialize_entry("category", &category.key)?;
        }
        map.serialize_entry("seats", &Seats { row: self.0, says_category: shared.is_none() })?;
        map.end()
    }
}

/// The category that all seats of the row have.
fn shared_category(row: RowView<'_>) -> Option<&Category> {
    let mut seats = row.seats().map(|seat| seat.category);
    let first = seats.next()??;
    seats.all(|category| category.is_some_and(|category| std::ptr::eq(category, first))).then_some(first)
}

struct Seats<'a> {
    row: RowView<'a>,
    says_category: bool,
}

impl Serialize for Seats<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut before = 0;
        serializer.collect_seq(self.row.seats().map(|seat| {
            let says_adjacency = seat.adjacency != before + 1;
            before = seat.adjacency;
            Seat { row: self.row, view: seat, says_adjacency, says_category: self.says_category }
        }))
    }
}

struct Seat<'a> {
    row: RowView<'a>,
    view: SeatView<'a>,
    says_adjacency: bool,
    says_category: bool,
}

impl Serialize for Seat<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let seat = &self.view;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("label", seat.name.label)?;
        map.serialize_entry("x", &seat.point.x)?;
        map.serialize_entry("y", &seat.point.y)?;
        if self.says_adjacency {
            map.serialize_entry("adjacency", &seat.adjacency)?;
        }
        if let Some(category) = seat.category.filter(|_| self.says_category) {
            map.serialize_entry("category", &category.key)?;
        }
        if seat.kind != SeatKind::Standard {
            map.serialize_entry("kind", seat.kind.as_str())?;
        }
        if let Some(place) = seat.companion_of.and_then(|place| self.row.label_of(place)) {
            map.serialize_entry("companionOf", place)?;
        }
        if let Some(note) = seat.note {
            map.serialize_entry("note", note)?;
        }
        if let Some(guid) = seat.guid {
            map.serialize_entry("guid", guid)?;
        }
        map.end()
    }
}

struct Areas<'a>(&'a Auditorium);

impl Serialize for Areas<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.areas().iter().map(|area| OneArea { house: self.0, area }))
    }
}

struct OneArea<'a> {
    house: &'a Auditorium,
    area: &'a Area,
}

impl Serialize for OneArea<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("label", &self.area.label)?;
        map.serialize_entry("capacity", &self.area.capacity)?;
        if let Some(category) = self.house.category_of(self.area) {
            map.serialize_entry("category", &category.key)?;
        }
        if let Some(position) = self.area.position {
            map.serialize_entry("x", &position.x)?;
            map.serialize_entry("y", &position.y)?;
        }
        if let Some(size) = self.area.size {
            map.serialize_entry("width", &size.x)?;
            map.serialize_entry("height", &size.y)?;
        }
        map.end()
    }
}
