//! The whole server, over HTTP, on both profiles.

mod contention;
mod lifecycle;
mod loadtest;
mod predecessor;
mod projector;
mod supervision;
pub mod valkey;
mod watching;
