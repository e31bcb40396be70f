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

/// A database of the first version in which one payment has confirmed two bookings: both stay, and the earliest has the payment.
#[tokio::test]
async fn payments_that_confirmed_twice_before_do_not_stop_the_migration() {
    let directory = Directory::new();
    let store = directory.open().unwrap();
    store.schedule(new_showtime(2)).await.unwrap();
    drop(store);
    directory
        .connection()
        .batch_execute(
            "DROP TABLE payments;
             DELETE FROM __diesel_schema_migrations WHERE version = '20261127000003';
             INSERT INTO bookings
                 (id, showtime_id, user_id, token_hash, status, reserved_at, expires_at, payment_reference, version)
             SELECT column1, (SELECT id FROM showtimes), 'ada', zeroblob(32), 1, column2, 9, 'pay', 3
             FROM (VALUES (unhex('00000000000000000000000000000002'), 8), (unhex('00000000000000000000000000000001'), 7))",
        )
        .unwrap();
    let store = directory.open().unwrap();
    let reference = crate::domain::PaymentReference::parse("pay").unwrap();
    let used = store.payments(vec![reference.clone()]).await.unwrap();
    assert_eq!(used, [(reference, BookingId(uuid::Uuid::from_u128(1)))]);
}

/// `down.sql` undoes `up.sql`, so that a migration can be taken back and made again.
#[test]
fn migrations_go_down_and_up_again() {
    use diesel_migrations::MigrationHarness;

    let directory = Directory::new();
    drop(directory.open().unwrap());
    let mut connection = directory.connection();
    connection.revert_all_migrations(super::super::connection::MIGRATIONS).unwrap();
    drop(connection);
    directory.open().unwrap();
}
