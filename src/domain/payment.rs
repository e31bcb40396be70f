//! Payments, as far as the box office knows them: by what their provider calls them.

use crate::domain::text::{self, TextError};

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
