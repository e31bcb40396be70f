//! What is kept of the showtimes, so that a crowd of readers costs the stores few calls: looks at their sequences, encoded and compressed bodies,
//! whether they exist, and the waits for a sequence. And of the auditoriums: their plans.

pub(super) mod encoded_showtime;
pub(super) mod existence;
pub(super) mod plan_shelf;
pub(super) mod representation;
pub(super) mod sequence_waits;
pub(super) mod showtime_looks;
pub(super) mod showtime_shelf;
pub(super) mod showtime_source;
