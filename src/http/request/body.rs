//! Request bodies: read within bounds of size and time. [`Fields`] takes them apart.

use std::time::Duration;

use actix_web::error::PayloadError;
use actix_web::http::header;
use actix_web::{HttpRequest, web};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use uuid::Uuid;

use crate::http::problem::{Code, FieldError, Problem};
use crate::http::request::fields::{self, Fields};
use crate::http::request::unread;

/// How much of a body is read, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Longest body in bytes.
    pub(crate) bytes: usize,
    /// From the end of the head to the end of the body.
    pub(crate) time: Duration,
}

/// A body that has arrived, before it is taken apart.
#[derive(Debug)]
pub(crate) struct Body(Bytes);

/// What a body can be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum MediaType {
    Json,
    Csv,
}

impl MediaType {
    fn includes(self, essence: &str) -> bool {
        match self {
            Self::Json => {
                let essence = essence.to_ascii_lowercase();
                essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
            }
            Self::Csv => essence.eq_ignore_ascii_case("text/csv"),
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv",
        }
    }
}

/// Reads a body that must be JSON.
pub(crate) async fn json(request: &HttpRequest, payload: web::Payload, bounds: Bounds) -> Result<Body, Problem> {
    let body = read(request, payload, bounds).await?;
    check_media_type(request, MediaType::Json)?;
    Ok(Body(body))
}

/// Reads a body that is JSON or absent; absent counts as an object without members.
pub(crate) async fn optional_json(
    request: &HttpRequest,
    payload: web::Payload,
    bounds: Bounds,
) -> Result<Body, Problem> {
    let body = read(request, payload, bounds).await?;
    if body.is_empty() {
        return Ok(Body(Bytes::from_static(b"{}")));
    }
    check_media_type(request, MediaType::Json)?;
    Ok(Body(body))
}

impl Body {
    /// Its members; refused if it is not a JSON object.
    pub(crate) fn fields(&self) -> Result<Fields<'_>, Problem> {
        Fields::of(&self.0)
    }
}

/// Refuses a body that says to be something else, or is encoded.
pub(crate) fn check_media_type(request: &HttpRequest, expected: MediaType) -> Result<(), Problem> {
    let unsupported = |detail: String| Err(Problem::new(Code::UnsupportedMediaType, detail));
    if let Some(encoding) = request.headers().get(header::CONTENT_ENCODING)
        && !encoding.as_bytes().eq_ignore_ascii_case(b"identity")
    {
        return unsupported("send the body without Content-Encoding".to_owned());
    }
    let Some(value) = request.headers().get(header::CONTENT_TYPE) else {
        return unsupported(format!("send Content-Type: {}", expected.as_str()));
    };
    let text = value.to_str().unwrap_or_default();
    let (essence, parameters) = text.split_once(';').unwrap_or((text, ""));
    if !expected.includes(essence.trim()) {
        return unsupported(format!("the body must be {}", expected.as_str()));
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

/// Reads a body whole.
pub(crate) async fn read(request: &HttpRequest, payload: web::Payload, bounds: Bounds) -> Result<Bytes, Problem> {
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

pub(super) fn unreadable(error: &PayloadError) -> Problem {
    if matches!(error, PayloadError::Overflow) {
        return Problem::new(Code::PayloadTooLarge, "the body is too large");
    }
    Problem::new(Code::MalformedRequest, format!("the body cannot be read: {error}"))
}

/// A UUID in the path.
pub(crate) fn path_uuid(request: &HttpRequest, name: &str) -> Result<Uuid, Problem> {
    let text = request.match_info().get(name).unwrap_or_default();
    fields::uuid(text).map_err(|detail| Problem::field(FieldError::parameter(name, detail)))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn media_type(value: &str) -> bool {
        let request = TestRequest::post().insert_header((header::CONTENT_TYPE, value)).to_http_request();
        check_media_type(&request, MediaType::Json).is_ok()
    }

    #[test]
    fn only_json_in_utf_8_is_taken() {
        assert!(media_type("application/json"));
        assert!(media_type("Application/JSON; charset=UTF-8"));
        assert!(media_type("application/vnd.turnstile+json"));
        assert!(!media_type("application/json; charset=latin1"));
        assert!(!media_type("text/plain"));
        assert!(!media_type("application/x-www-form-urlencoded"));
        assert!(check_media_type(&TestRequest::post().to_http_request(), MediaType::Json).is_err());
    }
}
