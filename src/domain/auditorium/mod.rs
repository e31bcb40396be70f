//! Auditoriums: the places of a house as they are printed and drawn. Sections have rows of seats, areas have a capacity.
//!
//! A plan is read in our own format ([`own`]). The reader hands what it reads to a builder, which holds every rule. So a house of 200,000 seats is read as it arrives, without a tree of values
//! in between, and is kept in a few flat lists.
//!
//! **Invariant:** the order of an [`Auditorium`]'s seats (section by section, row by row, as they are listed) never changes, and a seat's
//! place in it is its [`SeatIndex`](crate::domain::SeatIndex). Another order is another version.

mod builder;
mod fault;
mod numbering;
mod order;
pub mod own;
mod parts;
mod placing;
mod row;
mod seating;
#[cfg(test)]
mod tests;

pub use fault::{Fault, MOST_FAULTS, PlanError};
pub use parts::{Area, Category, Colour, Coordinate, Point, SeatKind};
pub use seating::{Auditorium, RowView, SeatName, SeatView, SectionView};
