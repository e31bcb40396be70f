//! Builder: puts an auditorium together as its parts arrive, in any format, and holds every rule.
//!
//! Parts may come in any order within what they belong to: a row's label may follow its seats, a section's name its rows, and the categories may
//! be declared last. So what is not known yet is settled where its part ends.

use std::collections::{HashMap, HashSet};

use crate::domain::auditorium::draft::{
    AreaDraft, LABEL_CHARACTERS, MOST_AREAS, MOST_CAPACITY, MOST_CATEGORIES, MOST_SECTIONS, NAME_CHARACTERS,
    NOTE_CHARACTERS, RowDraft, SeatDraft, SectionDraft,
};
use crate::domain::auditorium::fault::{Enough, Fault, Faults, Step, shortened};
use crate::domain::auditorium::order::RowOrder;
use crate::domain::auditorium::parts::{Area, Category, Colour, Point};
use crate::domain::auditorium::placing::{Line, RowPlace};
use crate::domain::auditorium::row::{Members, RowCheck, RowSeat, RowSeats, index_in, point};
use crate::domain::auditorium::seating::{Auditorium, Labels, NO_CATEGORY, SeatRecord, SectionRecord, at, count};
use crate::domain::text;
use crate::domain::{MAX_SEATS_PER_SHOWTIME, SeatIndex};

/// See the module's documentation.
pub(super) struct Builder {
    pub(super) faults: Faults,
    members: &'static Members,
    name: Option<String>,
    focal_point: Option<Point>,
    categories: Vec<Category>,
    /// Keys that places name, by the client's text, numbered as they came; each with its first place.
    used_keys: HashMap<String, u16>,
    first_uses: Vec<(String, String)>,
    areas: Vec<Area>,
    sections: Vec<SectionRecord>,
    rows: Labels,
    starts: Vec<SeatIndex>,
    seats: Labels,
    records: Vec<SeatRecord>,
    notes: Vec<(SeatIndex, String)>,
    guids: Vec<(SeatIndex, String)>,
    known_guids: HashSet<String>,
    companions: Vec<(SeatIndex, SeatIndex)>,
    row_seats: RowSeats,
    /// Labels of the current section's rows, as they are seen.
    row_labels: HashSet<String>,
    /// The current section's rows without a position.
    unplaced: Vec<(u32, RowPlace)>,
    /// The highest y of all seats that are placed.
    lowest: Option<f64>,
}

impl Builder {
    /// Nothing yet. `members` tells where the format has the parts.
    pub(super) fn new(members: &'static Members) -> Self {
        Self {
            faults: Faults::default(),
            members,
            name: None,
            focal_point: None,
            categories: Vec::new(),
            used_keys: HashMap::new(),
            first_uses: Vec::new(),
            areas: Vec::new(),
            sections: Vec::new(),
            rows: Labels::default(),
            starts: Vec::new(),
            seats: Labels::default(),
            records: Vec::new(),
            notes: Vec::new(),
            guids: Vec::new(),
            known_guids: HashSet::new(),
            companions: Vec::new(),
            row_seats: RowSeats::default(),
            row_labels: HashSet::new(),
            unplaced: Vec::new(),
            lowest: None,
        }
    }

    /// A text of the current place in the form in which it is kept.
    pub(super) fn plain(&mut self, member: &'static str, text: Option<String>, most: usize) -> Option<String> {
        let Some(text) = text else {
            self.faults.member(member, "is missing");
            return None;
        };
        let plain = text::plain(&text, most);
        plain.map_err(|error| self.faults.member(member, error.to_string())).ok()
    }

    /// True if members that are not known are skipped.
    pub(super) fn skips_unknown(&self) -> bool {
        self.members.skips_unknown
    }

    /// Declares the categories that are used, by their keys: the format has no other word on them.
    pub(super) fn declare_used(&mut self) {
        for (key, pointer) in self.first_uses.clone() {
            if self.categories.len() >= MOST_CATEGORIES {
                return self.faults.add_at(pointer, format!("is one of more than {MOST_CATEGORIES} categories"));
            }
            if self.categories.iter().all(|known| text::seen(&known.key) != text::seen(&key)) {
                self.categories.push(Category { name: key.clone(), key, colour: None });
            }
        }
    }

    /// The auditorium's own members.
    pub(super) fn named(&mut self, name: Option<String>, focal_point: Option<Point>) {
        self.name = self.plain("name", name, NAME_CHARACTERS);
        self.focal_point = focal_point;
    }

    /// Declares a category; the current place is its own.
    pub(super) fn category(&mut self, key: Option<String>, name: Option<String>, colour: Option<Colour>) {
        if self.categories.len() >= MOST_CATEGORIES {
            return self.faults.fatal(&[], format!("there are more than {MOST_CATEGORIES} categories"));
        }
        let name = name.or_else(|| key.clone());
        let key_member = self.members.key;
        let key = self.plain(key_member, key, NAME_CHARACTERS);
        // A category without a name has its key's fault already.
        let name = if key.is_some() { self.plain("name", name, NAME_CHARACTERS) } else { None };
        let (Some(key), Some(name)) = (key, name) else { return };
        if self.categories.iter().any(|known| text::seen(&known.key) == text::seen(&key)) {
            return self.faults.member(key_member, format!("category {} is listed twice", shortened(&key)));
        }
        self.categories.push(Category { key, name, colour });
    }

    /// The number of a category that the current place names; it need not be declared yet.
    fn used(&mut self, member: &'static str, key: Option<String>) -> u16 {
        let Some(key) = key else { return NO_CATEGORY };
        if let Some(number) = self.used_keys.get(&key) {
            return *number;
        }
        let pointer = self.faults.pointer(&[Step::Name(member)]);
        // More than can be declared, so that one of them is told of as unknown.
        if self.first_uses.len() > MOST_CATEGORIES {
            self.faults.fatal(&[Step::Name(member)], "names one category more than there may be");
            return NO_CATEGORY;
        }
        let number = match text::plain(&key, NAME_CHARACTERS) {
            Ok(plain) => {
                let number = u16::try_from(self.first_uses.len()).unwrap_or(NO_CATEGORY);
                self.first_uses.push((plain, pointer));
                number
            }
            Err(error) => {
                self.faults.add_at(pointer, error.to_string());
                NO_CATEGORY
            }
        };
        self.used_keys.insert(key, number);
        number
    }

    /// Adds an area; the current place is its own.
    ///
    /// # Errors
    /// Enough is wrong.
    pub(super) fn area(&mut self, draft: AreaDraft) -> Result<(), Enough> {
        if self.areas.len() >= MOST_AREAS {
            self.faults.fatal(&[], format!("there are more than {MOST_AREAS} areas"));
            return self.faults.go_on();
        }
        let label = self.plain("label", draft.label, LABEL_CHARACTERS);
        let capacity = draft.capacity.filter(|capacity| (1..=MOST_CAPACITY).contains(capacity));
        if capacity.is_none() {
            self.faults.member("capacity", format!("must be a whole number from 1 to {MOST_CAPACITY}"));
        }
        let category = self.used("category", draft.category);
        if let (Some(label), Some(capacity)) = (label, capacity) {
            if self.areas.iter().any(|known| text::seen(&known.label) == text::seen(&label)) {
                self.faults.member("label", format!("area {} is listed twice", shortened(&label)));
            }
            let category = (category != NO_CATEGORY).then_some(category);
            self.areas.push(Area { label, capacity, category, position: draft.position, size: draft.size });
        }
        self.faults.go_on()
    }

    /// Begins a section.
    pub(super) fn begin_section(&mut self) {
        self.faults.begin_section();
        self.sections.push(SectionRecord { name: String::new(), first_row: self.rows.count() });
        self.row_labels.clear();
    }

    /// Adds a seat to the current row; the current place is its own.
    ///
    /// # Errors
    /// Enough is wrong.
    pub(super) fn seat(&mut self, draft: SeatDraft, entry: usize) -> Result<(), Enough> {
        self.seat_of(0, draft, entry)
    }

    /// As [`Builder::seat`], for a row of several parts.
    ///
    /// # Errors
    /// Enough is wrong.
    pub(super) fn seat_of(&mut self, part: usize, draft: SeatDraft, entry: usize) -> Result<(), Enough> {
        if self.seats.count() >= MAX_SEATS_PER_SHOWTIME {
            self.faults.fatal(&[], format!("there are more than {MAX_SEATS_PER_SHOWTIME} seats"));
            return self.faults.go_on();
        }
        let members = self.members;
        let label = self.plain(members.label, draft.label, LABEL_CHARACTERS).unwrap_or_default();
        let place = point(draft.x, draft.y, members, &mut self.faults);
        let category = self.used(members.category, draft.category);
        let companion_of =
            draft.companion_of.and_then(|of| self.plain(members.companion_of, Some(of), LABEL_CHARACTERS));
        if let Some(note) = draft.note.and_then(|note| self.plain(members.note, Some(note), NOTE_CHARACTERS)) {
            self.notes.push((self.seats.count(), note));
        }
        if let Some(guid) = draft.guid.and_then(|guid| self.plain(members.guid, Some(guid), NAME_CHARACTERS)) {
            if !self.known_guids.insert(guid.clone()) {
                self.faults.member(members.guid, format!("{} is there twice", shortened(&guid)));
            }
            self.guids.push((self.seats.count(), guid));
        }
        self.seats.push(&label);
        let (point, adjacency, kind) = (place.unwrap_or_default(), draft.adjacency, draft.kind);
        self.records.push(SeatRecord { point, adjacency: 0, category, kind });
        self.row_seats.0.push(RowSeat { label, point: place, adjacency, kind, companion_of, part, entry });
        self.faults.go_on()
    }

    /// Ends the current row; the current place is the row's.
    ///
    /// # Errors
    /// Enough is wrong.
    pub(super) fn end_row(&mut self, draft: RowDraft<'_>) -> Result<(), Enough> {
        let start = self.row_start();
        let seats = std::mem::take(&mut self.row_seats.0);
        let label = self.plain(self.members.row, draft.label, LABEL_CHARACTERS).unwrap_or_default();
        if !label.is_empty() && !self.row_labels.insert(text::seen(&label).into_owned()) {
            self.faults.member(self.members.row, format!("row {} {}", shortened(&label), self.members.twice()));
        }
        if seats.is_empty() {
            self.faults.member(self.members.row, format!("row {} has no seats", shortened(&label)));
            return self.faults.go_on();
        }
        let category = self.used(self.members.category, draft.category);
        let check = RowCheck { seats: &seats, row: &label, members: self.members, faults: &mut self.faults };
        let settled = check.settle(draft.aisles);
        for (record, adjacency) in self.records.iter_mut().skip(at(start)).zip(settled.adjacency) {
            record.adjacency = adjacency;
            if record.category == NO_CATEGORY {
                record.category = category;
            }
        }
        let bound = settled.companions.into_iter();
        self.companions.extend(bound.map(|(seat, place)| (index_in(start, seat), index_in(start, place))));
        if settled.points.is_none() {
            self.unplaced.push((self.rows.count(), draft.place));
        }
        self.starts.push(start);
        self.rows.push(&label);
        self.row_seats.0 = seats;
        self.row_seats.0.clear();
        self.faults.go_on()
    }

    /// Index of the first seat that belongs to no ended row.
    fn row_start(&self) -> SeatIndex {
        self.seats.count().saturating_sub(count(self.row_seats.0.len()))
    }

    /// Ends the current section; the current place is the section's.
    ///
    /// # Errors
    /// Enough is wrong.
    pub(super) fn end_section(&mut self, draft: SectionDraft) -> Result<(), Enough> {
        let name = self.plain(self.members.section, draft.name, NAME_CHARACTERS).unwrap_or_default();
        self.faults.name_section(&name);
        if self.sections.len() > MOST_SECTIONS {
            self.faults.fatal(&[], format!("there are more than {MOST_SECTIONS} sections"));
        }
        let mut known = self.sections.iter().rev().skip(1);
        if !name.is_empty() && known.any(|known| text::seen(&known.name) == text::seen(&name)) {
            self.faults.member(self.members.section, format!("section {} {}", shortened(&name), self.members.twice()));
        }
        let category = self.used(self.members.category, draft.category);
        let first_row = self.sections.last().map_or(0, |section| section.first_row);
        if first_row == self.rows.count() && !self.faults.any() {
            self.faults.member(self.members.section, format!("section {} has no rows", shortened(&name)));
        }
        let first_seat = self.starts.get(at(first_row)).copied().unwrap_or_else(|| self.seats.count());
        for record in self.records.iter_mut().skip(at(first_seat)).filter(|record| record.category == NO_CATEGORY) {
            record.category = category;
        }
        if let Some(section) = self.sections.last_mut() {
            section.name = name;
        }
        let line = Line::begin(draft.x, draft.y, self.lowest);
        self.place_rows(first_row, line);
        self.faults.go_on()
    }

    /// Places the rows of the section that say nothing of it, in order.
    fn place_rows(&mut self, first_row: u32, mut line: Line) {
        let mut unplaced = std::mem::take(&mut self.unplaced).into_iter().peekable();
        for row in first_row..self.rows.count() {
            let start = self.starts.get(at(row)).copied().unwrap_or_default();
            let end = self.starts.get(at(row) + 1).copied().unwrap_or_else(|| self.seats.count());
            let Some(seats) = self.records.get_mut(at(start)..at(end)) else { continue };
            if let Some((_, place)) = unplaced.next_if(|(unplaced, _)| *unplaced == row) {
                let adjacency: Vec<u32> = seats.iter().map(|seat| seat.adjacency).collect();
                let Some(points) = line.place(place, &adjacency) else {
                    return self.faults.add(&[], "its rows would lie outside of every plan");
                };
                for (seat, point) in seats.iter_mut().zip(points) {
                    seat.point = point;
                }
            }
            let rearmost = seats.iter().map(|seat| seat.point.y).max().unwrap_or_default().units();
            line.passes(rearmost);
            self.lowest = Some(self.lowest.map_or(rearmost, |lowest| lowest.max(rearmost)));
        }
    }

    /// The auditorium, if nothing is wrong.
    ///
    /// # Errors
    /// All that is wrong, at least one fault.
    pub(super) fn finish(mut self) -> Result<Auditorium, Vec<Fault>> {
        let mut declared = Vec::with_capacity(self.first_uses.len());
        for (key, pointer) in std::mem::take(&mut self.first_uses) {
            let position = self.categories.iter().position(|known| text::seen(&known.key) == text::seen(&key));
            if position.is_none() {
                self.faults.add_at(pointer, format!("category {} is not among the categories", shortened(&key)));
            }
            declared.push(position.and_then(|position| u16::try_from(position).ok()).unwrap_or(NO_CATEGORY));
        }
        if self.seats.count() == 0 && self.areas.is_empty() && !self.faults.any() {
            self.faults.add(&[], "there is neither a seat nor an area");
        }
        if self.faults.any() {
            return Err(self.faults.take());
        }
        let number = |used: u16| declared.get(usize::from(used)).copied().unwrap_or(NO_CATEGORY);
        self.records.iter_mut().for_each(|record| record.category = number(record.category));
        self.areas.iter_mut().for_each(|area| area.category = area.category.map(number));
        self.rows.finish();
        self.seats.finish();
        self.records.shrink_to_fit();
        let mut house = Auditorium {
            name: self.name.unwrap_or_default(),
            focal_point: self.focal_point,
            categories: self.categories,
            areas: self.areas,
            sections: self.sections,
            rows: self.rows,
            starts: self.starts,
            seats: self.seats,
            records: self.records,
            notes: self.notes,
            guids: self.guids,
            companions: self.companions,
            order: RowOrder::default(),
        };
        house.order = RowOrder::of(&house, house.rows.count());
        Ok(house)
    }
}
