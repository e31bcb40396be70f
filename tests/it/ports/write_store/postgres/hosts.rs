//! Several hosts in the URL, and poolers in front of PostgreSQL.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use turnstile::write_store::postgres::{PostgresStore, migrate};
use turnstile::write_store::{Role, StoreError, WriteStore};

use crate::free_port::free_port;
use crate::ports::write_store::draft::{reserved, scheduled};
use crate::ports::write_store::oracle::check;
use crate::ports::write_store::postgres::{Database, Postgres};
use crate::proxy::{Mode, Proxy};

/// A first host that swallows everything costs its own limit once, not the whole time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_first_host_does_not_hide_the_second() {
    let database = Database::create().await;
    migrate(&database.url()).await.unwrap();
    let silent = Proxy::to(&Database::server()).await;
    silent.set(Mode::Stall);
    let (head, tail) =
        database.url().split_once(&Database::server()).map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    let url = format!("{head}{},{}{tail}", silent.address(), Database::server());
    assert_eq!(migrate(&url).await.unwrap(), 0);
    let store: Arc<dyn WriteStore> = Arc::new(PostgresStore::connect(&url, &Postgres::settings()).await.unwrap());
    let id = scheduled(&store, 9).await;
    let began = Instant::now();
    for seat in 0..9 {
        reserved(&store, id, &[seat], 1).await;
    }
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    check(&store, id).await;
}

/// pgbouncer in front of the tests' server.
struct Bouncer {
    process: Child,
    port: u16,
    directory: std::path::PathBuf,
}

impl Bouncer {
    async fn start(pool_mode: &str) -> Self {
        let directory = std::env::temp_dir().join(format!("turnstile-bouncer-{}", uuid::Uuid::new_v4().simple()));
        std::fs::create_dir(&directory).unwrap();
        let port = free_port();
        let server = Database::server();
        let (host, server_port) = server.split_once(':').unwrap();
        let configuration = format!(
            "[databases]\n* = user=postgres host={host} port={server_port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             auth_type = any\npool_mode = {pool_mode}\nunix_socket_dir =\nuser = postgres\n"
        );
        let file = directory.join("pgbouncer.ini");
        std::fs::write(&file, configuration).unwrap();
        let log = std::fs::File::create(directory.join("log")).unwrap();
        let process = Command::new("/usr/sbin/pgbouncer").arg(&file).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let bouncer = Self { process, port, directory };
        let end = Instant::now() + Duration::from_secs(10);
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            assert!(Instant::now() < end, "{}", std::fs::read_to_string(bouncer.directory.join("log")).unwrap());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        bouncer
    }

    fn url(&self, database: &Database) -> String {
        let mut url = url::Url::parse(&database.url()).unwrap();
        url.set_port(Some(self.port)).unwrap();
        url.into()
    }
}

impl Drop for Bouncer {
    fn drop(&mut self) {
        let _killed = self.process.kill();
        let _ended = self.process.wait();
        let _removed = std::fs::remove_dir_all(&self.directory);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pooler_that_shares_sessions_is_refused_with_the_reason() {
    let database = Database::create().await;
    for mode in ["transaction", "statement"] {
        let bouncer = Bouncer::start(mode).await;
        let url = bouncer.url(&database);
        for refused in
            [migrate(&url).await.map(drop), PostgresStore::connect(&url, &Postgres::settings()).await.map(drop)]
        {
            let Err(StoreError::Unusable(reason)) = refused else { panic!("{mode}: {refused:?}") };
            assert!(reason.contains("pool_mode = session"), "{mode}: {reason}");
        }
    }
    // Nothing was done through it: no table, no lock that would keep other nodes from starting.
    assert!(migrate(&database.url()).await.unwrap() > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pooler_that_keeps_sessions_apart_is_as_good_as_none() {
    let database = Database::create().await;
    let bouncer = Bouncer::start("session").await;
    let url = bouncer.url(&database);
    migrate(&url).await.unwrap();
    let store: Arc<dyn WriteStore> = Arc::new(PostgresStore::connect(&url, &Postgres::settings()).await.unwrap());
    let id = scheduled(&store, 3).await;
    reserved(&store, id, &[1], 1).await;
    assert!(store.lead(Role::Relay).await.unwrap().is_some());
    check(&store, id).await;
}
