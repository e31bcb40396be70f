//! Turnstile, a reservation server for seats: people race for the same seats, each seat is sold once, nothing acknowledged is lost,
//! and everybody watching sees the change at once.
//!
//! # The house
//!
//! ```text
//! domain  telemetry                            pure rules; logs and counters
//! coalesce  service_url                        calls shared by a crowd; addresses of services with several hosts and TLS
//!    ^
//! write_store  seat_lock  event_bus  read_model        ports, each beside its adapters
//!    ^
//! box_office   outbox_relay   projector   live         actors
//!    ^
//! http                                                 the outside contract
//!    ^
//! config  <-  app  <-  cli  <-  main                   settings, composition, subcommands
//!
//! domain  <-  loadtest  <-  cli                        plays the clients of an on-sale, from outside
//! ```
//!
//! Imports point to the left and up only, ports never know each other, and only [`app`] names an adapter. `tests/it/architecture.rs`
//! reads the sources and holds this.
//!
//! # The life of a reservation
//!
//! 1. `POST /api/bookings` reaches [`http`], which parses it into ids, a [`domain::SeatSelection`] and a [`domain::UserId`]; what does not parse
//!    is refused there with the field's name.
//! 2. [`box_office::BoxOffice`] refuses seats that are taken from the showtime's board, which its actor publishes, if the store said
//!    a millisecond ago, or says now, that nothing newer was written; a crowd shares one such question. Everything else gets the booking's id and its hold token,
//!    and is brought to the showtime's actor: one per showtime and node, with a
//!    bounded queue. The actor runs one batch at a time; what queues meanwhile is the next batch, so under contention one commit
//!    carries many bookings. A batch runs as a task of its own: neither a client that hangs up nor an actor that is lost
//!    interrupts it.
//! 3. The [`seat_lock`] is asked once for the whole batch, or, for those who came while the batch before was committed, meanwhile. It
//!    refuses what another node is about to sell, and locks the rest until the holds' deadlines, which count from when they were asked
//!    for; if it is away, the batch goes on without it.
//! 4. [`domain::Showtime::decide`] turns each command, in order of arrival, into an event or a [`domain::Rejection`], and
//!    [`domain::Showtime::evolve`] applies it at once, so the next command sees it.
//! 5. [`write_store::WriteStore::commit`] writes the batch in one round trip, in one transaction that batches of other showtimes may
//!    share: the showtime's sequence, seats and bookings by expected version, claims under a unique index, events, one outbox row,
//!    idempotency keys. If another writer was faster it is rolled back, the actor reads what it missed from the journal, and
//!    decides again.
//! 6. The callers are answered.
//! 7. The [`outbox_relay`], on the one node that leads, publishes the row's events to the [`event_bus`] and deletes the row when the broker has
//!    confirmed it. Events of showtimes in one partition travel in one message of the broker.
//! 8. The [`projector`] applies the events to the [`read_model`], writes of different showtimes in one command; each node's [`live`] hub
//!    sends them to whoever watches: each is framed once, and what comes during a round of writes, or the rest after it, goes out
//!    joined. Both go by sequence: what comes twice is dropped, what is missing is read from the journal.
//! 9. The hold is confirmed, cancelled or ended by its deadline in the same way. The showtime's actor has a timer for
//!    it. Holds whose node has died, or whose actor has made room for others, are ended by the sweeper of one node at a time, by
//!    commits of its own, without loading their showtimes.
//!
//! # Invariants, and what keeps them
//!
//! - **A seat has at most one live booking.** Version check on every seat, and a partial unique index on live claims.
//! - **What was acknowledged is never lost, what was refused never appears.** Answers are given after the commit. A commit of unknown
//!   outcome is settled before anything is answered: loading with a new fence ([`write_store::Load::Fence`]) waits for a
//!   transaction in flight and makes a later one impossible; then the same commands are decided again, and a command that had been
//!   carried out is recognised by its booking's id.
//! - **One payment, one booking.** A table keyed by the payment reference, filled in the transaction that confirms.
//! - **All seats of a booking or none.** One event, one transaction.
//! - **One event per change, gap-free per showtime.** The sequence is taken from the showtime's row inside the transaction.
//! - **Read model = fold of the events = write model**, when traffic stops. `turnstile check` compares the three.
//! - **A hold ends at its deadline, and its seats can be booked through every node.** A refusal never
//!   rests on a state older than the request, whatever other nodes have done since; a lock whose booking has ended, or
//!   has not come within [`box_office::Settings::lease_milliseconds`], is taken over.
//! - **Only the write store is the truth.** Valkey, RabbitMQ and MongoDB may be down, restarted empty or repeat themselves.
//! - **Everything is bounded.** Each module's `Settings` name the bounds; past them the answer is a refusal with `Retry-After`.

pub mod app;
pub mod box_office;
pub mod cli;
pub mod coalesce;
pub mod config;
pub mod domain;
pub mod event_bus;
pub mod http;
pub mod live;
pub mod loadtest;
pub mod outbox_relay;
pub mod projector;
pub mod read_model;
pub mod seat_lock;
pub mod service_url;
pub mod telemetry;
pub mod web;
pub mod write_store;
