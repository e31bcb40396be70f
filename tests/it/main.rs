//! Integration tests: ports, system, faults and architecture. Run by `tests/run.sh`, which starts the services.

#![allow(
    unreachable_pub,
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::wildcard_enum_match_arm,
    reason = "tests fail by panicking, say what they saw, and read the services' addresses from the environment"
)]

mod answer;
mod architecture;
mod areas;
mod blocks;
mod changed_bookings;
mod domain;
mod earlier_versions;
mod fake_clock;
mod faults;
mod free_port;
mod hold_chains;
mod http;
mod large_auditoriums;
mod live;
mod mongod_processes;
mod nginx;
mod ports;
mod postgres_pair;
mod proxy;
mod services;
mod stack;
mod story;
mod system;
mod tls_front;
mod valkey_processes;
