//! Settings of the HTTP server: its bounds, who may act as operator, and which pages may use it.

use std::time::Duration;

use crate::http::limits::TrustedProxies;
use crate::http::operators::Operators;
use crate::http::request::body::Bounds;
use crate::http::{health, limits};

/// See each field. Times are in the unit of the field's name.
#[derive(Clone, Debug)]
pub struct Settings {
    /// HTTP worker threads; 0 = one per core.
    pub workers: usize,
    /// Connections that the kernel keeps until they are accepted.
    pub backlog: u32,
    /// Open connections per worker; more wait in the backlog.
    pub connections_per_worker: usize,
    /// Seconds that an idle connection is kept.
    pub keep_alive_seconds: u64,
    /// Seconds that a request's head may take to arrive.
    pub head_timeout_seconds: u64,
    /// Seconds that a request's body may take to arrive after its head.
    pub body_timeout_seconds: u64,
    /// Seconds after which the kernel ends a connection whose peer does not take what was sent (`TCP_USER_TIMEOUT`).
    pub unread_timeout_seconds: u64,
    /// Seconds that a stop waits for requests under way.
    pub shutdown_timeout_seconds: u64,
    /// Longest body of commands about bookings, in bytes.
    pub booking_body_bytes: usize,
    /// Longest rows of a showtime as its event has them, in bytes. With RabbitMQ, below its `max_message_size` (16 MiB).
    pub showtime_rows_bytes: usize,
    /// Bodies above 1 MiB that may be in memory at once.
    pub large_bodies: usize,
    /// Milliseconds that `?minSequence=` waits for the read model.
    pub min_sequence_wait_milliseconds: u64,
    /// Requests that may wait for it at once; more are refused.
    pub min_sequence_waiters: usize,
    /// Milliseconds between two looks of such waits; one look serves all of them.
    pub min_sequence_poll_milliseconds: u64,
    /// Showtimes whose encoded bodies are kept.
    pub cached_showtimes: usize,
    /// Bytes of encoded bodies that are kept, compressed ones included.
    pub cached_bytes: usize,
    /// Most showtimes on a page of the list.
    pub page_showtimes: u64,
    /// `Retry-After` of refusals that know no better, in seconds.
    pub retry_after_seconds: u64,
    /// Metrics and the details of health have an address of their own. Set from the top level.
    pub has_admin_address: bool,
    /// Who is an operator. Set from the top level.
    pub operators: Operators,
    /// Origins of pages that may use the server with credentials, such as `http://localhost:3000`. Set from the top level.
    pub cors_origins: Vec<String>,
    /// Proxies that may say for whom they ask. Set from the top level.
    pub trusted_proxies: TrustedProxies,
    /// What one client may do, and how much there may be in all. Set from the top level.
    pub limits: limits::Settings,
    /// How dependencies are watched.
    pub health: health::Settings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            workers: 0,
            backlog: 4_096,
            connections_per_worker: 25_000,
            keep_alive_seconds: 75,
            head_timeout_seconds: 10,
            body_timeout_seconds: 15,
            unread_timeout_seconds: 20,
            shutdown_timeout_seconds: 20,
            booking_body_bytes: 64 * 1024,
            showtime_rows_bytes: 15 * 1024 * 1024,
            large_bodies: 2,
            min_sequence_wait_milliseconds: 5_000,
            min_sequence_waiters: 10_000,
            min_sequence_poll_milliseconds: 15,
            cached_showtimes: 256,
            cached_bytes: 128 * 1024 * 1024,
            page_showtimes: 200,
            retry_after_seconds: 1,
            has_admin_address: false,
            operators: Operators::default(),
            cors_origins: Vec::new(),
            trusted_proxies: TrustedProxies::default(),
            limits: limits::Settings::default(),
            health: health::Settings::default(),
        }
    }
}

impl Settings {
    /// Longest wait for a body, or for the next part of one that is streamed.
    pub(super) fn body_timeout(&self) -> Duration {
        Duration::from_secs(self.body_timeout_seconds)
    }

    /// What a body of a command about bookings may need.
    pub(super) fn booking_bounds(&self) -> Bounds {
        Bounds { bytes: self.booking_body_bytes, time: self.body_timeout() }
    }
}
