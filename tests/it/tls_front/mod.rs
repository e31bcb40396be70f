//! TLS put in front of a service of the tests: it shows a certificate and asks its clients for theirs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

const SERVER: &[u8] = include_bytes!("server.pem");
const ROOT_PEM: &[u8] = include_bytes!("root.pem");
/// The authority of both sides.
pub const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/tls_front/root.pem");
/// A client's certificate and its key, in one file.
pub const CLIENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/tls_front/client.pem");

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
        let acceptor = TlsAcceptor::from(Arc::new(config()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let let_in = Arc::new(AtomicUsize::new(0));
        let (count, target) = (Arc::clone(&let_in), target.to_owned());
        let listener = tokio::spawn(async move {
            while let Ok((plain, _)) = listener.accept().await {
                let (acceptor, count, target) = (acceptor.clone(), Arc::clone(&count), target.clone());
                tokio::spawn(async move {
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
            vec![CertificateDer::from_pem_slice(SERVER).unwrap()],
            PrivateKeyDer::from_pem_slice(SERVER).unwrap(),
        )
        .unwrap()
}
