//! The write that finds out whether the disk takes bookings.

use diesel::RunQueryDsl;
use diesel::sqlite::SqliteConnection;

use crate::write_store::StoreError;
use crate::write_store::sqlite::failure::failed_to;
use crate::write_store::sqlite::statement::{Bind, Statement, statement};

/// Bytes that show that the disk still takes writes: one page of the log.
const SMALL: i64 = 1;
/// Bytes that show that there is room again: about as much as a full batch writes.
const LARGE: i64 = 262_144;

statement!(
    /// Replaces the only row. What it holds is read by nobody.
    Probe -> () = "INSERT OR REPLACE INTO write_probe (id, filler) VALUES (1, zeroblob(?))"
);

/// Writes little, or as much as a batch.
pub(super) fn write(connection: &mut SqliteConnection, is_large: bool) -> Result<(), StoreError> {
    let size = if is_large { LARGE } else { SMALL };
    Probe.with(&[Bind::Integer(size)]).execute(connection).map_err(failed_to::<StoreError>("try a write"))?;
    Ok(())
}
