//! A TCP proxy that can be cut, mended and turned to another node.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Passes connections on to its target while it is not cut; a cut ends those there are.
pub struct Proxy {
    address: SocketAddr,
    target: Arc<Mutex<SocketAddr>>,
    cut: Arc<watch::Sender<bool>>,
}

impl Proxy {
    pub async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let proxy = Self {
            address: listener.local_addr().unwrap(),
            target: Arc::new(Mutex::new(target)),
            cut: Arc::new(watch::Sender::new(false)),
        };
        let (target, cut) = (Arc::clone(&proxy.target), Arc::clone(&proxy.cut));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let mut cut = cut.subscribe();
                if *cut.borrow_and_update() {
                    continue;
                }
                let target = *target.lock().unwrap();
                tokio::spawn(async move {
                    tokio::select! {
                        () = pass(client, target) => {}
                        _ = cut.changed() => {}
                    }
                });
            }
        });
        proxy
    }

    pub fn hub_url(&self) -> String {
        format!("http://{}/hub/bookings", self.address)
    }

    pub fn cut(&self) {
        self.cut.send_replace(true);
    }

    pub fn mend(&self) {
        self.cut.send_replace(false);
    }

    /// New connections go there.
    pub fn turn_to(&self, target: SocketAddr) {
        *self.target.lock().unwrap() = target;
    }
}

async fn pass(mut client: TcpStream, target: SocketAddr) {
    let Ok(mut server) = TcpStream::connect(target).await else { return };
    // Either side may end in any way.
    drop(tokio::io::copy_bidirectional(&mut client, &mut server).await);
}
