//! Call: a piece of work on one connection, and whose connections it uses.

use std::future::Future;

use diesel_async::AsyncPgConnection;

use crate::write_store::postgres::failure::Failure;

/// Whose connections a call uses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Share {
    /// Those of commits and of what comes before one.
    Commands,
    /// Those of everything that clients may ask for without end: they wait for each other, not commands for them.
    Reads,
}

/// A piece of work on one connection that may be done twice without harm: after a lost session it is tried once more.
pub(super) trait Call: Send + Sync + 'static {
    /// What it finds out.
    type Answer: Send + 'static;

    /// Whose connections it uses.
    fn share(&self) -> Share {
        Share::Commands
    }

    /// True if somebody may be told what was read here as a fact. It is then proven to be durable before it is answered.
    fn is_told(&self, _answer: &Self::Answer) -> bool {
        false
    }

    /// Does the work. It may be given up at any await: the connection is thrown away then.
    fn run(&self, connection: &mut AsyncPgConnection) -> impl Future<Output = Result<Self::Answer, Failure>> + Send;
}
