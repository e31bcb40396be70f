//! Credentials and idempotency keys: what a client shows besides its request.

use actix_web::HttpRequest;
use actix_web::http::header;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::box_office::{IdempotencyKey, RequestContext};
use crate::domain::{Buyer, Credential, HoldToken, TokenHash};
use crate::http::operators::Operators;
use crate::http::problem::{Code, FieldError, Problem};
use crate::http::request::body;
use crate::http::request::query::Query;
use crate::http::{AppState, exchange};

/// Who acts on a booking: the bearer token, else the hold token in the body.
pub(super) fn of_booking(
    state: &AppState,
    request: &HttpRequest,
    in_body: Option<&str>,
) -> Result<Credential, Problem> {
    let operators = &state.settings.operators;
    match bearer(request)?.or(in_body) {
        None if operators.include(request) => Ok(Credential::Operator),
        None => Err(Problem::new(
            Code::MissingCredential,
            "show the hold token as Authorization: Bearer <holdToken>, or as holdToken in the body",
        )),
        Some(token) if operators.are_shown_by(token) => Ok(Credential::Operator),
        Some(token) => {
            Ok(Credential::Holder(HoldToken::parse(token).map_or_else(|| no_hold_token(token), |token| token.hash())))
        }
    }
}

/// Who shows a hold token as the bearer token; `None` for all others.
pub(super) fn holder(state: &AppState, request: &HttpRequest) -> Result<Option<Credential>, Problem> {
    let token = bearer(request)?.filter(|token| !state.settings.operators.are_shown_by(token));
    Ok(token.and_then(HoldToken::parse).map(|token| Credential::Holder(token.hash())))
}

/// The hash of a text that is no hold token: it matches no booking, so that the answer tells apart unknown bookings and foreign ones
/// in the same way for every wrong token.
fn no_hold_token(text: &str) -> TokenHash {
    TokenHash(Sha256::new().chain_update("not a hold token: ").chain_update(text).finalize().into())
}

/// The beginning of each command of an operator about what has an id: the id in the path, and what is sent along. Refuses everybody else, and any
/// query.
pub(super) fn operators_command(state: &AppState, request: &HttpRequest) -> Result<(Uuid, RequestContext), Problem> {
    require_operator(state, request)?;
    Query::none(request)?;
    let id = body::path_uuid(request, "id")?;
    Ok((id, context(request)?))
}

/// Passes operators.
pub(super) fn require_operator(state: &AppState, request: &HttpRequest) -> Result<(), Problem> {
    let operators = &state.settings.operators;
    if operators.include(request) {
        return Ok(());
    }
    let (code, detail) = match (operators, bearer(request)?) {
        (Operators::Holders(_), Some(token)) if operators.are_shown_by(token) => return Ok(()),
        (Operators::Holders(_), Some(_)) => (Code::OperatorOnly, "the token is not the operator's"),
        (Operators::Holders(_), None) => {
            (Code::MissingCredential, "show the operator token as Authorization: Bearer <operator token>")
        }
        (Operators::Nobody, _) => {
            (Code::OperatorOnly, "nobody is an operator: no operator token is configured (TURNSTILE_OPERATOR_TOKEN)")
        }
        (Operators::ThisMachine, _) => (
            Code::OperatorOnly,
            "the server was started with --open: only clients on its own machine, through no proxy, are operators",
        ),
    };
    Err(Problem::new(code, detail))
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
    Ok(RequestContext { key: idempotency_key(request)?, traceparent, buyer: Buyer::default() })
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
    fn a_text_that_is_no_hold_token_matches_no_booking() {
        assert!(!no_hold_token("x").matches(&HoldToken::from_bytes([0; 32]).hash()));
    }
}
