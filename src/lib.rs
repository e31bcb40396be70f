//! Turnstile, a reservation server for seats.

pub mod domain;
pub mod telemetry;
pub mod write_store;
pub mod seat_lock;
pub mod event_bus;
pub mod read_model;
pub mod box_office;
pub mod outbox_relay;
pub mod projector;
pub mod live;
