//! Unread bodies: a connection whose request was answered before its body was read is closed, within a bounded time.
//!
//! The server's dispatcher would read, and throw away, a chunked body to its end once its payload is dropped, however
//! long a client goes on sending. A payload that lives until the answer is sent makes it close the connection instead.
//! It would close while the client still sends, and a client whose bytes are not taken may never see the answer. So what comes
//! is thrown away for a bounded time first. The dispatcher can do this itself, but then it also keeps every WebSocket whose
//! closing handshake is done, until the client closes its side; clients wait for the server to do so.

use std::cell::RefCell;
use std::future::Future as _;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::PayloadError;
use actix_web::http::header;
use actix_web::rt::time::Sleep;
use actix_web::{HttpMessage, HttpRequest};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};

/// Longest time for which the rest of a body is thrown away.
const LINGER: Duration = Duration::from_secs(5);

/// Marks a request whose body was read to its end.
#[derive(Clone, Copy)]
struct ReadToItsEnd;

/// Says that nothing of the body is left.
pub(super) fn all_read(request: &HttpRequest) {
    request.extensions_mut().insert(ReadToItsEnd);
}

/// A share of a request's payload. The handler has another.
#[derive(Clone)]
pub(crate) struct Share(Rc<RefCell<Payload>>);

impl Stream for Share {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.borrow_mut().poll_next_unpin(cx)
    }
}

/// Takes a share of the payload; `None` if the request has no body.
pub(crate) fn share(request: &mut ServiceRequest) -> Option<Share> {
    let headers = request.headers();
    let has_body = headers.contains_key(header::TRANSFER_ENCODING)
        || headers.get(header::CONTENT_LENGTH).is_some_and(|length| length.as_bytes() != b"0");
    if !has_body {
        return None;
    }
    let share = Share(Rc::new(RefCell::new(request.take_payload())));
    request.set_payload(Payload::Stream { payload: Box::pin(share.clone()) });
    Some(share)
}

/// Keeps the payload until the answer is sent, if something of it may still be on its way.
pub(crate) fn hold(response: ServiceResponse<BoxBody>, share: Share) -> ServiceResponse<BoxBody> {
    if response.request().extensions().contains::<ReadToItsEnd>() {
        return response;
    }
    response.map_body(|_head, body| BoxBody::new(Holding { body, unread: share, linger: None }))
}

/// The body of an answer, which ends when the rest of the request's body has come or has taken too long.
struct Holding {
    body: BoxBody,
    unread: Share,
    /// Runs from the end of the answer.
    linger: Option<Pin<Box<Sleep>>>,
}

impl MessageBody for Holding {
    type Error = Box<dyn std::error::Error>;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        if self.linger.is_none() {
            let answer = Pin::new(&mut self.body).poll_next(cx);
            if !matches!(answer, Poll::Ready(None)) {
                return answer;
            }
        }
        let linger = self.linger.get_or_insert_with(|| Box::pin(actix_web::rt::time::sleep(LINGER)));
        if linger.as_mut().poll(cx).is_ready() {
            return Poll::Ready(None);
        }
        loop {
            match self.unread.poll_next_unpin(cx) {
                Poll::Ready(Some(Ok(_thrown_away))) => {}
                Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}
