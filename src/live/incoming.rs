//! What a session receives: frames are joined to messages and checked against the limits before anyone reads them.

use actix::StreamHandler;
use actix_http::ws::Item;
use actix_web_actors::ws::{self, CloseCode, ProtocolError};

use crate::live::plain;
use crate::live::session::{Farewell, Session, SessionContext, Speech};
use crate::live::subscription::Subscription;

impl StreamHandler<Result<ws::Message, ProtocolError>> for Session {
    fn handle(&mut self, received: Result<ws::Message, ProtocolError>, ctx: &mut Self::Context) {
        if let Some(handle) = &self.handle {
            handle.received(self.node.now());
        }
        let message = match received {
            Ok(message) => message,
            Err(error) => return self.on_error(&error, ctx),
        };
        if let ws::Message::Close(_) = message {
            return self.end(Farewell::Answer, ctx);
        }
        if !self.spend(ctx) {
            return;
        }
        match message {
            ws::Message::Text(text) => self.on_text(&text, ctx),
            ws::Message::Ping(bytes) => ctx.pong(&bytes),
            ws::Message::Continuation(item) => self.on_fragment(item, ctx),
            ws::Message::Binary(_) => self.refuse_binary(ctx),
            ws::Message::Pong(_) | ws::Message::Close(_) | ws::Message::Nop => {}
        }
    }
}

impl Session {
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
            return self.end(Farewell::Misbehaved(CloseCode::Size, "the message is too long".to_owned()), ctx);
        }
        fragments.extend_from_slice(&bytes);
        if is_last {
            let whole = std::mem::take(fragments);
            self.fragments = None;
            match String::from_utf8(whole) {
                Ok(text) => self.on_text(&text, ctx),
                Err(error) => self.end(Farewell::Misbehaved(CloseCode::Invalid, error.to_string()), ctx),
            }
        }
    }

    fn refuse_binary(&mut self, ctx: &mut SessionContext) {
        self.end(Farewell::Misbehaved(CloseCode::Unsupported, "only text is understood".to_owned()), ctx);
    }

    fn on_error(&mut self, error: &ProtocolError, ctx: &mut SessionContext) {
        let farewell = if matches!(error, ProtocolError::Overflow) {
            Farewell::Misbehaved(CloseCode::Size, "the message is too long".to_owned())
        } else if let ProtocolError::Io(error) = error {
            Farewell::Broken(error.to_string())
        } else {
            Farewell::Misbehaved(CloseCode::Protocol, error.to_string())
        };
        self.end(farewell, ctx);
    }
}
