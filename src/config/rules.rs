//! Rules: which values make sense, beyond their types, and what to tell about keys that do not exist.

use std::ops::RangeInclusive;

use crate::config::layers::{self, Origin};
use crate::config::{Profile, Settings};
use crate::http::{self, OperatorToken};
use crate::telemetry;

/// 7 days.
const LONGEST_HOLD_SECONDS: u64 = 7 * 86_400;
const A_THOUSAND: u64 = 1_000;
const A_MILLION: u64 = 1_000_000;
const A_TEBIBYTE: u64 = 1 << 40;

/// The whole numbers that each key may have. 0 means off, at once, or one for each core, where it is allowed.
const WHOLE: [(&str, RangeInclusive<u64>); 25] = [
    ("hold_seconds", 1..=LONGEST_HOLD_SECONDS),
    ("hold_total_seconds", 1..=LONGEST_HOLD_SECONDS),
    ("drain_delay_seconds", 0..=300),
    ("drain_seconds", 0..=3_600),
    ("address_requests", 0..=A_MILLION),
    ("address_burst", 1..=A_MILLION),
    ("token_requests", 0..=A_MILLION),
    ("token_burst", 1..=A_MILLION),
    ("address_connections", 0..=A_MILLION),
    ("address_sockets", 0..=A_MILLION),
    ("total_showtimes", 0..=A_MILLION * A_THOUSAND),
    ("total_seats", 0..=A_MILLION * A_MILLION),
    ("max_queued", 1..=A_MILLION),
    ("max_open_showtimes", 1..=A_MILLION),
    ("workers", 0..=A_THOUSAND),
    ("head_timeout_seconds", 1..=600),
    ("body_timeout_seconds", 1..=600),
    ("min_sequence_waiters", 1..=A_MILLION),
    ("cached_bytes", 1..=A_TEBIBYTE),
    ("max_sessions", 1..=A_MILLION),
    ("max_showtimes", 1..=A_MILLION),
    ("rings_bytes", 1..=A_TEBIBYTE),
    ("pool_size", 2..=A_THOUSAND),
    ("commit_lanes", 1..=64),
    ("max_connections", 1..=A_THOUSAND),
];
/// The times that each key may have, in seconds, with a fraction.
const SECONDS: [(&str, RangeInclusive<f64>); 7] = [
    ("queue_seconds", 0.1..=3_600.0),
    ("lease_seconds", 0.1..=3_600.0),
    ("min_sequence_wait_seconds", 0.01..=60.0),
    ("reminder_seconds", 0.1..=3_600.0),
    ("statement_timeout_seconds", 0.1..=600.0),
    ("lock_timeout_seconds", 0.1..=600.0),
    ("commit_timeout_seconds", 0.1..=600.0),
];

fn named<T: Clone>(ranges: &[(&str, T)], name: &str) -> Option<T> {
    ranges.iter().find(|(known, _)| *known == name).map(|(_, range)| range.clone())
}

/// The whole numbers that a key may have; none for one that is no number.
pub(super) fn whole(name: &str) -> Option<RangeInclusive<u64>> {
    named(&WHOLE, name)
}

/// The seconds that a key may have; none for one that is no time.
pub(super) fn seconds(name: &str) -> Option<RangeInclusive<f64>> {
    named(&SECONDS, name)
}

/// Every rule that the settings break, as (key, what must be).
pub(super) fn broken(settings: &Settings) -> Vec<(&'static str, String)> {
    let mut broken = Vec::new();
    let mut rule = |key, holds: bool, text: &str| {
        if !holds {
            broken.push((key, text.to_owned()));
        }
    };
    let token_fits = |token: &str| OperatorToken::new(token).is_some() && is_header_text(token);
    rule(
        "operator_token",
        settings.operator_token.as_ref().is_none_or(|token| token_fits(token.expose())),
        "must have at least 16 characters, all of them visible ASCII",
    );
    rule(
        "open",
        !settings.open || settings.operator_token.is_none(),
        "lets everybody on this machine be an operator; do not set TURNSTILE_OPERATOR_TOKEN together with it",
    );
    rule(
        "open",
        !settings.open || settings.listen.ip().is_loopback(),
        "is for a loopback address only, see TURNSTILE_LISTEN",
    );
    rule(
        "admin_listen",
        settings.admin_listen.is_none_or(|admin| admin.port() == 0 || admin != settings.listen),
        "must be another address than TURNSTILE_LISTEN",
    );
    rule(
        "postgres.commit_lanes",
        settings.postgres.commit_lanes < settings.postgres.pool_size,
        "must be less than postgres.pool_size",
    );
    let namespace = &settings.namespace;
    rule(
        "namespace",
        !namespace.is_empty() && namespace.len() <= 64 && namespace.bytes().all(|byte| byte.is_ascii_graphic()),
        "must have 1 to 64 characters, letters, digits, dots and hyphens",
    );
    rule("log_filter", telemetry::is_filter(&settings.log_filter), "must be directives such as info,turnstile=debug");
    if let Ok(Profile::Embedded { data_dir }) = settings.profile() {
        rule("data_dir", !data_dir.exists() || data_dir.is_dir(), "must be a folder");
    }
    for origin in &settings.cors_origins {
        if let Err(reason) = http::check_origin(origin) {
            broken.push(("cors_origins", format!("has {origin:?}, which is no origin: {reason}")));
        }
    }
    if let Err(entry) = http::TrustedProxies::parse(&settings.trusted_proxies) {
        broken.push((
            "trusted_proxies",
            format!("has {entry:?}; each must be a network such as 10.0.0.0/8, or an address"),
        ));
    }
    broken.extend(broken_urls(settings));
    broken
}

/// Only what is the same for every adapter; each reads its own URL further before it connects.
fn broken_urls(settings: &Settings) -> Vec<(&'static str, String)> {
    let urls = [
        (
            "postgres_url",
            &settings.postgres_url,
            &["postgres", "postgresql"][..],
            "postgres://user:password@host:5432/database",
        ),
        ("valkey_url", &settings.valkey_url, &["redis", "valkey"], "redis://host:6379"),
        ("rabbitmq_url", &settings.rabbitmq_url, &["amqp"], "amqp://user:password@host:5672/vhost"),
        ("mongodb_url", &settings.mongodb_url, &["mongodb"], "mongodb://host:27017/database"),
    ];
    let wrong = |(key, url, schemes, example): (_, &Option<crate::domain::Secret>, &[&str], _)| {
        let url = url.as_ref()?;
        let (scheme, rest) = url.expose().split_once("://").unwrap_or_default();
        // `rediss`, `amqps`, `mongodb+srv` and the like are variants of the same scheme.
        let known = schemes.iter().any(|known| scheme.starts_with(known));
        let has_host = rest.rsplit('@').next().is_some_and(|host| !host.is_empty() && !host.starts_with('/'));
        let fits = known && has_host && !rest.contains(char::is_whitespace);
        (!fits).then(|| (key, format!("must be a URL such as {example}")))
    };
    urls.into_iter().filter_map(wrong).collect()
}

fn is_header_text(text: &str) -> bool {
    text.trim() == text && text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

/// What to tell about a key that does not exist: where it belongs, or which one may have been meant.
pub(super) fn hint(path: &[String], known: &[&str], origin: &Origin) -> String {
    let Some((name, section)) = path.split_last() else { return String::new() };
    if section.first().is_some_and(|section| section == "http")
        && matches!(name.as_str(), "operator_token" | "cors_origins")
    {
        return match origin {
            Origin::File { .. } => format!(": write {name} at the top of the file, before the first [section]"),
            Origin::Flag(_) => format!(": use --set {name}=.."),
            Origin::Variable(_) => format!(" (use {})", layers::variable(name)),
        };
    }
    let likeness = |known: &str| strsim::jaro_winkler(known, name);
    let nearest = known.iter().max_by(|one, other| likeness(one).total_cmp(&likeness(other)));
    let Some(nearest) = nearest.filter(|nearest| likeness(nearest) > 0.93) else { return String::new() };
    let key = section.iter().map(String::as_str).chain([*nearest]).collect::<Vec<_>>().join(".");
    match origin {
        Origin::Variable(_) => format!(" (did you mean {}?)", layers::variable(&key)),
        Origin::File { .. } | Origin::Flag(_) => format!("; did you mean {key}?"),
    }
}
