//! SignalR connection tokens: self-contained and signed, so that the node that gets the WebSocket need not be the one that negotiated.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use uuid::Uuid;

use crate::domain::Timestamp;

/// Keeps this key apart from every other use of the cluster's secret.
const PURPOSE: &[u8] = b"turnstile/live/connection-token/1";

/// A token and the connection that it names.
#[derive(Clone, PartialEq, Eq)]
pub struct Issued {
    /// Public name of the connection.
    pub connection_id: Uuid,
    /// The secret that the client shows when it connects.
    pub token: String,
}

impl std::fmt::Debug for Issued {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issued").field("connection_id", &self.connection_id).finish_non_exhaustive()
    }
}

/// Issues and checks tokens: URL-safe base64 of connection id (16 bytes), expiry (8 bytes, milliseconds since 1970, network order) and
/// their HMAC-SHA256 under a key derived from the cluster's secret.
#[derive(Clone)]
pub struct TokenKey(Hmac<Sha256>);

impl std::fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenKey(..)")
    }
}

impl TokenKey {
    /// The key for this purpose; the same on every node of the cluster.
    pub fn derive(cluster_secret: &[u8; 32]) -> Self {
        let mut derivation = keyed(cluster_secret);
        derivation.update(PURPOSE);
        let key: [u8; 32] = derivation.finalize().into_bytes().into();
        Self(keyed(&key))
    }

    /// A token for `connection_id` that is valid for `lifetime`.
    pub fn issue(&self, connection_id: Uuid, now: Timestamp, lifetime: Duration) -> Issued {
        let mut bytes = Vec::with_capacity(56);
        bytes.extend_from_slice(connection_id.as_bytes());
        bytes.extend_from_slice(&(now + lifetime).as_millis().to_be_bytes());
        let mut signature = self.0.clone();
        signature.update(&bytes);
        bytes.extend_from_slice(&signature.finalize().into_bytes());
        Issued { connection_id, token: URL_SAFE_NO_PAD.encode(bytes) }
    }

    /// The connection id, if the token was issued with this key and has not expired. Compares in constant time.
    pub fn verify(&self, token: &str, now: Timestamp) -> Option<Uuid> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (signed, signature) = bytes.split_at_checked(24)?;
        let mut expected = self.0.clone();
        expected.update(signed);
        expected.verify_slice(signature).ok()?;
        let (id, expiry) = signed.split_at_checked(16)?;
        let expiry = i64::from_be_bytes(expiry.try_into().ok()?);
        (now.as_millis() < expiry).then(|| Uuid::from_slice(id).ok())?
    }
}

fn keyed(key: &[u8; 32]) -> Hmac<Sha256> {
    // HMAC fills a key up to SHA-256's block of 64 bytes with zeros (RFC 2104); done here, no length can be wrong.
    let mut block = [0_u8; 64];
    for (to, from) in block.iter_mut().zip(key) {
        *to = *from;
    }
    Hmac::new(&block.into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIFETIME: Duration = Duration::from_mins(1);

    #[test]
    fn a_token_is_valid_on_every_node_until_it_expires() {
        let now = Timestamp::from_millis(1_000_000);
        let id = Uuid::from_u128(42);
        let issued = TokenKey::derive(&[7; 32]).issue(id, now, LIFETIME);
        let other_node = TokenKey::derive(&[7; 32]);
        assert_eq!(other_node.verify(&issued.token, now), Some(id));
        assert_eq!(other_node.verify(&issued.token, now + Duration::from_millis(59_999)), Some(id));
        assert_eq!(other_node.verify(&issued.token, now + LIFETIME), None);
        assert_eq!(TokenKey::derive(&[8; 32]).verify(&issued.token, now), None);
    }

    proptest! {
        #[test]
        fn a_token_changed_in_one_character_is_refused(position in 0_usize..75, letter in "[A-Za-z0-9_-]") {
            let now = Timestamp::from_millis(0);
            let key = TokenKey::derive(&[1; 32]);
            let issued = key.issue(Uuid::from_u128(9), now, LIFETIME);
            let mut forged = issued.token.clone();
            forged.replace_range(position..=position, &letter);
            if forged != issued.token {
                prop_assert_eq!(key.verify(&forged, now), None);
            }
        }

        #[test]
        fn any_text_is_refused(text in ".*") {
            prop_assert_eq!(TokenKey::derive(&[1; 32]).verify(&text, Timestamp::from_millis(0)), None);
        }
    }
}
