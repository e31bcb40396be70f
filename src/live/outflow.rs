//! Outflow: what a session gives its connection. Deltas are encoded and framed once, joined to batches once, and the same bytes go to every
//! client that stands at the same sequence.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_http::ws::{CloseCode, CloseReason, OpCode, Parser};
use actix_web::Error;
use bytes::{Bytes, BytesMut};
use futures_util::Stream;

/// Longest reason of a close: a control frame has at most 125 bytes (RFC 6455, section 5.5), and two are the code.
const MAX_REASON_BYTES: usize = 123;

/// A text message as an unmasked WebSocket frame.
pub(super) fn text(text: &str) -> Bytes {
    frame(text.as_bytes(), OpCode::Text)
}

/// A ping.
pub(super) fn ping() -> Bytes {
    frame(b"", OpCode::Ping)
}

/// The answer to a ping with this payload.
pub(super) fn pong(payload: &[u8]) -> Bytes {
    frame(payload, OpCode::Pong)
}

/// A close; a reason that does not fit is cut.
pub(super) fn close(code: CloseCode, reason: &str) -> Bytes {
    let fitting = reason.get(..reason.floor_char_boundary(MAX_REASON_BYTES)).filter(|reason| !reason.is_empty());
    let mut frame = BytesMut::new();
    Parser::write_close(&mut frame, Some(CloseReason { code, description: fitting.map(str::to_owned) }), false);
    frame.freeze()
}

fn frame(payload: &[u8], opcode: OpCode) -> Bytes {
    let mut frame = BytesMut::new();
    Parser::write_message(&mut frame, payload, opcode, true, false);
    frame.freeze()
}

/// Frames on their way from a session to its connection.
#[derive(Clone, Default)]
pub(super) struct Frames(Rc<RefCell<VecDeque<Bytes>>>);

impl Frames {
    /// Adds one frame, or several joined.
    pub(super) fn push(&self, frames: Bytes) {
        self.0.borrow_mut().push_back(frames);
    }

    fn pop(&self) -> Option<Bytes> {
        let mut frames = self.0.borrow_mut();
        let next = frames.pop_front();
        if frames.is_empty() {
            // An idle client keeps no memory for this.
            *frames = VecDeque::new();
        }
        next
    }
}

/// The body of an upgraded connection: a session's frames. When it ends, the server closes the connection.
pub(super) struct Outflow<S> {
    frames: Frames,
    /// Runs the session as it is polled. What it yields by itself is nothing: its frames go another way, so that they can be shared.
    session: Pin<Box<S>>,
    ended: bool,
}

impl<S> Outflow<S> {
    pub(super) fn new(frames: Frames, session: S) -> Self {
        Self { frames, session: Box::pin(session), ended: false }
    }
}

impl<S: Stream> Stream for Outflow<S> {
    type Item = Result<Bytes, Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        // The session is run again only when all that it gave was taken.
        if let Some(next) = this.frames.pop() {
            return Poll::Ready(Some(Ok(next)));
        }
        while !this.ended {
            match this.session.as_mut().poll_next(context) {
                Poll::Ready(Some(_nothing)) => {}
                Poll::Ready(None) => this.ended = true,
                Poll::Pending => break,
            }
        }
        match this.frames.pop() {
            Some(next) => Poll::Ready(Some(Ok(next))),
            None if this.ended => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}

/// The texts of joined frames, as a client reads them.
#[cfg(test)]
pub(super) fn texts(frames: &[u8]) -> Vec<String> {
    use actix_http::ws::{Codec, Frame};
    use tokio_util::codec::Decoder as _;

    let mut buffer = BytesMut::from(frames);
    let mut codec = Codec::new().client_mode().max_size(1 << 20);
    let mut texts = Vec::new();
    while let Some(Frame::Text(text)) = codec.decode(&mut buffer).unwrap() {
        texts.push(String::from_utf8(text.to_vec()).unwrap());
    }
    assert!(buffer.is_empty(), "frames are whole");
    texts
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt as _, StreamExt as _, stream};

    use super::*;

    #[test]
    fn frames_come_in_order_and_nothing_is_lost_at_the_end() {
        let frames = Frames::default();
        let run = frames.clone();
        let mut turn = 0;
        let session = stream::poll_fn(move |_context| {
            turn += 1;
            match turn {
                1 => {
                    run.push(text("a"));
                    run.push(ping());
                    Poll::<Option<()>>::Pending
                }
                2 => {
                    run.push(text("b"));
                    run.push(close(CloseCode::Normal, ""));
                    Poll::Ready(None)
                }
                _ => panic!("polled after its end"),
            }
        });
        let mut outflow = Outflow::new(frames, session);
        let mut next = || outflow.next().now_or_never();
        for expected in [text("a"), ping(), text("b"), close(CloseCode::Normal, "")] {
            assert_eq!(next().unwrap().unwrap().unwrap(), expected);
        }
        assert!(next().unwrap().is_none());
        assert!(next().unwrap().is_none());
        assert_eq!(texts(&[text("x"), text(&"y".repeat(70_000))].concat()), ["x".to_owned(), "y".repeat(70_000)]);
    }

    #[test]
    fn a_long_reason_is_cut_between_two_characters() {
        let whole = close(CloseCode::Policy, &"x".repeat(123));
        assert_eq!(whole.len(), 2 + 125);
        assert_eq!(close(CloseCode::Policy, &"x".repeat(500)), whole);
        let cut = close(CloseCode::Policy, &"\u{1f3ab}".repeat(64));
        assert_eq!(str::from_utf8(&cut[4..]), Ok("\u{1f3ab}".repeat(30).as_str()));
    }
}
