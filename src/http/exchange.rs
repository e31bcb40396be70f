//! The exchange around every handler: request id, access log, metrics, and every error as a problem document.

use std::time::{Duration, Instant};

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, web};
use bytes::Bytes;
use uuid::Uuid;

use crate::domain::{BookingId, ShowtimeId, Timestamp};
use crate::http::AppState;
use crate::http::paths::Path;
use crate::http::problem::Problem;
use crate::http::refusal_recorder::is_kept;
use crate::http::request::unread;
use crate::read_model::refusals::{Refusal, RequestId};

/// Under which name answers carry the request's id.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Middleware of the whole server. Logs never contain the query, headers or bodies: tokens travel there.
pub async fn exchange(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let started = Instant::now();
    let id = request_id(request.headers());
    let path = request.path().to_owned();
    let share = unread::share(&mut request);
    let mut response = match next.call(request).await {
        Ok(response) => response.map_into_boxed_body(),
        Err(error) => {
            let problem = Problem::foreign(error.as_response_error().status_code(), Some(&error));
            log_failure(&problem, &path, &id);
            return Err(InternalError::from_response(error, problem.render(&path, &id)).into());
        }
    };
    if response.status().is_client_error() || response.status().is_server_error() {
        response = explain(response, &path, &id);
    }
    if let Some(share) = share {
        response = unread::hold(response, share);
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    let took = started.elapsed();
    let status = response.status().as_u16();
    tracing::debug!(
        request.id = %id,
        http.method = %response.request().method(),
        http.path = %path,
        http.status = status,
        took.microseconds = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        "{} {path} answered {status}",
        response.request().method()
    );
    count(&response, took);
    Ok(response)
}

fn count(response: &ServiceResponse<BoxBody>, took: Duration) {
    let request = response.request();
    if let Some(state) = request.app_data::<web::Data<AppState>>() {
        let path = request.app_data::<Path>().map(|path| path.0);
        state.metrics.answered(path, response.status(), took);
    }
}

/// Gives an error its document, keeping the headers that it came with (`Allow`, CORS).
fn explain(response: ServiceResponse<BoxBody>, path: &str, id: &str) -> ServiceResponse<BoxBody> {
    let error = response.response().error();
    let status = response.status();
    let foreign;
    let problem = if let Some(problem) = error.and_then(|error| error.as_error::<Problem>()) {
        problem
    } else {
        foreign = Problem::foreign(status, error);
        &foreign
    };
    log_failure(problem, path, id);
    let document = problem.document(path, id);
    if let Some(state) = response.request().app_data::<web::Data<AppState>>() {
        state.metrics.refused(problem.code());
        let method = response.request().method();
        if is_kept(method, path, problem.code()) {
            state.refusals.record(|| refusal(problem, (method, path, id), (&document, (state.clock)())));
        }
    }
    let rendered = with_headers(problem.answer(document), response.headers());
    response.into_response(rendered)
}

/// What operators are told of a refused command. A path names its showtime or its booking by the id that follows their noun.
fn refusal(
    problem: &Problem,
    (method, path, id): (&Method, &str, &str),
    (document, refused_at): (&Bytes, Timestamp),
) -> Option<Refusal> {
    let mut parts = path.split('/').skip(2);
    let noun = parts.next();
    let in_path = parts.next().and_then(|id| Uuid::try_parse(id).ok());
    let of_noun = |name| in_path.filter(|_id| noun == Some(name));
    let (in_body, user_id) = problem.named().cloned().unzip();
    Some(Refusal {
        request_id: RequestId::parse(id)?,
        refused_at,
        method: method.to_string(),
        path: path.to_owned(),
        showtime_id: in_body.or_else(|| of_noun("showtimes").map(ShowtimeId)),
        booking_id: of_noun("bookings").map(BookingId),
        user_id,
        retry_after_seconds: problem.retry_after_seconds(),
        problem: document.clone(),
    })
}

fn with_headers(mut rendered: HttpResponse, from: &HeaderMap) -> HttpResponse {
    for (name, value) in from {
        if name != header::CONTENT_TYPE && name != header::CONTENT_LENGTH && !rendered.headers().contains_key(name) {
            rendered.headers_mut().append(name.clone(), value.clone());
        }
    }
    rendered
}

fn log_failure(problem: &Problem, path: &str, id: &str) {
    let Some(cause) = problem.cause() else {
        return;
    };
    let code = problem.code().as_str();
    if problem.code().status().as_u16() == 500 {
        tracing::error!(request.id = id, http.path = path, cause, "request failed: a bug");
    } else {
        // An outage is logged by whoever meets it; a line for each refused request would fill the log.
        tracing::debug!(request.id = id, http.path = path, cause, "request refused: {code}");
    }
}

/// The trace id of a W3C `traceparent`, so that a client finds its request in our log; else a new one. 32 hexadecimal digits.
fn request_id(headers: &HeaderMap) -> String {
    let given = traceparent(headers).and_then(trace_id);
    given.map_or_else(|| Uuid::new_v4().simple().to_string(), str::to_owned)
}

/// The request's `traceparent`, if it is well-formed.
pub(super) fn traceparent(headers: &HeaderMap) -> Option<&str> {
    headers.get("traceparent")?.to_str().ok().filter(|given| trace_id(given).is_some())
}

/// Trace Context, section 3.2: `version-traceid-parentid-flags`, lower-case hexadecimal, trace id not all zero.
fn trace_id(traceparent: &str) -> Option<&str> {
    let mut parts = traceparent.split('-');
    let (version, trace, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let hexadecimal = |part: &str| part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let lengths = (version.len(), trace.len(), parent.len(), flags.len()) == (2, 32, 16, 2);
    let fits = lengths && [version, trace, parent, flags].into_iter().all(hexadecimal) && version != "ff";
    (fits && trace.bytes().any(|byte| byte != b'0')).then_some(trace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_well_formed_traceparent_names_the_request() {
        let trace = "0af7651916cd43dd8448eb211c80319c";
        assert_eq!(trace_id(&format!("00-{trace}-b7ad6b7169203331-01")), Some(trace));
        for wrong in [
            "",
            "00",
            "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert_eq!(trace_id(wrong), None, "{wrong}");
        }
    }
}
