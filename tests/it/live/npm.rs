//! The official npm client @microsoft/signalr, in Node: connects, calls, is refused, is cut off, comes back, and misses nothing.
//! `npm ci` in `tests/it/node` installs it; without Node or the package these tests fail.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc;
use turnstile::live::Settings;

use crate::live::proxy::Proxy;
use crate::live::stage::{PATIENCE, Stage, eventually, quick};
use crate::live::viewer::{Owner, Viewer};

/// A Node process with one SignalR client, see `tests/it/node/client.mjs`.
pub struct Npm {
    process: Child,
    commands: ChildStdin,
    events: mpsc::UnboundedReceiver<Value>,
    /// Events that came while an answer was awaited.
    earlier: VecDeque<Value>,
}

impl Npm {
    async fn build(options: Value) -> Self {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/node");
        let mut process = Command::new("node")
            .arg("client.mjs")
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node is installed");
        let commands = process.stdin.take().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let (sender, events) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if sender.send(serde_json::from_str(&line).unwrap()).is_err() {
                    return;
                }
            }
        });
        let mut npm = Self { process, commands, events, earlier: VecDeque::new() };
        let mut command = options;
        command["do"] = json!("build");
        npm.command(command).await.unwrap();
        npm
    }

    pub async fn started(options: Value) -> Self {
        let mut npm = Self::build(options).await;
        npm.start().await.unwrap();
        npm
    }

    async fn receive(&mut self) -> Value {
        let event = tokio::time::timeout(PATIENCE, self.events.recv()).await;
        event.expect("an event comes in time").expect("the client runs (was `npm ci` run in tests/it/node?)")
    }

    /// The result of a command, or the text of its error.
    async fn command(&mut self, command: Value) -> Result<Value, String> {
        writeln!(self.commands, "{command}").unwrap();
        loop {
            let mut event = self.receive().await;
            match event["event"].as_str().unwrap() {
                "done" => return Ok(event["result"].take()),
                "failed" => return Err(event["error"].as_str().unwrap().to_owned()),
                _ => self.earlier.push_back(event),
            }
        }
    }

    async fn start(&mut self) -> Result<Value, String> {
        self.command(json!({ "do": "start" })).await
    }

    pub async fn invoke(&mut self, method: &str, args: Value) -> Result<Value, String> {
        self.command(json!({ "do": "invoke", "method": method, "args": args })).await
    }

    async fn state(&mut self) -> Value {
        self.command(json!({ "do": "state" })).await.unwrap()["state"].take()
    }

    /// The next event that is no answer.
    pub async fn event(&mut self) -> Value {
        match self.earlier.pop_front() {
            Some(event) => event,
            None => self.receive().await,
        }
    }

    /// Skips deltas until this event.
    async fn until(&mut self, name: &str, viewer: &mut Viewer) -> Value {
        loop {
            let event = self.event().await;
            match event["event"].as_str().unwrap() {
                "delta" => viewer.delta(&event["delta"]),
                other => {
                    assert_eq!(other, name, "{event}");
                    return event;
                }
            }
        }
    }

    async fn follow(&mut self, viewer: &mut Viewer, owner: &Owner) {
        while viewer.sequence < owner.sequence() {
            let event = self.event().await;
            assert_eq!(event["event"], "delta", "{event}");
            assert_eq!(event["delta"]["showtimeId"], json!(owner.id));
            viewer.delta(&event["delta"]);
        }
    }

    /// Asserts that no event is left, once the server has answered.
    async fn is_quiet(&mut self) {
        self.invoke("Nothing", json!([])).await.unwrap_err();
        assert_eq!(self.earlier, VecDeque::<Value>::new());
    }
}

impl Drop for Npm {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

async fn happen(stage: &Stage, owner: &mut Owner, count: u64) {
    for run in owner.act(count).await {
        stage.services.publish(&run).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_connects_joins_and_sees_every_change_once() {
    let stage = Stage::open(quick()).await;
    let mut owner = stage.services.showtime(20).await;
    for options in [json!({ "url": stage.hub_url() }), json!({ "url": stage.hub_url(), "skipNegotiation": true })] {
        let mut npm = Npm::started(options).await;
        assert_eq!(npm.state().await, "Connected");
        stage.sessions(1).await;
        let after = owner.sequence();
        let joined = npm.invoke("JoinShowtime", json!([owner.id, after])).await.unwrap();
        assert_eq!(joined, json!({ "showtimeId": owner.id, "sequence": after }));
        let mut viewer = Viewer::at(after);
        happen(&stage, &mut owner, 30).await;
        npm.follow(&mut viewer, &owner).await;
        npm.is_quiet().await;
        assert_eq!(npm.invoke("LeaveShowtime", json!([owner.id])).await, Ok(Value::Null));
        happen(&stage, &mut owner, 3).await;
        npm.is_quiet().await;
        npm.command(json!({ "do": "stop" })).await.unwrap();
        assert_eq!(npm.event().await, json!({ "event": "closed", "error": null }));
        stage.sessions(0).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_the_predecessor_misses_nothing_between_reading_and_joining() {
    let stage = Stage::open(quick()).await;
    let mut owner = stage.services.showtime(20).await;
    happen(&stage, &mut owner, 5).await;
    // It has read the map over HTTP at this sequence; before it joins, more happens, and nobody else watches.
    let read_at = owner.sequence();
    let mut npm = Npm::started(json!({ "url": stage.hub_url() })).await;
    happen(&stage, &mut owner, 7).await;
    let joined = npm.invoke("JoinShowtime", json!([owner.id])).await.unwrap();
    let begins_at = joined["sequence"].as_u64().unwrap();
    assert!(begins_at <= read_at, "{begins_at} is after {read_at}");
    let mut viewer = Viewer::at(begins_at);
    npm.follow(&mut viewer, &owner).await;
    happen(&stage, &mut owner, 5).await;
    npm.follow(&mut viewer, &owner).await;
    npm.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_reach_the_caller_as_text() {
    let stage = Stage::open(quick()).await;
    let mut npm = Npm::started(json!({ "url": stage.hub_url() })).await;
    let unknown = uuid::Uuid::new_v4();
    let error = npm.invoke("JoinShowtime", json!([unknown])).await.unwrap_err();
    assert!(error.contains(&format!("there is no showtime {unknown}")), "{error}");
    let error = npm.invoke("HoldSeats", json!([1])).await.unwrap_err();
    assert!(error.contains("Unknown hub method 'HoldSeats'"), "{error}");
    let error = npm.invoke("joinshowtime", json!(["x"])).await.unwrap_err();
    assert!(error.contains("it takes a showtime's id (UUID)"), "{error}");
    let stream = json!({ "do": "stream", "method": "JoinShowtime", "args": [unknown] });
    let error = npm.command(stream).await.unwrap_err();
    assert!(error.contains("non-streaming 'JoinShowtime'"), "{error}");
    let send = json!({ "do": "send", "method": "JoinShowtime", "args": [unknown] });
    npm.command(send).await.unwrap();
    npm.is_quiet().await;
    assert_eq!(npm.state().await, "Connected");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_protocol_or_transport_is_refused() {
    let stage = Stage::open(quick()).await;
    let mut npm = Npm::build(json!({ "url": stage.hub_url(), "protocol": "messagepack" })).await;
    let error = npm.start().await.unwrap_err();
    assert!(error.contains("Requested protocol 'messagepack' is not available."), "{error}");
    let mut npm = Npm::build(json!({ "url": stage.hub_url(), "transport": "LongPolling" })).await;
    let error = npm.start().await.unwrap_err();
    assert!(error.contains("disabled by the client"), "{error}");
    stage.sessions(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn being_told_that_nothing_is_joined_disturbs_it_not() {
    let stage = Stage::open(Settings { reminder_milliseconds: 200, ..quick() }).await;
    let mut owner = stage.services.showtime(20).await;
    let mut npm = Npm::started(json!({ "url": stage.hub_url() })).await;
    eventually("it was told", || stage.hub.statistics().reminded == 1).await;
    npm.is_quiet().await;
    assert_eq!(npm.state().await, "Connected");
    npm.invoke("JoinShowtime", json!([owner.id, 1])).await.unwrap();
    let mut viewer = Viewer::at(1);
    happen(&stage, &mut owner, 5).await;
    npm.follow(&mut viewer, &owner).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pings_keep_an_idle_connection_in_both_directions() {
    // Each side gives up after 3 s without a word; the only words are pings.
    let settings = Settings { ping_milliseconds: 300, client_timeout_milliseconds: 3_000, ..quick() };
    let stage = Stage::open(settings).await;
    let timeouts = json!({ "url": stage.hub_url(), "serverTimeout": 3_000, "keepAlive": 300 });
    let mut npm = Npm::started(timeouts).await;
    tokio::time::sleep(Duration::from_secs(7)).await;
    npm.is_quiet().await;
    assert_eq!(npm.state().await, "Connected");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_never_pings_is_sent_away() {
    let settings = Settings { ping_milliseconds: 200, client_timeout_milliseconds: 700, ..quick() };
    let stage = Stage::open(settings).await;
    let mut npm = Npm::started(json!({ "url": stage.hub_url(), "keepAlive": 60_000 })).await;
    let closed = npm.event().await;
    assert_eq!(closed["event"], "closed");
    let error = closed["error"].as_str().unwrap();
    assert!(error.contains("nothing was received for too long"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_server_is_noticed() {
    let stage = Stage::open(Settings { ping_milliseconds: 60_000, ..quick() }).await;
    let mut npm = Npm::started(json!({ "url": stage.hub_url(), "serverTimeout": 2_000 })).await;
    let closed = npm.event().await;
    assert_eq!(closed["event"], "closed");
    assert!(closed["error"].as_str().unwrap().contains("Server timeout elapsed"), "{closed}");
    stage.sessions(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_off_for_a_while_it_comes_back_and_misses_nothing() {
    let settings = Settings { ring_events: 8, catch_up_page: 7, ..quick() };
    let stage = Stage::open(settings).await;
    let mut owner = stage.services.showtime(20).await;
    let proxy = Proxy::to(stage.address).await;
    let retries = vec![100; 100];
    let mut npm = Npm::started(json!({ "url": proxy.hub_url(), "retries": retries })).await;
    npm.invoke("JoinShowtime", json!([owner.id, 1])).await.unwrap();
    let mut viewer = Viewer::at(1);
    for _ in 0..3 {
        happen(&stage, &mut owner, 5).await;
        npm.follow(&mut viewer, &owner).await;
        proxy.cut();
        npm.until("reconnecting", &mut viewer).await;
        stage.sessions(0).await;
        happen(&stage, &mut owner, 20).await;
        proxy.mend();
        let joined = npm.until("rejoined", &mut viewer).await;
        assert_eq!(joined["joined"]["showtimeId"], json!(owner.id));
        npm.until("reconnected", &mut viewer).await;
        npm.follow(&mut viewer, &owner).await;
        npm.is_quiet().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_moves_it_to_another_node_without_a_gap() {
    let stage = Stage::open(quick()).await;
    let other = Stage::join(stage.services.clone(), quick()).await;
    let mut owner = stage.services.showtime(20).await;
    let proxy = Proxy::to(stage.address).await;
    let mut stays = Npm::started(json!({ "url": proxy.hub_url(), "retries": [0, 100, 100, 100, 100, 1_000] })).await;
    let mut leaves = Npm::started(json!({ "url": stage.hub_url() })).await;
    stays.invoke("JoinShowtime", json!([owner.id, 1])).await.unwrap();
    let mut viewer = Viewer::at(1);
    happen(&stage, &mut owner, 10).await;
    stays.follow(&mut viewer, &owner).await;

    proxy.turn_to(other.address);
    stage.hub.drain(Duration::from_millis(300)).await;
    stays.until("reconnecting", &mut viewer).await;
    happen(&other, &mut owner, 10).await;
    stays.until("rejoined", &mut viewer).await;
    happen(&other, &mut owner, 10).await;
    stays.until("reconnected", &mut viewer).await;
    stays.follow(&mut viewer, &owner).await;
    stays.is_quiet().await;
    assert_eq!((stage.hub.sessions(), other.hub.sessions()), (0, 1));

    let closed = leaves.event().await;
    assert_eq!(closed["event"], "closed", "without a policy it does not come back");
    assert!(leaves.start().await.unwrap_err().contains("shutting down"), "the drained node is told apart");
}
