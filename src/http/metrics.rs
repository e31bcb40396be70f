//! Metrics in Prometheus' text format: requests by resource and status, how long they took, bookings accepted, problems by code.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use actix_web::http::StatusCode;

use crate::http::code::Code;

/// Upper bounds of the histogram of durations: microseconds, and the same in seconds for the text.
const BUCKETS: [(u64, &str); 10] = [
    (500, "0.0005"),
    (1_000, "0.001"),
    (2_500, "0.0025"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (25_000, "0.025"),
    (100_000, "0.1"),
    (500_000, "0.5"),
    (1_000_000, "1"),
    (5_000_000, "5"),
];
/// Classes of status codes, from 1xx.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// Writes further lines, each ending with a line feed.
pub type Source = Box<dyn Fn(&mut String) + Send + Sync>;

/// Counters of one process.
pub struct Metrics {
    resources: Vec<Resource>,
    /// Requests that no resource serves.
    elsewhere: Resource,
    bookings_accepted: AtomicU64,
    problems: Vec<(Code, AtomicU64)>,
    sources: Mutex<Vec<Source>>,
}

struct Resource {
    path: &'static str,
    classes: [AtomicU64; CLASSES.len()],
    buckets: [AtomicU64; BUCKETS.len()],
    microseconds: AtomicU64,
}

impl Resource {
    fn new(path: &'static str) -> Self {
        Self { path, classes: Default::default(), buckets: Default::default(), microseconds: AtomicU64::new(0) }
    }

    fn answered(&self, status: StatusCode, took: Duration) {
        let class = usize::from(status.as_u16() / 100).checked_sub(1);
        if let Some(counter) = class.and_then(|class| self.classes.get(class)) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        let microseconds = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.microseconds.fetch_add(microseconds, Ordering::Relaxed);
        let bucket = BUCKETS.iter().zip(&self.buckets).find(|((bound, _), _)| microseconds <= *bound);
        if let Some((_, counter)) = bucket {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn total(&self) -> u64 {
        self.classes.iter().map(|class| class.load(Ordering::Relaxed)).sum()
    }
}

impl Metrics {
    pub(super) fn new(paths: &[&'static str]) -> Self {
        Self {
            resources: paths.iter().copied().map(Resource::new).collect(),
            elsewhere: Resource::new("other"),
            bookings_accepted: AtomicU64::new(0),
            problems: Code::ALL.iter().map(|code| (*code, AtomicU64::new(0))).collect(),
            sources: Mutex::new(Vec::new()),
        }
    }

    /// Lets another module add its lines to every scrape. The source must not block.
    pub fn add(&self, source: Source) {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner).push(source);
    }

    pub(super) fn answered(&self, path: Option<&'static str>, status: StatusCode, took: Duration) {
        let resource = path.and_then(|path| self.resources.iter().find(|resource| resource.path == path));
        resource.unwrap_or(&self.elsewhere).answered(status, took);
    }

    pub(super) fn booking_accepted(&self) {
        self.bookings_accepted.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn refused(&self, code: Code) {
        if let Some((_, counter)) = self.problems.iter().find(|(known, _)| *known == code) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Everything, those of other modules too.
    pub(super) fn text(&self) -> String {
        let mut text = String::with_capacity(8_192);
        if self.write(&mut text).is_err() {
            tracing::error!("metrics could not be written");
        }
        for source in self.sources.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            source(&mut text);
        }
        text
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        writeln!(text, "# HELP turnstile_http_requests_total Requests answered.")?;
        writeln!(text, "# TYPE turnstile_http_requests_total counter")?;
        for resource in self.resources.iter().chain([&self.elsewhere]) {
            for (class, counter) in CLASSES.iter().zip(&resource.classes) {
                let count = counter.load(Ordering::Relaxed);
                if count > 0 {
                    let path = resource.path;
                    writeln!(text, "turnstile_http_requests_total{{path=\"{path}\",status=\"{class}\"}} {count}")?;
                }
            }
        }
        self.write_durations(text)?;
        writeln!(text, "# HELP turnstile_bookings_accepted_total Reservations answered with 201.")?;
        writeln!(text, "# TYPE turnstile_bookings_accepted_total counter")?;
        writeln!(text, "turnstile_bookings_accepted_total {}", self.bookings_accepted.load(Ordering::Relaxed))?;
        writeln!(text, "# HELP turnstile_problems_total Errors answered, by code.")?;
        writeln!(text, "# TYPE turnstile_problems_total counter")?;
        for (code, counter) in &self.problems {
            let count = counter.load(Ordering::Relaxed);
            writeln!(text, "turnstile_problems_total{{code=\"{}\"}} {count}", code.as_str())?;
        }
        Ok(())
    }

    fn write_durations(&self, text: &mut String) -> std::fmt::Result {
        let name = "turnstile_http_request_duration_seconds";
        writeln!(text, "# HELP {name} Time from a request's head to its answer's head.")?;
        writeln!(text, "# TYPE {name} histogram")?;
        for resource in self.resources.iter().filter(|resource| resource.total() > 0) {
            let path = resource.path;
            let mut below = 0;
            for ((_, bound), counter) in BUCKETS.iter().zip(&resource.buckets) {
                below += counter.load(Ordering::Relaxed);
                writeln!(text, "{name}_bucket{{path=\"{path}\",le=\"{bound}\"}} {below}")?;
            }
            let total = resource.total();
            writeln!(text, "{name}_bucket{{path=\"{path}\",le=\"+Inf\"}} {total}")?;
            let microseconds = resource.microseconds.load(Ordering::Relaxed);
            let (seconds, rest) = (microseconds / 1_000_000, microseconds % 1_000_000);
            writeln!(text, "{name}_sum{{path=\"{path}\"}} {seconds}.{rest:06}")?;
            writeln!(text, "{name}_count{{path=\"{path}\"}} {total}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_durations_are_written() {
        const PATH: &str = "/x";
        let metrics = Metrics::new(&[PATH]);
        metrics.answered(Some(PATH), StatusCode::OK, Duration::from_micros(700));
        metrics.answered(Some(PATH), StatusCode::CONFLICT, Duration::from_secs(9));
        metrics.answered(None, StatusCode::NOT_FOUND, Duration::ZERO);
        metrics.refused(Code::SeatsTaken);
        metrics.booking_accepted();
        let mut text = String::new();
        metrics.write(&mut text).unwrap();
        for line in [
            "turnstile_http_requests_total{path=\"/x\",status=\"2xx\"} 1",
            "turnstile_http_requests_total{path=\"/x\",status=\"4xx\"} 1",
            "turnstile_http_requests_total{path=\"other\",status=\"4xx\"} 1",
            "turnstile_http_request_duration_seconds_bucket{path=\"/x\",le=\"0.0005\"} 0",
            "turnstile_http_request_duration_seconds_bucket{path=\"/x\",le=\"0.001\"} 1",
            "turnstile_http_request_duration_seconds_bucket{path=\"/x\",le=\"5\"} 1",
            "turnstile_http_request_duration_seconds_bucket{path=\"/x\",le=\"+Inf\"} 2",
            "turnstile_http_request_duration_seconds_sum{path=\"/x\"} 9.000700",
            "turnstile_bookings_accepted_total 1",
            "turnstile_problems_total{code=\"seats-taken\"} 1",
            "turnstile_problems_total{code=\"not-ready\"} 0",
        ] {
            assert!(text.lines().any(|written| written == line), "{line} in {text}");
        }
    }
}
