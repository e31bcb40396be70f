//! Query parameters: each at most once, wrong ones named.

use std::borrow::Cow;

use actix_web::HttpRequest;

use crate::http::document::FieldError;
use crate::http::problem::Problem;

/// Most parameters in a request; each is compared with all others.
const MOST_PARAMETERS: usize = 32;

/// The parameters of a request. Unknown ones are ignored.
pub(super) struct Query<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Query<'a> {
    /// Refuses a parameter that is there twice: which one counts would be a guess.
    pub(super) fn of(request: &'a HttpRequest) -> Result<Self, Problem> {
        let mut parameters = Vec::new();
        for (name, value) in url::form_urlencoded::parse(request.query_string().as_bytes()) {
            if parameters.iter().any(|(known, _)| *known == name) {
                return Err(Problem::field(FieldError::parameter(&name, "is there more than once")));
            }
            if parameters.len() >= MOST_PARAMETERS {
                return Err(Problem::field(FieldError::parameter(&name, "is one parameter too many")));
            }
            parameters.push((name, value));
        }
        Ok(Self(parameters))
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_ref())
    }

    /// A whole number from `least` to `most`.
    pub(super) fn number(&self, name: &str, least: u64, most: u64) -> Result<Option<u64>, Problem> {
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

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn numbers_are_checked_and_named() {
        let request = TestRequest::with_uri("/x?a=7&b=-1&c=&d=99999999999999999999&e=%37&f=1&f=2").to_http_request();
        assert!(Query::of(&request).is_err());
        let request = TestRequest::with_uri("/x?a=7&b=-1&c=&d=99999999999999999999&e=%37").to_http_request();
        let query = Query::of(&request).unwrap();
        assert_eq!(query.number("a", 0, 9).unwrap(), Some(7));
        assert_eq!(query.number("e", 0, 9).unwrap(), Some(7));
        assert_eq!(query.number("absent", 0, 9).unwrap(), None);
        for wrong in ["b", "c", "d"] {
            assert!(query.number(wrong, 0, u64::MAX).is_err(), "{wrong}");
        }
        assert!(query.number("a", 0, 6).is_err());
    }
}
