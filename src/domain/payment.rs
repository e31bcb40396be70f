//! Payments, as far as the box office knows them: by what their provider calls them.

use crate::domain::text::{self, TextError};
use crate::domain::{SeatId, SeatStatus};

/// A payment that came after its hold's deadline and is to be returned, since the seats could not be taken again.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefusedPayment {
    /// The payment.
    pub refund: PaymentReference,
    /// The seats that others had; none if the customer might not have so many places any more.
    pub taken: Vec<TakenSeat>,
    /// Payments of the same booking that were refused before it, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<PaymentReference>,
}

impl RefusedPayment {
    /// Most payments of one booking that are refused with an event, so that nobody fills the journal with payments for an expired booking.
    pub const MOST: usize = 5;

    /// A refusal that follows those before. Following a second time, in order, gives the same.
    pub(super) fn after(before: Option<Self>, refund: PaymentReference, taken: Vec<TakenSeat>) -> Self {
        let mut earlier: Vec<PaymentReference> = before
            .map(|Self { refund, mut earlier, .. }| {
                earlier.push(refund);
                earlier
            })
            .unwrap_or_default();
        earlier.retain(|reference| *reference != refund);
        Self { refund, taken, earlier }
    }

    /// Whether this payment is one of them.
    pub fn names(&self, reference: &PaymentReference) -> bool {
        self.refund == *reference || self.earlier.contains(reference)
    }
}

/// A seat that another booking had when a payment came too late.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TakenSeat {
    /// The seat.
    pub seat_id: SeatId,
    /// Reserved or sold.
    pub status: SeatStatus,
}

/// What the payment provider calls a payment: 1 to 200 characters.
#[derive(Clone, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct PaymentReference(String);

impl PaymentReference {
    /// Longest accepted reference, in characters.
    pub const MAX_CHARACTERS: usize = 200;

    /// A reference that a client gives, in the form in which it is kept: see the module `text`.
    ///
    /// # Errors
    /// It is empty, too long, or has characters that cannot be seen.
    pub fn parse(text: impl AsRef<str>) -> Result<Self, TextError> {
        text::plain(text.as_ref(), Self::MAX_CHARACTERS).map(Self)
    }

    /// A reference that a store has kept, as it is: earlier versions accepted more.
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    /// The reference as it is kept.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
