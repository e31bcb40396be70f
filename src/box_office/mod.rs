//! The box office: takes commands, brings each to its showtime's actor, and gives back what became of it.
//!
//! A command goes from [`BoxOffice`] into the bounded queue of its showtime's actor. The actor lets one batch run at a time: lock,
//! decide, commit, answer. All that queued meanwhile is the next batch, so under contention one commit carries many bookings.
//!
//! **Invariant:** a command, once queued, is carried out or refused as a whole, whatever becomes of the client that asked and of the
//! actor that queued it: when an actor is lost, [`BoxOffice`] asks its successor again with the same booking id.

mod arrivals;
mod batch_run;
mod blocks;
mod board;
mod changes;
mod creation_key;
mod dependencies;
mod error;
mod expiry;
mod handle;
mod outcome;
mod owned;
mod plan;
mod progress;
mod recall;
mod refusal;
mod registry;
mod request;
mod scheduling;
mod seat_claims;
mod settings;
mod showtime_actor;
mod verdict;
mod watch;

pub use blocks::WantedBlock;
pub use creation_key::CreationKey;
pub use dependencies::Dependencies;
pub use error::BoxOfficeError;
pub use handle::{BoxOffice, Wanted};
pub use outcome::{Listed, Outcome, Reserved, Scheduled};
pub use request::{IdempotencyKey, RequestContext};
pub use settings::Settings;
