//! Hold tokens: the secret that shows a client to be the holder of a booking. Only its hash is ever stored.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// 256 random bits, shown to the client once, as 43 characters of URL-safe Base64.
#[derive(Clone, PartialEq, Eq)]
pub struct HoldToken([u8; 32]);

impl HoldToken {
    /// A token of these random bytes.
    pub fn from_bytes(random: [u8; 32]) -> Self {
        Self(random)
    }

    /// Reads what [`HoldToken::expose`] wrote; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        Some(Self(bytes.try_into().ok()?))
    }

    /// The secret as the client is to keep it. Not for logs.
    pub fn expose(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// What is stored. A plain hash is enough: the token has 256 bits of its own.
    pub fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(self.0).into())
    }
}

impl fmt::Debug for HoldToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HoldToken(..)")
    }
}

/// SHA-256 of a [`HoldToken`], or of a channel's key.
#[derive(Clone, Copy)]
pub struct TokenHash(pub [u8; 32]);

impl TokenHash {
    /// Of a channel's key: a secret of 16 to 255 visible ASCII characters.
    ///
    /// # Errors
    /// It is none. Reads after the name of the field.
    pub fn of_channel_key(text: impl AsRef<str>) -> Result<Self, &'static str> {
        let text = text.as_ref();
        if !(16..=255).contains(&text.len()) || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("must have 16 to 255 visible ASCII characters");
        }
        Ok(Self(Sha256::new().chain_update("channel key: ").chain_update(text).finalize().into()))
    }

    /// Compares in constant time, so that the time of a refusal tells nothing about the hash.
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl PartialEq for TokenHash {
    fn eq(&self, other: &Self) -> bool {
        self.matches(other)
    }
}

impl Eq for TokenHash {}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_survives_the_round_trip_and_never_shows_in_debug() {
        let token = HoldToken::from_bytes([7; 32]);
        let text = token.expose();
        assert_eq!(text.len(), 43);
        assert_eq!(HoldToken::parse(&text), Some(token.clone()));
        assert!(HoldToken::parse("short").is_none());
        assert!(token.hash().matches(&token.hash()));
        assert!(!token.hash().matches(&HoldToken::from_bytes([8; 32]).hash()));
        assert_eq!(format!("{token:?} {:?}", token.hash()), "HoldToken(..) TokenHash(..)");
    }
}
