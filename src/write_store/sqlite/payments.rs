//! Which booking a payment has confirmed.

use diesel::RunQueryDsl;
use diesel::sql_types::{Binary, Text};
use diesel::sqlite::SqliteConnection;

use crate::domain::{BookingId, PaymentReference};
use crate::write_store::sqlite::columns::{booking_id, hex_id, json};
use crate::write_store::sqlite::failure::failed_to;
use crate::write_store::sqlite::statement::{Bind, Statement, statement};
use crate::write_store::{Batch, CommitError, StoreError};

statement!(
    /// Rows: reference, booking.
    InsertPayments -> () = "
        INSERT INTO payments (reference, booking_id)
        SELECT value ->> 0, unhex(value ->> 1) FROM json_each(?) WHERE true ON CONFLICT (reference) DO NOTHING"
);

statement!(
    FindPayments -> (Text, Binary) = "
        SELECT reference, booking_id FROM payments WHERE reference IN (SELECT value FROM json_each(?))"
);

/// Records the batch's payments; [`CommitError::PaymentUsed`] if one has confirmed another booking, or confirms two. After its new
/// bookings are added.
pub(super) fn record(connection: &mut SqliteConnection, batch: &Batch) -> Result<(), CommitError> {
    let changed = batch.booking_changes.iter().map(|change| (&change.payment_reference, change.booking_id));
    let new = batch.new_bookings.iter().map(|new| (&new.booking.payment_reference, new.booking.id));
    let paid: Vec<(&PaymentReference, BookingId)> =
        changed.chain(new).filter_map(|(reference, id)| Some((reference.as_ref()?, id))).collect();
    if paid.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = paid.iter().map(|(reference, id)| (reference, hex_id(id.0))).collect();
    let rows = json(&rows)?;
    let recorded = InsertPayments
        .with(&[Bind::Text(&rows)])
        .execute(connection)
        .map_err(failed_to::<CommitError>("record the payments"))?;
    if recorded == paid.len() {
        return Ok(());
    }
    let references: Vec<PaymentReference> =
        paid.iter().map(|(reference, _)| PaymentReference::clone(reference)).collect();
    let owners = find(connection, &references)?;
    let is_owner = |(reference, id): &(&PaymentReference, BookingId)| {
        owners.iter().any(|(owned, owner)| owned == *reference && owner == id)
    };
    if paid.iter().all(is_owner) { Ok(()) } else { Err(CommitError::PaymentUsed) }
}

/// The bookings that these payments have confirmed.
pub(super) fn find(
    connection: &mut SqliteConnection,
    references: &[PaymentReference],
) -> Result<Vec<(PaymentReference, BookingId)>, StoreError> {
    let references = json(references)?;
    let rows: Vec<(String, Vec<u8>)> = FindPayments
        .with(&[Bind::Text(&references)])
        .load(connection)
        .map_err(failed_to::<StoreError>("find payments"))?;
    rows.into_iter().map(|(text, booking)| Ok((PaymentReference::stored(text), booking_id(&booking)?))).collect()
}
