//! Remembered answers, and the cluster's secret.

use diesel::data_types::PgTimestamp;
use diesel::prelude::{ExpressionMethods, QueryDsl};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::domain::Timestamp;
use crate::write_store::IdempotencyRecord;
use crate::write_store::postgres::call::Call;
use crate::write_store::postgres::column::{from_bytea, from_int8, from_timestamptz, to_limit, to_timestamptz};
use crate::write_store::postgres::failure::Failure;
use crate::write_store::postgres::schema::{cluster_secret, idempotency};

/// See [`crate::write_store::Ledger::idempotency`].
pub(super) struct Recall(pub(super) Vec<[u8; 32]>);

impl Call for Recall {
    type Answer = Vec<IdempotencyRecord>;

    fn is_told(&self, records: &Vec<IdempotencyRecord>) -> bool {
        !records.is_empty()
    }

    async fn run(&self, connection: &mut AsyncPgConnection) -> Result<Vec<IdempotencyRecord>, Failure> {
        let hashes: Vec<&[u8]> = self.0.iter().map(<[u8; 32]>::as_slice).collect();
        idempotency::table
            .filter(idempotency::key_hash.eq_any(hashes))
            .select((
                idempotency::key_hash,
                idempotency::fingerprint,
                idempotency::answer,
                idempotency::nonce,
                idempotency::recorded_at,
                idempotency::sequence,
            ))
            .load::<(Vec<u8>, Vec<u8>, serde_json::Value, Vec<u8>, PgTimestamp, i64)>(connection)
            .await?
            .into_iter()
            .map(|(key_hash, fingerprint, answer, nonce, recorded_at, sequence)| {
                Ok(IdempotencyRecord {
                    key_hash: from_bytea(&key_hash)?,
                    fingerprint: from_bytea(&fingerprint)?,
                    answer,
                    nonce: from_bytea(&nonce)?,
                    recorded_at: from_timestamptz(recorded_at),
                    sequence: from_int8(sequence)?,
                })
            })
            .collect()
    }
}

/// See [`crate::write_store::Ledger::forget_idempotency`].
pub(super) struct Forget {
    pub(super) before: Timestamp,
    pub(super) limit: usize,
}

impl Call for Forget {
    type Answer = usize;

    async fn run(&self, connection: &mut AsyncPgConnection) -> Result<usize, Failure> {
        let old = idempotency::table
            .filter(idempotency::recorded_at.lt(to_timestamptz(self.before)))
            .order(idempotency::recorded_at)
            .limit(to_limit(self.limit))
            .select(idempotency::key_hash);
        // Diesel prepares a DELETE with a subquery of its own table each time; once an hour that does not matter.
        let forgotten = diesel::delete(idempotency::table.filter(idempotency::key_hash.eq_any(old.into_boxed())))
            .execute(connection)
            .await?;
        Ok(forgotten)
    }
}

/// See [`crate::write_store::WriteStore::cluster_secret`].
pub(super) struct ClusterSecret;

impl Call for ClusterSecret {
    type Answer = [u8; 32];

    async fn run(&self, connection: &mut AsyncPgConnection) -> Result<[u8; 32], Failure> {
        let secrets = cluster_secret::table.select(cluster_secret::secret).load::<Vec<u8>>(connection).await?;
        match secrets.as_slice().first() {
            Some(secret) => from_bytea(secret),
            None => Err(Failure::Corrupt("the cluster's secret is missing".to_owned())),
        }
    }
}
