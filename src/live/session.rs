//! Actor: a session owns one client's connection. It accepts the client's messages and the hub's wake-ups, sends each subscribed showtime's
//! deltas in order, and drops a client that is silent or misbehaves. It ends with its connection and is never restarted; the client resumes.
//!
//! It is run only while its connection has room, and hands over at most about `write_bytes` each time, so that a slow client's outgoing
//! buffer stays small: what comes later waits in the feed, shared by all.

use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorContext as _, ActorFuture, ActorFutureExt as _, AsyncContext as _, Handler, WrapFuture as _};
use actix_http::ws::CloseCode;
use actix_web_actors::HttpContext;
use bytes::Bytes;

use crate::domain::{RecordedEvent, ShowtimeId};
use crate::live::LiveError;
use crate::live::delta::Encoding;
use crate::live::limits::Allowance;
use crate::live::node::Node;
use crate::live::outflow::{self, Frames};
use crate::live::sessions::{Admission, SessionHandle, Wake};
use crate::live::signalr::message;
use crate::live::signalr_calls::Calls;
use crate::live::snapshot::Snapshot;
use crate::live::subscription::{Step, Subscription};
use crate::write_store::StoreError;

pub(super) type SessionContext = HttpContext<Session>;

/// What the client speaks.
pub(super) enum Speech {
    /// See [`crate::live::plain`].
    Plain,
    /// See [`crate::live::signalr`].
    SignalR(Calls),
}

/// Why the server ends a session.
pub(super) enum Farewell {
    /// The node is being drained.
    Draining,
    /// Nothing came from the client for too long.
    Silent,
    /// What the client sent is garbage, too long or too much: the code and the reason.
    Misbehaved(CloseCode, String),
    /// It is too far behind to be brought forward.
    TooSlow,
    /// There is no such showtime any more.
    Lost,
    /// The client said goodbye in the words of its protocol.
    Answer,
}

/// See the module's documentation.
pub(super) struct Session {
    pub(super) node: Arc<Node>,
    pub(super) speech: Speech,
    pub(super) subscriptions: Vec<Subscription>,
    frames: Frames,
    admission: Admission,
    pub(super) handle: Option<Arc<SessionHandle>>,
    allowance: Allowance,
    /// A text message of which not all frames have come.
    pub(super) fragments: Option<Vec<u8>>,
    /// The server has sent its close and waits for the client's.
    is_closing: bool,
    /// More is to be sent as soon as the connection has taken what it was given.
    is_yielding: bool,
    /// Which subscription is served first, so that a busy one does not hold up the others.
    turn: usize,
}

impl Session {
    pub(super) fn new(
        node: Arc<Node>,
        frames: Frames,
        admission: Admission,
        speech: Speech,
        first: Option<Subscription>,
    ) -> Self {
        let allowance = Allowance::full(node.settings.message_burst, node.now());
        let subscriptions = first.into_iter().collect();
        Self {
            node,
            speech,
            subscriptions,
            frames,
            admission,
            handle: None,
            allowance,
            fragments: None,
            is_closing: false,
            is_yielding: false,
            turn: 0,
        }
    }

    pub(super) fn encoding(&self) -> Encoding {
        match self.speech {
            Speech::Plain => Encoding::Plain,
            Speech::SignalR(_) => Encoding::SignalR,
        }
    }

    pub(super) fn send(&self, message: &str) {
        self.send_frames(outflow::text(message));
    }

    fn send_frames(&self, frames: Bytes) {
        self.frames.push(frames);
    }

    pub(super) fn pong(&self, payload: &[u8]) {
        self.send_frames(outflow::pong(payload));
    }

    /// True from the server's close until the end: what else the client sends is not looked at.
    pub(super) fn is_closing(&self) -> bool {
        self.is_closing
    }

    /// Takes one message's worth of the client's allowance; without any left, the session ends.
    pub(super) fn spend(&mut self, ctx: &mut SessionContext) -> bool {
        let settings = &self.node.settings;
        let allowed = self.allowance.take(settings.messages_per_second, settings.message_burst, self.node.now());
        if !allowed {
            self.end(Farewell::Misbehaved(CloseCode::Policy, "too many messages".to_owned()), ctx);
        }
        allowed
    }

    /// Says why, and ends the session when the client has answered the close, or has not in time.
    pub(super) fn end(&mut self, farewell: Farewell, ctx: &mut SessionContext) {
        if self.is_closing {
            return;
        }
        let (code, reason, allow_reconnect) = match farewell {
            Farewell::Draining => (CloseCode::Away, "the server is shutting down".to_owned(), true),
            Farewell::Silent => {
                self.node.counters.silent.inc();
                (CloseCode::Policy, "nothing was received for too long".to_owned(), true)
            }
            Farewell::Misbehaved(code, reason) => {
                self.node.counters.misbehaved.inc();
                (code, reason, false)
            }
            Farewell::TooSlow => (CloseCode::Again, "the connection is too slow".to_owned(), true),
            Farewell::Lost => (CloseCode::Away, "the showtime does not exist any more".to_owned(), false),
            Farewell::Answer => (CloseCode::Normal, String::new(), false),
        };
        tracing::debug!(session.id = self.admission.id(), reason, "a live session ends");
        if let Speech::SignalR(calls) = &self.speech
            && calls.is_open()
            && !reason.is_empty()
        {
            self.send(&message::close(Some(&reason), allow_reconnect));
        }
        self.send_frames(outflow::close(code, &reason));
        self.is_closing = true;
        self.subscriptions.clear();
        self.fragments = None;
        let patience = Duration::from_millis(self.node.settings.close_milliseconds);
        ctx.run_later(patience, |_session, ctx| ctx.stop());
    }

    /// The client has sent a close. If the server had not, it answers now; then the connection ends at once (RFC 6455, section 7.1.1).
    pub(super) fn closing_handshake_done(&mut self, code: CloseCode, ctx: &mut SessionContext) {
        if !self.is_closing {
            self.send_frames(outflow::close(code, ""));
        }
        ctx.stop();
    }

    /// Sends what the subscriptions have, as much as the connection should be given at once.
    pub(super) fn pump(&mut self, ctx: &mut SessionContext) {
        if self.is_yielding || self.is_closing {
            return;
        }
        let encoding = self.encoding();
        let now = self.node.now();
        let mut room = self.node.settings.write_bytes.max(1);
        let count = self.subscriptions.len();
        for offset in 0..count {
            let index = self.turn.wrapping_add(offset) % count;
            while room > 0 {
                let Some(subscription) = self.subscriptions.get_mut(index) else { return };
                match subscription.next(encoding, room, now) {
                    Step::Wait => break,
                    Step::Frames(frames) => {
                        room = room.saturating_sub(frames.len());
                        self.send_frames(frames);
                    }
                    Step::Journal(after) => {
                        subscription.wait();
                        let showtime = subscription.showtime();
                        self.read_journal(showtime, after, ctx);
                    }
                    Step::TooFarBehind => self.bring_forward(index, ctx),
                    Step::Lost => self.begin_anew(index, ctx),
                }
            }
        }
        self.turn = self.turn.wrapping_add(1);
        if room == 0 {
            self.is_yielding = true;
            ctx.spawn(YieldOnce(false).map(|(), session: &mut Self, ctx: &mut SessionContext| session.go_on(ctx)));
        }
    }

    /// The connection has taken what it was given, which is a sign of life too.
    fn go_on(&mut self, ctx: &mut SessionContext) {
        self.is_yielding = false;
        if let Some(handle) = &self.handle {
            handle.received(self.node.now());
        }
        self.pump(ctx);
    }

    fn read_journal(&self, showtime: ShowtimeId, after: u64, ctx: &mut SessionContext) {
        let node = Arc::clone(&self.node);
        let reading = async move { node.catch_up(showtime, after).await };
        ctx.spawn(
            reading.into_actor(self).map(move |result, session, ctx| session.journal_read(showtime, result, ctx)),
        );
    }

    fn journal_read(
        &mut self,
        showtime: ShowtimeId,
        result: Result<Vec<RecordedEvent>, StoreError>,
        ctx: &mut SessionContext,
    ) {
        let encoding = self.encoding();
        let again = self.node.now() + self.node.settings.poll_milliseconds;
        // The client may have left the showtime meanwhile.
        let Some(subscription) = self.subscriptions.iter_mut().find(|found| found.showtime() == showtime) else {
            return;
        };
        match result {
            Ok(events) => {
                // One that left and joined again meanwhile stands elsewhere; it asks anew.
                if !subscription.caught_up(&events, encoding) {
                    tracing::warn!(showtime.id = %showtime, after = subscription.cursor(), "the journal does not continue where a client stands");
                    subscription.failed(again);
                    self.wake_at(again);
                }
            }
            Err(error) => {
                tracing::warn!(showtime.id = %showtime, %error, "the journal cannot be read for a client that catches up");
                subscription.failed(again);
                self.wake_at(again);
            }
        }
        self.pump(ctx);
    }

    /// A plain client gets a new snapshot; SignalR has none, so that client is sent away and comes back with what it knows.
    fn bring_forward(&mut self, index: usize, ctx: &mut SessionContext) {
        if matches!(self.speech, Speech::SignalR(_)) {
            self.end(Farewell::TooSlow, ctx);
            return;
        }
        let Some(subscription) = self.subscriptions.get_mut(index) else { return };
        subscription.wait();
        let (node, feed) = (Arc::clone(&self.node), Arc::clone(subscription.watch().feed()));
        let making = async move { node.snapshot(&feed).await };
        ctx.spawn(making.into_actor(self).map(|result, session, ctx| session.snapshot_made(result, ctx)));
    }

    fn snapshot_made(&mut self, result: Result<Arc<Snapshot>, LiveError>, ctx: &mut SessionContext) {
        let again = self.node.now() + self.node.settings.poll_milliseconds;
        let Some(subscription) = self.subscriptions.first_mut() else { return };
        match result {
            Ok(snapshot) => subscription.restart(snapshot),
            Err(error) => {
                tracing::warn!(%error, "no snapshot for a client that is far behind");
                subscription.failed(again);
                self.wake_at(again);
            }
        }
        self.pump(ctx);
    }

    pub(super) fn wake_at(&self, time: u64) {
        if let Some(handle) = &self.handle {
            handle.wake_at(time);
        }
    }

    fn look_at_timers(&mut self, ctx: &mut SessionContext) -> bool {
        let Some(handle) = self.handle.clone() else { return false };
        let (now, settings) = (self.node.now(), self.node.settings);
        if handle.is_dropped() {
            ctx.stop();
            return false;
        }
        if self.is_closing {
            return false;
        }
        if handle.is_asked_to_leave() {
            self.end(Farewell::Draining, ctx);
            return false;
        }
        if handle.is_silent(now, &settings) || handle.misses_handshake(now) {
            self.end(Farewell::Silent, ctx);
            return false;
        }
        if handle.needs_ping(now, &settings) {
            handle.pinged(now);
            match &self.speech {
                Speech::Plain => {
                    self.send_frames(outflow::ping());
                }
                Speech::SignalR(calls) if calls.is_open() => self.send(message::PING),
                // Nothing may precede the answer to the handshake.
                Speech::SignalR(_) => {}
            }
        }
        if handle.needs_reminder(now) {
            self.remind(&handle);
        }
        true
    }
}

impl Actor for Session {
    type Context = SessionContext;

    fn started(&mut self, ctx: &mut Self::Context) {
        let now = self.node.now();
        let (handshake_by, remind_at) = match self.speech {
            Speech::Plain => (u64::MAX, u64::MAX),
            Speech::SignalR(_) => {
                (now + self.node.settings.handshake_milliseconds, now + self.node.settings.reminder_milliseconds)
            }
        };
        let handle = SessionHandle::new(self.admission.id(), ctx.address().recipient(), now, handshake_by, remind_at);
        let handle = Arc::new(handle);
        self.admission.attach(&handle);
        for subscription in &mut self.subscriptions {
            subscription.attach(&handle);
        }
        self.handle = Some(handle);
        if self.node.is_draining() {
            self.end(Farewell::Draining, ctx);
        } else {
            self.pump(ctx);
        }
    }
}

impl Handler<Wake> for Session {
    type Result = ();

    fn handle(&mut self, _: Wake, ctx: &mut Self::Context) {
        if let Some(handle) = &self.handle {
            handle.looked(self.node.now());
        }
        if self.look_at_timers(ctx) {
            self.pump(ctx);
        }
    }
}

/// Pending once: the connection takes what it was given before more is made.
struct YieldOnce(bool);

impl ActorFuture<Session> for YieldOnce {
    type Output = ();

    fn poll(
        mut self: std::pin::Pin<&mut Self>,
        _session: &mut Session,
        _ctx: &mut SessionContext,
        task: &mut std::task::Context<'_>,
    ) -> std::task::Poll<()> {
        if self.0 {
            return std::task::Poll::Ready(());
        }
        self.0 = true;
        task.waker().wake_by_ref();
        std::task::Poll::Pending
    }
}
