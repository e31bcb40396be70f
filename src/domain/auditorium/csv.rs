//! CSV: one line for each seat, as spreadsheets write it.
//!
//! The first line names the columns, in any order: `section`, `row` and `seat` must be there; `category`, `kind`, `x`, `y`, `adjacency`,
//! `companionOf` and `note` may be. The lines of a row stand together, and so do the rows of a section. A category is known by its key only,
//! and areas and the focal point have no place in it. Without `adjacency`, an aisle is where a row has a gap.

use csv::{StringRecord, Writer};

use crate::domain::SeatKind;
use crate::domain::auditorium::builder::Builder;
use crate::domain::auditorium::draft::{RowDraft, SeatDraft, SectionDraft};
use crate::domain::auditorium::fault::{Enough, Fault, PlanError, Step, shortened};
use crate::domain::auditorium::placing::RowPlace;
use crate::domain::auditorium::row::{Aisles, Members, SeatsAt};
use crate::domain::auditorium::seating::{Auditorium, SectionView};

/// Every column, in the order in which they are written.
pub const COLUMNS: [&str; 10] =
    ["section", "row", "seat", "category", "kind", "x", "y", "adjacency", "companionOf", "note"];
/// Columns that must be there: the first ones.
const NEEDED: usize = 3;

const MEMBERS: Members = Members {
    section: "section",
    row: "row",
    seats: SeatsAt::Lines,
    label: "seat",
    x: &[Step::Name("x")],
    y: &[Step::Name("y")],
    adjacency: "adjacency",
    category: "category",
    key: "category",
    companion_of: "companionOf",
    note: "note",
    guid: "seat",
    skips_unknown: false,
};

/// Reads a plan as it arrives. CSV has no place for the auditorium's name.
///
/// # Errors
/// The plan is wrong, or it is no CSV.
pub fn read(
    name: &str,
    records: impl IntoIterator<Item = Result<StringRecord, csv::Error>>,
) -> Result<Auditorium, PlanError<csv::Error>> {
    let mut reading = Reading::new();
    reading.builder.named(Some(name.to_owned()), None);
    for record in records {
        let record = record.map_err(PlanError::Unreadable)?;
        if reading.line(&record).is_err() {
            break;
        }
    }
    reading.finish().map_err(PlanError::Faults)
}

/// The plan as CSV, every column included.
///
/// # Errors
/// None that a plan can cause.
pub fn write(house: &Auditorium) -> Result<Vec<u8>, csv::Error> {
    let mut writer = Writer::from_writer(Vec::new());
    writer.write_record(COLUMNS)?;
    for row in house.sections().flat_map(SectionView::rows) {
        for seat in row.seats() {
            let (x, y, adjacency) = (seat.point.x.to_string(), seat.point.y.to_string(), seat.adjacency.to_string());
            writer.write_record([
                seat.name.section,
                seat.name.row,
                seat.name.label,
                seat.category.map_or("", |category| &category.key),
                seat.kind.as_str(),
                &x,
                &y,
                &adjacency,
                seat.companion_of.and_then(|place| row.label_of(place)).unwrap_or_default(),
                seat.note.unwrap_or_default(),
            ])?;
        }
    }
    writer.into_inner().map_err(|error| error.into_error().into())
}

/// What is read of the file so far.
struct Reading {
    builder: Builder,
    /// Where each of [`COLUMNS`] stands; `None` before the first line.
    columns: Option<[Option<usize>; COLUMNS.len()]>,
    width: usize,
    /// The section and the row that the last line was of, each with its first line.
    section: Option<(String, usize)>,
    row: Option<(String, usize)>,
}

impl Reading {
    fn new() -> Self {
        Self { builder: Builder::new(&MEMBERS), columns: None, width: 0, section: None, row: None }
    }

    fn line(&mut self, record: &StringRecord) -> Result<(), Enough> {
        let line = record.position().and_then(|position| usize::try_from(position.line()).ok()).unwrap_or_default();
        self.builder.faults.enter(Step::Index(line));
        let outcome = match self.columns {
            None => self.head(record),
            Some(columns) => self.seat(record, &columns, line),
        };
        self.builder.faults.leave();
        outcome
    }

    /// The first line names the columns.
    fn head(&mut self, record: &StringRecord) -> Result<(), Enough> {
        let faults = &mut self.builder.faults;
        let mut columns = [None; COLUMNS.len()];
        for (position, name) in record.iter().enumerate() {
            let name = name.trim_start_matches('\u{FEFF}').trim();
            let column = COLUMNS.iter().zip(&mut columns).find(|(known, _)| known.eq_ignore_ascii_case(name));
            match column {
                Some((_, place @ None)) => *place = Some(position),
                Some((known, Some(_))) => faults.add(&[], format!("column {known} is there twice")),
                None => faults
                    .add(&[], format!("column {} is not known; known are {}", shortened(name), COLUMNS.join(", "))),
            }
        }
        for (name, _) in COLUMNS.iter().zip(&columns).take(NEEDED).filter(|(_, place)| place.is_none()) {
            faults.add(&[], format!("column {name} is missing"));
        }
        (self.columns, self.width) = (Some(columns), record.len());
        // Every line would be wrong for the same reason.
        if faults.any() { Err(Enough) } else { Ok(()) }
    }

    fn seat(
        &mut self,
        record: &StringRecord,
        columns: &[Option<usize>; COLUMNS.len()],
        line: usize,
    ) -> Result<(), Enough> {
        if record.len() != self.width {
            let detail = format!("has {} fields, but the first line has {}", record.len(), self.width);
            self.builder.faults.add(&[], detail);
            return self.builder.faults.go_on();
        }
        let mut values = columns.iter().map(|place| place.and_then(|place| record.get(place)));
        let mut text = || values.next().flatten().filter(|text| !text.trim().is_empty());
        let (section, row, label, category, kind) = (text(), text(), text(), text(), text());
        let (x, y, adjacency, companion_of, note) = (text(), text(), text(), text(), text());
        self.go_to(section.unwrap_or_default(), row.unwrap_or_default(), line)?;
        let faults = &mut self.builder.faults;
        let mut number = |text: Option<&str>, column: &'static str| {
            let number = text.and_then(|text| text.trim().parse::<f64>().ok());
            if text.is_some() && number.is_none() {
                faults.member(column, "is no number; write 12.5");
            }
            number
        };
        let (x, y) = (number(x, "x"), number(y, "y"));
        let adjacency = adjacency.and_then(|text| {
            let number = text.trim().parse().ok();
            if number.is_none() {
                faults.member("adjacency", "must be a whole number");
            }
            number
        });
        let kind = kind.map_or(Some(SeatKind::Standard), |kind| SeatKind::parse(kind.trim())).unwrap_or_else(|| {
            faults.member("kind", "must be standard, wheelchair, companion or restrictedView");
            SeatKind::Standard
        });
        let own = |text: Option<&str>| text.map(str::to_owned);
        let (label, category, companion_of, note) = (own(label), own(category), own(companion_of), own(note));
        let draft = SeatDraft { label, x, y, adjacency, category, kind, companion_of, note, guid: None };
        self.builder.seat(draft, line)
    }

    /// Ends the row, and the section, that the line is no longer of.
    fn go_to(&mut self, section: &str, row: &str, line: usize) -> Result<(), Enough> {
        let same_section = self.section.as_ref().is_some_and(|(name, _)| name == section);
        let same_row = same_section && self.row.as_ref().is_some_and(|(label, _)| label == row);
        if same_row {
            return Ok(());
        }
        self.builder.faults.leave();
        self.end_row()?;
        if !same_section {
            self.end_section()?;
            self.builder.begin_section();
            self.section = Some((section.to_owned(), line));
        }
        self.row = Some((row.to_owned(), line));
        self.builder.faults.enter(Step::Index(line));
        Ok(())
    }

    fn end_row(&mut self) -> Result<(), Enough> {
        let Some((label, line)) = self.row.take() else { return Ok(()) };
        self.builder.faults.enter(Step::Index(line));
        let draft = RowDraft { label: Some(label), category: None, place: RowPlace::default(), aisles: Aisles::Gaps };
        let outcome = self.builder.end_row(draft);
        self.builder.faults.leave();
        outcome
    }

    fn end_section(&mut self) -> Result<(), Enough> {
        let Some((name, line)) = self.section.take() else { return Ok(()) };
        self.builder.faults.enter(Step::Index(line));
        let outcome = self.builder.end_section(SectionDraft { name: Some(name), ..SectionDraft::default() });
        self.builder.faults.leave();
        outcome
    }

    fn finish(mut self) -> Result<Auditorium, Vec<Fault>> {
        if self.end_row().and_then(|()| self.end_section()).is_ok() {
            self.builder.declare_used();
        }
        self.builder.finish()
    }
}
