//! The primary of PostgreSQL dies in mid-traffic and its synchronous standby is promoted: nothing acknowledged is lost, and nobody restarts a node.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::faults::scene::{Cast, Scene, stack};
use crate::free_port::free_port;
use crate::postgres_pair::Pair;
use crate::services::{self, Services};

/// The nodes sell again so long after the promotion.
const SELLING_AGAIN: Duration = Duration::from_secs(10);

async fn open(pair: &Pair, entrance: String) -> Scene {
    let stack = stack(Services { postgres: entrance, ..services::shared() }).await;
    let ledger_url = pair.url(stack.name());
    Scene::open(stack, ledger_url, Cast::default()).await
}

async fn is_survived(mut scene: Scene, mut pair: Pair) {
    pair.primary.kill();
    pair.standby.thaw();
    scene.says("postgresql", "down", "down").await;
    pair.promote();
    let promoted = Instant::now();
    scene.fault_ended();
    scene.sells(30, "on the promoted server").await;
    assert!(promoted.elapsed() < SELLING_AGAIN, "{:?}", promoted.elapsed());
    scene.settle().await;
}

/// Before it dies, the primary has no standby for a while: commits hang, are given up by the nodes and asked for again by their clients.
#[tokio::test(flavor = "multi_thread")]
async fn behind_a_url_with_two_hosts_after_commits_have_hung() {
    let pair = Pair::start().await;
    let scene = open(&pair, pair.url("postgres")).await;
    pair.standby.freeze();
    scene.says("postgresql", "down", "down").await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    is_survived(scene, pair).await;
}

/// haproxy that sends everybody to the first server that takes connections.
struct Balancer {
    process: Child,
    port: u16,
    file: std::path::PathBuf,
}

impl Balancer {
    async fn start(pair: &Pair) -> Self {
        let port = free_port();
        let configuration = format!(
            "defaults\n mode tcp\n timeout connect 1s\n timeout client 1h\n timeout server 1h\n\
             listen postgres\n bind 127.0.0.1:{port}\n default-server inter 200 fall 2 rise 1 on-marked-down shutdown-sessions\n \
             server a 127.0.0.1:{} check\n server b 127.0.0.1:{} check backup\n",
            pair.primary.port, pair.standby.port
        );
        let file = std::env::temp_dir().join(format!("turnstile-haproxy-{}", uuid::Uuid::new_v4().simple()));
        std::fs::write(&file, configuration).unwrap();
        let mut haproxy = Command::new("/usr/sbin/haproxy");
        let process = haproxy.arg("-f").arg(&file).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let balancer = Self { process, port, file };
        let end = Instant::now() + Duration::from_secs(10);
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            assert!(Instant::now() < end, "haproxy does not start");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        balancer
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        let _killed = self.process.kill();
        let _ended = self.process.wait();
        let _removed = std::fs::remove_file(&self.file);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_proxy() {
    let pair = Pair::start().await;
    let balancer = Balancer::start(&pair).await;
    let scene = open(&pair, format!("postgres://postgres@127.0.0.1:{}/postgres", balancer.port)).await;
    is_survived(scene, pair).await;
}
