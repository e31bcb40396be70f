//! Turnstile, a reservation server for seats.

pub mod domain;
pub mod telemetry;
