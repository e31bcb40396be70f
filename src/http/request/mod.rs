//! How requests are read: bodies and their fields, query parameters, and what of a connection was not read or cannot be parsed.

pub(super) mod body;
pub(super) mod cursor;
pub(super) mod fields;
pub(super) mod long_list;
pub(super) mod query;
pub(crate) mod seat_lists;
pub(super) mod stream;
pub(super) mod unparsed;
pub(super) mod unread;
mod values;
