//! TLS: used when the URL asks for it, and then never without a certificate that was checked.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use turnstile::write_store::postgres::{PostgresStore, migrate};
use turnstile::write_store::{Role, StoreError, WriteStore};

use crate::ports::write_store::draft::{reserved, scheduled};
use crate::ports::write_store::postgres::{Database, Postgres};
use crate::tls_front::{CLIENT, ROOT, SSL_REQUEST, TlsFront};

const MODES: [&str; 3] = ["require", "verify-ca", "verify-full"];

fn url(front: &TlsFront, database: &Database, host: &str, parameters: &str) -> String {
    let mut url = url::Url::parse(&database.url()).unwrap();
    url.set_host(Some(host)).unwrap();
    url.set_port(Some(front.port)).unwrap();
    url.set_query(Some(parameters));
    url.into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn checked_certificates_of_both_sides_carry_everything() {
    let database = Database::create().await;
    let front = TlsFront::of_postgres(&Database::server()).await;
    for mode in MODES {
        let parameters = format!("sslmode={mode}&sslrootcert={ROOT}&sslcert={CLIENT}&sslkey={CLIENT}");
        let url = url(&front, &database, "localhost", &parameters);
        migrate(&url).await.unwrap();
        let store: Arc<dyn WriteStore> = Arc::new(PostgresStore::connect(&url, &Postgres::settings()).await.unwrap());
        let id = scheduled(&store, 3).await;
        reserved(&store, id, &[1], 1).await;
        assert!(store.lead(Role::Relay).await.unwrap().is_some());
    }
    assert!(front.let_in() >= 9, "migrations, pool and leadership, three times");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_fails_the_check_is_refused_in_every_mode() {
    let database = Database::create().await;
    let front = TlsFront::of_postgres(&Database::server()).await;
    for mode in MODES {
        let client = format!("sslmode={mode}&sslcert={CLIENT}&sslkey={CLIENT}");
        let unknown_root = url(&front, &database, "localhost", &client);
        let other_name = url(&front, &database, "127.0.0.2", &format!("{client}&sslrootcert={ROOT}"));
        let unknown_client = url(&front, &database, "localhost", &format!("sslmode={mode}&sslrootcert={ROOT}"));
        for url in [unknown_root, other_name, unknown_client] {
            let refused = PostgresStore::connect(&url, &Postgres::settings()).await.map(|_store| ());
            let Err(StoreError::Unavailable { reason, .. }) = refused else { panic!("{mode}: {refused:?}") };
            assert!(reason.to_lowercase().contains("certificate"), "{mode}: {reason}");
        }
    }
    assert_eq!(front.let_in(), 0);
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
