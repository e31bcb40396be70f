//! Which booking a payment has confirmed, or came too late for.

use diesel::RunQueryDsl;
use diesel::sql_types::{Binary, Text};
use diesel::sqlite::SqliteConnection;

use crate::domain::{BookingId, PaymentReference};
use crate::write_store::sqlite::columns::{booking_id, json};
use crate::write_store::sqlite::failure::{failed_to, refused_or_failed_to};
use crate::write_store::sqlite::statement::{Bind, Statement, statement};
use crate::write_store::{Batch, CommitError, StoreError};

statement!(InsertPayment -> () = "INSERT INTO payments (reference, booking_id) VALUES (?, ?)");

statement!(
    FindPayments -> (Text, Binary) = "
        SELECT reference, booking_id FROM payments WHERE reference IN (SELECT value FROM json_each(?))"
);

/// Records the payments that the batch uses up; [`CommitError::PaymentUsed`] if one was used before, or is used twice.
pub(super) fn record(connection: &mut SqliteConnection, batch: &Batch) -> Result<(), CommitError> {
    for (reference, id) in batch.payments() {
        InsertPayment
            .with(&[Bind::Text(reference.as_str()), Bind::Blob(id.0.as_bytes())])
            .execute(connection)
            .map_err(refused_or_failed_to("record a payment", CommitError::PaymentUsed))?;
    }
    Ok(())
}

/// The bookings that these payments have confirmed, or came too late for.
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
