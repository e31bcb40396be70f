//! The SignalR hub protocol, JSON only, as pure encode and decode: negotiation, connection tokens, handshake, framing and messages.
//!
//! Sources: `HubProtocol.md` and `TransportProtocols.md` of dotnet/aspnetcore, and what the official npm client sends and accepts.

pub mod framing;
pub mod handshake;
pub mod message;
pub mod negotiate;
pub mod token;
