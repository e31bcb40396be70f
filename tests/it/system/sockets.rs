//! WebSockets of the real server, byte by byte: what a client may not do, how each side says goodbye, and what it costs the server.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::stack::{Server, Stack};

/// Longest time from the end of the closing handshake, or from a close that is not answered, until the TCP connection ends.
const AT_ONCE: Duration = Duration::from_secs(1);
/// Longest time for anything else.
const PATIENCE: Duration = Duration::from_secs(30);
/// Memory that a handful of misbehaving connections may take, in KiB.
const MEMORY_KIB: u64 = 48 * 1_024;

/// First bytes of a frame: the last of its message, and its opcode.
const TEXT: u8 = 0x81;
const PING: u8 = 0x89;
const CLOSE: u8 = 0x88;

/// A WebSocket without a library.
struct Socket(TcpStream);

impl Socket {
    async fn open(server: &Server, path: &str) -> Self {
        let host = server.address().trim_start_matches("http://");
        let mut stream = TcpStream::connect(host).await.unwrap();
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&head));
        Self(stream)
    }

    /// A server that has closed already is no failure here.
    async fn send(&mut self, bytes: &[u8]) {
        let _closed = self.0.write_all(bytes).await;
    }

    /// The code of the server's close, past all that comes before; `None` if the connection ends without.
    async fn close_code(&mut self) -> Option<u16> {
        let reading = async {
            loop {
                let opcode = self.0.read_u8().await.ok()? & 0x0f;
                let length = match self.0.read_u8().await.ok()? {
                    126 => u64::from(self.0.read_u16().await.ok()?),
                    127 => self.0.read_u64().await.ok()?,
                    short => u64::from(short),
                };
                let mut payload = vec![0; usize::try_from(length).unwrap()];
                self.0.read_exact(&mut payload).await.ok()?;
                if opcode == 8 {
                    return Some(u16::from_be_bytes([payload[0], payload[1]]));
                }
            }
        };
        tokio::time::timeout(PATIENCE, reading).await.expect("the server closes in time")
    }

    /// How long the server takes to end the connection.
    async fn end(&mut self) -> Duration {
        let started = Instant::now();
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(PATIENCE, self.0.read_to_end(&mut rest)).await;
        ended.expect("the server ends the connection").unwrap();
        started.elapsed()
    }
}

/// A frame as a client sends it; the masking key is zero.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = if payload.len() < 126 {
        vec![0x80 | u8::try_from(payload.len()).unwrap()]
    } else {
        [&[0xfe][..], &u16::try_from(payload.len()).unwrap().to_be_bytes()].concat()
    };
    [&[first][..], &length, &[0; 4], payload].concat()
}

/// The header of a text frame that announces more than anybody may send.
fn huge_header() -> Vec<u8> {
    [&[TEXT, 0xff][..], &(1_u64 << 40).to_be_bytes(), &[0; 4]].concat()
}

/// The most memory that the server has held so far, in KiB.
fn peak_memory(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.process_id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse().unwrap()
}

/// The paths on which anybody may open a WebSocket, the first without a snapshot to begin with.
async fn open_paths(server: &Server) -> [String; 2] {
    let (showtime, _) = server.schedule(1).await;
    [format!("/ws/showtimes/{showtime}?after=1"), "/hub/bookings".to_owned()]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_oversize_frame_sends_is_not_kept() {
    let stack = Stack::embedded();
    let server = stack.start();
    let paths = open_paths(&server).await;
    let before = peak_memory(&server);
    let flood = |path: String, header: Vec<u8>| {
        let server = &server;
        async move {
            let mut socket = Socket::open(server, &path).await;
            socket.send(&header).await;
            let (mut reading, mut writing) = socket.0.split();
            // Ends when the server has ended the connection.
            let sending = async {
                let chunk = vec![0; 1 << 16];
                while writing.write_all(&chunk).await.is_ok() {}
            };
            let mut said = vec![0; 4];
            let receiving = async {
                reading.read_exact(&mut said).await.unwrap();
            };
            tokio::time::timeout(PATIENCE, async { tokio::join!(sending, receiving) }).await.expect("a flood ends");
            assert_eq!((said[0], u16::from_be_bytes([said[2], said[3]])), (CLOSE, 1009), "on {path}");
        }
    };
    let once = paths.iter().map(|path| flood(path.clone(), huge_header()));
    let in_a_fragment = paths.iter().map(|path| {
        flood(
            path.clone(),
            [frame(0x01, b"{"), {
                let mut header = huge_header();
                header[0] = 0x00;
                header
            }]
            .concat(),
        )
    });
    futures_util::future::join_all(once).await;
    futures_util::future::join_all(in_a_fragment).await;
    let grown = peak_memory(&server) - before;
    assert!(grown < MEMORY_KIB, "{grown} KiB were kept of four floods");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_waits_for_more_is_waited_for_without_bound() {
    let stack = Stack::embedded();
    let server = stack.start();
    let before = peak_memory(&server);
    for path in open_paths(&server).await {
        // A message in fragments without an end.
        let mut endless = Socket::open(&server, &path).await;
        endless.send(&frame(0x01, &[b' '; 1_000])).await;
        endless.send(&frame(0x00, &[b' '; 1_000]).repeat(99)).await;
        assert_eq!(endless.close_code().await, Some(1009), "fragments on {path}");

        // A header of which one byte comes at a time.
        let mut trickle = Socket::open(&server, &path).await;
        for byte in huge_header() {
            trickle.send(&[byte]).await;
        }
        assert_eq!(trickle.close_code().await, Some(1009), "a trickle on {path}");

        // Pings whose answers are not read.
        let mut pings = Socket::open(&server, &path).await;
        for _ in 0..1_000 {
            pings.send(&frame(PING, &[b'x'; 125]).repeat(100)).await;
        }
        // A flood that the server does not take to its end may be answered by a reset.
        assert!(matches!(pings.close_code().await, Some(1008) | None), "pings on {path}");
    }
    // A record without its separator, in the handshake and after it.
    let mut handshake = Socket::open(&server, "/hub/bookings").await;
    handshake.send(&frame(TEXT, &[b' '; 30_000])).await;
    assert_eq!(handshake.close_code().await, Some(1008));
    let mut record = Socket::open(&server, "/hub/bookings").await;
    record.send(&frame(TEXT, b"{\"protocol\":\"json\",\"version\":1}\x1e")).await;
    record.send(&frame(TEXT, &[b' '; 30_000])).await;
    assert_eq!(record.close_code().await, Some(1008));
    let grown = peak_memory(&server) - before;
    assert!(grown < MEMORY_KIB, "{grown} KiB were kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_connection_ends_at_once_after_the_closing_handshake() {
    let stack = Stack::embedded();
    let server = stack.start();
    for path in open_paths(&server).await {
        for code in [1_000_u16, 1_001, 4_321] {
            let mut client = Socket::open(&server, &path).await;
            client.send(&frame(CLOSE, &code.to_be_bytes())).await;
            assert_eq!(client.close_code().await, Some(code), "the server answers with the client's code");
            let took = client.end().await;
            assert!(took < AT_ONCE, "{took:?} after the client's goodbye on {path}");
        }
        // The server starts it, because of what the client said.
        let mut client = Socket::open(&server, &path).await;
        client.send(&frame(TEXT, b"hello")).await;
        assert_eq!(client.close_code().await, Some(1008));
        client.send(&frame(CLOSE, &1_008_u16.to_be_bytes())).await;
        let took = client.end().await;
        assert!(took < AT_ONCE, "{took:?} after the server's goodbye on {path}");
        // A client that goes on sending, and never answers, is not waited for long.
        let mut deaf = Socket::open(&server, &path).await;
        deaf.send(&frame(TEXT, b"hello")).await;
        assert_eq!(deaf.close_code().await, Some(1008));
        let took = deaf.end().await;
        assert!(took < Duration::from_secs(10), "{took:?} for a client that does not answer on {path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_breach_of_the_protocol_is_closed_with_its_code() {
    let stack = Stack::embedded();
    let server = stack.start();
    let breaches = [
        ("RSV1", frame(0xc1, b"x"), 1002),
        ("RSV2", frame(0xa1, b"x"), 1002),
        ("RSV3", frame(0x91, b"x"), 1002),
        ("an opcode without a meaning", frame(0x83, b"x"), 1002),
        ("a control opcode without a meaning", frame(0x8f, b"x"), 1002),
        ("a frame that is not masked", vec![TEXT, 1, b'x'], 1002),
        ("a continuation of nothing", frame(0x80, b"x"), 1002),
        ("a message within a message", [frame(0x01, b"x"), frame(TEXT, b"x")].concat(), 1002),
        ("a ping in fragments", frame(0x09, b"x"), 1002),
        ("a ping too long", frame(PING, &[b'x'; 126]), 1002),
        ("a close with a reserved code", frame(CLOSE, &1_005_u16.to_be_bytes()), 1002),
        ("a close with half a code", frame(CLOSE, &[3]), 1002),
        ("text that is not UTF-8", frame(TEXT, &[0xc3, 0x28]), 1007),
        ("such text in fragments", [frame(0x01, &[0xc3]), frame(0x80, &[0x28])].concat(), 1007),
        ("binary", frame(0x82, b"x"), 1003),
        ("a message too long", frame(TEXT, &vec![b' '; 40_000]), 1009),
    ];
    for path in open_paths(&server).await {
        for (breach, bytes, code) in &breaches {
            let mut client = Socket::open(&server, &path).await;
            client.send(bytes).await;
            assert_eq!(client.close_code().await, Some(*code), "{breach} on {path}");
        }
    }
}
