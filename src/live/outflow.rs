//! Outflow: what a session gives its connection. Deltas are encoded and framed once, joined to batches once, and the same bytes go to every
//! client that stands at the same sequence; the library's own encoder, which frames for each client anew, is left the control frames.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_http::ws::{OpCode, Parser};
use actix_web::Error;
use bytes::{Bytes, BytesMut};
use futures_util::Stream;

/// A text message as an unmasked WebSocket frame.
pub(super) fn frame(text: &str) -> Bytes {
    let mut frame = BytesMut::new();
    Parser::write_message(&mut frame, text, OpCode::Text, true, false);
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

/// The body of an upgraded connection: a session's frames, then the control frames that it made in the same turn, a close last of all.
pub(super) struct Outflow<S> {
    frames: Frames,
    /// Runs the session as it is polled; yields control frames.
    session: Pin<Box<S>>,
    /// Yielded by the session, to follow its frames.
    control: Option<Result<Bytes, Error>>,
    ended: bool,
}

impl<S> Outflow<S> {
    pub(super) fn new(frames: Frames, session: S) -> Self {
        Self { frames, session: Box::pin(session), control: None, ended: false }
    }
}

impl<S> Stream for Outflow<S>
where
    S: Stream<Item = Result<Bytes, Error>>,
{
    type Item = Result<Bytes, Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        // The session is run again only when all that it gave was taken.
        if let Some(next) = this.take_next() {
            return Poll::Ready(Some(next));
        }
        if !this.ended {
            match this.session.as_mut().poll_next(context) {
                Poll::Ready(Some(control)) => this.control = Some(control),
                Poll::Ready(None) => this.ended = true,
                Poll::Pending => {}
            }
        }
        match this.take_next() {
            Some(next) => Poll::Ready(Some(next)),
            None if this.ended => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}

impl<S> Outflow<S> {
    fn take_next(&mut self) -> Option<Result<Bytes, Error>> {
        self.frames.pop().map(Ok).or_else(|| self.control.take())
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
    fn frames_come_before_control_frames_and_nothing_is_lost_at_the_end() {
        let frames = Frames::default();
        let run = frames.clone();
        let mut turn = 0;
        let session = stream::poll_fn(move |_context| {
            turn += 1;
            match turn {
                1 => {
                    run.push(frame("a"));
                    run.push(frame("b"));
                    Poll::Ready(Some(Ok(Bytes::from_static(b"ping"))))
                }
                2 => {
                    run.push(frame("c"));
                    Poll::Pending
                }
                3 => {
                    run.push(frame("d"));
                    Poll::Ready(None)
                }
                _ => panic!("polled after its end"),
            }
        });
        let mut outflow = Outflow::new(frames, session);
        let mut next = || outflow.next().now_or_never();
        for expected in [frame("a"), frame("b"), Bytes::from_static(b"ping"), frame("c"), frame("d")] {
            assert_eq!(next().unwrap().unwrap().unwrap(), expected);
        }
        assert!(next().unwrap().is_none());
        assert!(next().unwrap().is_none());
        assert_eq!(texts(&[frame("x"), frame(&"y".repeat(70_000))].concat()), ["x".to_owned(), "y".repeat(70_000)]);
    }
}
