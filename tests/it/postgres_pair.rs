//! A PostgreSQL primary and its synchronous standby, as plain processes of this machine: one can be stopped, killed and promoted.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

use crate::free_port::free_port;

/// Longest wait for a server to start or to follow.
const PATIENCE: Duration = Duration::from_secs(30);

/// One server.
pub struct Node {
    data: PathBuf,
    pub port: u16,
    process: Child,
}

/// `primary` commits only what `standby` has; what is told of either is by what it was at first.
pub struct Pair {
    directory: PathBuf,
    pub primary: Node,
    pub standby: Node,
}

impl Pair {
    /// Starts both and waits until commits wait for the standby.
    pub async fn start() -> Self {
        let directory = std::env::temp_dir().join(format!("turnstile-pair-{}", Uuid::new_v4().simple()));
        std::fs::create_dir(&directory).unwrap();
        own(&directory);
        let data = directory.join("a");
        run("initdb", &["-D", path(&data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]);
        std::fs::write(
            data.join("pg_hba.conf"),
            "host all all 127.0.0.1/32 trust\nhost replication all 127.0.0.1/32 trust\n",
        )
        .unwrap();
        let primary = Node::start(data, free_port()).await;
        let (copy, port) = (directory.join("b"), primary.port);
        let source = format!("host=127.0.0.1 port={port} user=postgres application_name=b");
        run("pg_basebackup", &["-d", &source, "-D", path(&copy), "-R", "-X", "stream", "-c", "fast", "--no-sync"]);
        let standby = Node::start(copy, free_port()).await;
        let client = primary.client("postgres").await;
        client.batch_execute("ALTER SYSTEM SET synchronous_standby_names = 'b'").await.unwrap();
        client.batch_execute("SELECT pg_reload_conf()").await.unwrap();
        let end = Instant::now() + PATIENCE;
        while client.query("SELECT FROM pg_stat_replication WHERE sync_state = 'sync'", &[]).await.unwrap().is_empty() {
            assert!(Instant::now() < end, "the standby does not follow");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Self { directory, primary, standby }
    }

    /// URL that names both, the first primary first.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{},127.0.0.1:{}/{database}", self.primary.port, self.standby.port)
    }

    /// Makes the standby the primary; it commits alone.
    pub fn promote(&self) {
        run("pg_ctl", &["promote", "-w", "-D", path(&self.standby.data)]);
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        self.primary.kill();
        self.standby.kill();
        let _removed = std::fs::remove_dir_all(&self.directory);
    }
}

impl Node {
    async fn start(data: PathBuf, port: u16) -> Self {
        let mut command = command("postgres");
        command.args(["-D", path(&data), "-p", &port.to_string()]).args([
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            "unix_socket_directories=",
            "-c",
            "max_connections=100",
            "-c",
            "wal_log_hints=on",
            "-c",
            "wal_keep_size=512MB",
        ]);
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let node = Self { data, port, process };
        let end = Instant::now() + PATIENCE;
        while tokio_postgres::connect(&node.url("postgres"), NoTls).await.is_err() {
            assert!(Instant::now() < end, "a server of PostgreSQL does not start");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        node
    }

    /// URL of this server alone.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// A session of the test's own.
    pub async fn client(&self, database: &str) -> Client {
        let (client, connection) = tokio_postgres::connect(&self.url(database), NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    /// Starts a killed server with its data and at its port.
    pub async fn start_again(&mut self) {
        *self = Self::start(self.data.clone(), self.port).await;
    }

    /// SIGSTOP: connections stay open, nothing answers.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    /// SIGCONT.
    pub fn thaw(&self) {
        self.signal("CONT");
    }

    /// SIGKILL for the server and all that serve its connections, as when its machine dies.
    pub fn kill(&mut self) {
        self.signal("STOP");
        self.signal("KILL");
        let _ended = self.process.wait();
    }

    fn signal(&self, name: &str) {
        let pid = self.process.id();
        let script = format!("kill -{name} {pid} $(ps -o pid= --ppid {pid})");
        // A server that has ended cannot be told anything.
        let _sent = Command::new("sh").args(["-c", &script]).stderr(Stdio::null()).status().unwrap();
    }
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn is_root() -> bool {
    std::env::var("HOME").is_ok_and(|home| home == "/root")
}

/// PostgreSQL refuses to run as root.
fn command(program: &str) -> Command {
    let mut found: Vec<PathBuf> =
        std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    found.sort();
    let program = found.pop().map_or_else(|| PathBuf::from(program), |version| version.join("bin").join(program));
    let mut command = if is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--init-groups", "--"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.current_dir("/");
    command
}

fn own(directory: &Path) {
    if is_root() {
        assert!(Command::new("chown").arg("postgres:").arg(directory).status().unwrap().success());
    }
}

fn run(program: &str, arguments: &[&str]) {
    let output = command(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
}
