//! A MongoDB replica set of one test's own: three members, of which one may be lost.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use mongodb::Client;
use mongodb::bson::{Document, doc};

use crate::free_port::free_port;
use crate::stack::eventually;

/// Longest time for the members to start and to elect a primary.
const READY: Duration = Duration::from_secs(60);

/// See the module's documentation. The members are killed when this is dropped.
pub struct ReplicaSet {
    members: Vec<Member>,
    directory: PathBuf,
}

struct Member {
    child: Child,
    port: u16,
}

impl ReplicaSet {
    pub async fn start() -> Self {
        let directory = std::env::temp_dir().join(format!("mongod-{}", uuid::Uuid::new_v4()));
        let members = (0..3).map(|member| Member::start(directory.join(member.to_string()))).collect();
        let set = Self { members, directory };
        let members: Vec<Document> =
            set.members.iter().zip(0..).map(|(member, id)| doc! { "_id": id, "host": member.address() }).collect();
        let config = doc! { "_id": "rs", "members": members, "settings": { "electionTimeoutMillis": 2_000 } };
        eventually("the replica set is initiated", READY, async || {
            let initiated = set.members[0].command(doc! { "replSetInitiate": config.clone() }).await;
            initiated.is_ok() || set.members[0].command(doc! { "replSetGetStatus": 1 }).await.is_ok()
        })
        .await;
        set.primary().await;
        set
    }

    /// All members, without a database.
    pub fn url(&self) -> String {
        let addresses: Vec<String> = self.members.iter().map(Member::address).collect();
        format!("mongodb://{}/", addresses.join(","))
    }

    /// The primary's position, once there is one.
    async fn primary(&self) -> usize {
        let found = std::cell::Cell::new(0);
        eventually("there is a primary", READY, async || {
            for (position, member) in self.members.iter().enumerate() {
                let hello = member.command(doc! { "hello": 1 }).await;
                if hello.is_ok_and(|hello| hello.get_bool("isWritablePrimary") == Ok(true)) {
                    found.set(position);
                    return true;
                }
            }
            false
        })
        .await;
        found.get()
    }

    /// The primary stays a secondary for the next 20 s.
    pub async fn step_down(&self) {
        let primary = self.primary().await;
        let down = doc! { "replSetStepDown": 20, "secondaryCatchUpPeriodSecs": 10 };
        self.members[primary].command(down).await.unwrap();
    }

    /// kill -9.
    pub async fn kill_primary(&mut self) {
        let primary = self.primary().await;
        self.members[primary].child.kill().unwrap();
    }
}

impl Drop for ReplicaSet {
    fn drop(&mut self) {
        for member in &mut self.members {
            let _killed = member.child.kill();
            let _waited = member.child.wait();
        }
        let _removed = std::fs::remove_dir_all(&self.directory);
    }
}

impl Member {
    fn start(directory: PathBuf) -> Self {
        std::fs::create_dir_all(&directory).unwrap();
        let port = free_port();
        let start = |program: PathBuf| {
            let mut command = Command::new(program);
            command.args([
                "--replSet",
                "rs",
                "--bind_ip",
                "127.0.0.1",
                "--nounixsocket",
                "--wiredTigerCacheSizeGB",
                "0.25",
            ]);
            command.args(["--setParameter", "diagnosticDataCollectionEnabled=false", "--oplogSize", "64"]);
            command.arg("--port").arg(port.to_string()).arg("--dbpath").arg(&directory);
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()
        };
        // Where the tests' installation puts it.
        let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache"))).unwrap_or_default();
        let child = start("mongod".into()).or_else(|_missing| start(cache.join("turnstile-tests/mongod")));
        Self { child: child.expect("mongod is installed"), port }
    }

    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    async fn command(&self, command: Document) -> mongodb::error::Result<Document> {
        let url = format!("mongodb://{}/?directConnection=true&serverSelectionTimeoutMS=1000", self.address());
        Client::with_uri_str(url).await?.database("admin").run_command(command).await
    }
}
