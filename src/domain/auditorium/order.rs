//! Order: the rows of an auditorium by section and label, so that a seat is found by its name.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::domain::text;

/// Rows, ascending by section and by what is seen of their labels.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct RowOrder(Vec<u32>);

/// What the order is made of: rows by their number.
pub(super) trait Rows {
    /// The section with this name.
    fn section(&self, is_it: impl Fn(&str) -> bool) -> Option<u32>;
    /// A row's section and label.
    fn row(&self, row: u32) -> Option<(u32, &str)>;
}

impl RowOrder {
    pub(super) fn of(rows: &impl Rows, count: u32) -> Self {
        let mut order: Vec<u32> = (0..count).collect();
        order.sort_by_cached_key(|row| rows.row(*row).map(|(section, label)| (section, text::seen(label))));
        Self(order)
    }

    /// The row with this label in this section.
    pub(super) fn find(&self, rows: &impl Rows, section: &str, label: &str) -> Option<u32> {
        let section = rows.section(|name| Self::is_same(name, section))?;
        let label = plain(label);
        let wanted = (section, text::seen(&label));
        let compared = |row: &u32| match rows.row(*row) {
            Some((section, label)) => (section, text::seen(label)).cmp(&wanted),
            None => Ordering::Greater,
        };
        self.0.binary_search_by(compared).ok().and_then(|position| self.0.get(position).copied())
    }

    /// True if people see the same: a kept label, and one that a client asks for.
    pub(super) fn is_same(kept: &str, asked: &str) -> bool {
        kept == asked || text::seen(kept) == text::seen(&plain(asked))
    }
}

/// In the form in which labels are kept. A text that could be no label finds none.
fn plain(text: &str) -> Cow<'_, str> {
    text::plain(text, usize::MAX).map_or(Cow::Borrowed(text), Cow::Owned)
}
