//! Auditoriums: the places of a house as they are printed and drawn. Sections have rows of seats, areas have a capacity.
//!
//! A plan is read from one of three formats: our own ([`own`]), the seating plans of pretix ([`pretix`]) and CSV ([`mod@csv`]). All three hand
//! what they read to one builder, which holds every rule. So a house of 200,000 seats is read as it arrives, without a tree of values
//! in between, and is kept in a few flat lists.
//!
//! **Invariant:** the order of an [`Auditorium`]'s seats (section by section, row by row, as they are listed) never changes, and a seat's
//! place in it is its [`SeatIndex`](crate::domain::SeatIndex). Another order is another version.

mod builder;
pub mod csv;
mod draft;
mod fault;
mod json;
mod numbering;
mod order;
pub mod own;
mod parts;
mod placing;
pub mod pretix;
mod row;
mod seat_map;
mod seating;
#[cfg(test)]
mod tests;

pub use fault::{Fault, MOST_FAULTS, PlanError};
pub use parts::{Area, Category, Colour, Coordinate, Point};
pub use seating::{Auditorium, RowView, SeatName, SeatView, SectionView};
