//! The SQLite adapter under the write store's contract: each test has a directory of its own.

use std::path::PathBuf;
use std::sync::Arc;

use turnstile::write_store::WriteStore;
use turnstile::write_store::sqlite::{Settings, SqliteStore};
use uuid::Uuid;

use crate::ports::write_store::{Adapter, contract_tests};

/// A store in a directory that is removed at the end.
pub struct Sqlite {
    store: Arc<SqliteStore>,
    directory: Directory,
}

/// A directory that is removed when dropped.
struct Directory(PathBuf);

impl Drop for Directory {
    fn drop(&mut self) {
        // A leftover in the temporary directory is no reason to fail a test that is already over.
        drop(std::fs::remove_dir_all(&self.0));
    }
}

impl Sqlite {
    fn open(directory: Directory) -> Self {
        let store = SqliteStore::open(&directory.0, &Settings::default()).expect("the store opens");
        Self { store: Arc::new(store), directory }
    }
}

impl Adapter for Sqlite {
    async fn fresh() -> Self {
        Self::open(Directory(std::env::temp_dir().join(format!("turnstile-test-{}", Uuid::new_v4()))))
    }

    fn store(&self) -> Arc<dyn WriteStore> {
        self.store.clone()
    }

    async fn another_node(&self) -> Arc<dyn WriteStore> {
        self.store.clone()
    }

    async fn reopen(self) -> Self {
        let Self { store, directory } = self;
        Arc::try_unwrap(store).map_err(|_shared| "a clone of the store is left").unwrap();
        Self::open(directory)
    }
}

contract_tests!(crate::ports::write_store::sqlite::Sqlite);
