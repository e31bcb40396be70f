//! Idempotency keys and the answers they stand for.

use diesel::RunQueryDsl;
use diesel::sql_types::{BigInt, Binary, Text};
use diesel::sqlite::SqliteConnection;

use crate::domain::Timestamp;
use crate::write_store::booking_body::hex;
use crate::write_store::sqlite::columns::{at, count, fixed, json, number, unsigned};
use crate::write_store::sqlite::failure::{corrupt, failed_to, refused_or_failed_to};
use crate::write_store::sqlite::statement::{Bind, Statement, statement};
use crate::write_store::{Batch, CommitError, IdempotencyRecord, NewKey, StoreError};

statement!(
    InsertKey -> () = "
        INSERT INTO idempotency (key_hash, fingerprint, answer, nonce, recorded_at, sequence) VALUES (?, ?, ?, ?, ?, ?)"
);

statement!(
    FindKeys -> (Binary, Binary, Text, Binary, BigInt, BigInt) = "
        SELECT key_hash, fingerprint, answer, nonce, recorded_at, sequence FROM idempotency
        WHERE key_hash IN (SELECT unhex(value) FROM json_each(?))"
);

type KeyRow = (Vec<u8>, Vec<u8>, String, Vec<u8>, i64, i64);

statement!(
    DeleteKeys -> () = "
        DELETE FROM idempotency WHERE key_hash IN
            (SELECT key_hash FROM idempotency WHERE recorded_at < ? ORDER BY recorded_at LIMIT ?)"
);

/// Records the keys of a batch; [`CommitError::DuplicateKey`] if one is known, or is there twice.
pub(super) fn record(connection: &mut SqliteConnection, batch: &Batch, first: u64) -> Result<(), CommitError> {
    for NewKey { record, event } in &batch.idempotency {
        insert(connection, record, at(first, *event))?;
    }
    Ok(())
}

/// Records a key with the sequence that its answer tells of; [`CommitError::DuplicateKey`] if it is known.
pub(super) fn insert(
    connection: &mut SqliteConnection,
    record: &IdempotencyRecord,
    sequence: u64,
) -> Result<(), CommitError> {
    let IdempotencyRecord { key_hash, fingerprint, answer, nonce, recorded_at, .. } = record;
    let answer = answer.to_string();
    let binds = [
        Bind::Blob(key_hash),
        Bind::Blob(fingerprint),
        Bind::Text(&answer),
        Bind::Blob(nonce),
        Bind::Integer(recorded_at.as_millis()),
        number(sequence),
    ];
    InsertKey
        .with(&binds)
        .execute(connection)
        .map_err(refused_or_failed_to("record an idempotency key", CommitError::DuplicateKey))?;
    Ok(())
}

/// The records of these keys.
pub(super) fn find(
    connection: &mut SqliteConnection,
    key_hashes: &[[u8; 32]],
) -> Result<Vec<IdempotencyRecord>, StoreError> {
    let keys = json(&key_hashes.iter().map(|hash| hex(hash)).collect::<Vec<_>>())?;
    let rows: Vec<KeyRow> = FindKeys
        .with(&[Bind::Text(&keys)])
        .load(connection)
        .map_err(failed_to::<StoreError>("find idempotency keys"))?;
    rows.into_iter()
        .map(|(key_hash, fingerprint, answer, nonce, recorded_at, sequence)| {
            Ok(IdempotencyRecord {
                key_hash: fixed(key_hash)?,
                fingerprint: fixed(fingerprint)?,
                answer: serde_json::from_str(&answer).map_err(corrupt)?,
                nonce: fixed(nonce)?,
                recorded_at: Timestamp::from_millis(recorded_at),
                sequence: unsigned(sequence)?,
            })
        })
        .collect()
}

/// Deletes up to `limit` records older than `before`, the oldest first; returns how many.
pub(super) fn forget(connection: &mut SqliteConnection, before: Timestamp, limit: usize) -> Result<usize, StoreError> {
    DeleteKeys.with(&[Bind::Integer(before.as_millis()), count(limit)]).execute(connection).map_err(failed_to::<
        StoreError,
    >(
        "forget idempotency keys",
    ))
}
