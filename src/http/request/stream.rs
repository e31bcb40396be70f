//! Streams: a large body that is taken apart while it arrives, on a thread of its own, so that only a bounded part of it is in memory.

use std::future::Future;
use std::io::{self, Read};
use std::time::Duration;

use actix_web::http::header;
use actix_web::{HttpRequest, web};
use bytes::{Buf, Bytes};
use futures_util::StreamExt;
use tokio::sync::mpsc;

use crate::http::problem::{Code, Problem};
use crate::http::request::body::unreadable;
use crate::http::request::unread;

/// Chunks that may have arrived before they are read. The server's own chunks have up to 64 KiB.
const CHUNKS_AHEAD: usize = 16;

/// How much of a body is read, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StreamBounds {
    /// Longest body in bytes.
    pub(crate) bytes: usize,
    /// Longest wait for the next part of it.
    pub(crate) pause: Duration,
    /// From the end of the head to the end of the body.
    pub(crate) time: Duration,
}

/// A body that is arriving. Where it ends early, what reads it meets an end, too; what has been made of it then is thrown away.
pub(crate) struct Arriving {
    chunks: mpsc::Receiver<Bytes>,
    current: Bytes,
}

impl Read for Arriving {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.chunks.blocking_recv() {
                Some(chunk) => self.current = chunk,
                None => return Ok(0),
            }
        }
        let length = self.current.len().min(into.len());
        let (now, _) = into.split_at_mut(length);
        self.current.copy_to_slice(now);
        Ok(length)
    }
}

/// Has `read` take the body apart on a thread for blocking work while it arrives. It may stop before the end.
///
/// # Errors
/// The body is too large, does not arrive in time, or cannot be received.
pub(crate) async fn read<T: Send + 'static>(
    request: &HttpRequest,
    payload: web::Payload,
    bounds: StreamBounds,
    read: impl FnOnce(Arriving) -> T + Send + 'static,
) -> Result<T, Problem> {
    let too_large = || Problem::new(Code::PayloadTooLarge, format!("the body may have at most {} bytes", bounds.bytes));
    let declared = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    let declared = declared.and_then(|length| length.parse::<u64>().ok());
    if declared.is_some_and(|length| usize::try_from(length).map_or(true, |length| length > bounds.bytes)) {
        return Err(too_large());
    }
    let (chunks, arriving) = mpsc::channel(CHUNKS_AHEAD);
    let reading = web::block(move || read(Arriving { chunks: arriving, current: Bytes::new() }));
    let feed = async {
        // Dropped at the end of this block, whichever it is: the reader then meets the end of the body.
        let chunks = chunks;
        let mut payload = payload.into_inner();
        let mut left = bounds.bytes;
        while let Some(chunk) = in_time(bounds.pause, payload.next()).await? {
            let chunk = chunk.map_err(|error| unreadable(&error))?;
            left = left.checked_sub(chunk.len()).ok_or_else(too_large)?;
            if chunks.send(chunk).await.is_err() {
                // The reader has seen enough.
                return Ok(());
            }
        }
        unread::all_read(request);
        Ok(())
    };
    let delivered = in_time(bounds.time, feed).await.and_then(|outcome| outcome);
    let made = reading.await.map_err(Problem::bug)?;
    delivered.map(|()| made)
}

async fn in_time<T>(time: Duration, work: impl Future<Output = T>) -> Result<T, Problem> {
    let late = |_elapsed| Problem::new(Code::RequestTimeout, "the body did not arrive in time");
    tokio::time::timeout(time, work).await.map_err(late)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_read_as_one_body() {
        let (chunks, arriving) = mpsc::channel(4);
        for chunk in ["a", "", "bcdef", "g"] {
            chunks.try_send(Bytes::from(chunk)).unwrap();
        }
        drop(chunks);
        let mut arriving = Arriving { chunks: arriving, current: Bytes::new() };
        let mut three = [0; 3];
        assert_eq!((arriving.read(&mut three).unwrap(), arriving.read(&mut three).unwrap()), (1, 3));
        let mut rest = String::new();
        arriving.read_to_string(&mut rest).unwrap();
        assert_eq!((&three, rest.as_str()), (b"bcd", "efg"));
    }
}
