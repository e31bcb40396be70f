//! Runs: the shorthand for seats side by side, as a count with a numbering.

use crate::domain::MAX_SEATS_PER_SHOWTIME;
use crate::domain::auditorium::fault::Faults;
use crate::domain::auditorium::json::scalar::{Scalar, Value, text, whole};
use crate::domain::auditorium::numbering::{From, MOST_FIRST, Run, Style};

/// The members of a row, or of an entry in its list of seats, that say how many seats there are and how they are numbered.
#[derive(Default)]
pub(super) struct RunMembers {
    count: Value,
    numbering: Value,
    from: Value,
    first: Value,
}

impl RunMembers {
    /// Where the value of this member goes.
    pub(super) fn member(&mut self, name: &'static str) -> &mut Value {
        match name {
            "count" => &mut self.count,
            "numbering" => &mut self.numbering,
            "from" => &mut self.from,
            _first => &mut self.first,
        }
    }

    /// True if one of them is there.
    pub(super) fn is_any(&self) -> bool {
        [&self.count, &self.numbering, &self.from, &self.first]
            .into_iter()
            .flatten()
            .any(|value| *value != Scalar::Null)
    }

    /// The run; `None` if there is none, or after noting what is wrong.
    pub(super) fn run(self, faults: &mut Faults) -> Option<Run> {
        if !self.is_any() {
            return None;
        }
        let style = word(self.numbering, "numbering", Style::parse, "must be all, odd, even or letters", faults)?;
        let from = word(self.from, "from", From::parse, "must be left or right", faults)?;
        let first = whole(self.first, "first", MOST_FIRST, faults);
        if self.count.is_none() {
            faults.member("count", "is missing");
            return None;
        }
        let count = whole(self.count, "count", MAX_SEATS_PER_SHOWTIME, faults)?;
        Run::new(count, style, from, first).map_err(|detail| faults.member("first", detail)).ok()
    }
}

/// One of a few words; the usual one if it is absent, `None` after noting that it is another.
fn word<T: Default>(
    value: Value,
    name: &'static str,
    parse: impl Fn(&str) -> Option<T>,
    expected: &'static str,
    faults: &mut Faults,
) -> Option<T> {
    let Some(text) = text(value, name, faults) else { return Some(T::default()) };
    let parsed = parse(&text);
    if parsed.is_none() {
        faults.member(name, expected);
    }
    parsed
}
