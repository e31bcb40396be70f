//! A plain WebSocket client of the tests.

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::live::stage::PATIENCE;
use crate::live::viewer::{Owner, Viewer};

/// An open WebSocket.
pub struct Client(pub WebSocketStream<MaybeTlsStream<TcpStream>>);

/// What the server said as it closed.
#[derive(Debug, PartialEq, Eq)]
pub struct Closed {
    pub code: u16,
    pub reason: String,
}

impl Client {
    pub async fn open(url: &str) -> Self {
        Self::try_open(url, None).await.unwrap_or_else(|status| panic!("{url} answered {status}"))
    }

    /// The error is the HTTP status of the refusal.
    pub async fn try_open(url: &str, origin: Option<&str>) -> Result<Self, u16> {
        let mut request = url.into_client_request().unwrap();
        if let Some(origin) = origin {
            request.headers_mut().insert("origin", HeaderValue::from_str(origin).unwrap());
        }
        // A server must not rely on a client's patience with long messages.
        let config = WebSocketConfig::default().max_message_size(Some(131_072)).max_frame_size(Some(131_072));
        match tokio_tungstenite::connect_async_with_config(request, Some(config), true).await {
            Ok((stream, _)) => Ok(Self(stream)),
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    /// The next text message; control frames are passed over.
    pub async fn text(&mut self) -> Result<String, Closed> {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.0.next()).await.expect("a message comes in time");
            match message {
                Some(Ok(Message::Text(text))) => return Ok(text.as_str().to_owned()),
                Some(Ok(Message::Close(frame))) => {
                    let frame = frame.expect("the server says why it closes");
                    return Err(Closed { code: frame.code.into(), reason: frame.reason.as_str().to_owned() });
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    pub async fn json(&mut self) -> Value {
        serde_json::from_str(&self.text().await.expect("open")).unwrap()
    }

    /// Reads until the server closes.
    pub async fn closed(&mut self) -> Closed {
        loop {
            if let Err(closed) = self.text().await {
                return closed;
            }
        }
    }

    pub async fn send(&mut self, message: impl Into<Message>) {
        self.0.send(message.into()).await.unwrap();
    }

    /// Shows what comes to the viewer until it has seen this sequence, and a snapshot whole.
    pub async fn follow(&mut self, viewer: &mut Viewer, sequence: u64) {
        while viewer.sequence < sequence || viewer.is_within_a_snapshot() {
            viewer.see(&self.json().await);
        }
    }

    /// As [`Client::follow`], to the end of what its owner did.
    pub async fn catch_up(&mut self, viewer: &mut Viewer, owner: &Owner) {
        self.follow(viewer, owner.sequence()).await;
    }

    /// Fails if a text message comes before the answer to a ping: nothing is left to be sent.
    pub async fn is_quiet_at(&mut self, sequence: u64) {
        self.send(r#"{"type":"ping"}"#).await;
        assert_eq!(self.json().await, serde_json::json!({ "type": "pong", "sequence": sequence }));
    }
}
