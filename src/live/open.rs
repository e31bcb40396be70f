//! The handle to the live feed: opens connections, negotiates, counts and drains.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use actix::{AsyncContext as _, System};
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use actix_web_actors::HttpContext;
use actix_web_actors::ws::{self, HandshakeError};
use uuid::Uuid;

use crate::domain::ShowtimeId;
use crate::live::inflow::Inflow;
use crate::live::node::{Node, Statistics};
use crate::live::outflow::{Frames, Outflow};
use crate::live::session::{Session, Speech};
use crate::live::sessions::Admission;
use crate::live::signalr::negotiate;
use crate::live::signalr_calls::Calls;
use crate::live::subscription::Subscription;
use crate::live::{Dependencies, LiveError, driver};

/// Time between two rounds of goodbyes in a drain.
const DRAIN_STEP: Duration = Duration::from_millis(50);

/// Handle to a node's live feed; clones are the same feed.
#[derive(Clone)]
pub struct LiveHub(Arc<Owner>);

/// Ends the feed with the last handle.
struct Owner(Arc<Node>);

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.ended.cancel();
    }
}

impl LiveHub {
    pub(super) fn start(dependencies: Dependencies) -> Self {
        let node = Arc::new(Node::new(dependencies));
        let system = System::current();
        driver::start(&node, system);
        Self(Arc::new(Owner(node)))
    }

    fn node(&self) -> &Arc<Node> {
        &self.0.0
    }

    /// Opens a plain WebSocket on a showtime: with `after`, its deltas from there; without, or if that is too far back or ahead of the
    /// showtime, a snapshot and the deltas after it. See [`crate::live::plain`].
    ///
    /// # Errors
    /// Before the connection is upgraded, see [`LiveError`].
    pub async fn open_plain(
        &self,
        request: &HttpRequest,
        payload: web::Payload,
        showtime: ShowtimeId,
        after: Option<u64>,
    ) -> Result<HttpResponse, LiveError> {
        let node = self.node();
        check_upgrade(request)?;
        check_origin(request, &node.allowed_origins)?;
        let admission = self.admit(None)?;
        let watch = node.watch(showtime, after.unwrap_or(0)).await?;
        let head = watch.feed().head();
        let max_behind = node.settings.resume_events;
        let subscription = match after {
            Some(after) if after <= head && head - after <= max_behind => Subscription::after(after, watch, max_behind),
            Some(_) | None => {
                let snapshot = node.snapshot(watch.feed()).await?;
                Subscription::with(snapshot, watch, max_behind)
            }
        };
        self.upgrade(request, payload, admission, Speech::Plain, Some(subscription))
    }

    /// The body of the answer, always 200, to a SignalR negotiation with this `negotiateVersion`.
    pub fn negotiate(&self, version: Option<&str>) -> serde_json::Value {
        let node = self.node();
        if node.is_draining() {
            return negotiate::refusal("The server is shutting down.");
        }
        match negotiate::version(version) {
            Ok(version) => {
                let lifetime = node.settings.token_lifetime();
                let issued = node.token_key.issue(Uuid::new_v4(), (node.clock)(), lifetime);
                negotiate::invitation(version, &issued)
            }
            Err(refusal) => refusal,
        }
    }

    /// Opens a SignalR connection: with the token of a negotiation on any node as `id`, or without one (the client skipped it).
    ///
    /// # Errors
    /// Before the connection is upgraded, see [`LiveError`].
    pub fn open_hub(
        &self,
        request: &HttpRequest,
        payload: web::Payload,
        id: Option<&str>,
    ) -> Result<HttpResponse, LiveError> {
        let node = self.node();
        let upgrade = check_upgrade(request);
        let connection = match id {
            Some(token) => Some(node.token_key.verify(token, (node.clock)()).ok_or(LiveError::UnknownConnection)?),
            None if matches!(upgrade, Err(LiveError::UpgradeRequired)) => return Err(LiveError::MissingConnectionId),
            None => None,
        };
        upgrade?;
        check_origin(request, &node.allowed_origins)?;
        let admission = self.admit(connection)?;
        self.upgrade(request, payload, admission, Speech::SignalR(Calls::default()), None)
    }

    fn admit(&self, connection: Option<Uuid>) -> Result<Admission, LiveError> {
        let node = self.node();
        if node.is_draining() {
            return Err(LiveError::Draining);
        }
        node.sessions.admit(node.settings.max_sessions, connection)
    }

    fn upgrade(
        &self,
        request: &HttpRequest,
        payload: web::Payload,
        admission: Admission,
        speech: Speech,
        subscription: Option<Subscription>,
    ) -> Result<HttpResponse, LiveError> {
        let node = self.node();
        let mut response = ws::handshake(request).map_err(|error| LiveError::BadHandshake(error.to_string()))?;
        let frames = Frames::default();
        let session = Session::new(Arc::clone(node), frames.clone(), admission, speech, subscription);
        let inflow = Inflow::new(payload, node.settings.max_message_bytes);
        let running = HttpContext::with_factory(|ctx| {
            ctx.add_stream(inflow);
            session
        });
        Ok(response.streaming(Outflow::new(frames, running)))
    }

    /// Number of clients connected to this node.
    pub fn sessions(&self) -> usize {
        self.node().sessions.len()
    }

    /// What this node's live feed has done and does.
    pub fn statistics(&self) -> Statistics {
        self.node().statistics()
    }

    /// Takes no more clients and says goodbye to those connected, spread evenly over `over` so that they do not all come back elsewhere
    /// at once. Returns when all have gone, or a little later; clients that do not even take the goodbye are given up. Then the feed ends.
    pub async fn drain(&self, over: Duration) {
        let node = self.node();
        node.draining.store(true, Ordering::Release);
        let mut handles = node.sessions.handles();
        let rounds = usize::try_from(over.as_millis() / DRAIN_STEP.as_millis()).unwrap_or(usize::MAX).max(1);
        let at_once = handles.len().div_ceil(rounds).max(1);
        while !handles.is_empty() {
            let rest = handles.len().saturating_sub(at_once);
            for handle in handles.drain(rest..) {
                handle.ask_to_leave(node.now());
            }
            tokio::time::sleep(DRAIN_STEP.min(over)).await;
        }
        // Those who were being admitted as the drain began.
        for handle in node.sessions.handles() {
            handle.ask_to_leave(node.now());
        }
        let grace = Duration::from_millis(node.settings.close_milliseconds);
        if tokio::time::timeout(grace, node.sessions.empty()).await.is_err() {
            let left = node.sessions.handles();
            tracing::warn!(sessions.count = left.len(), "clients that did not take a goodbye are given up");
            for handle in left {
                node.sessions.give_up(&handle);
            }
        }
        node.ended.cancel();
    }
}

fn check_upgrade(request: &HttpRequest) -> Result<(), LiveError> {
    match ws::handshake(request) {
        Ok(_) => Ok(()),
        Err(
            HandshakeError::NoWebsocketUpgrade
            | HandshakeError::NoConnectionUpgrade
            | HandshakeError::NoVersionHeader
            | HandshakeError::UnsupportedVersion,
        ) => Err(LiveError::UpgradeRequired),
        Err(error @ (HandshakeError::GetMethodRequired | HandshakeError::BadWebsocketKey)) => {
            Err(LiveError::BadHandshake(error.to_string()))
        }
    }
}

/// Browsers name the page's origin with a WebSocket but do not ask whether it may: this is the only guard. Other clients send none.
fn check_origin(request: &HttpRequest, allowed: &[String]) -> Result<(), LiveError> {
    let Some(origin) = request.headers().get(header::ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().unwrap_or("");
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    let is_own = authority.zip(host).is_some_and(|(authority, host)| authority.eq_ignore_ascii_case(host));
    let is_listed = allowed.iter().any(|listed| listed.trim_end_matches('/').eq_ignore_ascii_case(origin));
    if is_own || is_listed {
        return Ok(());
    }
    Err(LiveError::ForbiddenOrigin(origin.chars().take(256).collect()))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn origin(origin: &str) -> HttpRequest {
        TestRequest::get()
            .insert_header((header::HOST, "box.example:8080"))
            .insert_header((header::ORIGIN, origin))
            .to_http_request()
    }

    #[test]
    fn pages_of_other_origins_are_refused() {
        let allowed = ["https://tickets.example".to_owned(), "http://localhost:3000/".to_owned()];
        for good in ["https://BOX.example:8080", "https://tickets.example", "http://localhost:3000"] {
            assert!(check_origin(&origin(good), &allowed).is_ok(), "{good}");
        }
        let bad = [
            "https://box.example",
            "http://tickets.example",
            "https://tickets.example.evil.test",
            "https://evil.test",
            "null",
            "",
            "box.example:8080",
        ];
        for bad in bad {
            assert!(matches!(check_origin(&origin(bad), &allowed), Err(LiveError::ForbiddenOrigin(_))), "{bad}");
        }
        assert!(check_origin(&TestRequest::get().to_http_request(), &allowed).is_ok());
    }
}
