//! Connection: one keep-alive HTTP/1.1 connection to a node, made again when it is gone.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{ETAG, HOST, HeaderValue};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::loadtest::target::Target;

/// Longest body that is kept; of longer ones the rest is read and dropped.
const LONGEST_KEPT_BODY: usize = 64 * 1024 * 1024;

/// See the module's documentation.
pub struct Connection {
    target: Arc<Target>,
    sender: Option<SendRequest<Full<Bytes>>>,
    patience: Duration,
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    /// Its status.
    pub status: StatusCode,
    /// Its entity tag.
    pub etag: Option<HeaderValue>,
    /// Bytes of its body as it came, kept or not.
    pub body_bytes: usize,
    /// Its body, if it was to be kept.
    pub body: Bytes,
}

/// Which answers' bodies are worth keeping.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Keep {
    /// None; bytes are dropped as they come.
    Nothing,
    /// All.
    Everything,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// The node cannot be reached.
    #[error("{address} cannot be reached")]
    Unreachable {
        /// Its address.
        address: String,
        /// Why.
        source: std::io::Error,
    },
    /// The connection was lost or broke the protocol.
    #[error("the connection was lost")]
    Lost(#[from] hyper::Error),
    /// No whole answer in time.
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
}

impl ConnectionError {
    /// A short name without details, to count by.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "not reachable",
            Self::Lost(_) => "connection lost",
            Self::TimedOut(_) => "timed out",
        }
    }
}

impl Connection {
    /// Not connected yet. An answer, connecting included, may take as long as `patience`.
    pub fn new(target: Arc<Target>, patience: Duration) -> Self {
        Self { target, sender: None, patience }
    }

    /// The node.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Connects if it is not connected.
    ///
    /// # Errors
    /// As for a request.
    pub async fn open(&mut self) -> Result<(), ConnectionError> {
        let patience = self.patience;
        timeout(patience, self.ready()).await.unwrap_or(Err(ConnectionError::TimedOut(patience)))
    }

    /// Sends a request and reads the whole answer. After an error the next request goes out on a new connection.
    ///
    /// # Errors
    /// No answer: whether the request had an effect is not known.
    pub async fn send(&mut self, request: Request<Full<Bytes>>, keep: Keep) -> Result<Reply, ConnectionError> {
        let patience = self.patience;
        let reply = timeout(patience, self.exchange(request, keep)).await;
        let reply = reply.unwrap_or(Err(ConnectionError::TimedOut(patience)));
        if reply.is_err() {
            self.sender = None;
        }
        reply
    }

    async fn exchange(&mut self, mut request: Request<Full<Bytes>>, keep: Keep) -> Result<Reply, ConnectionError> {
        request.headers_mut().insert(HOST, self.target.authority().clone());
        // A server may close an idle connection at any moment; a request that was not written yet goes out on the next one.
        loop {
            self.ready().await?;
            let Some(sender) = &mut self.sender else { continue };
            match sender.try_send_request(request).await {
                Ok(response) => return Ok(read(response, keep).await?),
                Err(mut failed) => {
                    self.sender = None;
                    match failed.take_message() {
                        Some(unsent) => request = unsent,
                        None => return Err(failed.into_error().into()),
                    }
                }
            }
        }
    }

    async fn ready(&mut self) -> Result<(), ConnectionError> {
        if let Some(sender) = &mut self.sender {
            if sender.is_ready() || sender.ready().await.is_ok() {
                return Ok(());
            }
            self.sender = None;
        }
        let unreachable = |source| ConnectionError::Unreachable { address: self.target.address().to_owned(), source };
        let stream = TcpStream::connect(self.target.address()).await.map_err(unreachable)?;
        stream.set_nodelay(true).map_err(unreachable)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // Ends with the sender. What goes wrong on the way is told to the request that was waiting.
        drop(tokio::spawn(connection));
        self.sender = Some(sender);
        Ok(())
    }
}

async fn read(response: Response<Incoming>, keep: Keep) -> Result<Reply, hyper::Error> {
    let status = response.status();
    let etag = response.headers().get(ETAG).cloned();
    let mut incoming = response.into_body();
    let mut body_bytes = 0;
    let mut first = Bytes::new();
    let mut joined = BytesMut::new();
    while let Some(frame) = incoming.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        body_bytes += data.len();
        if keep == Keep::Nothing || joined.len() + data.len() > LONGEST_KEPT_BODY {
            continue;
        }
        // Nearly every body is a single frame, which needs no copy.
        if first.is_empty() && joined.is_empty() {
            first = data;
        } else {
            if joined.is_empty() {
                joined.extend_from_slice(&std::mem::take(&mut first));
            }
            joined.extend_from_slice(&data);
        }
    }
    Ok(Reply { status, etag, body_bytes, body: if joined.is_empty() { first } else { joined.freeze() } })
}
