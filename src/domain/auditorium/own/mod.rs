//! Our own format, published as `/schemas/auditorium-1.json`: what people write, with its shorthand, and the canonical form that is stored.
//!
//! The canonical form has no shorthand. A version of an auditorium must mean the same seats for ever; if it kept "20 seats, curved", a later
//! program that places rows otherwise would move them. What can be told from a seat's neighbours is left out, so it stays short.

mod entries;
mod plan;
mod runs;
mod write;

pub use plan::read;
