//! A rolling restart: nodes behind a load balancer are stopped and started again one after the other, and no client notices.

use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;

use crate::free_port::free_port;
use crate::services;
use crate::stack::{Server, Stack, eventually};

/// Showtimes under traffic: the load balancer gives some to each node.
const SHOWTIMES: usize = 8;
/// Longest time from a node's goodbye until its client's next WebSocket is open.
const BACK_WITHIN: Duration = Duration::from_secs(2);

/// Longest wait for a node to say that it is not ready.
const NOT_READY: Duration = Duration::from_secs(8);

/// HAProxy with the shipped configuration, but for the addresses.
struct Balancer {
    process: Child,
    folder: PathBuf,
    address: String,
}

impl Balancer {
    fn before(nodes: &[String]) -> Self {
        let folder = std::env::temp_dir().join(format!("haproxy-{}", uuid::Uuid::new_v4().simple()));
        std::fs::create_dir(&folder).unwrap();
        let address = free_address();
        let shipped = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docker/haproxy.cfg")).unwrap();
        let servers: String =
            (1..).zip(nodes).map(|(number, node)| format!("    server node{number} {node}\n")).collect();
        let socket = format!("global\n    stats socket {}", folder.join("control").display());
        let mut configuration =
            shipped.replacen("global", &socket, 1).replace("bind :5000", &format!("bind {address}"));
        let template = configuration.lines().find(|line| line.trim_start().starts_with("server-template")).unwrap();
        configuration = configuration.replace(&template.to_owned(), servers.trim_end());
        let file = folder.join("haproxy.cfg");
        std::fs::write(&file, configuration).unwrap();
        let log = std::fs::File::create(folder.join("log")).unwrap();
        let mut command = Command::new("/usr/sbin/haproxy");
        command.arg("-f").arg(&file).stderr(log.try_clone().unwrap()).stdout(log);
        let process = command.spawn().expect("haproxy is installed");
        Self { process, folder, address }
    }

    /// Waits until the load balancer uses all nodes.
    async fn has(&self, nodes: usize) {
        let control = self.folder.join("control");
        eventually("the load balancer uses the nodes", Duration::from_secs(30), || async {
            let Ok(mut stream) = tokio::net::UnixStream::connect(&control).await else { return false };
            stream.write_all(b"show stat\n").await.unwrap();
            let mut table = String::new();
            stream.read_to_string(&mut table).await.unwrap();
            let up = table.lines().filter(|line| line.starts_with("nodes,node") && line.contains(",UP,")).count();
            up == nodes
        })
        .await;
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        let _killed = self.process.kill();
        let _waited = self.process.wait();
        let _removed = std::fs::remove_dir_all(&self.folder);
    }
}

/// An address that nobody listens on.
fn free_address() -> String {
    format!("127.0.0.1:{}", free_port())
}

/// What clients saw that they should not have.
#[derive(Clone, Default)]
struct Complaints(Arc<Mutex<Vec<String>>>);

impl Complaints {
    fn add(&self, complaint: String) {
        self.0.lock().unwrap().push(complaint);
    }
}

/// Reserves, cancels and reads, again and again, on one connection; returns the number of requests.
async fn buy(
    url: String,
    showtime: String,
    seats: Vec<String>,
    complaints: Complaints,
    stop: CancellationToken,
) -> usize {
    let client = reqwest::Client::new();
    let mut requests = 0;
    for seat in seats.iter().cycle() {
        if stop.is_cancelled() {
            break;
        }
        let body = json!({"showtimeId": showtime, "seatIds": [seat], "userId": "somebody"});
        let reserved = client.post(format!("{url}/api/bookings")).json(&body).send().await;
        let held: serde_json::Value = match reserved {
            Ok(answer) if answer.status() == 201 => answer.json().await.unwrap(),
            other => {
                complaints.add(format!("reserve: {other:?}"));
                continue;
            }
        };
        let id = held["bookingId"].as_str().unwrap();
        let cancel =
            client.post(format!("{url}/api/bookings/{id}/cancel")).bearer_auth(held["holdToken"].as_str().unwrap());
        let read = client.get(format!("{url}/api/showtimes/{showtime}"));
        for request in [cancel, read] {
            match request.send().await {
                Ok(answer) if answer.status() == 200 => {}
                other => complaints.add(format!("then: {other:?}")),
            }
        }
        requests += 3;
    }
    requests
}

/// Watches a showtime and comes back at once when a node says goodbye; returns the number of times.
async fn watch(url: String, complaints: Complaints, stop: CancellationToken) -> usize {
    let mut goodbyes = 0;
    let mut left: Option<Instant> = None;
    while !stop.is_cancelled() {
        let Ok((mut socket, _)) = tokio_tungstenite::connect_async(&url).await else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        if let Some(gap) = left.map(|left| left.elapsed()).filter(|gap| *gap > BACK_WITHIN) {
            complaints.add(format!("a WebSocket was back after {gap:?}"));
        }
        let code = loop {
            let message = tokio::select! {
                message = socket.next() => message,
                () = stop.cancelled() => return goodbyes,
            };
            match message {
                Some(Ok(Message::Close(frame))) => break frame.map(|frame| u16::from(frame.code)),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => break None,
            }
        };
        left = Some(Instant::now());
        goodbyes += 1;
        if code != Some(1001) {
            complaints.add(format!("a WebSocket was closed with {code:?}"));
        }
        // The rest of the closing handshake.
        let ended =
            tokio::time::timeout(Duration::from_secs(1), async { while socket.next().await.is_some() {} }).await;
        if ended.is_err() {
            complaints.add("the server kept a connection after the closing handshake".to_owned());
        }
    }
    goodbyes
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_notices_that_the_nodes_are_restarted_one_by_one() {
    // Empty counts as not set: the delay of the real stack.
    let stack = Stack::real(services::shared()).await.with("DRAIN_DELAY_SECONDS", "");
    let addresses = [free_address(), free_address()];
    let start = |address: &String| stack.start_with(vec![("TURNSTILE_LISTEN", address.clone())]);
    let mut nodes: Vec<Option<Server>> = addresses.iter().map(|address| Some(start(address))).collect();
    let balancer = Balancer::before(&addresses);
    balancer.has(2).await;

    let (complaints, stop) = (Complaints::default(), CancellationToken::new());
    let (mut buyers, mut watchers) = (Vec::new(), Vec::new());
    for _ in 0..SHOWTIMES {
        let (showtime, seats) = nodes[0].as_ref().unwrap().schedule(20).await;
        let url = format!("ws://{}/ws/showtimes/{showtime}?after=1", balancer.address);
        watchers.push(tokio::spawn(watch(url, complaints.clone(), stop.clone())));
        let url = format!("http://{}", balancer.address);
        buyers.push(tokio::spawn(buy(url, showtime, seats, complaints.clone(), stop.clone())));
    }
    for (number, address) in addresses.iter().enumerate() {
        assert_eq!(nodes[number].take().unwrap().terminate().await, Some(0));
        nodes[number] = Some(start(address));
        balancer.has(2).await;
    }
    stop.cancel();
    let requests: usize = futures_util::future::join_all(buyers).await.into_iter().map(Result::unwrap).sum();
    let goodbyes: usize = futures_util::future::join_all(watchers).await.into_iter().map(Result::unwrap).sum();
    let complaints = std::mem::take(&mut *complaints.0.lock().unwrap());
    assert!(
        complaints.is_empty(),
        "{} of {requests} requests and {goodbyes} goodbyes: {complaints:#?}",
        complaints.len()
    );
    assert!(requests > 200, "only {requests} requests");
    assert!(goodbyes >= SHOWTIMES, "only {goodbyes} goodbyes");
    stack.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_sigterm_a_node_serves_on_while_it_says_that_it_is_not_ready() {
    let stack = Stack::embedded().with("DRAIN_DELAY_SECONDS", 10);
    let server = stack.start();
    let (showtime, seats) = server.schedule(1).await;
    server.signal("TERM");
    eventually("readiness fails", NOT_READY, || async { server.get("/readyz").await.status == 503 }).await;
    assert_eq!(server.reserve(&showtime, &seats[..1], "u").await.status, 201);
    let url = format!("{}/ws/showtimes/{showtime}?after=1", server.address().replace("http://", "ws://"));
    let (socket, _) = tokio_tungstenite::connect_async(url).await.expect("new clients are still taken");
    drop(socket);
    assert_eq!(server.exit_code().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_waits_for_no_load_balancer_and_a_second_signal_for_nothing() {
    let stack = Stack::embedded().with("DRAIN_DELAY_SECONDS", 300);
    let server = stack.start();
    server.signal("INT");
    assert_eq!(server.exit_code().await, Some(0), "ctrl-c");

    let server = stack.start();
    server.signal("TERM");
    eventually("readiness fails", NOT_READY, || async { server.get("/readyz").await.status == 503 }).await;
    server.signal("TERM");
    assert_eq!(server.exit_code().await, Some(1), "the second signal");
}
