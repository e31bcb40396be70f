//! TLS put in front of a service of the tests: it shows a certificate and asks its clients for theirs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

const SERVER_PEM: &[u8] = include_bytes!("server.pem");
const ROOT_PEM: &[u8] = include_bytes!("root.pem");
/// The server's certificate and its key, in one file: for `localhost` and `127.0.0.1`.
pub const SERVER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/tls_front/server.pem");
/// The authority of both sides.
pub const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/tls_front/root.pem");
/// A client's certificate and its key, in one file.
pub const CLIENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/tls_front/client.pem");

/// What a client of PostgreSQL sends first when it wants TLS: length 8 and the code 80877103.
pub const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// Forwards what it decrypts, until dropped.
pub struct TlsFront {
    pub port: u16,
    /// Clients that have shown a certificate and were let in.
    let_in: Arc<AtomicUsize>,
    listener: tokio::task::JoinHandle<()>,
}

impl TlsFront {
    /// In front of `target` (`host:port`).
    pub async fn of(target: &str) -> Self {
        Self::start(target, false).await
    }

    /// In front of a PostgreSQL: its clients ask for TLS first, in the clear.
    pub async fn of_postgres(target: &str) -> Self {
        Self::start(target, true).await
    }

    async fn start(target: &str, asks_first: bool) -> Self {
        let acceptor = TlsAcceptor::from(Arc::new(config()));
        // At 127.0.0.2 as well, which is in no certificate.
        let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let let_in = Arc::new(AtomicUsize::new(0));
        let (count, target) = (Arc::clone(&let_in), target.to_owned());
        let listener = tokio::spawn(async move {
            while let Ok((mut plain, _)) = listener.accept().await {
                let (acceptor, count, target) = (acceptor.clone(), Arc::clone(&count), target.clone());
                tokio::spawn(async move {
                    if asks_first {
                        let mut first = [0; 8];
                        plain.read_exact(&mut first).await?;
                        assert_eq!(first, SSL_REQUEST, "nothing is said in the clear");
                        plain.write_all(b"S").await?;
                    }
                    let mut client = acceptor.accept(plain).await?;
                    count.fetch_add(1, Ordering::SeqCst);
                    let mut service = TcpStream::connect(target).await?;
                    copy_bidirectional(&mut client, &mut service).await.map(|_bytes| ())
                });
            }
        });
        Self { port, let_in, listener }
    }

    pub fn let_in(&self) -> usize {
        self.let_in.load(Ordering::SeqCst)
    }
}

impl Drop for TlsFront {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

fn config() -> ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ROOT_PEM).unwrap()).unwrap();
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().unwrap();
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(clients)
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(SERVER_PEM).unwrap()],
            PrivateKeyDer::from_pem_slice(SERVER_PEM).unwrap(),
        )
        .unwrap()
}
