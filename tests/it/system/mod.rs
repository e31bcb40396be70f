//! The whole server, over HTTP, on both profiles.

mod contention;
mod lifecycle;
mod predecessor;
mod projector;
mod supervision;
mod watching;
