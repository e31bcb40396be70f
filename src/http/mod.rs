//! HTTP: the outside contract.
//!
//! Each noun has a folder or a file with its handlers, which declares its routes: path, method, handler and description together. The server
//! and the OpenAPI document are made from the same table, `routes`. A new route is one entry in its noun's `routes()`.
//!
//! A request passes `exchange` (request id, access log, metrics, errors as problems), then CORS, then `limiting`, then its handler. `request`
//! reads it, `caching` keeps what many clients read, and handlers return [`Problem`]s; `problem` is the only map from errors to answers. `refusal_recorder`
//! keeps those of commands for operators, who ask `refusals`. `node_announcer` announces this node, and `nodes` lists all of them.

mod auditoriums;
mod blocks;
mod bookings;
mod caching;
mod credential;
mod dead_letters;
mod exchange;
pub mod health;
mod history;
mod limiting;
pub mod limits;
mod live;
mod metrics;
mod monitoring;
mod node_announcer;
mod nodes;
mod openapi;
mod operators;
mod pages;
mod paths;
mod problem;
mod refusal_recorder;
mod refusals;
mod request;
mod route;
mod routes;
mod server;
mod settings;
mod showtimes;
mod starting;
mod state;
mod words;

pub use exchange::exchange;
pub use health::Health;
pub use limits::TrustedProxies;
pub use node_announcer::NodeAnnouncer;
pub use operators::{OperatorToken, Operators};
pub use problem::{Code, FieldError, PROBLEM_JSON, Problem};
pub use refusal_recorder::RefusalRecorder;
pub use routes::openapi_document;
pub use server::{admin_server, bind, check_origin, server};
pub use settings::Settings;
pub use starting::{Reason, Starting};
pub use state::{AppState, Services};
