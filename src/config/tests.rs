//! Tests of the configuration: which layer wins, what is refused and in which words, and that no secret is shown.

use std::path::PathBuf;

use super::*;
use crate::domain::Secret;
use crate::telemetry::LogFormat;

const URLS: [(&str, &str); 4] = [
    ("TURNSTILE_POSTGRES_URL", "postgres://u:hush1@h/d"),
    ("TURNSTILE_VALKEY_URL", "rediss://:hush2@h"),
    ("TURNSTILE_RABBITMQ_URL", "amqps://u:hush3@h1,h2/%2f"),
    ("TURNSTILE_MONGODB_URL", "mongodb+srv://u:hush4@h/d"),
];

/// A file of one test, removed with it.
struct TestFile(PathBuf);

impl TestFile {
    fn with(text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("turnstile-unit-{}.toml", uuid::Uuid::new_v4()));
        std::fs::write(&path, text).unwrap();
        Self(path)
    }
}

impl Drop for TestFile {
    fn drop(&mut self) {
        let _removed = std::fs::remove_file(&self.0);
    }
}

fn load(environment: &[(&str, &str)], flags: &[(&str, &str)]) -> Result<Settings, ConfigError> {
    layered(None, environment, flags)
}

fn layered(file: Option<&Path>, environment: &[(&str, &str)], flags: &[(&str, &str)]) -> Result<Settings, ConfigError> {
    let flag = |(key, value): &(&str, &str)| Flag {
        name: format!("--set {key}"),
        key: (*key).to_owned(),
        value: (*value).to_owned(),
    };
    let flags: Vec<_> = flags.iter().map(flag).collect();
    Settings::layered(file, environment.iter().map(|(key, value)| (key.into(), value.into())), &flags)
}

fn file(text: &str) -> Result<Settings, ConfigError> {
    let file = TestFile::with(text);
    layered(Some(&file.0), &[], &[])
}

#[track_caller]
fn refused(result: Result<Settings, ConfigError>) -> Vec<String> {
    match result {
        Err(ConfigError::Mistakes(mistakes)) => mistakes,
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn nothing_set_is_the_embedded_profile_on_port_5000() {
    let settings = load(&[], &[]).unwrap();
    assert_eq!(settings.listen, Settings::default().listen);
    assert!(matches!(settings.profile(), Ok(Profile::Embedded { .. })));
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let file = TestFile::with("listen = '127.0.0.1:3'\nhold_seconds = 4\ndrain_seconds = 3\n[http]\nworkers = 2\n");
    let environment =
        [("TURNSTILE_LISTEN", "0.0.0.0:1"), ("TURNSTILE_HOLD_SECONDS", "5"), ("TURNSTILE_HTTP__WORKERS", "")];
    let settings = layered(Some(&file.0), &environment, &[("listen", "127.0.0.1:2")]).unwrap();
    assert_eq!(settings.listen.port(), 2);
    assert_eq!(settings.box_office.hold_seconds, 5);
    assert_eq!((settings.drain_seconds, settings.http.workers), (3, 2));
}

#[test]
fn a_text_is_read_as_its_setting_wants_it() {
    let settings = load(
        &[
            ("TURNSTILE_NAMESPACE", "007"),
            ("TURNSTILE_OPERATOR_TOKEN", "00001234567890123456"),
            ("TURNSTILE_CORS_ORIGINS", "http://a, http://b,"),
            ("TURNSTILE_SEED_DEMO", "true"),
            ("TURNSTILE_LOG_FORMAT", "json"),
            ("TURNSTILE_BOX_OFFICE__MAX_QUEUED", "7"),
        ],
        &[],
    )
    .unwrap();
    assert_eq!(settings.namespace, "007");
    assert_eq!(settings.operator_token.as_ref().map(Secret::expose), Some("00001234567890123456"));
    assert!(matches!(settings.http.operators, Operators::Holders(_)));
    assert_eq!(settings.cors_origins, ["http://a", "http://b"]);
    assert_eq!((settings.seed_demo, settings.log_format), (Some(true), LogFormat::Json));
    assert_eq!(settings.box_office.max_queued, 7);
    let settings = file("cors_origins = ['http://a']\noperator_token = '0123456789abcdef'").unwrap();
    assert_eq!((settings.cors_origins.len(), settings.operator_token.is_some()), (1, true));
    assert_eq!(refused(file("namespace = 7")).concat().split(" in ").next(), Some("namespace"));
}

#[test]
fn variables_of_others_are_told_and_do_not_stop_the_start() {
    let settings = load(
        &[
            ("TURNSTILE_PORT", "tcp://10.0.0.1:5000"),
            ("TURNSTILE_PORT_5000_TCP", "tcp://10.0.0.1:5000"),
            ("TURNSTILE_HTTP__NOTHING", "1"),
            ("TURNSTILE_LISTEN__X", "1"),
            ("TURNSTILE_HTTP", "1"),
            ("TURNSTILE_HOLD_SECOND", "5"),
            ("TURNSTILE_HTTP__OPERATOR_TOKEN", "0123456789abcdef"),
        ],
        &[],
    )
    .unwrap();
    let mut told = settings.ignored_variables;
    told.sort();
    assert_eq!(
        told,
        [
            "TURNSTILE_HOLD_SECOND (did you mean TURNSTILE_HOLD_SECONDS?)",
            "TURNSTILE_HTTP",
            "TURNSTILE_HTTP__NOTHING",
            "TURNSTILE_HTTP__OPERATOR_TOKEN (use TURNSTILE_OPERATOR_TOKEN)",
            "TURNSTILE_LISTEN__X",
            "TURNSTILE_PORT",
            "TURNSTILE_PORT_5000_TCP",
        ]
    );
    assert_eq!(settings.hold_seconds, Settings::default().hold_seconds);
}

#[test]
fn keys_of_the_file_and_of_flags_that_do_not_exist_are_refused() {
    let text =
        "hold_second = 5\n[http]\noperator_token = 'a secret of operators'\ncors_origins = []\n[nothing]\nx = 1\n";
    let said = refused(file(text)).join("\n");
    for part in [
        "hold_second in ",
        "did you mean hold_seconds?",
        "http.operator_token in ",
        "write operator_token at the top of the file",
        "write cors_origins at the top of the file",
        "nothing.x in ",
    ] {
        assert!(said.contains(part), "{part} in {said}");
    }
    assert!(!said.contains("a secret"), "{said}");
    assert_eq!(
        refused(load(&[], &[("http.worker", "1")])),
        ["--set http.worker is not known; did you mean http.workers?"]
    );
}

#[test]
fn all_mistakes_are_told_together_each_with_its_variable_and_the_expected_form() {
    let said = refused(load(
        &[
            ("TURNSTILE_LISTEN", "localhost"),
            ("TURNSTILE_HOLD_SECONDS", "ten"),
            ("TURNSTILE_DRAIN_SECONDS", "99999999"),
            ("TURNSTILE_BOX_OFFICE__LEASE_SECONDS", "0"),
            ("TURNSTILE_LIVE__MAX_SESSIONS", "0"),
            ("TURNSTILE_SEED_DEMO", "maybe"),
            ("TURNSTILE_LOG_FORMAT", "xml"),
            ("TURNSTILE_LOG_FILTER", "a=b=c"),
            ("TURNSTILE_NAMESPACE", "a b"),
            ("TURNSTILE_OPERATOR_TOKEN", "short"),
            ("TURNSTILE_CORS_ORIGINS", "*"),
            ("TURNSTILE_VALKEY_URL", "http://u:hush@h"),
            ("TURNSTILE_TRUSTED_PROXIES", "10.0.0.0/8,proxy"),
        ],
        &[],
    ));
    for wanted in [
        "TURNSTILE_LISTEN must be an address and a port, such as 127.0.0.1:5000",
        "TURNSTILE_HOLD_SECONDS must be a whole number from 1 to 604800",
        "TURNSTILE_DRAIN_SECONDS must be a whole number from 0 to 3600",
        "TURNSTILE_BOX_OFFICE__LEASE_SECONDS must be a number of seconds from 0.1 to 3600",
        "TURNSTILE_LIVE__MAX_SESSIONS must be a whole number from 1 to 1000000",
        "TURNSTILE_SEED_DEMO must be true or false",
        "TURNSTILE_LOG_FORMAT must be pretty or json",
        "TURNSTILE_LOG_FILTER must be directives such as info,turnstile=debug",
        "TURNSTILE_NAMESPACE must have 1 to 64 characters, letters, digits, dots and hyphens",
        "TURNSTILE_OPERATOR_TOKEN must have at least 16 characters, all of them visible ASCII",
        "TURNSTILE_VALKEY_URL must be a URL such as redis://host:6379",
    ] {
        assert_eq!(said.iter().filter(|said| *said == wanted).count(), 1, "{wanted} in {said:#?}");
    }
    let all = said.join("\n");
    assert!(all.contains("TURNSTILE_CORS_ORIGINS has \"*\""), "{all}");
    assert!(all.contains("TURNSTILE_POSTGRES_URL, TURNSTILE_RABBITMQ_URL, TURNSTILE_MONGODB_URL"), "{all}");
    assert!(!all.contains("hush"), "{all}");
    assert!(all.contains("TURNSTILE_TRUSTED_PROXIES has \"proxy\""), "{all}");
    assert_eq!(said.len(), 14, "{said:#?}");
}

#[test]
fn a_file_that_is_no_toml_is_told_by_its_line_and_not_shown() {
    let said = refused(file("hold_seconds = 5\noperator_token = a-secret-without-quotes\n")).concat();
    assert!(said.contains(", line 2: "), "{said}");
    assert!(!said.contains("a-secret"), "{said}");
    assert!(refused(layered(Some(Path::new("/nowhere.toml")), &[], &[])).concat().starts_with("/nowhere.toml: "));
}

#[test]
fn open_is_for_loopback_without_a_token() {
    assert!(matches!(load(&[], &[("open", "true")]).unwrap().http.operators, Operators::ThisMachine));
    let said = refused(load(&[("TURNSTILE_LISTEN", "0.0.0.0:0")], &[("open", "true")])).concat();
    assert!(said.contains("--set open is for a loopback address only"), "{said}");
    let said = refused(load(&[("TURNSTILE_OPERATOR_TOKEN", "0123456789abcdef")], &[("open", "true")])).concat();
    assert!(said.contains("do not set TURNSTILE_OPERATOR_TOKEN"), "{said}");
}

#[test]
fn no_secret_is_in_the_debug_form() {
    let mut environment = URLS.to_vec();
    environment.push(("TURNSTILE_OPERATOR_TOKEN", "hush hush hush hush"));
    let settings = load(&environment, &[]).unwrap();
    assert!(matches!(settings.profile(), Ok(Profile::Real(_))));
    let shown = format!("{settings:?}");
    assert!(!shown.contains("hush"), "{shown}");
}

#[test]
fn some_services_are_not_enough() {
    let said = refused(load(&[URLS[0], URLS[3]], &[])).concat();
    assert!(said.contains("TURNSTILE_VALKEY_URL, TURNSTILE_RABBITMQ_URL"), "{said}");
    assert!(!said.contains("TURNSTILE_POSTGRES_URL"), "{said}");
}

#[test]
fn a_node_waits_for_load_balancers_only_where_there_can_be_others() {
    let delay = |environment: &[(&str, &str)]| load(environment, &[]).unwrap().drain_delay().as_secs();
    assert_eq!(delay(&[]), 0);
    assert_eq!(delay(&[("TURNSTILE_DRAIN_DELAY_SECONDS", "7")]), 7);
    assert_eq!(delay(&URLS), 5);
    assert_eq!(delay(&[&URLS[..], &[("TURNSTILE_DRAIN_DELAY_SECONDS", "0")]].concat()), 0);
    assert!(load(&[("TURNSTILE_DRAIN_DELAY_SECONDS", "301")], &[]).is_err());
}

/// Each key with a value that is not its default: all of them are read, and each has a range.
#[test]
fn every_number_can_be_set() {
    let text = "hold_seconds = 5\nhold_total_seconds = 6\ndrain_delay_seconds = 7\ndrain_seconds = 8\n\
        [limits]\naddress_requests = 1\naddress_burst = 2\ntoken_requests = 3\ntoken_burst = 4\naddress_connections = 5\n\
        address_sockets = 6\ntotal_showtimes = 7\ntotal_seats = 8\n\
        [box_office]\nmax_queued = 1\nmax_open_showtimes = 2\nqueue_seconds = 0.5\nlease_seconds = 1.25\n\
        [http]\nworkers = 3\nhead_timeout_seconds = 4\nbody_timeout_seconds = 6\nmin_sequence_wait_seconds = 0.25\n\
        min_sequence_waiters = 7\ncached_bytes = 8\n\
        [live]\nmax_sessions = 1\nmax_showtimes = 2\nrings_bytes = 3\nreminder_seconds = 4\n\
        [postgres]\npool_size = 4\ncommit_lanes = 3\nstatement_timeout_seconds = 2.5\nlock_timeout_seconds = 0.75\n\
        commit_timeout_seconds = 60\n\
        [mongodb]\nmax_connections = 9\n";
    let Settings { box_office, http, live, postgres, mongodb, limits, .. } = file(text).unwrap();
    assert_eq!((box_office.max_queued, box_office.max_open_showtimes), (1, 2));
    assert_eq!((box_office.queue_milliseconds, box_office.lease_milliseconds), (500, 1_250));
    assert_eq!((http.workers, http.head_timeout_seconds, http.body_timeout_seconds), (3, 4, 6));
    assert_eq!((http.min_sequence_wait_milliseconds, http.min_sequence_waiters, http.cached_bytes), (250, 7, 8));
    assert_eq!((live.max_sessions, live.max_showtimes, live.rings_bytes, live.reminder_milliseconds), (1, 2, 3, 4_000));
    assert_eq!((postgres.pool_size, postgres.commit_lanes, postgres.statement_timeout_milliseconds), (4, 3, 2_500));
    assert_eq!((postgres.lock_timeout_milliseconds, postgres.commit_timeout_milliseconds), (750, 60_000));
    assert_eq!((mongodb.max_connections, limits.total_seats), (9, 8));
    let said = refused(file("[postgres]\npool_size = 4\ncommit_lanes = 4\n")).concat();
    assert!(said.contains("must be less than postgres.pool_size"), "{said}");
}

#[test]
fn the_readme_shows_the_sections_with_their_defaults() {
    let readme = include_str!("../../README.md");
    let (_, example) = readme.split_once("```toml\n").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    let (shown, default) = (file(example).unwrap(), file("postgres.commit_lanes = 1").unwrap());
    let modules = |settings: Settings| {
        let Settings { box_office, http, live, postgres, mongodb, hold_seconds, drain_seconds, .. } = settings;
        format!("{box_office:?} {http:?} {live:?} {postgres:?} {mongodb:?} {hold_seconds} {drain_seconds}")
    };
    assert_eq!(modules(shown), modules(default));
}
