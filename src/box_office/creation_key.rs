//! The idempotency keys of requests that create something besides bookings and showtimes.

use crate::box_office::request::{IdempotencyKey, KeyedRequest};

/// What is looked up and recorded for such a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CreationKey {
    /// SHA-256 over the operation and the key.
    pub key_hash: [u8; 32],
    /// SHA-256 over what is asked.
    pub fingerprint: [u8; 32],
}

impl IdempotencyKey {
    /// `operation`: what the key is for; `meaning`: all that makes two requests the same.
    pub fn creation(&self, operation: &[u8], meaning: &[&[u8]]) -> CreationKey {
        let KeyedRequest { key_hash, fingerprint, .. } = KeyedRequest::new(self, &[operation], meaning, [0; 16]);
        CreationKey { key_hash, fingerprint }
    }
}
