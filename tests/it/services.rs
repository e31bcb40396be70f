//! The real services that `tests/run.sh` has started: their addresses, and how to break those that may be broken. A missing service is a failure, never a skipped test.

use std::path::PathBuf;
use std::process::{Command, Output};

use tokio::sync::{Mutex, MutexGuard};

/// Addresses of a set of the four services.
#[derive(Clone, Debug)]
pub struct Services {
    /// The server's maintenance database, as a superuser: `postgres://user@host:port/postgres`.
    pub postgres: String,
    pub valkey: String,
    pub rabbitmq: String,
    /// Ends with a slash, without a database.
    pub mongodb: String,
}

/// The set that all tests share. Nobody may stop or empty these services.
pub fn shared() -> Services {
    Services { postgres: postgres(), valkey: valkey(), rabbitmq: rabbitmq(), mongodb: mongodb() }
}

/// Address from the environment; the test fails if it is not there.
fn address(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| panic!("{variable} is not set: run the tests with tests/run.sh"))
}

/// The shared PostgreSQL.
pub fn postgres() -> String {
    address("TEST_POSTGRES_URL")
}

/// The shared Valkey.
pub fn valkey() -> String {
    address("TEST_VALKEY_URL")
}

/// The shared RabbitMQ.
pub fn rabbitmq() -> String {
    address("TEST_RABBITMQ_URL")
}

/// The shared MongoDB.
pub fn mongodb() -> String {
    address("TEST_MONGODB_URL")
}

/// A second set of services, which one test at a time may stop, kill, pause and empty.
pub struct Breakable {
    pub services: Services,
    dir: PathBuf,
    _turn: MutexGuard<'static, ()>,
}

static TURN: Mutex<()> = Mutex::const_new(());

impl Breakable {
    /// Waits for its turn, then hands the set over with every service running.
    pub async fn take() -> Self {
        let turn = TURN.lock().await;
        let dir = PathBuf::from(address("TEST_BREAKABLE_DIR"));
        let text = std::fs::read_to_string(dir.join("env")).unwrap();
        let value = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(&format!("export {name}=")));
            line.unwrap_or_else(|| panic!("{name} is not in {}", dir.join("env").display()))
                .trim_matches('\'')
                .to_owned()
        };
        let services = Services {
            postgres: value("TEST_POSTGRES_URL"),
            valkey: value("TEST_VALKEY_URL"),
            rabbitmq: value("TEST_RABBITMQ_URL"),
            mongodb: value("TEST_MONGODB_URL"),
        };
        let breakable = Self { services, dir, _turn: turn };
        // An earlier test may have failed while a service was down or stood still. What is down cannot be resumed: no matter.
        let _output = breakable.run("resume", &[]).await;
        breakable.control("start", &[]).await;
        breakable
    }

    /// `tests/services.sh <action> DIR <services>`; no service means all.
    pub async fn control(&self, action: &str, services: &[&str]) {
        let output = self.run(action, services).await;
        assert!(output.status.success(), "{action} {services:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    async fn run(&self, action: &str, services: &[&str]) -> Output {
        let mut command = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/services.sh"));
        command.arg(action).arg(&self.dir).args(services);
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }
}
