//! Faults: what is wrong with a plan, each with its place in the text that the client sent.

use std::fmt::Write;

/// Most faults that are told at once. Reading stops there: they are enough to mend them all.
pub const MOST_FAULTS: usize = 50;
/// Characters of a client's text that a fault repeats.
const REPEATED_CHARACTERS: usize = 64;

/// Something that is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// JSON pointer (RFC 6901) into the text; for CSV `/<line>/<column>`, lines counted from 1.
    pub pointer: String,
    /// What is wrong, in the client's words where it helps: "section Stalls, row A: seat 12 is listed twice".
    pub detail: String,
}

/// Why a text gives no auditorium.
#[derive(Debug, thiserror::Error)]
pub enum PlanError<E> {
    /// It was understood, and is wrong in these places; at least one.
    #[error("{} places of the plan are wrong", .0.len())]
    Faults(Vec<Fault>),
    /// It does not follow its format's grammar, or it could not be read to its end.
    #[error("the plan cannot be read")]
    Unreadable(#[source] E),
}

/// A step of the way to a place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    Name(&'static str),
    Index(usize),
}

/// Reading need not go on: enough is wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("enough is wrong")]
pub(super) struct Enough;

/// The faults found so far, and the place that is being read.
#[derive(Debug, Default)]
pub(super) struct Faults {
    found: Vec<Fault>,
    path: Vec<Step>,
    /// The first faults that are told without their section, whose name may come after them.
    section_unknown_from: usize,
    is_enough: bool,
}

impl Faults {
    /// Goes one step deeper.
    pub(super) fn enter(&mut self, step: Step) {
        self.path.push(step);
    }

    /// Goes back.
    pub(super) fn leave(&mut self) {
        self.path.pop();
    }

    /// Notes a fault of the place that is `below` the current one.
    pub(super) fn add(&mut self, below: &[Step], detail: impl Into<String>) {
        let pointer = self.pointer(below);
        self.add_at(pointer, detail);
    }

    /// Notes a fault of the current place's member.
    pub(super) fn member(&mut self, name: &'static str, detail: impl Into<String>) {
        self.add(&[Step::Name(name)], detail);
    }

    /// Notes a fault elsewhere.
    pub(super) fn add_at(&mut self, pointer: String, detail: impl Into<String>) {
        if self.found.len() < MOST_FAULTS {
            self.found.push(Fault { pointer, detail: detail.into() });
        }
        self.is_enough |= self.found.len() >= MOST_FAULTS;
    }

    /// Notes a fault after which reading on is of no use.
    pub(super) fn fatal(&mut self, below: &[Step], detail: impl Into<String>) {
        self.add(below, detail);
        self.is_enough = true;
    }

    /// # Errors
    /// Enough is wrong.
    pub(super) fn go_on(&self) -> Result<(), Enough> {
        if self.is_enough { Err(Enough) } else { Ok(()) }
    }

    /// Pointer of the place that is `below` the current one.
    pub(super) fn pointer(&self, below: &[Step]) -> String {
        pointer(self.path.iter().chain(below))
    }

    /// Pointer of a place beside the current one: its last step is another.
    pub(super) fn beside(&self, instead: &[Step]) -> String {
        let (_, before) = self.path.split_last().unwrap_or((&Step::Index(0), &[]));
        pointer(before.iter().chain(instead))
    }

    /// From here on faults belong to a section whose name is not known yet.
    pub(super) fn begin_section(&mut self) {
        self.section_unknown_from = self.found.len();
    }

    /// The section's name is known: the faults of its rows are told with it.
    pub(super) fn name_section(&mut self, name: &str) {
        for fault in self.found.iter_mut().skip(self.section_unknown_from) {
            if fault.detail.starts_with("row ") {
                fault.detail.insert_str(0, &format!("section {}, ", shortened(name)));
            }
        }
        self.section_unknown_from = self.found.len();
    }

    /// True if something is wrong.
    pub(super) fn any(&self) -> bool {
        !self.found.is_empty()
    }

    /// What was found.
    pub(super) fn take(&mut self) -> Vec<Fault> {
        std::mem::take(&mut self.found)
    }
}

fn pointer<'a>(steps: impl Iterator<Item = &'a Step>) -> String {
    let mut pointer = String::new();
    for step in steps {
        match step {
            Step::Name(name) => pointer.extend(["/", name]),
            // A `String` takes whatever is written.
            Step::Index(index) => drop(write!(pointer, "/{index}")),
        }
    }
    pointer
}

/// A client's text as a fault repeats it.
pub(super) fn shortened(text: &str) -> String {
    let mut characters = text.chars();
    let mut short: String = characters.by_ref().take(REPEATED_CHARACTERS).collect();
    if characters.next().is_some() {
        short.push('…');
    }
    short
}
