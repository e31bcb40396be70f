//! Clients that send garbage or too much, or never read, are dropped, and no other client notices.

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use turnstile::live::Settings;

use crate::live::stage::{PATIENCE, Stage, eventually, quick};
use crate::live::viewer::{Owner, Viewer};
use crate::live::web_socket::{Client, Closed};

fn closed(code: u16, reason: &str) -> Closed {
    Closed { code, reason: reason.to_owned() }
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_is_answered_with_a_reason_and_a_close() {
    let stage = Stage::open(quick()).await;
    let owner = stage.services.showtime(5).await;
    let mut witness = Client::open(&stage.plain_url(owner.id, Some(1))).await;
    let long = "x".repeat(40_000);
    let cases = [
        (Message::text("hello"), closed(1008, "only {\"type\":\"ping\"} is understood")),
        (Message::text(""), closed(1008, "only {\"type\":\"ping\"} is understood")),
        (Message::binary(vec![1, 2, 3]), closed(1003, "only text is understood")),
        (Message::text(long), closed(1009, "the message is too long")),
    ];
    for (message, expected) in cases {
        let mut client = Client::open(&stage.plain_url(owner.id, Some(1))).await;
        client.send(message).await;
        assert_eq!(client.closed().await, expected);
    }
    let mut client = Client::open(&stage.plain_url(owner.id, Some(1))).await;
    client.send(Message::Frame(Frame::message(vec![0xff, 0xfe], OpCode::Data(Data::Text), true))).await;
    assert_eq!(client.closed().await.code, 1007);
    stage.sessions(1).await;
    assert_eq!(stage.hub.statistics().misbehaved, 5);
    witness.is_quiet_at(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_in_several_frames_is_joined_up_to_the_limit() {
    let stage = Stage::open(quick()).await;
    let owner = stage.services.showtime(5).await;
    let frame = |text: &str, opcode, last| {
        Message::Frame(Frame::message(Bytes::copy_from_slice(text.as_bytes()), OpCode::Data(opcode), last))
    };
    let mut client = Client::open(&stage.plain_url(owner.id, Some(1))).await;
    client.send(frame("{\"type\":", Data::Text, false)).await;
    client.send(frame("\"pi", Data::Continue, false)).await;
    client.send(frame("ng\"}", Data::Continue, true)).await;
    assert_eq!(client.json().await["type"], "pong");

    client.send(frame("{", Data::Text, false)).await;
    for _ in 0..4 {
        client.send(frame(&" ".repeat(10_000), Data::Continue, false)).await;
    }
    assert_eq!(client.closed().await, closed(1009, "the message is too long"));

    let mut client = Client::open(&stage.plain_url(owner.id, Some(1))).await;
    client.send(frame("}", Data::Continue, true)).await;
    assert_eq!(client.closed().await.code, 1002);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_is_cut_off_and_others_are_served() {
    let stage = Stage::open(quick()).await;
    let mut owner = stage.services.showtime(20).await;
    let url = stage.plain_url(owner.id, Some(1));
    let mut witness = Client::open(&url).await;
    for ping in [Message::text(r#"{"type":"ping"}"#), Message::Ping(Bytes::new())] {
        let (mut sender, mut receiver) = Client::open(&url).await.0.split();
        let flood = tokio::spawn(async move {
            for _ in 0..100_000 {
                if sender.send(ping.clone()).await.is_err() {
                    return true;
                }
            }
            false
        });
        let mut answers = 0;
        let close = loop {
            match receiver.next().await {
                Some(Ok(Message::Close(frame))) => break frame,
                Some(Ok(_)) => answers += 1,
                Some(Err(_)) | None => break None,
            }
        };
        if let Some(frame) = close {
            assert_eq!((u16::from(frame.code), frame.reason.as_str()), (1008, "too many messages"));
        }
        assert!(answers <= 200, "{answers} answers to a flood");
        drop(receiver);
        assert!(flood.await.unwrap(), "a flood is not taken to its end");
    }
    for run in owner.act(20).await {
        stage.services.publish(&run).await;
    }
    witness.catch_up(&mut Viewer::at(1), &owner).await;
    stage.sessions(1).await;
}

/// A stage on which only the client that never reads can stall: a watcher that has seen all, and one that does not read a snapshot so large
/// that it fills every buffer on the way.
struct Stalling {
    stage: Stage,
    owner: Owner,
    witness: Client,
    viewer: Viewer,
    deaf: tokio::net::TcpStream,
}

impl Stalling {
    async fn open(stall_milliseconds: u64) -> Self {
        let settings =
            Settings { stall_milliseconds, ring_events: 64, client_timeout_milliseconds: 600_000, ..quick() };
        let stage = Stage::open(settings).await;
        let owner = stage.services.showtime(150_000).await;
        let mut witness = Client::open(&stage.plain_url(owner.id, None)).await;
        let mut viewer = Viewer::default();
        witness.catch_up(&mut viewer, &owner).await;
        let deaf = deaf(&stage, &format!("/ws/showtimes/{}", owner.id)).await;
        stage.sessions(2).await;
        Self { stage, owner, witness, viewer, deaf }
    }

    async fn sell_one(&mut self) {
        for run in self.owner.act(1).await {
            self.stage.services.publish(&run).await;
        }
        self.witness.catch_up(&mut self.viewer, &self.owner).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_never_reads_holds_up_nobody() {
    let mut stalling = Stalling::open(600_000).await;
    // More than the ring of events holds: what the deaf client lacks is kept for nobody.
    for _ in 0..200 {
        stalling.sell_one().await;
    }
    assert_eq!(stalling.stage.hub.sessions(), 2, "the deaf client was there all the while");
    assert!(stalling.viewer.agrees_with(&stalling.owner));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_never_reads_is_dropped() {
    let mut stalling = Stalling::open(5_000).await;
    stalling.stage.sessions(1).await;
    assert_eq!(stalling.stage.hub.statistics().stalled, 1);
    stalling.sell_one().await;
    // Once it reads, it finds the rest of the buffers and the end.
    let mut sink = vec![0; 65_536];
    let mut bytes = 0_usize;
    loop {
        match tokio::time::timeout(PATIENCE, stalling.deaf.read(&mut sink)).await.expect("the connection ends") {
            Ok(0) | Err(_) => break,
            Ok(read) => bytes += read,
        }
    }
    assert!(bytes < 8_000_000, "{bytes} bytes of a snapshot of some 17 MB were buffered for a deaf client");
}

/// Connects and never reads.
async fn deaf(stage: &Stage, path: &str) -> tokio::net::TcpStream {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut stream = socket.connect(stage.address).await.unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        stage.address
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_is_brought_forward_by_a_snapshot() {
    let settings = Settings {
        ring_events: 8,
        resume_events: 20,
        stall_milliseconds: 60_000,
        client_timeout_milliseconds: 60_000,
        ..quick()
    };
    let stage = Stage::open(settings).await;
    let mut owner = stage.services.showtime(60_000).await;
    let mut slow = deaf_client(&stage, &stage.plain_url(owner.id, None)).await;
    stage.sessions(1).await;
    eventually("its snapshot is taken", || stage.hub.statistics().snapshots == 1).await;
    // While it does not read its first snapshot, more happens than the journal is asked for.
    for run in owner.act(100).await {
        stage.services.project(run.clone()).await;
        stage.services.publish(&run).await;
    }
    eventually("the feed has it all", || stage.hub.statistics().events >= 100).await;
    let mut viewer = Viewer::default();
    slow.catch_up(&mut viewer, &owner).await;
    assert!(viewer.agrees_with(&owner));
    assert_eq!(viewer.snapshots, 2);
    slow.is_quiet_at(owner.sequence()).await;
}

/// A client whose system buffers little.
async fn deaf_client(stage: &Stage, url: &str) -> Client {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let stream = socket.connect(stage.address).await.unwrap();
    let stream = tokio_tungstenite::MaybeTlsStream::Plain(stream);
    Client(tokio_tungstenite::client_async(url, stream).await.unwrap().0)
}
