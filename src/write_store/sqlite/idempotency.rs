//! Idempotency keys and the answers they stand for.

use diesel::RunQueryDsl;
use diesel::sql_types::{BigInt, Binary, Text};
use diesel::sqlite::SqliteConnection;

use crate::domain::Timestamp;
use crate::write_store::sqlite::columns::{count, fixed, hex, json, unsigned};
use crate::write_store::sqlite::failure::{corrupt, failed_to, refused_or_failed_to};
use crate::write_store::sqlite::statement::{Bind, Statement, statement};
use crate::write_store::{Batch, CommitError, IdempotencyRecord, NewKey, StoreError};

statement!(
    /// Rows: key, fingerprint, answer as a text of JSON, nonce, time, sequence.
    InsertKeys -> () = "
        INSERT INTO idempotency (key_hash, fingerprint, answer, nonce, recorded_at, sequence)
        SELECT unhex(value ->> 0), unhex(value ->> 1), value ->> 2, unhex(value ->> 3), value ->> 4,
            value ->> 5
        FROM json_each(?)"
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
    let keys = batch.idempotency.iter().map(|NewKey { record, event }| {
        let event = u64::try_from(*event).unwrap_or(u64::MAX);
        (record, first.saturating_add(event))
    });
    insert(connection, keys)
}

/// Records keys, each with the sequence that its answer tells of; [`CommitError::DuplicateKey`] as [`record`].
pub(super) fn insert<'a>(
    connection: &mut SqliteConnection,
    keys: impl Iterator<Item = (&'a IdempotencyRecord, u64)>,
) -> Result<(), CommitError> {
    let rows: Vec<_> = keys
        .map(|(record, sequence)| {
            let IdempotencyRecord { key_hash, fingerprint, answer, nonce, recorded_at, .. } = record;
            (hex(key_hash), hex(fingerprint), answer.to_string(), hex(nonce), recorded_at.as_millis(), sequence)
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    let rows = json(&rows)?;
    InsertKeys
        .with(&[Bind::Text(&rows)])
        .execute(connection)
        .map_err(refused_or_failed_to("record the idempotency keys", CommitError::DuplicateKey))?;
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
