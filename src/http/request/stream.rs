//! Streams: a large body that is taken apart while it arrives, on a thread of its own, so that only a bounded part of it is in memory.

use std::future::Future;
use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header;
use actix_web::{HttpRequest, web};
use bytes::{Buf, Bytes};
use futures_util::StreamExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::http::problem::{Code, Problem};
use crate::http::request::body::{self, Bounds, MediaType, unreadable};
use crate::http::request::unread;

/// Chunks that may have arrived before they are read. The server's own chunks have up to 64 KiB.
const CHUNKS_AHEAD: usize = 16;

/// Longest body in bytes: 200,000 seats as editors of seating plans write them, with room to spare.
const MOST_BYTES: usize = 64 * 1024 * 1024;
/// Longest time for a body to arrive, as long as it does arrive.
const MOST_TIME: Duration = Duration::from_mins(1);
/// A longer body is streamed, and needs a place among the few of its kind.
const LARGE_BODY_BYTES: usize = 1024 * 1024;
/// A longer body is taken apart off the HTTP workers, which would stand still for milliseconds.
const BYTES_READ_INLINE: usize = 64 * 1024;

/// How bodies are taken in that may be large.
#[derive(Clone, Debug)]
pub(crate) struct Intake {
    /// Places for large bodies.
    pub(crate) places: Arc<Semaphore>,
    /// Longest wait for a body, or for the next part of a large one.
    pub(crate) body_timeout: Duration,
}

/// A place among the few large bodies, given back when dropped; a small body needs none.
pub(crate) type Place = Option<OwnedSemaphorePermit>;

impl Intake {
    /// Has `read` take a body apart, a large one while it arrives. It may stop before the end. The place is to be kept as long as what was
    /// made is in memory.
    ///
    /// # Errors
    /// The body is too large, of another media type, or does not arrive in time; or there is no place for it.
    pub(crate) async fn read<T: Send + 'static>(
        self,
        request: &HttpRequest,
        payload: web::Payload,
        media_type: MediaType,
        read: impl FnOnce(&mut dyn Read) -> T + Send + 'static,
    ) -> Result<(T, Place), Problem> {
        body::check_media_type(request, media_type)?;
        let is_small = declared(request).is_some_and(|length| length <= LARGE_BODY_BYTES);
        if !is_small {
            let full = |_full| Problem::new(Code::Overloaded, "other large bodies are being read");
            let place = self.places.try_acquire_owned().map_err(full)?;
            let read = move |mut body: Arriving| (read(&mut body), Some(place));
            return stream(request, payload, self.body_timeout, read).await;
        }
        let bounds = Bounds { bytes: LARGE_BODY_BYTES, time: self.body_timeout };
        let body = body::read(request, payload, bounds).await?;
        if body.len() <= BYTES_READ_INLINE {
            return Ok((read(&mut body.reader()), None));
        }
        web::block(move || (read(&mut body.reader()), None)).await.map_err(Problem::bug)
    }
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

/// The length that the request's head tells.
fn declared(request: &HttpRequest) -> Option<usize> {
    let length = request.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?;
    // One that does not fit is larger than every bound.
    length.parse::<u64>().ok().map(|length| usize::try_from(length).unwrap_or(usize::MAX))
}

/// Has `read` take the body apart on a thread for blocking work while it arrives.
async fn stream<T: Send + 'static>(
    request: &HttpRequest,
    payload: web::Payload,
    pause: Duration,
    read: impl FnOnce(Arriving) -> T + Send + 'static,
) -> Result<T, Problem> {
    let too_large = || Problem::new(Code::PayloadTooLarge, format!("the body may have at most {MOST_BYTES} bytes"));
    if declared(request).is_some_and(|length| length > MOST_BYTES) {
        return Err(too_large());
    }
    let (chunks, arriving) = mpsc::channel(CHUNKS_AHEAD);
    let reading = web::block(move || read(Arriving { chunks: arriving, current: Bytes::new() }));
    let feed = async {
        // Dropped at the end of this block, whichever it is: the reader then meets the end of the body.
        let chunks = chunks;
        let mut payload = payload.into_inner();
        let mut left = MOST_BYTES;
        while let Some(chunk) = in_time(pause, payload.next()).await? {
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
    let delivered = in_time(MOST_TIME, feed).await.and_then(|outcome| outcome);
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
