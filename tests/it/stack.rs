//! A whole stack for one test: its own databases and names on the services, and server processes of the real program on free ports.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use uuid::Uuid;

use crate::services::Services;

pub use crate::answer::{Answer, Held};

mod database;
mod disk;
mod leftovers;
mod memory;
mod patience;
mod unready;

use database::with_database;

pub use database::execute;
pub use patience::at_last;

/// Lines of the servers' log that a failed test shows, and characters of each. More would hide why it failed; the whole log is kept.
const LOG_SHOWN: (usize, usize) = (12, 160);

/// What operators show to the servers of a stack, unless the test sets another token or none.
pub const OPERATOR: &str = "the operators' secret";

/// What the servers of one test share: the profile, and names that nobody else uses.
pub struct Stack {
    name: String,
    real: Option<Services>,
    data_dir: PathBuf,
    settings: Vec<(String, String)>,
    /// The data directory is a disk of its own, of so many MiB.
    disk_mebibytes: Option<u32>,
    arguments: Vec<String>,
}

impl Stack {
    /// The embedded profile, with its data in a folder of its own.
    pub fn embedded() -> Self {
        Self::new(None)
    }

    /// The real stack on these services: a database in PostgreSQL and MongoDB, a namespace in RabbitMQ.
    pub async fn real(services: Services) -> Self {
        let stack = Self::new(Some(services));
        let services = stack.real.as_ref().unwrap();
        execute(&services.postgres, &format!("CREATE DATABASE {}", stack.name)).await;
        stack
    }

    fn new(real: Option<Services>) -> Self {
        let name = format!("test_{}", Uuid::new_v4().simple());
        let data_dir = std::env::temp_dir().join(&name);
        let (settings, arguments) = (Vec::new(), Vec::new());
        Self { name, real, data_dir, settings, arguments, disk_mebibytes: None }.with("OPERATOR_TOKEN", OPERATOR)
    }

    /// Gives the one server of this stack a small disk, which only its process sees; see [`Server::data_dir`].
    pub fn on_small_disk(mut self, mebibytes: u32) -> Self {
        self.disk_mebibytes = Some(mebibytes);
        self
    }

    /// Starts servers and tools with this flag.
    pub fn flag(mut self, flag: &str) -> Self {
        self.arguments.push(flag.to_owned());
        self
    }

    /// Without an operator token: the embedded profile makes its own key.
    pub fn without_operator_token(self) -> Self {
        self.with("OPERATOR_TOKEN", "")
    }

    pub fn data_dir(&self) -> &std::path::Path {
        &self.data_dir
    }

    /// Sets `TURNSTILE_<key>` for every server and tool of this stack.
    pub fn with(mut self, key: &str, value: impl ToString) -> Self {
        self.settings.push((format!("TURNSTILE_{key}"), value.to_string()));
        self
    }

    /// Replaces one service's address, for example by a proxy's.
    pub fn through(mut self, change: impl FnOnce(&mut Services)) -> Self {
        change(self.real.as_mut().expect("only the real stack has services"));
        self
    }

    pub fn services(&self) -> &Services {
        self.real.as_ref().expect("only the real stack has services")
    }

    /// URL of this stack's PostgreSQL database.
    pub fn postgres_url(&self) -> String {
        with_database(&self.services().postgres, &self.name)
    }

    /// URL and name of this stack's MongoDB database.
    pub fn mongodb_url(&self) -> String {
        format!("{}{}", self.services().mongodb, self.name)
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = match self.disk_mebibytes {
            None => Command::new(env!("CARGO_BIN_EXE_turnstile")),
            Some(size) => disk::small(&self.data_dir, size),
        };
        command.args(&self.arguments).args(arguments);
        command.env("TURNSTILE_LISTEN", "127.0.0.1:0").env("TURNSTILE_DATA_DIR", &self.data_dir);
        command.env("TURNSTILE_LOG_FILTER", "warn");
        // Without a load balancer nobody notices that a node is not ready; a test that has one sets the delay.
        command.env("TURNSTILE_DRAIN_DELAY_SECONDS", "0");
        // An empty folder: a turnstile.toml that lies about must not change the test.
        command.current_dir(std::env::temp_dir());
        if let Some(services) = &self.real {
            command
                .env("TURNSTILE_POSTGRES_URL", self.postgres_url())
                .env("TURNSTILE_VALKEY_URL", &services.valkey)
                .env("TURNSTILE_RABBITMQ_URL", &services.rabbitmq)
                .env("TURNSTILE_MONGODB_URL", self.mongodb_url())
                .env("TURNSTILE_NAMESPACE", &self.name)
                .env("TURNSTILE_SEED_DEMO", "true");
        }
        command.envs(self.settings.iter().map(|(key, value)| (key, value)));
        command
    }

    /// What the servers of this stack log; shown when the test fails.
    fn log_file(&self) -> PathBuf {
        std::env::temp_dir().join(format!("{}.log", self.name))
    }

    /// Starts a server and waits until it listens.
    pub fn start(&self) -> Server {
        self.start_with(Vec::new())
    }

    /// As [`Stack::start`], with these variables besides.
    pub fn start_with(&self, variables: Vec<(&str, String)>) -> Server {
        let log = OpenOptions::new().create(true).append(true).open(self.log_file()).unwrap();
        let mut child = self.command(&[]).envs(variables).stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut banner = Vec::new();
        let operators = loop {
            let line = lines.next().expect("the server ended before it listened").unwrap();
            banner.push(line);
            if let Some(operators) = banner.last().and_then(|line| line.strip_prefix("  operators ")) {
                break operators.to_owned();
            }
        };
        let line = banner.iter().find_map(|line| line.find("http://").map(|start| &line[start..])).unwrap();
        let address = line.split_whitespace().next().unwrap().trim_end_matches('/').to_owned();
        // Whatever else it prints must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Server { child, address, operators, token: self.token(), client: reqwest::Client::new() }
    }

    fn token(&self) -> Option<String> {
        let token = self.settings.iter().rev().find(|(key, _)| key == "TURNSTILE_OPERATOR_TOKEN");
        token.map(|(_, token)| token.clone()).filter(|token| !token.is_empty())
    }

    /// Lines of the servers' log so far.
    pub fn log_lines(&self) -> Vec<String> {
        let log = std::fs::read_to_string(self.log_file()).unwrap_or_default();
        log.lines().map(str::to_owned).collect()
    }

    /// Runs a subcommand to its end.
    pub async fn run(&self, arguments: &[&str]) -> Output {
        let mut command = self.command(arguments);
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    /// `turnstile check` must find nothing.
    pub async fn check(&self) {
        let output = self.run(&["check", "--wait", "30"]).await;
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "turnstile check found:\n{said}");
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        let _removed = std::fs::remove_dir_all(&self.data_dir);
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.log_file()).unwrap_or_default();
            let kept = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{}.log", self.name));
            let _kept = std::fs::copy(self.log_file(), &kept);
            let (lines, characters) = LOG_SHOWN;
            eprintln!("the end of the servers' log, which is kept in {}:", kept.display());
            for line in log.lines().skip(log.lines().count().saturating_sub(lines)) {
                eprintln!("{}", line.chars().take(characters).collect::<String>());
            }
        }
        let _removed = std::fs::remove_file(self.log_file());
        let Some(services) = self.real.take() else { return };
        leftovers::remove(services, self.name.clone());
    }
}

/// A running server process; killed when dropped.
pub struct Server {
    child: Child,
    address: String,
    operators: String,
    token: Option<String>,
    client: reqwest::Client,
}

impl Server {
    pub fn address(&self) -> &str {
        &self.address
    }

    /// What the banner said about operators.
    pub fn operators(&self) -> &str {
        &self.operators
    }

    pub fn process_id(&self) -> String {
        self.child.id().to_string()
    }

    /// The data directory of `stack` as this process sees it, on a disk of its own or not.
    pub fn data_dir(&self, stack: &Stack) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.child.id()));
        root.join(stack.data_dir.strip_prefix("/").unwrap())
    }

    /// kill -9.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM; returns the exit code.
    pub async fn terminate(self) -> Option<i32> {
        self.signal("TERM");
        self.exit_code().await
    }

    /// Waits until the process has ended.
    pub async fn exit_code(mut self) -> Option<i32> {
        let end = Instant::now() + Duration::from_secs(30);
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(Instant::now() < end, "the server did not end within 30 s");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// True as long as the process has not ended.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Sends a signal, such as `STOP`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    pub async fn send(&self, request: reqwest::RequestBuilder) -> Result<Answer, reqwest::Error> {
        let request = request.build()?;
        let (method, path) = (request.method().to_string(), request.url().path().to_owned());
        let response = self.client.execute(request).await?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let text = response.text().await?;
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        crate::http::contract::hold(&method, &path, status, &headers, &body);
        Ok(Answer { status, headers, body })
    }

    /// A request without any credential.
    pub fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("{}{path}", self.address)).timeout(Duration::from_mins(1))
    }

    /// A request of an operator, if the stack has a token for them.
    pub fn as_operator(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.request(method, path);
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(reqwest::Method::GET, path)).await.unwrap()
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.try_post(path, body).await.unwrap()
    }

    /// Creating and cancelling a showtime is for operators; everything else is asked without their token.
    pub async fn try_post(&self, path: &str, body: &Value) -> Result<Answer, reqwest::Error> {
        let post = reqwest::Method::POST;
        let is_theirs = path == "/api/showtimes" || (path.starts_with("/api/showtimes/") && path.ends_with("/cancel"));
        let request = if is_theirs { self.as_operator(post, path) } else { self.request(post, path) };
        self.send(request.json(body)).await
    }

    /// Creates a showtime of rows with ten seats each; returns its id and the ids of its seats.
    pub async fn schedule(&self, rows: usize) -> (String, Vec<String>) {
        let rows: Vec<Value> = (0..rows).map(|row| json!({"row": format!("R{row}"), "seats": 10})).collect();
        let body = json!({"movieTitle": "Metropolis", "startTime": "2030-01-01T20:00:00Z", "rows": rows});
        let answer = self.post("/api/showtimes", &body).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let id = answer.body["id"].as_str().unwrap().to_owned();
        let seats = self.seats(&id, 1).await;
        (id, seats.into_iter().map(|(seat, _)| seat).collect())
    }

    pub async fn reserve(&self, showtime: &str, seats: &[String], user: &str) -> Answer {
        self.post("/api/bookings", &json!({"showtimeId": showtime, "seatIds": seats, "userId": user})).await
    }

    pub async fn try_reserve(&self, showtime: &str, seats: &[String], user: &str) -> Result<Answer, reqwest::Error> {
        self.try_post("/api/bookings", &json!({"showtimeId": showtime, "seatIds": seats, "userId": user})).await
    }

    /// Reserves and expects a 201.
    pub async fn hold(&self, showtime: &str, seats: &[String]) -> Held {
        let answer = self.reserve_at_last(showtime, seats, "somebody").await;
        assert_eq!(answer.status, 201, "{answer:?}");
        Held::from(&answer.body)
    }

    pub async fn confirm(&self, held: &Held, reference: &str) -> Answer {
        let body = json!({"paymentReference": reference, "holdToken": held.hold_token});
        self.post(&format!("/api/bookings/{}/confirm", held.booking_id), &body).await
    }

    pub async fn cancel(&self, held: &Held) -> Answer {
        self.post(&format!("/api/bookings/{}/cancel", held.booking_id), &json!({"holdToken": held.hold_token})).await
    }

    pub async fn booking(&self, held: &Held) -> Answer {
        let request = self.request(reqwest::Method::GET, &format!("/api/bookings/{}", held.booking_id));
        self.send(request.bearer_auth(&held.hold_token)).await.unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _killed = self.child.kill();
        let _waited = self.child.wait();
    }
}

/// Polls until the condition holds; fails after `limit`.
pub async fn eventually<F: Future<Output = bool>>(what: &str, limit: Duration, mut condition: impl FnMut() -> F) {
    let end = Instant::now() + limit;
    while !condition().await {
        assert!(Instant::now() < end, "not within {limit:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
