//! Unparsed requests: an answer to a request that could not be parsed has a problem document as well.
//!
//! actix-http answers such a request itself, before any middleware, with a head and no body; it has no hook for it. So the
//! connection recognizes this answer when it is written, and writes one with a document instead. An answer of ours always has
//! further headers, such as `X-Request-Id`. If the answer is written together with the end of an earlier one, because the client
//! did not wait for it, it stays without a document.

use std::fmt::Write as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_web::body::MessageBody as _;
use actix_web::rt::net::TcpStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use uuid::Uuid;

use crate::http::problem::{Code, Problem};

/// No head of actix-http's own is longer.
const MOST_HEAD_BYTES: usize = 192;

/// A client's connection.
pub(crate) struct Connection {
    stream: TcpStream,
    /// What is left to write of an answer with a document.
    explained: Option<Vec<u8>>,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self { stream, explained: None }
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.explained.is_none() {
            this.explained = explained(bytes);
        }
        let Some(left) = &mut this.explained else {
            return Pin::new(&mut this.stream).poll_write(cx, bytes);
        };
        // The dispatcher offers the same bytes again until they count as written.
        while !left.is_empty() {
            let written = ready!(Pin::new(&mut this.stream).poll_write(cx, left))?;
            if written == 0 {
                return Poll::Ready(Ok(0));
            }
            left.drain(..written);
        }
        this.explained = None;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// The same answer with a document; `None` if these bytes are not an answer of actix-http's own.
fn explained(bytes: &[u8]) -> Option<Vec<u8>> {
    if bytes.len() > MOST_HEAD_BYTES || !bytes.starts_with(b"HTTP/1.") {
        return None;
    }
    let head = std::str::from_utf8(bytes).ok()?.strip_suffix("\r\n\r\n")?;
    let (line, headers) = head.split_once("\r\n")?;
    let date = headers.split("\r\n").find(|header| header.starts_with("date: "))?;
    if !headers.split("\r\n").all(|header| [date, "content-length: 0", "connection: close"].contains(&header)) {
        return None;
    }
    let problem = match line.split(' ').nth(1)? {
        "400" => Problem::new(Code::MalformedRequest, "the request's head breaks the rules of HTTP"),
        "408" => Problem::new(Code::RequestTimeout, "the request's head did not arrive in time"),
        "431" => Problem::new(Code::HeadTooLarge, "the request's head is too long or has too many headers"),
        _ => return None,
    };
    let id = Uuid::new_v4().simple().to_string();
    // Its path is not known; an empty reference means the resource that was asked for.
    let (response, body) = problem.render("", &id).into_parts();
    let body = body.try_into_bytes().ok()?;
    let length = body.len();
    let mut head =
        format!("{line}\r\n{date}\r\ncontent-length: {length}\r\nconnection: close\r\nx-request-id: {id}\r\n");
    for (name, value) in response.headers() {
        write!(head, "{name}: {}\r\n", value.to_str().ok()?).ok()?;
    }
    head.push_str("\r\n");
    Some([head.as_bytes(), &body].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: &str = "date: Fri, 27 Nov 2026 07:22:21 GMT";

    #[test]
    fn only_the_parsers_own_answers_get_a_document() {
        for line in ["HTTP/1.1 400 Bad Request", "HTTP/1.0 431 Request Header Fields Too Large"] {
            let answer = explained(format!("{line}\r\ncontent-length: 0\r\n{DATE}\r\n\r\n").as_bytes()).unwrap();
            let answer = String::from_utf8(answer).unwrap();
            assert!(answer.starts_with(&format!("{line}\r\n{DATE}\r\n")) && answer.ends_with('}'), "{answer}");
        }
        for other in [
            format!("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n{DATE}\r\nx-request-id: 1\r\n\r\n"),
            format!("HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n{DATE}\r\n\r\n{{}}"),
            format!("HTTP/1.1 304 Not Modified\r\n{DATE}\r\n\r\n"),
            "HTTP/1.1 100 Continue\r\n\r\n".to_owned(),
            "{}".to_owned(),
        ] {
            assert_eq!(explained(other.as_bytes()), None, "{other}");
        }
    }
}
