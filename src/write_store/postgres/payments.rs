//! Which booking a payment has confirmed, or came too late for.

use diesel::prelude::{ExpressionMethods, QueryDsl};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::domain::{BookingId, PaymentReference};
use crate::write_store::postgres::call::{Call, Share};
use crate::write_store::postgres::failure::Failure;
use crate::write_store::postgres::schema::payments;

/// See [`crate::write_store::Ledger::payments`].
pub(super) struct Payments {
    pub(super) references: Vec<PaymentReference>,
    pub(super) share: Share,
}

impl Call for Payments {
    type Answer = Vec<(PaymentReference, BookingId)>;

    fn share(&self) -> Share {
        self.share
    }

    async fn run(&self, connection: &mut AsyncPgConnection) -> Result<Self::Answer, Failure> {
        let references: Vec<&str> = self.references.iter().map(PaymentReference::as_str).collect();
        let found = payments::table
            .filter(payments::reference.eq_any(references))
            .select((payments::reference, payments::booking_id))
            .load::<(String, Uuid)>(connection)
            .await?;
        let read = |(text, booking): (String, Uuid)| (PaymentReference::stored(text), BookingId(booking));
        Ok(found.into_iter().map(read).collect())
    }
}
