//! Query parameters: each known and at most once, wrong ones named.

use std::borrow::Cow;
use std::fmt;

use actix_web::HttpRequest;

use crate::domain::Timestamp;
use crate::http::problem::{FieldError, Problem};

/// Highest sequence: stores keep it as a signed number of 64 bits.
pub(crate) const MOST_SEQUENCE: u64 = u64::MAX >> 1;
/// Characters of an unknown name that the answer repeats.
const NAME_CHARACTERS: usize = 64;
/// Against caches: clients such as jQuery add it with a value that changes.
const CACHE_BUSTER: &str = "_";

/// The parameters of a request that its resource knows.
pub(crate) struct Query<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Query<'a> {
    /// Refuses parameters that the resource does not know: what the client means by them would not happen. And one that is there
    /// twice: which one counts would be a guess.
    pub(crate) fn of(request: &'a HttpRequest, known: &[&str]) -> Result<Self, Problem> {
        Self::read(request, known, |name| {
            if name == CACHE_BUSTER {
                return Ok(());
            }
            let detail = match known {
                [] => "is not known here; this resource has no query parameters".to_owned(),
                known => format!("is not known here; this resource has {}", known.join(", ")),
            };
            Err(Problem::field(FieldError::parameter(&shown(name), detail)))
        })
    }

    /// The same for resources whose clients add parameters of their own, such as SignalR's.
    pub(crate) fn open(request: &'a HttpRequest, known: &[&str]) -> Result<Self, Problem> {
        Self::read(request, known, |_name| Ok(()))
    }

    /// Refuses any parameter.
    pub(crate) fn none(request: &HttpRequest) -> Result<(), Problem> {
        Query::of(request, &[]).map(drop)
    }

    fn read(
        request: &'a HttpRequest,
        known: &[&str],
        unknown: impl Fn(&str) -> Result<(), Problem>,
    ) -> Result<Self, Problem> {
        let mut parameters: Vec<(Cow<'a, str>, Cow<'a, str>)> = Vec::new();
        for (name, value) in url::form_urlencoded::parse(request.query_string().as_bytes()) {
            if !known.contains(&name.as_ref()) {
                unknown(&name)?;
            } else if parameters.iter().any(|(other, _)| *other == name) {
                return Err(Problem::field(FieldError::parameter(&name, "is there more than once")));
            } else {
                parameters.push((name, value));
            }
        }
        Ok(Self(parameters))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_ref())
    }

    /// A text that `read` understands, if it is there.
    pub(crate) fn parsed<T, E: fmt::Display>(
        &self,
        name: &str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, Problem> {
        let parsed = self.get(name).map(read).transpose();
        parsed.map_err(|error| Problem::field(FieldError::parameter(name, error.to_string())))
    }

    /// A point in time, if it is there.
    pub(crate) fn time(&self, name: &str) -> Result<Option<Timestamp>, Problem> {
        self.parsed(name, |text| {
            // A + that is not written as %2B is a space.
            let hint = if text.contains(' ') { "; write + as %2B" } else { "" };
            Timestamp::parse(text).map_err(|error| format!("is {error}{hint}"))
        })
    }

    /// `true` or `false`; absent is `false`.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, Problem> {
        match self.get(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(Problem::field(FieldError::parameter(name, "must be true or false"))),
        }
    }

    /// A whole number from `least` to `most`.
    pub(crate) fn number(&self, name: &str, least: u64, most: u64) -> Result<Option<u64>, Problem> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        let number = if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None };
        match number {
            Some(number) if (least..=most).contains(&number) => Ok(Some(number)),
            _ => {
                let detail = format!("must be a whole number from {least} to {most}");
                Err(Problem::field(FieldError::parameter(name, detail)))
            }
        }
    }
}

/// As much of an unknown name as an answer repeats.
fn shown(name: &str) -> String {
    name.chars().take(NAME_CHARACTERS).collect()
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn numbers_are_checked_and_named() {
        let request = TestRequest::with_uri("/x?a=7&b=-1&c=&d=99999999999999999999&e=%37&_=1").to_http_request();
        let query = Query::of(&request, &["a", "b", "c", "d", "e"]).unwrap();
        assert_eq!(query.number("a", 0, 9).unwrap(), Some(7));
        assert_eq!(query.number("e", 0, 9).unwrap(), Some(7));
        assert_eq!(query.number("absent", 0, 9).unwrap(), None);
        for wrong in ["b", "c", "d"] {
            assert!(query.number(wrong, 0, u64::MAX).is_err(), "{wrong}");
        }
        assert!(query.number("a", 0, 6).is_err());
    }

    #[test]
    fn doubled_and_unknown_parameters_are_named() {
        let told = |query: &str, known: &[&str]| {
            let request = TestRequest::with_uri(&format!("/x?{query}")).to_http_request();
            let problem = Query::of(&request, known).err().unwrap();
            serde_json::to_string(problem.errors()).unwrap()
        };
        assert!(told("f=1&%66=2", &["f"]).contains("\"parameter\":\"f\",\"detail\":\"is there more than once"));
        assert!(
            told("f=1&limt=2", &["f", "limit"])
                .contains("\"limt\",\"detail\":\"is not known here; this resource has f, limit")
        );
        assert!(told(&format!("{}=1", "x".repeat(60_000)), &[]).len() < 300);
        let request = TestRequest::with_uri("/x?id=7&transport=webSockets").to_http_request();
        assert_eq!(Query::open(&request, &["id"]).unwrap().get("id"), Some("7"));
        let request = TestRequest::with_uri("/x?id=7&id=8").to_http_request();
        assert!(Query::open(&request, &["id"]).is_err());
    }
}
