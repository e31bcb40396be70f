//! The data directory: one process at a time, and free again however that process ends.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::*;

#[test]
fn a_directory_opens_once_at_a_time() {
    let directory = Directory::new();
    let store = directory.open().unwrap();
    let refused = directory.open().err().expect("a second store is refused").to_string();
    assert!(refused.contains("in use by another turnstile process"), "{refused}");
    assert!(refused.contains(directory.0.to_str().unwrap()), "the message names the directory: {refused}");
    drop(store);
    directory.open().unwrap();
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Another process has the lock; killed, it leaves the directory free, though the lock file is still there.
#[test]
fn a_killed_process_leaves_the_directory_free() {
    let directory = Directory::new();
    drop(directory.open().unwrap());
    let lock = directory.0.join("turnstile.lock");
    let other = Command::new("flock")
        .args(["--no-fork", lock.to_str().unwrap(), "sleep", "60"])
        .stdin(Stdio::null())
        .spawn()
        .expect("flock of util-linux runs");
    let other = Killed(other);
    let refused = (0..500).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        directory.open().is_err()
    });
    assert!(refused, "a lock of another process is respected");
    drop(other);
    assert!(lock.exists());
    directory.open().unwrap();
}

#[cfg(unix)]
#[test]
fn a_new_directory_is_private_and_its_parents_are_made() {
    use std::os::unix::fs::PermissionsExt;

    let directory = Directory::new();
    let deep = directory.0.join("below/it");
    SqliteStore::open(&deep, &Settings::default()).unwrap();
    let mode = std::fs::metadata(&deep).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn a_directory_that_cannot_be_is_named() {
    let directory = Directory::new();
    std::fs::create_dir_all(&directory.0).unwrap();
    let file = directory.0.join("file");
    std::fs::write(&file, "not a directory").unwrap();
    let refused = SqliteStore::open(&file, &Settings::default()).err().expect("a file is refused").to_string();
    assert!(refused.contains(file.to_str().unwrap()), "{refused}");
}

#[test]
fn a_database_of_a_newer_version_is_refused() {
    let directory = Directory::new();
    drop(directory.open().unwrap());
    directory
        .connection()
        .batch_execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('99991231235959')")
        .unwrap();
    let refused = directory.open().err().expect("a newer database is refused").to_string();
    assert!(refused.contains("newer version"), "{refused}");
}
