//! What HTTP counts and measures: requests by resource and status, how long they took, bookings accepted, problems by code.

use std::time::Duration;

use actix_web::http::StatusCode;

use crate::http::problem::Code;
use crate::telemetry::metrics::{Counter, EncodeLabelSet, Family, Histogram, Registry, seconds};

/// The resource of requests that no resource serves.
const ELSEWHERE: &str = "other";

/// One value for each process.
pub(super) struct Metrics {
    registry: Registry,
    requests: Family<Answered, Counter>,
    durations: Family<Resource, Histogram, fn() -> Histogram>,
    bookings_accepted: Counter,
    problems: Family<Problem, Counter>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Answered {
    path: &'static str,
    status: &'static str,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Resource {
    path: &'static str,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Problem {
    code: &'static str,
}

impl Metrics {
    pub(super) fn new(registry: Registry) -> Self {
        let durations: Family<Resource, Histogram, fn() -> Histogram> = Family::new_with_constructor(seconds);
        let (requests, problems) = (Family::default(), Family::<Problem, Counter>::default());
        let bookings_accepted = Counter::default();
        registry.add("http_requests", "Requests answered", Family::clone(&requests));
        registry.add(
            "http_request_duration_seconds",
            "Time from a request's head to its answer's head",
            Family::clone(&durations),
        );
        registry.add("bookings_accepted", "Reservations answered with 201", Counter::clone(&bookings_accepted));
        registry.add("problems", "Errors answered, by code", Family::clone(&problems));
        // An alert on a code must find it before it was ever answered.
        for code in Code::ALL {
            drop(problems.get_or_create(&Problem { code: code.as_str() }));
        }
        Self { registry, requests, durations, bookings_accepted, problems }
    }

    pub(super) fn answered(&self, path: Option<&'static str>, status: StatusCode, took: Duration) {
        let path = path.unwrap_or(ELSEWHERE);
        self.requests.get_or_create(&Answered { path, status: class(status) }).inc();
        self.durations.get_or_create(&Resource { path }).observe(took.as_secs_f64());
    }

    pub(super) fn booking_accepted(&self) {
        self.bookings_accepted.inc();
    }

    pub(super) fn refused(&self, code: Code) {
        self.problems.get_or_create(&Problem { code: code.as_str() }).inc();
    }

    /// Everything that the process tells.
    pub(super) fn text(&self) -> String {
        self.registry.text()
    }
}

fn class(status: StatusCode) -> &'static str {
    match status.as_u16() {
        ..200 => "1xx",
        200..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        500.. => "5xx",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_durations_are_written() {
        const PATH: &str = "/x";
        let metrics = Metrics::new(Registry::default());
        metrics.answered(Some(PATH), StatusCode::OK, Duration::from_micros(700));
        metrics.answered(Some(PATH), StatusCode::CONFLICT, Duration::from_secs(9));
        metrics.answered(None, StatusCode::NOT_FOUND, Duration::ZERO);
        metrics.refused(Code::SeatsTaken);
        metrics.booking_accepted();
        let text = metrics.text();
        for line in [
            "turnstile_http_requests_total{path=\"/x\",status=\"2xx\"} 1",
            "turnstile_http_requests_total{path=\"/x\",status=\"4xx\"} 1",
            "turnstile_http_requests_total{path=\"other\",status=\"4xx\"} 1",
            "turnstile_http_request_duration_seconds_bucket{path=\"/x\",le=\"0.0005\"} 0",
            "turnstile_http_request_duration_seconds_bucket{path=\"/x\",le=\"0.001\"} 1",
            "turnstile_http_request_duration_seconds_bucket{path=\"/x\",le=\"5\"} 1",
            "turnstile_http_request_duration_seconds_bucket{path=\"/x\",le=\"+Inf\"} 2",
            "turnstile_bookings_accepted_total 1",
            "turnstile_problems_total{code=\"seats-taken\"} 1",
            "turnstile_problems_total{code=\"not-ready\"} 0",
        ] {
            assert!(text.lines().any(|written| written == line), "{line} in {text}");
        }
    }
}
