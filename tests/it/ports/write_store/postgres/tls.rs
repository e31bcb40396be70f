//! TLS: used when the URL asks for it, and then never without a certificate that was checked.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use turnstile::write_store::postgres::{PostgresStore, migrate};
use turnstile::write_store::{Role, StoreError, WriteStore};

use crate::ports::write_store::draft::{reserved, scheduled};
use crate::ports::write_store::postgres::{Database, Postgres};

/// A certificate for `localhost` by a root of its own, made for these tests, valid until 2126.
const CERTIFICATE: &[u8] = include_bytes!("tls/server.pem");
const KEY: &[u8] = include_bytes!("tls/server.key");
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/ports/write_store/postgres/tls/root.pem");

/// What a client sends first when it wants TLS: length 8 and the code 80877103.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// The tests' server with TLS put in front of it.
struct Front {
    port: u16,
    encrypted: Arc<AtomicUsize>,
}

impl Front {
    async fn start() -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![CertificateDer::from_pem_slice(CERTIFICATE).unwrap()],
                PrivateKeyDer::from_pem_slice(KEY).unwrap(),
            )
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let encrypted = Arc::new(AtomicUsize::new(0));
        let count = encrypted.clone();
        tokio::spawn(async move {
            while let Ok((mut plain, _)) = listener.accept().await {
                let (acceptor, count) = (acceptor.clone(), count.clone());
                tokio::spawn(async move {
                    let mut first = [0; 8];
                    plain.read_exact(&mut first).await?;
                    if first != SSL_REQUEST {
                        return Ok(());
                    }
                    plain.write_all(b"S").await?;
                    let mut client = acceptor.accept(plain).await?;
                    count.fetch_add(1, Ordering::SeqCst);
                    let mut server = TcpStream::connect(Database::server()).await?;
                    copy_bidirectional(&mut client, &mut server).await.map(|_bytes| ())
                });
            }
        });
        Self { port, encrypted }
    }

    fn url(&self, database: &Database, host: &str, parameters: &str) -> String {
        let mut url = url::Url::parse(&database.url()).unwrap();
        url.set_host(Some(host)).unwrap();
        url.set_port(Some(self.port)).unwrap();
        url.set_query(Some(parameters));
        url.into()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checked_certificate_carries_everything() {
    let (database, front) = (Database::create().await, Front::start().await);
    for mode in ["require", "verify-ca", "verify-full"] {
        let url = front.url(&database, "localhost", &format!("sslmode={mode}&sslrootcert={ROOT}"));
        migrate(&url).await.unwrap();
        let store: Arc<dyn WriteStore> = Arc::new(PostgresStore::connect(&url, &Postgres::settings()).await.unwrap());
        let id = scheduled(&store, 3).await;
        reserved(&store, id, &[1], 1).await;
        assert!(store.lead(Role::Relay).await.unwrap().is_some());
    }
    assert!(front.encrypted.load(Ordering::SeqCst) >= 9, "migrations, pool and leadership, three times");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_fails_the_check_is_refused_in_every_mode() {
    let (database, front) = (Database::create().await, Front::start().await);
    for mode in ["require", "verify-ca", "verify-full"] {
        let unknown_root = front.url(&database, "localhost", &format!("sslmode={mode}"));
        let other_name = front.url(&database, "127.0.0.1", &format!("sslmode={mode}&sslrootcert={ROOT}"));
        for url in [unknown_root, other_name] {
            let refused = PostgresStore::connect(&url, &Postgres::settings()).await.map(|_store| ());
            let Err(StoreError::Unavailable { reason, .. }) = refused else { panic!("{mode}: {refused:?}") };
            assert!(reason.contains("certificate"), "{mode}: {reason}");
        }
    }
    assert_eq!(front.encrypted.load(Ordering::SeqCst), 0);
}

/// A server without TLS is not talked to in the clear.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_that_is_asked_for_is_not_given_up() {
    let database = Database::create().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let said = tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut first = [0; 8];
        client.read_exact(&mut first).await.unwrap();
        assert_eq!(first, SSL_REQUEST);
        client.write_all(b"N").await.unwrap();
        let mut more = Vec::new();
        client.read_to_end(&mut more).await.unwrap();
        more
    });
    let mut url = url::Url::parse(&database.url()).unwrap();
    url.set_port(Some(port)).unwrap();
    url.set_query(Some("sslmode=require"));
    let refused = PostgresStore::connect(url.as_str(), &Postgres::settings()).await.map(|_store| ());
    assert!(matches!(refused, Err(StoreError::Unavailable { .. })), "{refused:?}");
    assert_eq!(said.await.unwrap(), b"", "not even the user's name is told");
}
