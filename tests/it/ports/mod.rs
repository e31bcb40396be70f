//! One contract suite per port, run on every adapter, real services included.

mod event_bus;
mod private_service;
pub mod read_model;
mod seat_lock;
pub mod write_store;
