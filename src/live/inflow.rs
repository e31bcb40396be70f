//! Inflow: a client's bytes as WebSocket frames. The header of a frame is checked before its payload is buffered, because the library's
//! parser waits for the whole payload before it compares the length with the limit.
//!
//! **Invariant:** a connection buffers at most one frame of the longest length allowed, and what one read of the connection brought.

use std::pin::Pin;
use std::task::{Context, Poll};

use actix_http::error::PayloadError;
use actix_http::ws::{Codec, Frame, ProtocolError};
use bytes::{Buf as _, Bytes, BytesMut};
use futures_util::Stream;
use tokio_util::codec::Decoder as _;

/// Bits of a frame's first byte (RFC 6455, section 5.2): the last frame of a message, the reserved bits, and opcodes of control frames.
const LAST: u8 = 0x80;
const RESERVED: u8 = 0x70;
const CONTROL: u8 = 0x08;
/// The part of the second byte that tells the length, and the values that say that the length follows in two or in eight bytes.
const LENGTH: u8 = 0x7f;
const LENGTH_IN_TWO_BYTES: u8 = 126;
const LENGTH_IN_EIGHT_BYTES: u8 = 127;
/// Bytes of a masking key.
const MASK_BYTES: u64 = 4;
/// Longest payload of a control frame (RFC 6455, section 5.5).
const MAX_CONTROL_BYTES: u64 = 125;

/// Why a client's bytes cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum InflowError {
    /// A frame announces more than the longest message allowed; its payload is thrown away as it comes.
    #[error("the message is too long")]
    TooLong,
    /// Not the WebSocket protocol; nothing more is read.
    #[error("{0}")]
    Protocol(String),
    /// The connection broke.
    #[error("the connection broke")]
    Broken(#[source] PayloadError),
}

/// What the header of a frame announces.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Announced {
    /// Bytes of the header, with the masking key that every client has to send.
    header: u64,
    /// Bytes of the payload.
    payload: u64,
}

/// Reads what the beginning of a frame announces; `None` until enough of it is there.
fn announced(frame: &[u8]) -> Option<Announced> {
    let ([_, second], rest) = frame.split_first_chunk()?;
    let (extended, payload) = match second & LENGTH {
        LENGTH_IN_TWO_BYTES => (2, u64::from(u16::from_be_bytes(*rest.first_chunk()?))),
        LENGTH_IN_EIGHT_BYTES => (8, u64::from_be_bytes(*rest.first_chunk()?)),
        length => (0, u64::from(length)),
    };
    Some(Announced { header: 2 + extended + MASK_BYTES, payload })
}

/// A client's frames; see the module's documentation.
pub(super) struct Inflow<S> {
    bytes: S,
    codec: Codec,
    max_bytes: u64,
    /// Received and not yet understood.
    buffer: BytesMut,
    /// Bytes still to come that are thrown away.
    skipped: u64,
    ended: bool,
}

impl<S> Inflow<S> {
    /// Frames of at most `max_bytes` from `bytes`.
    pub(super) fn new(bytes: S, max_bytes: usize) -> Self {
        Self {
            bytes,
            codec: Codec::new().max_size(max_bytes),
            max_bytes: u64::try_from(max_bytes).unwrap_or(u64::MAX),
            buffer: BytesMut::new(),
            skipped: 0,
            ended: false,
        }
    }

    /// The next frame, if it is there.
    fn next_frame(&mut self) -> Result<Option<Frame>, InflowError> {
        let checked = self.check();
        let frame = checked.and_then(|()| self.codec.decode(&mut self.buffer).map_err(|error| protocol(&error)));
        match &frame {
            Err(InflowError::Protocol(_)) => self.skip(u64::MAX),
            Err(InflowError::TooLong | InflowError::Broken(_)) | Ok(_) => {}
        }
        if self.buffer.is_empty() {
            // An idle client keeps no memory for this.
            self.buffer = BytesMut::new();
        }
        frame
    }

    /// Checks the header at the beginning of the buffer, as far as it is there.
    fn check(&mut self) -> Result<(), InflowError> {
        let Some([first, second]) = self.buffer.first_chunk().copied() else { return Ok(()) };
        let refused = |why: &str| Err(InflowError::Protocol(why.to_owned()));
        if first & RESERVED != 0 {
            return refused("a reserved bit is set");
        }
        if first & CONTROL != 0 && (first & LAST == 0 || u64::from(second & LENGTH) > MAX_CONTROL_BYTES) {
            return refused("a control frame is fragmented or too long");
        }
        if let Some(Announced { header, payload }) = announced(&self.buffer)
            && payload > self.max_bytes
        {
            self.skip(header.saturating_add(payload));
            return Err(InflowError::TooLong);
        }
        Ok(())
    }

    /// Throws away the next `count` bytes, those that are there and those that come.
    fn skip(&mut self, count: u64) {
        let here = usize::try_from(count).unwrap_or(usize::MAX).min(self.buffer.len());
        self.buffer.advance(here);
        self.skipped = count.saturating_sub(u64::try_from(here).unwrap_or(u64::MAX));
    }

    fn receive(&mut self, mut chunk: Bytes) {
        let thrown_away = usize::try_from(self.skipped).unwrap_or(usize::MAX).min(chunk.len());
        chunk.advance(thrown_away);
        self.skipped = self.skipped.saturating_sub(u64::try_from(thrown_away).unwrap_or(u64::MAX));
        self.buffer.extend_from_slice(&chunk);
    }
}

fn protocol(error: &ProtocolError) -> InflowError {
    if matches!(error, ProtocolError::Overflow) {
        InflowError::TooLong
    } else {
        InflowError::Protocol(error.to_string())
    }
}

impl<S> Stream for Inflow<S>
where
    S: Stream<Item = Result<Bytes, PayloadError>> + Unpin,
{
    type Item = Result<Frame, InflowError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if let Some(frame) = this.next_frame().transpose() {
                return Poll::Ready(Some(frame));
            }
            if this.ended {
                return Poll::Ready(None);
            }
            match Pin::new(&mut this.bytes).poll_next(context) {
                Poll::Ready(Some(Ok(chunk))) => this.receive(chunk),
                Poll::Ready(Some(Err(error))) => {
                    this.ended = true;
                    return Poll::Ready(Some(Err(InflowError::Broken(error))));
                }
                Poll::Ready(None) => this.ended = true,
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_http::ws::{Item, OpCode, Parser};
    use futures_util::{FutureExt as _, StreamExt as _, stream};

    use super::*;

    const MAX: usize = 1_000;

    /// A frame as a client sends it.
    fn masked(opcode: OpCode, payload: &[u8], last: bool) -> Vec<u8> {
        let mut frame = BytesMut::new();
        Parser::write_message(&mut frame, payload, opcode, last, true);
        frame.to_vec()
    }

    /// All that is read from these chunks: the frames' texts, or the errors.
    fn read(chunks: Vec<Vec<u8>>) -> Vec<String> {
        let chunks = chunks.into_iter().map(|chunk| Ok(Bytes::from(chunk)));
        let frames = Inflow::new(stream::iter(chunks), MAX).map(|frame| match frame {
            Ok(Frame::Text(bytes) | Frame::Continuation(Item::FirstText(bytes) | Item::Last(bytes))) => {
                String::from_utf8(bytes.to_vec()).unwrap()
            }
            Ok(other) => format!("{other:?}"),
            Err(error) => format!("error: {error}"),
        });
        frames.collect::<Vec<_>>().now_or_never().unwrap()
    }

    #[test]
    fn frames_are_read_however_they_are_cut() {
        let wire = [
            masked(OpCode::Text, b"one", true),
            masked(OpCode::Text, "x".repeat(MAX).as_bytes(), true),
            masked(OpCode::Text, b"be", false),
            masked(OpCode::Continue, b"gun", true),
            masked(OpCode::Text, b"", true),
        ]
        .concat();
        let expected = ["one".to_owned(), "x".repeat(MAX), "be".to_owned(), "gun".to_owned(), String::new()];
        for size in [1, 2, 3, 7, 500, wire.len()] {
            assert_eq!(read(wire.chunks(size).map(<[u8]>::to_vec).collect()), expected, "chunks of {size}");
        }
    }

    #[test]
    fn an_oversize_frame_is_refused_by_its_header_and_its_payload_is_not_kept() {
        for announced in [1_001_u64, 65_536, 1 << 40, (1 << 63) - 1] {
            let header = if let Ok(short) = u16::try_from(announced) {
                [&[0x81, 0xfe][..], &short.to_be_bytes()].concat()
            } else {
                [&[0x81, 0xff][..], &announced.to_be_bytes()].concat()
            };
            let chunks = stream::iter([Ok(Bytes::from(header))]).chain(stream::pending());
            let mut inflow = Inflow::new(chunks, MAX);
            let refused = inflow.next().now_or_never().expect("no payload is waited for").unwrap();
            assert!(matches!(refused, Err(InflowError::TooLong)), "{announced}: {refused:?}");
            inflow.receive(Bytes::from(vec![0; 1_000]));
            assert_eq!(inflow.buffer.len(), 0, "{announced}");
        }
    }

    #[test]
    fn what_follows_an_oversize_frame_is_read() {
        let wire = [masked(OpCode::Text, &[b'x'; MAX + 1], true), masked(OpCode::Text, b"next", true)].concat();
        for size in [1, 100, wire.len()] {
            let chunks = wire.chunks(size).map(<[u8]>::to_vec).collect();
            assert_eq!(read(chunks), ["error: the message is too long", "next"], "chunks of {size}");
        }
    }

    #[test]
    fn what_is_no_frame_is_refused_once_and_nothing_after_it_is_read() {
        let after = masked(OpCode::Text, b"after", true);
        let broken: [&[u8]; 9] = [
            &[0xc1, 0x80],             // RSV1
            &[0xa1, 0x80],             // RSV2
            &[0x91, 0x80],             // RSV3
            &[0x83, 0x80],             // an opcode without a meaning
            &[0x8b, 0x80],             // a control opcode without a meaning
            &[0x81, 0x03],             // not masked
            &[0x09, 0x80],             // a ping in fragments
            &[0x89, 0xfe],             // a ping too long
            &[0x80, 0x80, 1, 2, 3, 4], // a continuation of nothing
        ];
        for wire in broken {
            let said = read(vec![wire.to_vec(), after.clone(), after.clone()]);
            assert_eq!(said.len(), 1, "{wire:x?}: {said:?}");
            assert!(said[0].starts_with("error: ") && said[0] != "error: the message is too long", "{said:?}");
        }
    }
}
