//! Seating plans of pretix, whose JSON Schema is `seating-plan.schema.json` of that project (as of pretix 2026.8): zones are sections, and
//! rows, seats, positions, categories and the seats' ids (`seat_guid`) keep their meaning. A seat without an id, or with one of a single
//! character, which pretix refuses, is written with an id of ours.
//!
//! What is different: positions there are relative to the row's and the zone's, here to the plan's origin. A zone may have several rows of one
//! label, as the parts of a row on both sides of an aisle; here they are one row. Areas there are drawings without a capacity: they are left
//! out when a plan is read, and what is written of ours has no capacity. Members that an editor adds are skipped. A plan of pretix has no
//! kinds, notes, adjacency or focal point.

mod plan;
mod write;
mod zone;

pub use plan::read;
pub use write::Plan;
