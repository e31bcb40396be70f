//! The PostgreSQL adapter under the write store's contract, each test in a database of its own; and what only this adapter has.

use std::sync::Arc;

use tokio_postgres::{Client, NoTls};
use turnstile::write_store::WriteStore;
use turnstile::write_store::postgres::{PostgresStore, Settings, migrate};
use uuid::Uuid;

use crate::ports::write_store::{Adapter, contract_tests};
use crate::services;

mod hosts;
mod migrations;
mod sessions;
mod snapshots;
mod standby;
mod statements;
mod tls;
mod unknown_outcomes;

/// An empty database on the tests' server, dropped at the end.
pub struct Database {
    name: String,
}

impl Database {
    /// Creates it, without any table.
    pub async fn create() -> Self {
        let name = format!("turnstile_test_{}", Uuid::new_v4().simple());
        client(&services::postgres()).await.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
        Self { name }
    }

    /// Its URL.
    pub fn url(&self) -> String {
        let mut url = url::Url::parse(&services::postgres()).unwrap();
        url.set_path(&self.name);
        url.into()
    }

    /// Its URL through a proxy on this machine.
    pub fn url_through(&self, proxy: std::net::SocketAddr) -> String {
        let mut url = url::Url::parse(&self.url()).unwrap();
        url.set_host(Some(&proxy.ip().to_string())).unwrap();
        url.set_port(Some(proxy.port())).unwrap();
        url.into()
    }

    /// `host:port` of the server.
    pub fn server() -> String {
        let url = url::Url::parse(&services::postgres()).unwrap();
        format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5432))
    }

    /// A session of the test's own.
    pub async fn client(&self) -> Client {
        client(&self.url()).await
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let statement = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        // A test's runtime cannot be waited for in its own drop.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async { client(&services::postgres()).await.batch_execute(&statement).await })
        });
        let dropped = dropping.join();
        if !std::thread::panicking() {
            dropped.unwrap().unwrap();
        }
    }
}

async fn client(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// A store on a migrated database of its own.
pub struct Postgres {
    pub store: Arc<PostgresStore>,
    pub database: Database,
}

impl Postgres {
    /// With few connections, so that many tests fit on one server.
    pub fn settings() -> Settings {
        Settings { pool_size: 4, ..Settings::default() }
    }

    /// For tests that hold a lock while the store waits for it, however long they take.
    pub fn patient() -> Settings {
        Settings {
            lock_timeout_milliseconds: 60_000,
            statement_timeout_milliseconds: 60_000,
            commit_timeout_milliseconds: 60_000,
            call_timeout_milliseconds: 90_000,
            ..Self::settings()
        }
    }

    /// Another node's store on the same database.
    pub async fn node(&self, settings: &Settings) -> Arc<PostgresStore> {
        Arc::new(PostgresStore::connect(&self.database.url(), settings).await.unwrap())
    }
}

impl Adapter for Postgres {
    async fn fresh() -> Self {
        let database = Database::create().await;
        migrate(&database.url()).await.unwrap();
        let store = PostgresStore::connect(&database.url(), &Self::settings()).await.unwrap();
        Self { store: Arc::new(store), database }
    }

    fn store(&self) -> Arc<dyn WriteStore> {
        self.store.clone()
    }

    async fn another_node(&self) -> Arc<dyn WriteStore> {
        self.node(&Self::settings()).await
    }

    async fn reopen(self) -> Self {
        let Self { store, database } = self;
        Arc::try_unwrap(store).map_err(|_shared| "a clone of the store is left").unwrap();
        let store = PostgresStore::connect(&database.url(), &Self::settings()).await.unwrap();
        Self { store: Arc::new(store), database }
    }
}

contract_tests!(crate::ports::write_store::postgres::Postgres);
