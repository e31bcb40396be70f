//! A TCP proxy between a client and a service that can be told to stall, refuse, or cut connections around a reply.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What the proxy does with what passes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// Passes everything on.
    Forward,
    /// Passes nothing on, and keeps connections open: a network that swallows packets.
    Stall,
    /// Closes all connections, and new ones at once: a service that is down.
    Refuse,
    /// Closes a connection when its client next sends something, which the service does not get.
    CutBeforeRequest,
    /// Passes the client's next request on, and closes the connection when the service replies; the client does not get the reply.
    CutBeforeReply,
    /// Passes the client's next request and the first part of the reply on, then closes the connection.
    CutAfterReply,
}

/// Forwards connections to its own port to a service, until dropped.
pub struct Proxy {
    address: SocketAddr,
    orders: Arc<Orders>,
    listener: JoinHandle<()>,
}

struct Orders {
    mode: watch::Sender<Mode>,
    cuts: watch::Sender<usize>,
    connections: AtomicUsize,
    round_trips: AtomicUsize,
}

impl Proxy {
    /// A proxy before a service of this URL, and the URL that leads through it.
    pub async fn before(direct: &str, usual_port: u16) -> (Self, String) {
        let server = url::Url::parse(direct).unwrap();
        let place = format!("{}:{}", server.host_str().unwrap(), server.port().unwrap_or(usual_port));
        let proxy = Self::to(&place).await;
        let through = direct.replacen(&place, &proxy.address().to_string(), 1);
        (proxy, through)
    }

    /// Starts forwarding from a free local port to `target` (`host:port`).
    pub async fn to(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let orders = Arc::new(Orders {
            mode: watch::Sender::new(Mode::Forward),
            cuts: watch::Sender::new(0),
            connections: AtomicUsize::new(0),
            round_trips: AtomicUsize::new(0),
        });
        let target = target.to_owned();
        let given = orders.clone();
        let listener = tokio::spawn(async move {
            loop {
                let Ok((client, _)) = listener.accept().await else { return };
                if *given.mode.borrow() != Mode::Refuse {
                    tokio::spawn(forward(client, target.clone(), given.clone()));
                }
            }
        });
        Self { address, orders, listener }
    }

    /// Where clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes what happens from now on, on open connections too.
    pub fn set(&self, mode: Mode) {
        self.orders.mode.send_replace(mode);
    }

    /// Closes all open connections, once.
    pub fn cut_all(&self) {
        self.orders.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Connections accepted and forwarded so far.
    pub fn connections(&self) -> usize {
        self.orders.connections.load(Ordering::SeqCst)
    }

    /// How often a client has sent something after the service had spoken (or first of all), on all connections together.
    pub fn round_trips(&self) -> usize {
        self.orders.round_trips.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.listener.abort();
        self.cut_all();
    }
}

async fn forward(mut client: TcpStream, target: String, orders: Arc<Orders>) {
    let mut modes = orders.mode.subscribe();
    let mut cuts = orders.cuts.subscribe();
    let Ok(mut service) = TcpStream::connect(&target).await else { return };
    client.set_nodelay(true).unwrap();
    service.set_nodelay(true).unwrap();
    orders.connections.fetch_add(1, Ordering::SeqCst);
    let (mut from_client, mut from_service) = (vec![0; 65_536], vec![0; 65_536]);
    let (mut service_spoke_last, mut asked) = (true, false);
    loop {
        let mode = *modes.borrow_and_update();
        // Also for a connection that was accepted just before.
        if mode == Mode::Refuse {
            return;
        }
        let flowing = mode != Mode::Stall;
        tokio::select! {
            biased;
            _ = cuts.changed() => return,
            changed = modes.changed() => {
                asked = false;
                if changed.is_err() {
                    return;
                }
            }
            read = client.read(&mut from_client), if flowing => {
                let Ok(length @ 1..) = read else { return };
                if mode == Mode::CutBeforeRequest {
                    return;
                }
                asked = true;
                if std::mem::take(&mut service_spoke_last) {
                    orders.round_trips.fetch_add(1, Ordering::SeqCst);
                }
                if service.write_all(&from_client[..length]).await.is_err() {
                    return;
                }
            }
            read = service.read(&mut from_service), if flowing => {
                let Ok(length @ 1..) = read else { return };
                if mode == Mode::CutBeforeReply && asked {
                    return;
                }
                service_spoke_last = true;
                if client.write_all(&from_service[..length]).await.is_err() || (mode == Mode::CutAfterReply && asked) {
                    return;
                }
            }
        }
    }
}

/// An echo service, for the proxy's own tests.
async fn echo() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut read, mut write) = stream.split();
                tokio::io::copy(&mut read, &mut write).await
            });
        }
    });
    address
}

#[tokio::test]
async fn each_mode_does_what_it_says() {
    let proxy = Proxy::to(&echo().await).await;
    let connect = || TcpStream::connect(proxy.address());
    let mut answer = [0; 2];

    let mut stream = connect().await.unwrap();
    for round_trip in 1..=2 {
        stream.write_all(b"hi").await.unwrap();
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!((&answer, proxy.round_trips(), proxy.connections()), (b"hi", round_trip, 1));
    }
    for (mode, got) in [(Mode::CutBeforeRequest, 0), (Mode::CutBeforeReply, 0), (Mode::CutAfterReply, 2)] {
        proxy.set(mode);
        stream.write_all(b"hi").await.unwrap();
        let mut rest = Vec::new();
        // A cut may show as an end or as a reset.
        drop(stream.read_to_end(&mut rest).await);
        assert_eq!(rest.len(), got, "{mode:?}");
        proxy.set(Mode::Forward);
        stream = connect().await.unwrap();
        stream.write_all(b"hi").await.unwrap();
        stream.read_exact(&mut answer).await.unwrap();
    }
    proxy.set(Mode::Stall);
    stream.write_all(b"hi").await.unwrap();
    let silence = tokio::time::timeout(std::time::Duration::from_millis(100), stream.read_exact(&mut answer)).await;
    assert!(silence.is_err(), "nothing passes");
    proxy.set(Mode::Forward);
    stream.read_exact(&mut answer).await.unwrap();
    proxy.set(Mode::Refuse);
    assert_eq!(stream.read(&mut answer).await.unwrap_or(0), 0);
    let mut refused = connect().await.unwrap();
    assert_eq!(refused.read(&mut answer).await.unwrap_or(0), 0);
}
