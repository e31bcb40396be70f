//! Problems: the only way from an error to an answer. Every refusal leaves the server as RFC 9457 `application/problem+json`.
//!
//! **Invariant:** what a client sends never causes a 500; 500 means a bug, told whole to the log and not at all to the client.

mod code;
mod document;
mod refusal;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use bytes::Bytes;

use crate::box_office::BoxOfficeError;
use crate::domain::{Alternative, SeatConflict, SeatId, SelectionError, ShowtimeId, Timestamp, UserId};
use crate::event_bus::BusError;
use crate::http::problem::document::{AlternativeAnswer, Conflict, Kind};
use crate::live::LiveError;
use crate::read_model::ReadError;
use crate::write_store::StoreError;

pub use code::Code;
pub use document::FieldError;
pub(super) use document::{BookingInTheWay, Document, Further};

/// Media type of every error.
pub const PROBLEM_JSON: &str = "application/problem+json";
/// When a client may try again if nobody knows better.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Room for most documents.
const DOCUMENT_BYTES: usize = 768;

/// An error on its way to the client.
#[derive(Debug)]
pub struct Problem(Box<Facts>);

/// Boxed, so that results which are mostly good stay small.
#[derive(Debug)]
struct Facts {
    code: Code,
    status: StatusCode,
    detail: String,
    errors: Vec<FieldError>,
    conflicts: Vec<Conflict>,
    further: Further,
    retry_after: Option<Duration>,
    /// The showtime and the customer that the request's body names, for operators who look the refusal up.
    named: Option<(ShowtimeId, UserId)>,
    /// For the log only.
    cause: Option<String>,
}

impl Problem {
    /// A problem with this explanation.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        let status = code.status();
        Self(Box::new(Facts {
            code,
            status,
            detail: detail.into(),
            errors: Vec::new(),
            conflicts: Vec::new(),
            further: Further::default(),
            retry_after: (status == StatusCode::SERVICE_UNAVAILABLE).then_some(RETRY_AFTER),
            named: None,
            cause: None,
        }))
    }

    /// Wrong parts of the request, at least one.
    pub fn fields(errors: Vec<FieldError>) -> Self {
        let detail = match errors.as_slice() {
            [only] if only.place().is_empty() => only.detail.clone(),
            [only] => format!("{}: {}", only.place(), only.detail),
            [first, ..] => format!("{} fields are wrong, first {}: {}", errors.len(), first.place(), first.detail),
            [] => String::new(),
        };
        Self::new(Code::InvalidFields, detail).with_errors(errors)
    }

    /// A wrong member of the body, whose fault is all there is to say.
    fn in_body(code: Code, pointer: &'static str, detail: String) -> Self {
        let error = FieldError::pointer(pointer, detail.clone());
        Self::new(code, detail).with_errors(vec![error])
    }

    /// The hold's deadline had passed.
    fn expired(code: Code, detail: String, expired_at: Timestamp) -> Self {
        Self::new(code, detail).with(Further { expired_at: Some(expired_at), ..Further::default() })
    }

    /// More is wanted than may be had.
    fn limited(code: Code, detail: String, most: u32) -> Self {
        Self::new(code, detail).with(Further { most: Some(most), ..Further::default() })
    }

    /// One wrong part of the request.
    pub fn field(error: FieldError) -> Self {
        Self::fields(vec![error])
    }

    /// A bug: the cause goes to the log, the client learns nothing.
    pub fn bug(cause: impl fmt::Display) -> Self {
        Self::new(Code::Internal, "the server failed; the fault is logged under this traceId").because(cause)
    }

    /// Tells more.
    #[must_use]
    pub(super) fn with(mut self, further: Further) -> Self {
        self.0.further = further;
        self
    }

    /// Names the wrong parts.
    #[must_use]
    pub fn with_errors(mut self, errors: Vec<FieldError>) -> Self {
        self.0.errors = errors;
        self
    }

    /// Names the seats that could not be taken.
    #[must_use]
    /// Marks the seats among those in the way that the client holds himself.
    pub(crate) fn marking_own(mut self, is_own: impl Fn(SeatId) -> bool) -> Self {
        for conflict in &mut self.0.conflicts {
            conflict.yours = is_own(conflict.seat_id);
        }
        self
    }

    fn with_conflicts(mut self, conflicts: &[SeatConflict]) -> Self {
        self.0.conflicts = conflicts.iter().map(Conflict::from).collect();
        self
    }

    /// Offers other seats.
    #[must_use]
    pub(super) fn offering(mut self, alternatives: &[Alternative]) -> Self {
        let answers = || alternatives.iter().map(AlternativeAnswer::from).collect();
        self.0.further.alternatives = (!alternatives.is_empty()).then(answers);
        self
    }

    /// When the client may try again.
    #[must_use]
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.0.retry_after = Some(delay);
        self
    }

    /// Which showtime and customer the request's body names.
    #[must_use]
    pub(super) fn naming(mut self, showtime: ShowtimeId, user: &UserId) -> Self {
        self.0.named = Some((showtime, user.clone()));
        self
    }

    /// What the log is told.
    #[must_use]
    pub fn because(mut self, cause: impl fmt::Display) -> Self {
        self.0.cause = Some(cause.to_string());
        self
    }

    /// The wrong parts.
    pub fn errors(&self) -> &[FieldError] {
        &self.0.errors
    }

    /// Its code.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// The showtime and the customer that the request's body names.
    pub(super) fn named(&self) -> Option<&(ShowtimeId, UserId)> {
        self.0.named.as_ref()
    }

    /// After how many seconds the client may try again, as `Retry-After` has it: whole, at least 1.
    pub(super) fn retry_after_seconds(&self) -> Option<u64> {
        let seconds = |delay: Duration| delay.as_millis().div_ceil(1000).max(1).try_into().unwrap_or(u64::MAX);
        self.0.retry_after.map(seconds)
    }

    /// What the log is told, if there is more to tell than the client gets.
    pub fn cause(&self) -> Option<&str> {
        self.0.cause.as_deref()
    }

    /// The map for errors that are not ours: the router's, the framework's and middleware's.
    pub(super) fn foreign(status: StatusCode, error: Option<&actix_web::Error>) -> Self {
        let told = error.map(ToString::to_string).unwrap_or_default();
        let (code, detail) = match status {
            StatusCode::NOT_FOUND => (Code::NotFound, "no resource has this path".to_owned()),
            StatusCode::METHOD_NOT_ALLOWED => {
                (Code::MethodNotAllowed, "this resource does not have this method; see the Allow header".to_owned())
            }
            StatusCode::PAYLOAD_TOO_LARGE => (Code::PayloadTooLarge, "the body is too large".to_owned()),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                (Code::UnsupportedMediaType, "send Content-Type: application/json".to_owned())
            }
            StatusCode::REQUEST_TIMEOUT => (Code::RequestTimeout, "the request took too long".to_owned()),
            StatusCode::UPGRADE_REQUIRED => (Code::UpgradeRequired, "only WebSockets are served here".to_owned()),
            StatusCode::SERVICE_UNAVAILABLE => (Code::Unavailable, "a service is unavailable".to_owned()),
            status if status.is_server_error() => return Self::bug(told),
            _ if told.is_empty() => (Code::Refused, "the request was refused".to_owned()),
            _ => (Code::Refused, told),
        };
        let mut problem = Self::new(code, detail);
        problem.0.status = status;
        problem
    }

    /// The answer, with what only the request knows: its path and its id in the log.
    pub(super) fn render(&self, instance: &str, trace_id: &str) -> HttpResponse {
        self.answer(self.document(instance, trace_id))
    }

    /// The document as JSON; empty if it cannot be written, which is logged.
    pub(super) fn document(&self, instance: &str, trace_id: &str) -> Bytes {
        let document = Document {
            kind: Kind(self.0.code),
            title: self.0.code.title(),
            status: self.0.status.as_u16(),
            detail: &self.0.detail,
            message: &self.0.detail,
            code: self.0.code.as_str(),
            instance,
            trace_id,
            errors: &self.0.errors,
            conflicts: &self.0.conflicts,
            further: &self.0.further,
        };
        let mut body = Vec::with_capacity(DOCUMENT_BYTES);
        if let Err(error) = serde_json::to_writer(&mut body, &document) {
            tracing::error!(%error, "a problem document could not be written");
            body.clear();
        }
        body.into()
    }

    /// The answer with this document.
    pub(super) fn answer(&self, document: Bytes) -> HttpResponse {
        let mut response = HttpResponse::build(self.0.status);
        response.insert_header((header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON)));
        response.insert_header((header::CACHE_CONTROL, HeaderValue::from_static("no-store")));
        if let Some(seconds) = self.retry_after_seconds() {
            response.insert_header((header::RETRY_AFTER, seconds));
        }
        if self.0.status == StatusCode::UPGRADE_REQUIRED {
            response.insert_header((header::UPGRADE, "websocket"));
        }
        if self.0.status == StatusCode::UNAUTHORIZED {
            response.insert_header((header::WWW_AUTHENTICATE, "Bearer realm=\"turnstile\""));
        }
        response.body(document)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.code.as_str(), self.0.detail)
    }
}

impl std::error::Error for Problem {}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.0.status
    }

    /// Without a body: `http::exchange`, through which every answer passes, renders it.
    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.0.status)
    }
}

impl From<BoxOfficeError> for Problem {
    fn from(error: BoxOfficeError) -> Self {
        match error {
            BoxOfficeError::Rejected(rejection) => rejection.into(),
            BoxOfficeError::Overloaded { retry_after } => {
                Self::new(Code::Overloaded, "too many commands are waiting for this showtime").retry_after(retry_after)
            }
            BoxOfficeError::Unavailable { retry_after } => {
                Self::new(Code::Unavailable, "the write store is unavailable").retry_after(retry_after)
            }
            BoxOfficeError::Draining => Self::new(Code::Draining, "the server is shutting down"),
            BoxOfficeError::OutcomeUnknown { booking_id } => Self::new(
                Code::OutcomeUnknown,
                "it is not known yet what has become of the booking; ask for it by bookingId",
            )
            .with(Further { booking_id: Some(booking_id), ..Further::default() }),
            BoxOfficeError::ScheduleUnknown { showtime_id } => {
                let detail = "it is not known yet whether the showtime was created; ask for it by showtimeId";
                Self::new(Code::OutcomeUnknown, detail)
                    .with(Further { showtime_id: Some(showtime_id), ..Further::default() })
            }
            BoxOfficeError::ChangeUnknown { showtime_id } => {
                let detail = "it is not known yet whether the showtime was changed; ask again, or for the showtime by showtimeId";
                Self::new(Code::OutcomeUnknown, detail)
                    .with(Further { showtime_id: Some(showtime_id), ..Further::default() })
            }
            BoxOfficeError::Bug(cause) => Self::bug(cause),
        }
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        Self::new(Code::Unavailable, "the read model is unavailable").because(error)
    }
}

/// Of dead letters: nothing else that a client asks for is on the bus.
impl From<BusError> for Problem {
    fn from(error: BusError) -> Self {
        let detail = "the event bus does not answer, so the dead letters cannot be reached; none of them is lost";
        Self::new(Code::Unavailable, detail).because(error)
    }
}

impl From<Arc<StoreError>> for Problem {
    fn from(error: Arc<StoreError>) -> Self {
        match *error {
            StoreError::Unavailable { .. } | StoreError::Unusable(_) => {
                Self::new(Code::Unavailable, "the write store is unavailable").because(error)
            }
            StoreError::Corrupt(_) => Self::bug(error),
        }
    }
}

impl From<LiveError> for Problem {
    fn from(error: LiveError) -> Self {
        let detail = error.to_string();
        match error {
            LiveError::UnknownShowtime(_) => Self::new(Code::UnknownShowtime, detail)
                .with_errors(vec![FieldError::parameter("id", "names no showtime")]),
            LiveError::UpgradeRequired => Self::new(Code::UpgradeRequired, detail),
            LiveError::BadHandshake(_) => Self::new(Code::MalformedRequest, detail),
            LiveError::MissingConnectionId => Self::field(FieldError::parameter("id", detail)),
            LiveError::UnknownConnection => Self::new(Code::UnknownConnection, detail),
            LiveError::ConnectionInUse => Self::new(Code::ConnectionInUse, detail),
            LiveError::ForbiddenOrigin(_) => Self::new(Code::ForbiddenOrigin, detail),
            LiveError::Busy(_) => Self::new(Code::TooManySessions, detail),
            LiveError::Draining => Self::new(Code::Draining, detail),
            LiveError::Unavailable(cause) => {
                Self::new(Code::Unavailable, "the showtime cannot be read now").because(cause)
            }
            LiveError::Failed(cause) => Self::bug(cause),
        }
    }
}

/// Wrong seats of a booking, named by their place under `list` (`/seatIds`) or by `single` (`/seatId`).
pub(super) fn selection(error: &SelectionError, place: impl Fn(usize) -> String, list: &str) -> Problem {
    let pointer = match error {
        SelectionError::Empty | SelectionError::TooMany { .. } => list.to_owned(),
        SelectionError::TooManyPlaces { .. } => "/areas".to_owned(),
        SelectionError::Duplicate { position, .. } | SelectionError::Foreign { position, .. } => place(*position),
    };
    Problem::field(FieldError::pointer(pointer, error.to_string()))
}
