//! Turnstile, a reservation server for seats: people race for the same seats, each seat is sold once, nothing acknowledged is lost,
//! and everybody watching sees the change at once.
//!
//! # The house
//!
//! ```text
//! domain  telemetry                            pure rules; logs and counters
//! coalesce  service_url  seat_json             calls that many share; addresses of services; seats as clients read them
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
//! Imports point to the left and up only. No two files import each other in a ring, ports never know each other, and only [`app`] names an
//! adapter. The tests in `tests/it/architecture` read the sources and hold this.
//!
//! # The life of a reservation
//!
//! 1. `POST /api/bookings` reaches [`http`]. It parses the request into ids, a [`domain::SeatSelection`] and a [`domain::UserId`]. A member that
//!    does not parse is refused by its name.
//! 2. [`box_office::BoxOffice`] looks at the showtime's board, which the showtime's actor publishes. If a wanted seat is taken there, or the
//!    showtime is not on sale, and the write store had nothing newer a millisecond ago, or has nothing newer now, the reservation is
//!    refused. Requests that wait share one such question to the store.
//! 3. All other reservations get a booking's id and a hold token, and go to the showtime's actor. There is one actor for each showtime on
//!    each node, with a bounded queue. It runs one batch at a time. The commands that queue meanwhile are the next batch, so under
//!    contention one commit carries many bookings. A batch runs as a task of its own: neither a client that hangs up nor a lost actor
//!    interrupts it.
//! 4. [`domain::Showtime::decide`] turns each command, in order of arrival, into an event or a [`domain::Rejection`].
//!    [`domain::Showtime::evolve`] applies the event at once, so that the next command sees it. Changes of the showtime itself, such as its
//!    cancellation, are decided after all others of their batch.
//! 5. The batch asks the [`seat_lock`] once for the seats that clients named and were given. The lock refuses seats that another node is
//!    about to sell: then the decisions are taken back, and made again without them. It keeps the others until the deadlines of their
//!    holds. If the lock is away, the batch goes on without it. Best available seats and places of areas take no lock: if another node
//!    was faster, others are chosen.
//! 6. [`write_store::Ledger::commit`] writes the batch in one round trip and one transaction, which batches of other showtimes may share:
//!    the showtime's sequence, seats and bookings by expected version, one row of the journal with the events, one row of the outbox,
//!    idempotency keys. If another writer was faster, the transaction is rolled back, the actor reads the journal and decides again.
//! 7. The callers are answered.
//! 8. The [`outbox_relay`] of the one node that leads publishes the events to the [`event_bus`]. It deletes the outbox row when the broker has
//!    confirmed them. Events of showtimes in one partition share a message.
//! 9. The [`projector`] applies the events to the [`read_model`]: one document for each showtime, many of them in one command. The [`live`] hub of each node
//!    sends them to its clients. Each event is encoded once. Both go by sequence: an event that comes twice is dropped, a missing one is
//!    read from the journal.
//! 10. The hold is confirmed, extended, exchanged for other seats or cancelled in the same way; later the sale is exchanged or refunded. Its booking's id carries a mark of the showtime ([`domain::BookingId`]), so a
//!     node that has the showtime open finds the actor without asking the write store. Other nodes look the booking up. A node keeps no booking
//!     that is not pending: for a refund, or an exchange of a sale, the actor reads it from the write store.
//! 11. A hold that is not confirmed is ended at its deadline by a timer of the showtime's actor. Holds whose node has died, or whose actor
//!     has made room for others, are ended by the sweeper of one node, with commits of its own. So are the bookings of a cancelled showtime.
//!
//! # Invariants, and what keeps them
//!
//! - **A seat has at most one live booking.** A seat's row names the one booking that has it, and is written under its version. Whatever the
//!   version, it is taken only from nobody or from a booking that the same commit names.
//! - **An acknowledged booking is never lost, and a refused one never appears.** Answers are given after the commit. If the outcome of a commit
//!   is unknown, the showtime is loaded with a new fence ([`write_store::Ledger::take_over`]): that waits for a transaction in flight and makes a
//!   later one impossible. Then the same commands are decided again. A command that had been carried out is recognised by its
//!   booking's id.
//! - **One payment, one booking.** A table keyed by the payment reference is filled in the transaction that confirms; or that records that the
//!   payment came too late and is to be returned, so that it pays for nothing else.
//! - **All seats of a booking or none.** A booking is one event in one transaction. An exchange is two events of one transaction: the seats
//!   given back, then all that the booking has; so each event sets one status, and the last one about a live booking names all its seats. Only a
//!   block, a booking of the house, has seats of several versions: whoever ends it knows its showtime.
//! - **The terms of a sale hold on every node.** A commit that changes a showtime's terms raises its fence, so that no decision on the old ones
//!   can follow. A decision that rests on all bookings, such as a customer's limit, names the last event that it knew.
//! - **One event for each change, without a gap in its showtime.** The sequence is taken from the showtime's row inside the transaction.
//! - **Read model = fold of the events = write model**, when traffic stops. `turnstile check` compares the three.
//! - **A hold ends at its deadline, and its seats can be booked through every node.** A refusal rests on knowledge that is at most a millisecond
//!   older than its request, and on nothing older than what this node has told anybody. A lock whose booking has ended, or has not been
//!   stored within [`box_office::Settings::lease_milliseconds`], is taken over.
//! - **Only the write store is the truth.** Valkey, RabbitMQ and MongoDB may be down, restarted empty or repeat themselves.
//! - **Everything is bounded.** Each module's `Settings` name the bounds. Past a bound the answer is a refusal with `Retry-After`.

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
pub mod seat_json;
pub mod seat_lock;
pub mod service_url;
pub mod telemetry;
pub mod web;
pub mod write_store;
