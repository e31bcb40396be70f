//! The live feed: plain WebSocket and SignalR clients against a node on SQLite, the in-process bus and the embedded read model.

mod abuse;
mod counted_bus;
mod delivery;
mod faulty;
mod hub_actor;
pub mod npm;
mod plain;
mod proxy;
mod signalr;
mod stage;
mod viewer;
mod web_socket;
