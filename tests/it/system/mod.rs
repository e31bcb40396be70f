//! The whole server, over HTTP, on both profiles.

mod areas;
mod best_available;
mod blocks;
mod browser;
mod changed_showtimes;
mod clocks;
mod command_line;
mod contention;
mod documents;
mod door_sales;
mod exchanges;
mod late_payments;
mod lifecycle;
mod loadtest;
mod page;
mod predecessor;
mod projector;
mod restore;
mod rolling_restart;
mod sockets;
mod store_outages;
mod supervision;
mod sweeping;
mod two_nodes;
mod upgrades;
pub mod valkey;
mod watching;
