//! The SignalR side of a session: its handshake and its calls, one at a time and in order, as the protocol's own server does it.

use actix::{ActorFutureExt as _, AsyncContext as _, WrapFuture as _};
use actix_http::ws::CloseCode;
use serde_json::{Value, json};

use crate::domain::ShowtimeId;
use crate::live::LiveError;
use crate::live::feed::Watch;
use crate::live::session::{Farewell, Session, SessionContext, Speech};
use crate::live::sessions::SessionHandle;
use crate::live::signalr::message::{self, ClientMessage};
use crate::live::signalr::{framing, handshake};
use crate::live::signalr_calls::{Call, Method};
use crate::live::subscription::Subscription;

fn garbage(reason: &str) -> Farewell {
    Farewell::Misbehaved(CloseCode::Policy, reason.to_owned())
}

impl Session {
    /// One WebSocket message: whole records, the first of a connection being the handshake.
    pub(super) fn on_records(&mut self, text: &str, ctx: &mut SessionContext) {
        let records = match framing::records(text) {
            Ok(records) => records,
            Err(error) => return self.end(garbage(&error.to_string()), ctx),
        };
        for (position, record) in records.enumerate() {
            // The message itself was paid for; each further record in it costs the same.
            if position > 0 && !self.spend(ctx) {
                return;
            }
            if !self.on_record(record, ctx) {
                return;
            }
        }
        self.next_call(ctx);
    }

    /// False once the session ends.
    fn on_record(&mut self, record: &str, ctx: &mut SessionContext) -> bool {
        let (max_waiting, max_bytes) = (self.node.settings.waiting_calls, self.node.settings.max_message_bytes);
        let Speech::SignalR(calls) = &mut self.speech else { return false };
        if !calls.open {
            return self.on_handshake(record, ctx);
        }
        match message::decode(record) {
            Ok(ClientMessage::Invocation { invocation_id, target, arguments }) => {
                let call = Call { invocation_id, method: Method::parse(&target, &arguments) };
                let bytes = calls.waiting.iter().map(Call::kept_bytes).sum::<usize>() + call.kept_bytes();
                if calls.waiting.len() >= max_waiting || bytes > max_bytes {
                    self.end(garbage("too many calls at once"), ctx);
                    return false;
                }
                calls.waiting.push_back(call);
            }
            Ok(ClientMessage::StreamInvocation { invocation_id, target }) => {
                let error = match Method::parse(&target, &[]) {
                    Err(unknown) if unknown.starts_with("Unknown") => unknown,
                    _ => format!(
                        "The client attempted to invoke the non-streaming '{target}' method with a streaming invocation."
                    ),
                };
                self.send(&message::failure(&invocation_id, &error));
            }
            Ok(ClientMessage::Ping | ClientMessage::CancelInvocation) => {}
            Ok(ClientMessage::Close) => {
                self.end(Farewell::Answer, ctx);
                return false;
            }
            Ok(ClientMessage::Other { kind }) => {
                tracing::debug!(kind, "a message of an unknown type is ignored");
            }
            Err(error) => {
                tracing::debug!(%error, "a client sent garbage");
                self.end(garbage("not a hub message"), ctx);
                return false;
            }
        }
        true
    }

    fn on_handshake(&mut self, record: &str, ctx: &mut SessionContext) -> bool {
        if let Err(refused) = handshake::check(record) {
            self.send(&refused.to_record());
            self.end(garbage(&refused.to_string()), ctx);
            return false;
        }
        if let Speech::SignalR(calls) = &mut self.speech {
            calls.open = true;
        }
        if let Some(handle) = &self.handle {
            handle.handshake_done();
        }
        self.send(handshake::ACCEPTED);
        true
    }

    /// Tells a client that has joined nothing so, once. After a reconnect many forget to join again, and then see a seat map that stands still.
    pub(super) fn remind(&self, handle: &SessionHandle) {
        let Speech::SignalR(calls) = &self.speech else { return };
        // Nothing may precede the answer to the handshake; a call in progress may be a join.
        if !calls.open || calls.busy {
            return;
        }
        handle.needs_no_reminder();
        self.node.counters.reminded.inc();
        tracing::info!(session.id = handle.id(), "a hub connection has joined no showtime since it was made");
        self.send(&message::nothing_joined());
    }

    /// Carries out calls until one has to wait for something.
    fn next_call(&mut self, ctx: &mut SessionContext) {
        while !self.is_closing() {
            let Speech::SignalR(calls) = &mut self.speech else { return };
            if calls.busy {
                return;
            }
            let Some(call) = calls.waiting.pop_front() else { return };
            match call.method {
                Err(error) => self.complete(call.invocation_id.as_deref(), Err(error)),
                Ok(Method::Leave { showtime }) => {
                    self.subscriptions.retain(|subscription| subscription.showtime() != showtime);
                    self.complete(call.invocation_id.as_deref(), Ok(None));
                }
                Ok(Method::Join { showtime, after }) => self.join(call.invocation_id, showtime, after, ctx),
            }
        }
    }

    /// Without an invocation id, nothing may be answered.
    fn complete(&self, invocation_id: Option<&str>, result: Result<Option<Value>, String>) {
        let Some(id) = invocation_id else { return };
        match result {
            Ok(result) => self.send(&message::completion(id, result.as_ref())),
            Err(error) => self.send(&message::failure(id, &error)),
        }
    }

    fn join(&mut self, id: Option<String>, showtime: ShowtimeId, after: Option<u64>, ctx: &mut SessionContext) {
        if let Some(joined) = self.subscriptions.iter().find(|joined| joined.showtime() == showtime) {
            // Joined already: its deltas go on from where they are.
            let result = joined_result(showtime, joined.cursor());
            return self.complete(id.as_deref(), Ok(Some(result)));
        }
        let max = self.node.settings.max_joined;
        if self.subscriptions.len() >= max {
            let error = format!("Failed to invoke 'JoinShowtime': more than {max} showtimes on one connection.");
            return self.complete(id.as_deref(), Err(error));
        }
        if let Speech::SignalR(calls) = &mut self.speech {
            calls.busy = true;
        }
        let node = std::sync::Arc::clone(&self.node);
        let opening = async move {
            let watch = node.watch(showtime, after.unwrap_or(0)).await?;
            let read = if after.is_none() { node.read_sequence(watch.feed()).await } else { None };
            Ok((watch, read))
        };
        ctx.spawn(opening.into_actor(self).map(move |result, session, ctx| {
            let begun = match result {
                Ok((watch, read)) => session.begin(after, read, watch),
                Err(error) => Err(refusal(showtime, &error)),
            };
            session.joined(id.as_deref(), begun, ctx);
        }));
    }

    /// Where a newly joined showtime's deltas begin; `read` is how far the read model is.
    fn begin(&self, after: Option<u64>, read: Option<u64>, watch: Watch) -> Result<Subscription, String> {
        let settings = &self.node.settings;
        let (showtime, head) = (watch.feed().showtime(), watch.feed().head());
        let cursor = match after {
            Some(after) if after > head => {
                return Err(format!(
                    "Failed to invoke 'JoinShowtime': the sequence {after} is ahead of showtime {showtime}, which is at {head}."
                ));
            }
            Some(after) if head - after > settings.resume_events => {
                return Err(format!(
                    "Failed to invoke 'JoinShowtime': showtime {showtime} is at {head}, too far ahead of {after}; read it again."
                ));
            }
            Some(after) => after,
            // A client of the predecessor has read the showtime over HTTP a moment ago and cannot say at which sequence: some seconds
            // back, and while the read model lags, from where that is.
            None => {
                let recent = watch.feed().cursor_before((self.node.clock)() - settings.join_replay());
                recent.min(read.unwrap_or(recent)).max(head.saturating_sub(settings.resume_events))
            }
        };
        Ok(Subscription::after(cursor, watch, settings.resume_events))
    }

    fn joined(&mut self, id: Option<&str>, subscription: Result<Subscription, String>, ctx: &mut SessionContext) {
        if self.is_closing() {
            return;
        }
        if let Speech::SignalR(calls) = &mut self.speech {
            calls.busy = false;
        }
        match subscription {
            Ok(mut subscription) => {
                let result = joined_result(subscription.showtime(), subscription.cursor());
                self.complete(id, Ok(Some(result)));
                if let Some(handle) = &self.handle {
                    handle.needs_no_reminder();
                    subscription.attach(handle);
                }
                self.subscriptions.push(subscription);
                self.pump(ctx);
            }
            Err(error) => self.complete(id, Err(error)),
        }
        self.next_call(ctx);
    }
}

/// The deltas that follow begin at `sequence + 1`.
fn joined_result(showtime: ShowtimeId, sequence: u64) -> Value {
    json!({ "showtimeId": showtime, "sequence": sequence })
}

/// What a client is told; the cause stays in the log.
fn refusal(showtime: ShowtimeId, error: &LiveError) -> String {
    match error {
        LiveError::UnknownShowtime(_) => format!("Failed to invoke 'JoinShowtime': there is no showtime {showtime}."),
        LiveError::Failed(source) => {
            tracing::error!(showtime.id = %showtime, error = %source, "a showtime could not be joined");
            "An unexpected error occurred invoking 'JoinShowtime' on the server.".to_owned()
        }
        LiveError::Unavailable(_)
        | LiveError::Busy(_)
        | LiveError::Draining
        | LiveError::UpgradeRequired
        | LiveError::BadHandshake(_)
        | LiveError::MissingConnectionId
        | LiveError::UnknownConnection
        | LiveError::ConnectionInUse
        | LiveError::ForbiddenOrigin(_) => {
            tracing::warn!(showtime.id = %showtime, %error, "a showtime could not be joined");
            format!("Failed to invoke 'JoinShowtime': showtime {showtime} cannot be opened now; try again.")
        }
    }
}
