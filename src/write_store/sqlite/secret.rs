//! The cluster secret: 32 random bytes, made when the database is first opened.

use diesel::RunQueryDsl;
use diesel::sql_types::Binary;
use diesel::sqlite::SqliteConnection;

use crate::write_store::StoreError;
use crate::write_store::sqlite::columns::fixed;
use crate::write_store::sqlite::failure::failed_to;
use crate::write_store::sqlite::statement::{Bind, Statement, statement};

statement!(InsertSecret -> () = "INSERT INTO cluster_secret (only, secret) VALUES (1, ?) ON CONFLICT DO NOTHING");

statement!(ReadSecret -> Binary = "SELECT secret FROM cluster_secret");

/// Makes the secret, unless there is one.
pub(super) fn ensure(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let secret: [u8; 32] = rand::random();
    InsertSecret
        .with(&[Bind::Blob(&secret)])
        .execute(connection)
        .map_err(failed_to::<StoreError>("make the cluster secret"))?;
    Ok(())
}

/// The secret.
pub(super) fn read(connection: &mut SqliteConnection) -> Result<[u8; 32], StoreError> {
    let secret: Vec<u8> =
        ReadSecret.with(&[]).get_result(connection).map_err(failed_to::<StoreError>("read the cluster secret"))?;
    fixed(secret)
}
