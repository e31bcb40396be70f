//! Format: what a plan is written in, chosen by `?format=`.

use std::io::{BufReader, Read};

use actix_web::http::header::HeaderValue;

use crate::domain::Auditorium;
use crate::domain::auditorium::{Fault, PlanError, csv, own, pretix};
use crate::http::problem::{Code, FieldError, Problem};
use crate::http::request::body::MediaType;
use crate::http::request::query::Query;

/// Bytes that are asked of an arriving body at once.
const READ_AHEAD_BYTES: usize = 64 * 1024;

/// See the module's documentation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Format {
    Turnstile,
    Pretix,
    Csv,
}

impl Format {
    /// The words in the query.
    pub(super) const WORDS: &[&str] = &["turnstile", "pretix", "csv"];

    /// The word in the query.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Turnstile => "turnstile",
            Self::Pretix => "pretix",
            Self::Csv => "csv",
        }
    }

    /// Our own if the query says nothing.
    pub(super) fn of(query: &Query<'_>) -> Result<Self, Problem> {
        match query.get("format") {
            None | Some("turnstile") => Ok(Self::Turnstile),
            Some("pretix") => Ok(Self::Pretix),
            Some("csv") => Ok(Self::Csv),
            Some(_) => {
                let detail = format!("must be one of {}", Self::WORDS.join(", "));
                Err(Problem::field(FieldError::parameter("format", detail)))
            }
        }
    }

    /// What a body of this format must say that it is.
    pub(super) fn media_type(self) -> MediaType {
        match self {
            Self::Turnstile | Self::Pretix => MediaType::Json,
            Self::Csv => MediaType::Csv,
        }
    }

    /// What an answer of this format says that it is.
    pub(super) fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Turnstile | Self::Pretix => "application/json",
            Self::Csv => "text/csv; charset=utf-8",
        })
    }

    /// The entity tag of a version in this format.
    pub(super) fn tag(self, version: u32) -> String {
        match self {
            Self::Turnstile => format!("\"{version}\""),
            Self::Pretix => format!("\"{version}-pretix\""),
            Self::Csv => format!("\"{version}-csv\""),
        }
    }

    /// Reads a plan as it arrives. CSV has no name in it.
    pub(super) fn read(self, name: &str, body: impl Read) -> Result<Auditorium, Problem> {
        let body = BufReader::with_capacity(READ_AHEAD_BYTES, body);
        match self {
            Self::Turnstile => {
                let mut json = serde_json::Deserializer::from_reader(body);
                let house = own::read(&mut json).map_err(|error| refused(error, false, not_json))?;
                json.end().map_err(|error| not_json(&error)).map(|()| house)
            }
            Self::Pretix => {
                let mut json = serde_json::Deserializer::from_reader(body);
                let house = pretix::read(&mut json).map_err(|error| refused(error, false, not_json))?;
                json.end().map_err(|error| not_json(&error)).map(|()| house)
            }
            Self::Csv => {
                let mut reader = ::csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(body);
                csv::read(name, reader.records()).map_err(|error| refused(error, true, not_csv))
            }
        }
    }

    /// A plan that is stored in our own format, in this one.
    pub(super) fn write(self, stored: String) -> Result<Vec<u8>, Problem> {
        match self {
            Self::Turnstile => Ok(stored.into_bytes()),
            Self::Pretix => serde_json::to_vec(&pretix::Plan::of(&stored_plan(&stored)?)).map_err(Problem::bug),
            Self::Csv => csv::write(&stored_plan(&stored)?).map_err(Problem::bug),
        }
    }
}

/// A plan from the store.
pub(crate) fn stored_plan(stored: &str) -> Result<Auditorium, Problem> {
    own::read(&mut serde_json::Deserializer::from_str(stored)).map_err(Problem::bug)
}

fn not_json(error: &serde_json::Error) -> Problem {
    Problem::new(Code::MalformedJson, format!("the body is not JSON: {error}"))
}

fn not_csv(error: &::csv::Error) -> Problem {
    Problem::new(Code::MalformedCsv, format!("the body is not CSV: {error}"))
}

fn refused<E>(error: PlanError<E>, names_query: bool, unreadable: impl FnOnce(&E) -> Problem) -> Problem {
    match error {
        PlanError::Unreadable(error) => unreadable(&error),
        PlanError::Faults(faults) => {
            let field = |fault: Fault| match fault.pointer.as_str() {
                // Of CSV, whose name stands in the query.
                "/name" if names_query => FieldError::parameter("name", fault.detail),
                _ => FieldError::pointer(fault.pointer, fault.detail),
            };
            Problem::fields(faults.into_iter().map(field).collect())
        }
    }
}
