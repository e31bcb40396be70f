//! SignalR on the wire, record by record: what the official client never sends, and what it would hide.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::{Value, json};
use turnstile::live::Settings;

use crate::live::stage::{Stage, quick};
use crate::live::viewer::{Owner, Viewer};
use crate::live::web_socket::{Client, Closed};

const HANDSHAKE: &str = "{\"protocol\":\"json\",\"version\":1}\u{1e}";

/// A client that reads records.
struct Caller {
    client: Client,
    records: VecDeque<Value>,
}

impl Caller {
    async fn connect(stage: &Stage) -> Self {
        let url = stage.hub_url().replace("http://", "ws://");
        Self { client: Client::open(&url).await, records: VecDeque::new() }
    }

    /// Connected, and the handshake done.
    async fn open(stage: &Stage) -> Self {
        let mut caller = Self::connect(stage).await;
        caller.client.send(HANDSHAKE).await;
        assert_eq!(caller.next().await, json!({}));
        caller
    }

    async fn next(&mut self) -> Value {
        while self.records.is_empty() {
            let text = self.client.text().await.expect("open");
            let body = text.strip_suffix('\u{1e}').expect("whole records");
            self.records.extend(body.split('\u{1e}').map(|record| serde_json::from_str::<Value>(record).unwrap()));
        }
        self.records.pop_front().unwrap()
    }

    /// The next record that is no ping.
    async fn answer(&mut self) -> Value {
        loop {
            let record = self.next().await;
            if record["type"] != 6 {
                return record;
            }
        }
    }

    async fn send(&mut self, record: &Value) {
        self.client.send(format!("{record}\u{1e}")).await;
    }

    async fn call(&mut self, id: &str, target: &str, arguments: Value) -> Value {
        self.send(&json!({ "type": 1, "invocationId": id, "target": target, "arguments": arguments })).await;
        let answer = self.answer().await;
        assert_eq!((&answer["type"], &answer["invocationId"]), (&json!(3), &json!(id)));
        answer
    }

    async fn follow(&mut self, viewer: &mut Viewer, owner: &Owner) {
        while viewer.sequence < owner.sequence() {
            let record = self.answer().await;
            assert_eq!((&record["type"], &record["target"]), (&json!(1), &json!("SeatsStatusChanged")));
            assert!(record.get("invocationId").is_none());
            assert_eq!(record["arguments"][0]["showtimeId"], json!(owner.id));
            viewer.delta(&record["arguments"][0]);
        }
    }

    /// Fails if anything but pings is left to be received.
    async fn is_quiet(&mut self) {
        let answer = self.call("quiet", "Nothing", json!([])).await;
        assert_eq!(answer["error"], "Unknown hub method 'Nothing'");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_for_another_protocol_is_refused_with_its_name() {
    let stage = Stage::open(quick()).await;
    let cases = [
        ("{\"protocol\":\"messagepack\",\"version\":1}\u{1e}", "Requested protocol 'messagepack' is not available."),
        (
            "{\"protocol\":\"json\",\"version\":7}\u{1e}",
            "The server does not support version 7 of the 'json' protocol.",
        ),
        ("{\"type\":6}\u{1e}", "The handshake request is not valid."),
    ];
    for (request, error) in cases {
        let mut caller = Caller::connect(&stage).await;
        caller.client.send(request).await;
        assert_eq!(caller.next().await, json!({ "error": error }));
        assert_eq!(caller.client.closed().await, Closed { code: 1008, reason: error.to_owned() });
    }
    let mut caller = Caller::connect(&stage).await;
    caller.client.send("{\"protocol\":\"json\",\"version\":1}").await;
    assert_eq!(caller.client.closed().await.code, 1008, "no record separator");
    // The name goes back to the client twice, and as a reason it must fit into a control frame.
    let long = format!("{}\u{1e}", json!({ "protocol": "\u{1f3ab}".repeat(500), "version": 1 }));
    let mut caller = Caller::connect(&stage).await;
    caller.client.send(long).await;
    assert!(caller.next().await["error"].as_str().unwrap().starts_with("Requested protocol '\u{1f3ab}"));
    assert_eq!(caller.client.closed().await.code, 1008);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_version_up_to_the_servers_own_is_accepted() {
    let stage = Stage::open(quick()).await;
    // The first as signalrcore (PyPI) sends it after a negotiation of version 0, or without one.
    for handshake in ["{\"protocol\": \"json\", \"version\": 0}\u{1e}", HANDSHAKE, &HANDSHAKE.replace('1', "2")] {
        let mut caller = Caller::connect(&stage).await;
        caller.client.send(handshake).await;
        assert_eq!(caller.next().await, json!({}), "{handshake}");
        caller.is_quiet().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_has_joined_nothing_is_told_so_once() {
    let stage = Stage::open(Settings { reminder_milliseconds: 1_500, ..quick() }).await;
    let owner = stage.services.showtime(5).await;
    let mut joined = Caller::open(&stage).await;
    joined.call("1", "JoinShowtime", json!([owner.id, 1])).await;
    let mut idle = Caller::open(&stage).await;
    let told = idle.answer().await;
    assert_eq!((&told["type"], &told["target"]), (&json!(1), &json!("NothingJoined")), "{told}");
    assert!(told["arguments"][0]["message"].as_str().unwrap().contains("JoinShowtime"), "{told}");
    assert!(told.get("invocationId").is_none(), "no answer is asked for");
    // Time for a second one, and for the client that has joined: pings go on.
    for _ in 0..10 {
        assert_eq!(idle.next().await, json!({ "type": 6 }));
    }
    idle.is_quiet().await;
    joined.is_quiet().await;
    assert_eq!(stage.hub.statistics().reminded, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_handshake_in_time_nothing_is_said_and_the_connection_ends() {
    let stage = Stage::open(Settings { handshake_milliseconds: 400, ping_milliseconds: 50, ..quick() }).await;
    let mut caller = Caller::connect(&stage).await;
    let error = caller.client.text().await.unwrap_err();
    assert_eq!(error, Closed { code: 1008, reason: "nothing was received for too long".to_owned() });
}

#[tokio::test(flavor = "multi_thread")]
async fn several_records_in_one_message_are_answered_in_order() {
    let stage = Stage::open(quick()).await;
    let owner = stage.services.showtime(5).await;
    let mut caller = Caller::connect(&stage).await;
    let call = |id: &str, target: &str| {
        format!("{}\u{1e}", json!({ "type": 1, "invocationId": id, "target": target, "arguments": [owner.id] }))
    };
    let message = [HANDSHAKE, &call("a", "JOINshowtime"), &call("b", "nothing"), &call("c", "LeaveShowtime")].concat();
    caller.client.send(message).await;
    assert_eq!(caller.next().await, json!({}));
    let joined = json!({ "type": 3, "invocationId": "a", "result": { "showtimeId": owner.id, "sequence": 0 } });
    assert_eq!(caller.answer().await, joined);
    // The showtime is new: its first event is within the seconds that are replayed.
    caller.follow(&mut Viewer::at(0), &owner).await;
    assert_eq!(
        caller.answer().await,
        json!({ "type": 3, "invocationId": "b", "error": "Unknown hub method 'nothing'" })
    );
    assert_eq!(caller.answer().await, json!({ "type": 3, "invocationId": "c" }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_join_without_a_sequence_replays_the_last_seconds() {
    let stage = Stage::open(quick()).await;
    let mut owner = stage.services.showtime(20).await;
    let mut earlier = owner.act(10).await;
    stage.services.time.pass(Duration::from_secs(30));
    earlier.extend(owner.act(5).await);
    for run in earlier {
        stage.services.project(run).await;
    }
    // Nobody watched: the events are in no feed yet.
    let mut caller = Caller::open(&stage).await;
    let answer = caller.call("1", "JoinShowtime", json!([owner.id])).await;
    assert_eq!(answer["result"], json!({ "showtimeId": owner.id, "sequence": 11 }));
    let mut viewer = Viewer::at(11);
    caller.follow(&mut viewer, &owner).await;
    caller.is_quiet().await;
    for run in owner.act(5).await {
        stage.services.publish(&run).await;
    }
    caller.follow(&mut viewer, &owner).await;
    assert_eq!(viewer.deltas, 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_join_without_a_sequence_goes_back_to_where_a_lagging_read_model_is() {
    let stage = Stage::open(quick()).await;
    let mut owner = stage.services.showtime(20).await;
    for run in owner.act(3).await {
        stage.services.project(run).await;
    }
    owner.act(10).await;
    stage.services.time.pass(Duration::from_secs(30));
    let mut caller = Caller::open(&stage).await;
    let answer = caller.call("1", "JoinShowtime", json!([owner.id])).await;
    assert_eq!(answer["result"]["sequence"], 4);
    caller.follow(&mut Viewer::at(4), &owner).await;
    caller.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_join_with_a_sequence_goes_on_from_there() {
    let settings = Settings { ring_events: 8, catch_up_page: 5, resume_events: 40, ..quick() };
    let stage = Stage::open(settings).await;
    let mut owner = stage.services.showtime(20).await;
    owner.act(49).await;
    for after in [10, 30, 42, 43, 49, 50] {
        let mut caller = Caller::open(&stage).await;
        let answer = caller.call("1", "joinShowtime", json!([owner.id, after])).await;
        assert_eq!(answer["result"]["sequence"], after);
        let mut viewer = Viewer::at(after);
        caller.follow(&mut viewer, &owner).await;
        caller.is_quiet().await;
    }
    let mut caller = Caller::open(&stage).await;
    let ahead = caller.call("1", "JoinShowtime", json!([owner.id, 51])).await;
    let expected = format!("the sequence 51 is ahead of showtime {}, which is at 50", owner.id);
    assert!(ahead["error"].as_str().unwrap().contains(&expected), "{ahead}");
    let behind = caller.call("2", "JoinShowtime", json!([owner.id, 9])).await;
    assert!(behind["error"].as_str().unwrap().contains("read it again"), "{behind}");
    let anew = caller.call("3", "JoinShowtime", json!([owner.id, null])).await;
    assert_eq!(anew["result"]["showtimeId"], json!(owner.id));
}

#[tokio::test(flavor = "multi_thread")]
async fn joining_again_changes_nothing_and_leaving_ends_the_deltas() {
    let stage = Stage::open(Settings { max_joined: 2, ..quick() }).await;
    let mut owner = stage.services.showtime(20).await;
    let (other, third) = (stage.services.showtime(5).await, stage.services.showtime(5).await);
    let mut caller = Caller::open(&stage).await;
    caller.call("1", "JoinShowtime", json!([owner.id, 1])).await;
    let again = caller.call("2", "JoinShowtime", json!([owner.id, 0])).await;
    assert_eq!(again["result"]["sequence"], 1);
    for run in owner.act(3).await {
        stage.services.publish(&run).await;
    }
    let mut viewer = Viewer::at(1);
    caller.follow(&mut viewer, &owner).await;
    caller.call("3", "JoinShowtime", json!([other.id, 1])).await;
    let too_many = caller.call("4", "JoinShowtime", json!([third.id])).await;
    assert_eq!(too_many["error"], "Failed to invoke 'JoinShowtime': more than 2 showtimes on one connection.");

    assert_eq!(caller.call("5", "LeaveShowtime", json!([owner.id])).await, json!({ "type": 3, "invocationId": "5" }));
    for run in owner.act(3).await {
        stage.services.publish(&run).await;
    }
    // What the other showtime sends now comes after what this one would have sent.
    caller.is_quiet().await;
    let back = caller.call("6", "JoinShowtime", json!([owner.id, viewer.sequence])).await;
    assert_eq!(back["result"]["sequence"], 4);
    caller.follow(&mut viewer, &owner).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_calls_are_answered_with_what_is_wrong() {
    let stage = Stage::open(quick()).await;
    let owner = stage.services.showtime(5).await;
    let unknown = uuid::Uuid::new_v4();
    let mut caller = Caller::open(&stage).await;
    let takes = "Failed to invoke 'JoinShowtime': it takes a showtime's id (UUID) and, if wanted, the sequence after which to begin.";
    let cases = [
        (json!([unknown]), format!("Failed to invoke 'JoinShowtime': there is no showtime {unknown}.")),
        (json!([]), takes.to_owned()),
        (json!([7]), takes.to_owned()),
        (json!(["x"]), takes.to_owned()),
        (json!([owner.id, -1]), takes.to_owned()),
        (json!([owner.id, "1"]), takes.to_owned()),
        (json!([owner.id, 1, 2]), takes.to_owned()),
    ];
    for (arguments, error) in cases {
        assert_eq!(caller.call("1", "JoinShowtime", arguments).await["error"], error);
    }
    let wrong = caller.call("1", "LeaveShowtime", json!([])).await;
    assert_eq!(wrong["error"], "Failed to invoke 'LeaveShowtime': it takes a showtime's id (UUID).");
    caller.send(&json!({ "type": 4, "invocationId": "s", "target": "JoinShowtime", "arguments": [owner.id] })).await;
    let expected =
        "The client attempted to invoke the non-streaming 'JoinShowtime' method with a streaming invocation.";
    assert_eq!(caller.answer().await, json!({ "type": 3, "invocationId": "s", "error": expected }));
    caller.send(&json!({ "type": 4, "invocationId": "t", "target": "x", "arguments": [] })).await;
    assert_eq!(caller.answer().await["error"], "Unknown hub method 'x'");
    // None of these may be answered.
    caller.send(&json!({ "type": 1, "target": "JoinShowtime", "arguments": [unknown] })).await;
    caller.send(&json!({ "type": 1, "target": "Nothing", "arguments": [] })).await;
    caller.send(&json!({ "type": 5, "invocationId": "t" })).await;
    caller.send(&json!({ "type": 9, "sequenceId": 4 })).await;
    caller.send(&json!({ "type": 77 })).await;
    caller.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_and_floods_end_the_connection() {
    let stage = Stage::open(quick()).await;
    for garbage in ["{}\u{1e}", "x\u{1e}", "{\"type\":6}", "\u{1e}", "{\"type\":1}\u{1e}"] {
        let mut caller = Caller::open(&stage).await;
        caller.client.send(garbage).await;
        let close = caller.answer().await;
        assert_eq!(close["type"], 7, "{garbage:?}");
        assert!(close.get("allowReconnect").is_none());
        assert_eq!(caller.client.closed().await.code, 1008);
    }
    let mut caller = Caller::open(&stage).await;
    let call = format!("{}\u{1e}", json!({ "type": 1, "invocationId": "1", "target": "x", "arguments": [] }));
    caller.client.send(call.repeat(400)).await;
    let closed = caller.client.closed().await;
    assert_eq!((closed.code, &*closed.reason), (1008, "too many calls at once"));
    let mut caller = Caller::open(&stage).await;
    caller.client.send("{\"type\":6}\u{1e}".repeat(400)).await;
    let closed = caller.client.closed().await;
    assert_eq!((closed.code, &*closed.reason), (1008, "too many messages"));
    stage.sessions(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pings_are_sent_and_a_silent_client_is_sent_away() {
    let stage = Stage::open(Settings { ping_milliseconds: 300, client_timeout_milliseconds: 3_000, ..quick() }).await;
    let mut caller = Caller::open(&stage).await;
    let started = tokio::time::Instant::now();
    while started.elapsed() < Duration::from_millis(3_500) {
        assert_eq!(caller.next().await, json!({ "type": 6 }));
        caller.send(&json!({ "type": 6 })).await;
    }
    let mut pings = 0;
    let close = loop {
        let record = caller.next().await;
        if record["type"] != 6 {
            break record;
        }
        pings += 1;
    };
    assert!((2..=10).contains(&pings), "{pings}");
    assert_eq!(close, json!({ "type": 7, "error": "nothing was received for too long", "allowReconnect": true }));
}

#[tokio::test(flavor = "multi_thread")]
async fn connection_ids_are_checked() {
    let stage = Stage::open(quick()).await;
    let other_node = Stage::join(stage.services.clone(), quick()).await;
    let http = stage.hub_url();
    let socket = |stage: &Stage, id: &str| format!("{}?id={id}", stage.hub_url().replace("http://", "ws://"));
    assert_eq!(reqwest::get(&http).await.unwrap().status(), 400);
    assert_eq!(Client::try_open(&socket(&stage, "forged"), None).await.err(), Some(404));
    for version in ["?negotiateVersion=1", ""] {
        let asked = reqwest::Client::new().post(format!("{http}/negotiate{version}")).send().await.unwrap();
        assert_eq!(asked.status(), 200);
        let answer: Value = asked.json().await.unwrap();
        let token = answer.get("connectionToken").unwrap_or(&answer["connectionId"]).as_str().unwrap().to_owned();
        assert_eq!(answer["availableTransports"], json!([{ "transport": "WebSockets", "transferFormats": ["Text"] }]));
        // Any node takes it, once at a time.
        let open = Client::open(&socket(&other_node, &token)).await;
        assert_eq!(Client::try_open(&socket(&other_node, &token), None).await.err(), Some(409));
        assert_eq!(Client::try_open(&socket(&other_node, &token), Some("https://evil.example")).await.err(), Some(403));
        assert_eq!(reqwest::get(format!("{http}?id={token}")).await.unwrap().status(), 426);
        drop(open);
        other_node.sessions(0).await;
        stage.services.time.pass(Duration::from_secs(61));
        assert_eq!(Client::try_open(&socket(&other_node, &token), None).await.err(), Some(404));
    }
    let refused = reqwest::Client::new().post(format!("{http}/negotiate?negotiateVersion=x")).send().await.unwrap();
    assert_eq!(refused.status(), 200);
    assert!(refused.json::<Value>().await.unwrap()["error"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_asks_clients_to_reconnect() {
    let stage = Stage::open(quick()).await;
    let mut caller = Caller::open(&stage).await;
    stage.hub.drain(Duration::ZERO).await;
    let close = caller.answer().await;
    assert_eq!(close, json!({ "type": 7, "error": "the server is shutting down", "allowReconnect": true }));
    assert_eq!(caller.client.closed().await.code, 1001);
}
