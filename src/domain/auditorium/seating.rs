//! Auditorium: a checked plan in a compact form, made to be shared by all showtimes that use it.
//!
//! A seat costs 20 bytes and its label, a row 12 bytes and its label: a house of 200,000 seats fits into 10 MB.

use std::fmt;
use std::ops::Range;

use crate::domain::auditorium::order::{RowOrder, Rows};
use crate::domain::auditorium::parts::{Area, Category, Point};
use crate::domain::{SeatIndex, SeatKind};

/// No category.
pub(super) const NO_CATEGORY: u16 = u16::MAX;

/// A plan that was read: see the module's documentation. Equal plans have the same canonical form.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Auditorium {
    pub(super) name: String,
    pub(super) focal_point: Option<Point>,
    pub(super) categories: Vec<Category>,
    pub(super) areas: Vec<Area>,
    pub(super) sections: Vec<SectionRecord>,
    pub(super) rows: Labels,
    /// Index of each row's first seat.
    pub(super) starts: Vec<SeatIndex>,
    pub(super) seats: Labels,
    pub(super) records: Vec<SeatRecord>,
    /// By seat, ascending.
    pub(super) notes: Vec<(SeatIndex, String)>,
    /// By seat, ascending.
    pub(super) guids: Vec<(SeatIndex, String)>,
    /// A companion's seat and its wheelchair place, by the first, ascending.
    pub(super) companions: Vec<(SeatIndex, SeatIndex)>,
    pub(super) order: RowOrder,
}

/// A section: its rows follow each other.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct SectionRecord {
    pub(super) name: String,
    pub(super) first_row: u32,
}

/// What is kept of each seat, its label apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct SeatRecord {
    pub(super) point: Point,
    pub(super) adjacency: u32,
    pub(super) category: u16,
    pub(super) kind: SeatKind,
}

/// Many short texts in one.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Labels {
    text: String,
    ends: Vec<u32>,
}

impl Labels {
    pub(super) fn push(&mut self, label: &str) {
        self.text.push_str(label);
        self.ends.push(u32::try_from(self.text.len()).unwrap_or(u32::MAX));
    }

    pub(super) fn get(&self, index: u32) -> Option<&str> {
        let index = at(index);
        let start = index.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or_default();
        self.text.get(at(start)..at(*self.ends.get(index)?))
    }

    pub(super) fn count(&self) -> u32 {
        count(self.ends.len())
    }

    /// Gives back what was reserved for more.
    pub(super) fn finish(&mut self) {
        self.text.shrink_to_fit();
        self.ends.shrink_to_fit();
    }
}

/// A seat, or a row, by its index.
pub(super) fn at(index: u32) -> usize {
    usize::try_from(index).unwrap_or(usize::MAX)
}

/// How many; the limits keep it small.
pub(super) fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// A section of an auditorium.
#[derive(Clone, Copy, Debug)]
pub struct SectionView<'a> {
    house: &'a Auditorium,
    /// What it is called.
    pub name: &'a str,
    rows: (u32, u32),
}

/// A row of a section.
#[derive(Clone, Copy, Debug)]
pub struct RowView<'a> {
    house: &'a Auditorium,
    section: &'a str,
    /// As it is printed; unique in its section.
    pub label: &'a str,
    seats: (SeatIndex, SeatIndex),
}

/// A seat with all that is known of it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct SeatView<'a> {
    /// Its place in the order of the auditorium's seats.
    pub index: SeatIndex,
    /// What it is called.
    pub name: SeatName<'a>,
    /// Where it is.
    pub point: Point,
    /// Two seats of a row are neighbours if these differ by 1, whatever their labels say.
    pub adjacency: u32,
    /// What prices go by.
    pub category: Option<&'a Category>,
    /// What it is.
    pub kind: SeatKind,
    /// Of a companion's seat: the wheelchair place that it belongs to.
    pub companion_of: Option<SeatIndex>,
    /// What a buyer should know.
    pub note: Option<&'a str>,
    /// What another system knows it by; unique in the auditorium.
    pub guid: Option<&'a str>,
}

/// A seat as people know it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SeatName<'a> {
    /// Its section.
    pub section: &'a str,
    /// Its row.
    pub row: &'a str,
    /// Its label as printed.
    pub label: &'a str,
}

impl fmt::Display for SeatName<'_> {
    /// `Stalls F3`; with a hyphen where the row's label ends with a digit: `Stalls 12-3`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hyphen = if self.row.ends_with(|last: char| last.is_numeric()) { "-" } else { "" };
        write!(f, "{} {}{hyphen}{}", self.section, self.row, self.label)
    }
}

impl Auditorium {
    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where people look; the best seats are near it.
    pub fn focal_point(&self) -> Option<Point> {
        self.focal_point
    }

    /// What prices go by.
    pub fn categories(&self) -> &[Category] {
        &self.categories
    }

    /// Places without seats.
    pub fn areas(&self) -> &[Area] {
        &self.areas
    }

    /// Number of seats; indices run from 0 to one less.
    pub fn seat_count(&self) -> u32 {
        count(self.records.len())
    }

    /// Number of all places: seats and the areas' capacities.
    pub fn place_count(&self) -> u64 {
        self.areas.iter().fold(u64::from(self.seat_count()), |sum, area| sum + u64::from(area.capacity))
    }

    /// The sections, in order.
    pub fn sections(&self) -> impl Iterator<Item = SectionView<'_>> {
        let ends = self.sections.iter().skip(1).map(|next| next.first_row).chain([self.rows.count()]);
        self.sections.iter().zip(ends).map(|(section, end)| SectionView {
            house: self,
            name: &section.name,
            rows: (section.first_row, end),
        })
    }

    /// The seat at `index`.
    pub fn seat(&self, index: SeatIndex) -> Option<SeatView<'_>> {
        let row = count(self.starts.partition_point(|start| *start <= index)).checked_sub(1)?;
        self.seat_of(self.section_of(row)?, self.rows.get(row)?, index)
    }

    /// The seat with this label, whatever spaces and forms of letters it is written with.
    pub fn find(&self, section: &str, row: &str, label: &str) -> Option<SeatIndex> {
        let row = self.order.find(self, section, row)?;
        self.seats_of(row).find(|index| self.seats.get(*index).is_some_and(|known| RowOrder::is_same(known, label)))
    }

    /// True if sections, rows, seats and areas are those of `earlier`, in the same order and the same places: only categories, kinds, bindings
    /// to wheelchair places, notes, guids and the auditorium's own name differ. Then a seat's index means the same in both.
    pub fn keeps_seats_of(&self, earlier: &Self) -> bool {
        let stays = |(ours, theirs): (&SeatRecord, &SeatRecord)| {
            (ours.point, ours.adjacency) == (theirs.point, theirs.adjacency)
        };
        let area = |area: &Area| (area.label.clone(), area.capacity);
        self.seats == earlier.seats
            && (&self.rows, &self.starts) == (&earlier.rows, &earlier.starts)
            && self.sections == earlier.sections
            && self.records.iter().zip(&earlier.records).all(stays)
            && self.areas.iter().map(area).eq(earlier.areas.iter().map(area))
    }

    /// What the area's price goes by.
    pub fn category_of(&self, area: &Area) -> Option<&Category> {
        area.category.and_then(|category| self.categories.get(usize::from(category)))
    }

    /// Indices of a row's seats.
    pub(super) fn seats_of(&self, row: u32) -> Range<SeatIndex> {
        let start = self.starts.get(at(row)).copied().unwrap_or_default();
        let end = self.starts.get(at(row) + 1).copied().unwrap_or_else(|| self.seat_count());
        start..end
    }

    fn section_of(&self, row: u32) -> Option<&str> {
        let position = self.sections.partition_point(|section| section.first_row <= row).checked_sub(1)?;
        self.sections.get(position).map(|section| section.name.as_str())
    }

    fn seat_of<'a>(&'a self, section: &'a str, row: &'a str, index: SeatIndex) -> Option<SeatView<'a>> {
        let SeatRecord { point, adjacency, category, kind } = *self.records.get(at(index))?;
        let label = self.seats.get(index)?;
        let companion = self.companions.binary_search_by_key(&index, |(seat, _)| *seat).ok();
        Some(SeatView {
            index,
            name: SeatName { section, row, label },
            point,
            adjacency,
            category: self.categories.get(usize::from(category)),
            kind,
            companion_of: companion.and_then(|position| self.companions.get(position)).map(|(_, place)| *place),
            note: text_of(&self.notes, index),
            guid: text_of(&self.guids, index),
        })
    }
}

/// The seat's text among those of the seats that have one.
fn text_of(texts: &[(SeatIndex, String)], index: SeatIndex) -> Option<&str> {
    let position = texts.binary_search_by_key(&index, |(seat, _)| *seat).ok()?;
    texts.get(position).map(|(_, text)| text.as_str())
}

impl Rows for Auditorium {
    fn section(&self, is_it: impl Fn(&str) -> bool) -> Option<u32> {
        self.sections.iter().position(|section| is_it(&section.name)).map(count)
    }

    fn row(&self, row: u32) -> Option<(u32, &str)> {
        let section = count(self.sections.partition_point(|section| section.first_row <= row)).checked_sub(1)?;
        Some((section, self.rows.get(row)?))
    }
}

impl<'a> SectionView<'a> {
    /// Its rows, in order.
    pub fn rows(self) -> impl Iterator<Item = RowView<'a>> {
        let (first, end) = self.rows;
        (first..end).filter_map(move |row| {
            let seats = self.house.seats_of(row);
            let label = self.house.rows.get(row)?;
            Some(RowView { house: self.house, section: self.name, label, seats: (seats.start, seats.end) })
        })
    }
}

impl<'a> RowView<'a> {
    /// Label of a seat of this row.
    pub(super) fn label_of(self, index: SeatIndex) -> Option<&'a str> {
        (self.seats.0..self.seats.1).contains(&index).then(|| self.house.seats.get(index)).flatten()
    }

    /// Its seats, from left to right as they are listed.
    pub fn seats(self) -> impl Iterator<Item = SeatView<'a>> {
        let (first, end) = self.seats;
        (first..end).filter_map(move |index| self.house.seat_of(self.section, self.label, index))
    }
}
