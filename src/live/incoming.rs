//! What a session receives: frames are joined to messages and checked against the limits before anyone reads them.

use actix::{ActorContext as _, StreamHandler};
use actix_http::ws::{CloseCode, Frame, Item};

use crate::live::inflow::InflowError;
use crate::live::plain;
use crate::live::session::{Farewell, Session, SessionContext, Speech};
use crate::live::subscription::Subscription;

impl StreamHandler<Result<Frame, InflowError>> for Session {
    fn handle(&mut self, received: Result<Frame, InflowError>, ctx: &mut Self::Context) {
        if let Ok(Frame::Close(reason)) = received {
            // The answer to the server's own close, or the client's goodbye, which is answered with its own code.
            let code = reason.map_or(CloseCode::Normal, |reason| reason.code);
            return self.closing_handshake_done(code, ctx);
        }
        if self.is_closing() {
            return;
        }
        if let Some(handle) = &self.handle {
            handle.received(self.node.now());
        }
        let frame = match received {
            Ok(frame) => frame,
            Err(error) => return self.on_error(&error, ctx),
        };
        if !self.spend(ctx) {
            return;
        }
        match frame {
            Frame::Text(bytes) => self.on_bytes(&bytes, ctx),
            Frame::Ping(bytes) => self.pong(&bytes),
            Frame::Continuation(item) => self.on_fragment(item, ctx),
            Frame::Binary(_) => self.refuse_binary(ctx),
            Frame::Pong(_) | Frame::Close(_) => {}
        }
    }
}

impl Session {
    fn on_bytes(&mut self, bytes: &[u8], ctx: &mut SessionContext) {
        match str::from_utf8(bytes) {
            Ok(text) => self.on_text(text, ctx),
            Err(error) => self.end(Farewell::Misbehaved(CloseCode::Invalid, error.to_string()), ctx),
        }
    }

    fn on_text(&mut self, text: &str, ctx: &mut SessionContext) {
        match self.speech {
            Speech::Plain => match plain::decode(text) {
                Ok(plain::ClientMessage::Ping) => {
                    let sequence = self.subscriptions.first().map_or(0, Subscription::cursor);
                    self.send(&plain::pong(sequence));
                }
                Err(error) => self.end(Farewell::Misbehaved(CloseCode::Policy, error.to_string()), ctx),
            },
            Speech::SignalR(_) => self.on_records(text, ctx),
        }
    }

    /// Joins the frames of a text message, up to the longest message allowed.
    fn on_fragment(&mut self, item: Item, ctx: &mut SessionContext) {
        let (bytes, is_last) = match item {
            Item::FirstText(bytes) => {
                self.fragments = Some(Vec::new());
                (bytes, false)
            }
            Item::Continue(bytes) => (bytes, false),
            Item::Last(bytes) => (bytes, true),
            Item::FirstBinary(_) => return self.refuse_binary(ctx),
        };
        let Some(fragments) = &mut self.fragments else { return };
        if fragments.len() + bytes.len() > self.node.settings.max_message_bytes {
            return self.end(Farewell::Misbehaved(CloseCode::Size, InflowError::TooLong.to_string()), ctx);
        }
        fragments.extend_from_slice(&bytes);
        if is_last {
            let whole = self.fragments.take().unwrap_or_default();
            self.on_bytes(&whole, ctx);
        }
    }

    fn refuse_binary(&mut self, ctx: &mut SessionContext) {
        self.end(Farewell::Misbehaved(CloseCode::Unsupported, "only text is understood".to_owned()), ctx);
    }

    fn on_error(&mut self, error: &InflowError, ctx: &mut SessionContext) {
        match error {
            InflowError::TooLong => self.end(Farewell::Misbehaved(CloseCode::Size, error.to_string()), ctx),
            InflowError::Protocol(_) => self.end(Farewell::Misbehaved(CloseCode::Protocol, error.to_string()), ctx),
            InflowError::Broken(source) => {
                tracing::debug!(error = %source, "a client's connection broke");
                ctx.stop();
            }
        }
    }
}
