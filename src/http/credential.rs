//! Credentials and idempotency keys: what a client shows besides its request.

use actix_web::HttpRequest;
use actix_web::http::header;
use serde::{Deserialize, Deserializer, de::Error as _};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::box_office::{IdempotencyKey, RequestContext};
use crate::domain::{Credential, HoldToken, TokenHash};
use crate::http::AppState;
use crate::http::code::Code;
use crate::http::document::FieldError;
use crate::http::exchange;
use crate::http::problem::Problem;

/// The secret that shows a client to be an operator: at least [`OperatorToken::MIN_BYTES`] bytes. Only its hash is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct OperatorToken([u8; 32]);

impl OperatorToken {
    /// Fewer could be guessed.
    pub const MIN_BYTES: usize = 16;

    /// `None` if it is too short.
    pub fn new(secret: &str) -> Option<Self> {
        (secret.len() >= Self::MIN_BYTES).then(|| Self(Sha256::digest(secret).into()))
    }

    /// Compares in constant time, whatever the lengths.
    fn matches(&self, shown: &str) -> bool {
        let shown: [u8; 32] = Sha256::digest(shown).into();
        self.0.ct_eq(&shown).into()
    }
}

impl std::fmt::Debug for OperatorToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OperatorToken(..)")
    }
}

impl<'de> Deserialize<'de> for OperatorToken {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let secret = String::deserialize(deserializer)?;
        Self::new(&secret)
            .ok_or_else(|| D::Error::custom(format!("the operator token needs at least {} bytes", Self::MIN_BYTES)))
    }
}

/// Who acts on a booking: the bearer token, else the hold token in the body.
pub(super) fn of_booking(
    state: &AppState,
    request: &HttpRequest,
    in_body: Option<&str>,
) -> Result<Credential, Problem> {
    let Some(token) = bearer(request)?.or(in_body) else {
        return Err(Problem::new(
            Code::MissingCredential,
            "show the hold token as Authorization: Bearer <holdToken>, or as holdToken in the body",
        ));
    };
    if state.settings.operator_token.as_ref().is_some_and(|operator| operator.matches(token)) {
        return Ok(Credential::Operator);
    }
    Ok(Credential::Holder(HoldToken::parse(token).map_or_else(|| no_hold_token(token), |token| token.hash())))
}

/// The hash of a text that is no hold token: it matches no booking, so that the answer tells apart unknown bookings and foreign ones
/// in the same way for every wrong token.
fn no_hold_token(text: &str) -> TokenHash {
    TokenHash(Sha256::new().chain_update("not a hold token: ").chain_update(text).finalize().into())
}

/// Passes operators. Without an operator token everybody is one, but only while nobody else can reach the server.
pub(super) fn require_operator(state: &AppState, request: &HttpRequest) -> Result<(), Problem> {
    let Some(operator) = &state.settings.operator_token else {
        return if state.loopback_only && is_local(request) {
            Ok(())
        } else {
            Err(Problem::new(
                Code::OperatorOnly,
                "no operator token is configured, and others than this machine can reach the server: set \
                 TURNSTILE_OPERATOR_TOKEN (operator_token in the [http] section of turnstile.toml)",
            ))
        };
    };
    match bearer(request)? {
        None => Err(Problem::new(
            Code::MissingCredential,
            "show the operator token as Authorization: Bearer <operator token>",
        )),
        Some(token) if operator.matches(token) => Ok(()),
        Some(_) => Err(Problem::new(Code::OperatorOnly, "the token is not the operator's")),
    }
}

/// True if the request was made on this machine, for this machine: no proxy has passed it on, and no foreign name that was made to
/// point here (DNS rebinding) stands in it.
fn is_local(request: &HttpRequest) -> bool {
    let forwarded = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip"];
    if forwarded.into_iter().any(|name| request.headers().contains_key(name)) {
        return false;
    }
    let authority = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    match url::Url::parse(&format!("http://{authority}/")).ok().as_ref().and_then(url::Url::host) {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn bearer(request: &HttpRequest) -> Result<Option<&str>, Problem> {
    let Some(value) = request.headers().get(header::AUTHORIZATION) else {
        return Ok(None);
    };
    let token = value.to_str().ok().and_then(|text| text.trim().split_once(' ')).and_then(|(scheme, token)| {
        let token = token.trim();
        (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
    });
    match token {
        Some(token) => Ok(Some(token)),
        None => Err(Problem::new(Code::MissingCredential, "the Authorization header must be: Bearer <token>")),
    }
}

/// What comes along with a command.
pub(super) fn context(request: &HttpRequest) -> Result<RequestContext, Problem> {
    let traceparent = exchange::traceparent(request.headers()).map(str::to_owned);
    Ok(RequestContext { key: idempotency_key(request)?, traceparent })
}

/// Marks an answer that tells of what an earlier request with the same idempotency key has done.
pub(super) const REPLAYED: (&str, &str) = ("Idempotent-Replayed", "true");

/// A reservation's key gives its hold token a second time, so it must not be guessable.
pub(super) fn require_secret(context: &RequestContext) -> Result<(), Problem> {
    if context.key.as_ref().is_none_or(IdempotencyKey::may_be_secret) {
        return Ok(());
    }
    let detail = format!(
        "a reservation's key is a secret: at least {} characters that nobody can guess, such as a random UUID",
        IdempotencyKey::SECRET_CHARACTERS
    );
    Err(Problem::field(FieldError::header("Idempotency-Key", detail)))
}

/// The request's idempotency key: a Structured-Field String (RFC 9651, section 3.3.3), or the same without quotes.
pub(super) fn idempotency_key(request: &HttpRequest) -> Result<Option<IdempotencyKey>, Problem> {
    let mut values = request.headers().get_all("idempotency-key");
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let wrong = |detail: &str| Problem::field(FieldError::header("Idempotency-Key", detail));
    if values.next().is_some() {
        return Err(wrong("is there more than once"));
    }
    let text = value.to_str().map_err(|_visible| wrong("has characters other than visible ASCII"))?.trim();
    let key = if text.starts_with('"') {
        unquoted(text).ok_or_else(|| wrong("is not a well-formed quoted string"))?
    } else {
        text.to_owned()
    };
    IdempotencyKey::parse(&key).map(Some).ok_or_else(|| wrong("must have 1 to 255 visible ASCII characters"))
}

/// The content of a quoted string; `None` if quotes or escapes are wrong, or something follows.
fn unquoted(text: &str) -> Option<String> {
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    let mut content = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => return None,
            '\\' => content.push(characters.next().filter(|escaped| matches!(escaped, '"' | '\\'))?),
            other => content.push(other),
        }
    }
    Some(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_strings_are_read_as_structured_fields() {
        assert_eq!(unquoted(r#""8e03978e-40d5""#).as_deref(), Some("8e03978e-40d5"));
        assert_eq!(unquoted(r#""a\"b\\c""#).as_deref(), Some(r#"a"b\c"#));
        for wrong in [r#"""#, r#""a"#, r#""a"b""#, r#""a\""#, r#""a\n""#, r#""a";p=1"#] {
            assert_eq!(unquoted(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn only_requests_of_this_machine_are_local() {
        use actix_web::test::TestRequest;
        let local = |host: &str| is_local(&TestRequest::get().insert_header((header::HOST, host)).to_http_request());
        assert!(local("127.0.0.1:5000") && local("localhost:5000") && local("[::1]:5000") && local("localhost"));
        assert!(!local("evil.example:5000") && !local("10.0.0.7") && !local("127.0.0.1.evil.example") && !local(""));
        let passed_on = TestRequest::get()
            .insert_header((header::HOST, "localhost"))
            .insert_header(("x-forwarded-for", "203.0.113.7"))
            .to_http_request();
        assert!(!is_local(&passed_on));
    }

    #[test]
    fn an_operator_token_is_whole_or_nothing_and_never_shown() {
        let token = OperatorToken::new("0123456789abcdef").unwrap();
        assert!(token.matches("0123456789abcdef"));
        assert!(!token.matches("0123456789abcdeg"));
        assert!(!token.matches(""));
        assert!(OperatorToken::new("short").is_none());
        assert_eq!(format!("{token:?}"), "OperatorToken(..)");
        assert!(!no_hold_token("x").matches(&HoldToken::from_bytes([0; 32]).hash()));
    }
}
