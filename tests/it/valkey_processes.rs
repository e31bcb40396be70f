//! Valkey servers of one test's own: a master with a replica and Sentinels, or a cluster. The test machine has the server program.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use deadpool_redis::redis::{self, FromRedisValue};
use rand::RngExt;

use crate::stack::eventually;

/// Longest time for servers to start and to find each other.
const READY: Duration = Duration::from_secs(30);
/// After which silence a server counts as dead, in milliseconds.
const DEAD_AFTER: &str = "1000";
/// Below the tests' other services, and low enough for the cluster's own port, which is 10,000 higher.
const PORTS: std::ops::Range<u16> = 10_000..15_000;

/// A server process; killed when dropped.
pub struct Process {
    child: Child,
    directory: PathBuf,
    arguments: Vec<String>,
    pub port: u16,
}

impl Process {
    /// One server by itself.
    pub async fn alone() -> Self {
        let server = Self::start(&[]);
        server.is_up().await;
        server
    }

    fn start(arguments: &[&str]) -> Self {
        let port = free_port();
        let directory = std::env::temp_dir().join(format!("valkey-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&directory).unwrap();
        std::fs::write(directory.join("sentinel.conf"), "").unwrap();
        let mut all: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let port_text = port.to_string();
        all.extend(["--port", &port_text, "--bind", "127.0.0.1", "--save", ""].map(str::to_owned));
        all.extend(["--repl-diskless-sync-delay", "0"].map(str::to_owned));
        let child = spawn(&directory, &all);
        Self { child, directory, arguments: all, port }
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// kill -9.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn start_again(&mut self) {
        self.child = spawn(&self.directory, &self.arguments);
    }

    /// Sends one command, as words.
    pub async fn ask<T: FromRedisValue>(&self, words: &str) -> redis::RedisResult<T> {
        let client = redis::Client::open(format!("redis://{}", self.address()))?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        let mut words = words.split(' ');
        let mut command = redis::cmd(words.next().unwrap());
        for word in words {
            command.arg(word);
        }
        command.query_async(&mut connection).await
    }

    /// Waits until it has its master's data.
    async fn follows(&self) {
        eventually("a replica follows its master", READY, async || {
            let info = self.ask::<String>("INFO replication").await;
            info.is_ok_and(|info| info.contains("master_link_status:up"))
        })
        .await;
    }

    async fn is_up(&self) {
        eventually("a Valkey server answers", READY, async || self.ask::<String>("PING").await.is_ok()).await;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _killed = self.child.kill();
        let _waited = self.child.wait();
        let _removed = std::fs::remove_dir_all(&self.directory);
    }
}

fn spawn(directory: &PathBuf, arguments: &[String]) -> Child {
    let start = |program: &str| {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(directory).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn()
    };
    start("valkey-server")
        .or_else(|_missing| start("redis-server"))
        .expect("valkey-server or redis-server is installed")
}

fn free_port() -> u16 {
    loop {
        let port = rand::rng().random_range(PORTS);
        let free = |port| std::net::TcpListener::bind(("127.0.0.1", port)).is_ok();
        if free(port) && free(port + 10_000) {
            return port;
        }
    }
}

/// A master, its replica, and three Sentinels.
pub struct Watched {
    pub master: Process,
    pub replica: Process,
    pub sentinels: Vec<Process>,
}

impl Watched {
    pub async fn start() -> Self {
        let master = Process::start(&[]);
        let replica = Process::start(&["--replicaof", &format!("127.0.0.1 {}", master.port)]);
        let sentinels: Vec<Process> = (0..3).map(|_| Process::start(&["sentinel.conf", "--sentinel"])).collect();
        for sentinel in &sentinels {
            sentinel.is_up().await;
            let set = format!("SENTINEL MONITOR mymaster 127.0.0.1 {} 2", master.port);
            sentinel.ask::<()>(&set).await.unwrap();
            let set = format!("SENTINEL SET mymaster down-after-milliseconds {DEAD_AFTER} failover-timeout 5000");
            sentinel.ask::<()>(&set).await.unwrap();
        }
        for sentinel in &sentinels {
            eventually("the Sentinels know each other and the replica", READY, async || {
                let known = sentinel.ask::<Vec<redis::Value>>("SENTINEL SENTINELS mymaster").await;
                let replicas = sentinel.ask::<Vec<redis::Value>>("SENTINEL REPLICAS mymaster").await;
                known.is_ok_and(|known| known.len() == 2) && replicas.is_ok_and(|replicas| replicas.len() == 1)
            })
            .await;
        }
        replica.follows().await;
        Self { master, replica, sentinels }
    }

    /// The Sentinels' URL. The first host of it does not answer.
    pub fn url(&self) -> String {
        let sentinels: Vec<String> = self.sentinels.iter().map(Process::address).collect();
        format!("redis+sentinel://127.0.0.1:1,{}/mymaster", sentinels.join(","))
    }
}

/// A cluster of three masters; the first one has a replica.
pub struct Cluster {
    pub masters: Vec<Process>,
    pub replica: Process,
}

impl Cluster {
    pub async fn start() -> Self {
        // A replica counts whatever its data's age: on a busy machine it may lag.
        let options = [
            ["--cluster-enabled", "yes", "--cluster-node-timeout", DEAD_AFTER].as_slice(),
            &["--cluster-replica-validity-factor", "0"],
        ]
        .concat();
        let masters: Vec<Process> = (0..3).map(|_| Process::start(&options)).collect();
        let replica = Process::start(&options);
        for (index, master) in masters.iter().enumerate() {
            master.is_up().await;
            let slots = ["0 5460", "5461 10922", "10923 16383"][index];
            master.ask::<()>(&format!("CLUSTER ADDSLOTSRANGE {slots}")).await.unwrap();
            master.ask::<()>(&format!("CLUSTER SET-CONFIG-EPOCH {}", index + 1)).await.unwrap();
        }
        replica.is_up().await;
        for other in [&masters[1], &masters[2], &replica] {
            masters[0].ask::<()>(&format!("CLUSTER MEET 127.0.0.1 {}", other.port)).await.unwrap();
        }
        let cluster = Self { masters, replica };
        let first: String = cluster.masters[0].ask("CLUSTER MYID").await.unwrap();
        eventually("the replica follows the first master", READY, async || {
            cluster.replica.ask::<()>(&format!("CLUSTER REPLICATE {first}")).await.is_ok()
        })
        .await;
        for node in cluster.masters.iter().chain([&cluster.replica]) {
            eventually("the cluster is complete", READY, async || {
                let state = node.ask::<String>("CLUSTER INFO").await.unwrap_or_default();
                let nodes = node.ask::<String>("CLUSTER NODES").await.unwrap_or_default();
                state.contains("cluster_state:ok") && nodes.lines().count() == 4 && nodes.contains("slave")
            })
            .await;
        }
        cluster.replica.follows().await;
        cluster
    }

    /// The cluster's URL, with the addresses of two masters.
    pub fn url(&self) -> String {
        format!("redis+cluster://{},{}", self.masters[0].address(), self.masters[1].address())
    }
}
