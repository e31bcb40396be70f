//! HTTP: the outside contract. Each noun has a file with its handlers, which declares its routes: path, method, handler and description together.
//! The server and the OpenAPI document are made from the same table, `routes`.
//!
//! A request passes `exchange` (request id, access log, metrics, errors as problems), then CORS, then its handler. Handlers
//! return [`Problem`]s; `problem` is the only map from errors to answers.

mod body;
mod booking_answers;
mod bookings;
mod client;
mod code;
mod credential;
mod describe;
mod document;
mod encoded_showtime;
mod enforced;
mod exchange;
mod existence;
mod fields;
pub mod health;
mod limiting;
pub mod limits;
mod live;
mod metrics;
mod monitoring;
mod openapi;
mod operators;
mod pages;
mod paths;
mod places;
mod problem;
mod query;
mod representation;
mod reservation;
mod route;
mod routes;
mod schemas;
mod seat_maps;
mod sequence_waits;
mod server;
mod settings;
mod showtime_looks;
mod showtime_shelf;
mod showtime_source;
mod showtimes;
mod starting;
mod state;
mod totals;
mod unparsed;
mod unread;

pub use client::TrustedProxies;
pub use code::Code;
pub use document::FieldError;
pub use exchange::exchange;
pub use health::Health;
pub use operators::{OperatorToken, Operators};
pub use problem::{PROBLEM_JSON, Problem};
pub use routes::openapi_document;
pub use server::{admin_server, bind, check_origin, server};
pub use settings::Settings;
pub use starting::{Reason, Starting};
pub use state::{AppState, Services};
