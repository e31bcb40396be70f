//! Coalescing: what waits while a call is under way shares the next one.
//!
//! [`Flights`] give everybody who asks the same question one answer. [`Loads`] carry different items in one call.

mod flights;
mod loads;

pub use flights::Flights;
pub use loads::{Carrier, Loads, NoAnswer, Waiting};
