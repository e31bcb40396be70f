//! Request bodies: read within bounds of size and time, and taken apart field by field so that every wrong one is named.

use std::fmt;
use std::time::Duration;

use actix_web::error::PayloadError;
use actix_web::http::header;
use actix_web::{HttpRequest, web};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use uuid::Uuid;

use crate::http::code::Code;
use crate::http::document::FieldError;
use crate::http::problem::Problem;
use crate::http::unread;

/// How much of a body is read, and for how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Longest body in bytes.
    pub(super) bytes: usize,
    /// From the end of the head to the end of the body.
    pub(super) time: Duration,
}

/// The fields of a JSON object, taken out one by one; wrong ones are collected. Unknown fields are ignored: the
/// predecessor's clients may send more than is needed.
#[derive(Debug, Default)]
pub(super) struct Fields {
    object: Object,
    errors: Vec<FieldError>,
}

/// A JSON object's members as they came. Few are asked for, so they are looked for, not hashed.
#[derive(Debug, Default)]
struct Object(Vec<(String, Value)>);

impl Object {
    /// Takes a member out; of several with one name, the last.
    fn remove(&mut self, name: &str) -> Option<Value> {
        let position = self.0.iter().rposition(|(known, _)| known == name)?;
        Some(self.0.swap_remove(position).1)
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Object, M::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Object(members))
            }
        }

        deserializer.deserialize_map(Members)
    }
}

/// Reads a JSON object.
pub(super) async fn json(request: &HttpRequest, payload: web::Payload, bounds: Bounds) -> Result<Fields, Problem> {
    let body = read(request, payload, bounds).await?;
    check_media_type(request)?;
    parse(&body)
}

/// Reads a JSON object, or nothing.
pub(super) async fn optional_json(
    request: &HttpRequest,
    payload: web::Payload,
    bounds: Bounds,
) -> Result<Fields, Problem> {
    let body = read(request, payload, bounds).await?;
    if body.is_empty() {
        return Ok(Fields::default());
    }
    check_media_type(request)?;
    parse(&body)
}

fn check_media_type(request: &HttpRequest) -> Result<(), Problem> {
    let unsupported = |detail: String| Err(Problem::new(Code::UnsupportedMediaType, detail));
    if let Some(encoding) = request.headers().get(header::CONTENT_ENCODING)
        && !encoding.as_bytes().eq_ignore_ascii_case(b"identity")
    {
        return unsupported("send the body without Content-Encoding".to_owned());
    }
    let Some(value) = request.headers().get(header::CONTENT_TYPE) else {
        return unsupported("send Content-Type: application/json".to_owned());
    };
    let text = value.to_str().unwrap_or_default();
    let (essence, parameters) = text.split_once(';').unwrap_or((text, ""));
    let essence = essence.trim();
    let is_json = essence.eq_ignore_ascii_case("application/json") || {
        let essence = essence.to_ascii_lowercase();
        essence.starts_with("application/") && essence.ends_with("+json")
    };
    if !is_json {
        return unsupported("the body must be application/json".to_owned());
    }
    let charset = parameters
        .split(';')
        .filter_map(|parameter| parameter.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"));
    match charset {
        Some((_, charset)) if !charset.trim().trim_matches('"').eq_ignore_ascii_case("utf-8") => {
            unsupported("the body must be in UTF-8".to_owned())
        }
        _ => Ok(()),
    }
}

async fn read(request: &HttpRequest, payload: web::Payload, bounds: Bounds) -> Result<Bytes, Problem> {
    let too_large = || Problem::new(Code::PayloadTooLarge, format!("the body may have at most {} bytes", bounds.bytes));
    let declared = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    if declared.and_then(|length| length.parse::<u64>().ok()).is_some_and(|length| exceeds(length, bounds.bytes)) {
        return Err(too_large());
    }
    let gather = async {
        let mut payload = payload.into_inner();
        let mut body = BytesMut::new();
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|error| unreadable(&error))?;
            if body.len().saturating_add(chunk.len()) > bounds.bytes {
                return Err(too_large());
            }
            if body.is_empty() && payload_is_one_chunk(declared, &chunk) {
                return Ok(chunk);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    };
    // Most bodies came along with their head: then no timer is set.
    let body = tokio::time::timeout(bounds.time, gather)
        .await
        .map_err(|_elapsed| Problem::new(Code::RequestTimeout, "the body did not arrive in time"))??;
    unread::all_read(request);
    Ok(body)
}

fn payload_is_one_chunk(declared: Option<&str>, chunk: &Bytes) -> bool {
    declared.and_then(|length| length.parse::<usize>().ok()) == Some(chunk.len())
}

fn exceeds(length: u64, bound: usize) -> bool {
    usize::try_from(length).map_or(true, |length| length > bound)
}

fn unreadable(error: &PayloadError) -> Problem {
    if matches!(error, PayloadError::Overflow) {
        return Problem::new(Code::PayloadTooLarge, "the body is too large");
    }
    Problem::new(Code::MalformedRequest, format!("the body cannot be read: {error}"))
}

fn parse(body: &[u8]) -> Result<Fields, Problem> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(Problem::new(Code::MalformedJson, "the body is empty; a JSON object is needed"));
    }
    let malformed = |error| Problem::new(Code::MalformedJson, format!("the body is not JSON: {error}"));
    if body.trim_ascii_start().first() == Some(&b'{') {
        let object = serde_json::from_slice(body).map_err(malformed)?;
        return Ok(Fields { object, errors: Vec::new() });
    }
    let value: Value = serde_json::from_slice(body).map_err(malformed)?;
    let detail = format!("the body must be an object, not {}", kind(&value));
    Err(Problem::field(FieldError::pointer("", detail)))
}

/// What a value is, in words.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// Reads a UUID; the refusal says what is wrong and where.
pub(super) fn uuid(text: &str) -> Result<Uuid, String> {
    Uuid::try_parse(text).map_err(|error| format!("not a UUID: {error}"))
}

impl Fields {
    /// Takes a field out; `null` counts as absent.
    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        self.object.remove(name).filter(|value| !value.is_null())
    }

    /// Notes a wrong part.
    pub(super) fn wrong(&mut self, pointer: String, detail: impl Into<String>) {
        self.errors.push(FieldError::pointer(pointer, detail));
    }

    /// A text that may be absent.
    pub(super) fn optional_text(&mut self, name: &str) -> Option<String> {
        let value = self.take(name)?;
        let Value::String(text) = value else {
            self.wrong(format!("/{name}"), format!("must be a string, not {}", kind(&value)));
            return None;
        };
        Some(text)
    }

    /// A text that `read` understands; `None` after noting what is wrong.
    pub(super) fn text<T, E: std::fmt::Display>(
        &mut self,
        name: &str,
        read: impl FnOnce(String) -> Result<T, E>,
    ) -> Option<T> {
        let known_wrong = self.errors.len();
        let Some(text) = self.optional_text(name) else {
            if self.errors.len() == known_wrong {
                self.wrong(format!("/{name}"), "is missing");
            }
            return None;
        };
        read(text).map_err(|error| self.wrong(format!("/{name}"), error.to_string())).ok()
    }

    /// A list, each element read by `read`; `None` after noting what is wrong.
    pub(super) fn list<T>(
        &mut self,
        name: &str,
        most: usize,
        read: impl Fn(&Value) -> Result<T, (&'static str, String)>,
    ) -> Option<Vec<T>> {
        let known_wrong = self.errors.len();
        let list = self.optional_list(name, most, read);
        if list.is_none() && self.errors.len() == known_wrong {
            self.wrong(format!("/{name}"), "is missing");
        }
        list
    }

    /// A list that may be absent, each element read by `read`.
    pub(super) fn optional_list<T>(
        &mut self,
        name: &str,
        most: usize,
        read: impl Fn(&Value) -> Result<T, (&'static str, String)>,
    ) -> Option<Vec<T>> {
        let value = self.take(name)?;
        let Value::Array(values) = value else {
            self.wrong(format!("/{name}"), format!("must be a list, not {}", kind(&value)));
            return None;
        };
        if values.len() > most {
            self.wrong(format!("/{name}"), format!("has {} entries, at most {most} are taken", values.len()));
            return None;
        }
        let mut list = Vec::with_capacity(values.len());
        for (position, value) in values.iter().enumerate() {
            match read(value) {
                Ok(entry) => list.push(entry),
                // The first few are enough to mend them all; a long list of errors helps nobody.
                Err(_) if self.errors.len() >= Self::MOST_ERRORS => return None,
                Err((below, detail)) => self.wrong(format!("/{name}/{position}{below}"), detail),
            }
        }
        // A list with a hole would only look wrong in further ways.
        (list.len() == values.len()).then_some(list)
    }

    /// Most wrong fields that one answer names.
    const MOST_ERRORS: usize = 50;

    /// True if this part is noted as wrong.
    pub(super) fn names(&self, pointer: &str) -> bool {
        self.errors.iter().any(|error| error.is_about(pointer))
    }

    /// What was put together if nothing was wrong, else all that was.
    pub(super) fn finish<T>(self, made: Option<T>) -> Result<T, Problem> {
        match made {
            Some(made) if self.errors.is_empty() => Ok(made),
            _ if self.errors.is_empty() => Err(Problem::new(Code::InvalidFields, "a field is missing")),
            _ => Err(Problem::fields(self.errors)),
        }
    }
}

/// A UUID in a list.
pub(super) fn uuid_entry(value: &Value) -> Result<Uuid, (&'static str, String)> {
    let Value::String(text) = value else {
        return Err(("", format!("must be a UUID, not {}", kind(value))));
    };
    uuid(text).map_err(|detail| ("", detail))
}

/// A UUID in the path.
pub(super) fn path_uuid(request: &HttpRequest, name: &str) -> Result<Uuid, Problem> {
    let text = request.match_info().get(name).unwrap_or_default();
    uuid(text).map_err(|detail| Problem::field(FieldError::parameter(name, detail)))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn media_type(value: &str) -> bool {
        check_media_type(&TestRequest::post().insert_header((header::CONTENT_TYPE, value)).to_http_request()).is_ok()
    }

    #[test]
    fn only_json_in_utf_8_is_taken() {
        assert!(media_type("application/json"));
        assert!(media_type("Application/JSON; charset=UTF-8"));
        assert!(media_type("application/vnd.turnstile+json"));
        assert!(!media_type("application/json; charset=latin1"));
        assert!(!media_type("text/plain"));
        assert!(!media_type("application/x-www-form-urlencoded"));
        assert!(check_media_type(&TestRequest::post().to_http_request()).is_err());
    }

    #[test]
    fn every_wrong_field_is_named() {
        let mut fields = parse(br#"{"a": 1, "b": ["x", 5], "c": null}"#).unwrap();
        assert_eq!(fields.text("a", Ok::<_, String>), None);
        assert!(fields.optional_list("b", 20, uuid_entry).is_none());
        assert_eq!(fields.text("c", Ok::<_, String>), None);
        let problem = fields.finish(Some(())).unwrap_err();
        let body = serde_json::to_string(&problem.errors()).unwrap();
        for part in ["/a\",\"detail\":\"must be a string, not a number", "/b/0", "/b/1", "/c\",\"detail\":\"is missing"]
        {
            assert!(body.contains(part), "{part} in {body}");
        }
    }

    #[test]
    fn of_members_with_one_name_the_last_counts() {
        let mut fields = parse(br#" {"a": "first", "b": "x", "a": "last"}"#).unwrap();
        assert_eq!(fields.optional_text("a").as_deref(), Some("last"));
        assert_eq!(fields.optional_text("b").as_deref(), Some("x"));
        assert_eq!(fields.optional_text("c"), None);
    }

    #[test]
    fn what_is_not_an_object_is_refused() {
        for (body, code) in [
            ("", Code::MalformedJson),
            ("  ", Code::MalformedJson),
            ("{", Code::MalformedJson),
            ("{\"a\":1}x", Code::MalformedJson),
            ("{\"a\":1,}", Code::MalformedJson),
            ("\"\\ud800\"", Code::MalformedJson),
            ("[]", Code::InvalidFields),
            ("null", Code::InvalidFields),
            ("7", Code::InvalidFields),
        ] {
            assert_eq!(parse(body.as_bytes()).unwrap_err().code(), code, "{body}");
        }
        let deep = "[".repeat(100_000);
        assert_eq!(parse(deep.as_bytes()).unwrap_err().code(), Code::MalformedJson);
    }
}
