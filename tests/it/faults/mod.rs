//! Faults in mid-traffic: nodes and services are killed, restarted, paused, emptied and cut off while clients reserve; what was acknowledged must hold.

mod audit;
mod booked_seats;
mod changes;
mod ear;
mod full_disk;
mod history;
mod ledger;
mod lost_outcomes;
mod mongodb;
mod postgres;
mod postgres_fail_over;
mod rabbitmq;
mod scene;
mod server_nodes;
mod standstill;
mod traffic;
mod unlucky_office;
mod unlucky_store;
mod valkey;
pub mod watcher;
