//! JSON as it arrives: objects member by member and lists entry by entry, for all formats that are JSON.

pub(super) mod object;
pub(super) mod scalar;
