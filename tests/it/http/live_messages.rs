//! The AsyncAPI document: what the server sends on its sockets is as the document says, and what the document lets a client send is
//! understood.

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::http::House;
use crate::stack::Stack;

/// The document, asked for each message.
struct Document(Value);

impl Document {
    #[track_caller]
    fn hold(&self, name: &str, message: &Value) {
        let schema = &self.0["components"]["messages"][name]["payload"];
        assert!(schema.is_object(), "{name} is not in the document");
        let validator = jsonschema::options().should_validate_formats(true).build(schema).unwrap();
        let wrong: Vec<_> = validator.iter_errors(message).map(|error| error.to_string()).collect();
        assert!(wrong.is_empty(), "{name}: {wrong:?} in {message}");
    }
}

/// A socket whose messages may have several records, as SignalR's do.
struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>, Vec<Value>);

impl Socket {
    async fn open(house: &House, path: &str) -> Self {
        let url = format!("{}{path}", house.server.address().replace("http://", "ws://"));
        Self(tokio_tungstenite::connect_async(url).await.unwrap().0, Vec::new())
    }

    async fn say(&mut self, record: &str) {
        self.0.send(Message::text(record)).await.unwrap();
    }

    async fn call(&mut self, target: &str, arguments: Value) -> Value {
        let call = json!({"type": 1, "invocationId": "7", "target": target, "arguments": arguments});
        self.say(&format!("{call}\u{1e}")).await;
        call
    }

    /// The answer to a call. On a slow machine a client that has joined nothing is reminded before it; one that has joined hears of what happens.
    async fn completion(&mut self, document: &Document) -> Value {
        loop {
            let record = self.next().await;
            if record.get("invocationId").is_some() {
                document.hold("Completion", &record);
                return record;
            }
            document.hold(record["target"].as_str().unwrap(), &record);
        }
    }

    /// The next record that is no ping of SignalR.
    async fn next(&mut self) -> Value {
        loop {
            while self.1.is_empty() {
                if let Message::Text(text) = self.0.next().await.unwrap().unwrap() {
                    let records = text.split('\u{1e}').filter(|record| !record.is_empty());
                    self.1 = records.map(|record| serde_json::from_str(record).unwrap()).collect();
                }
            }
            let record = self.1.remove(0);
            if record["type"] != 6 {
                return record;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_sockets_say_is_as_the_document_says() {
    let house = House::open_on(Stack::embedded().with("LIVE__REMINDER_SECONDS", 0.2)).await;
    let document = Document(house.server.get("/asyncapi.json").await.body);
    assert_eq!(
        (&document.0["asyncapi"], &document.0["info"]["version"]),
        (&json!("3.0.0"), &json!(env!("CARGO_PKG_VERSION")))
    );
    house.server.seats(&house.showtime, 1).await;

    let mut plain = Socket::open(&house, &format!("/ws/showtimes/{}", house.showtime)).await;
    document.hold("snapshot", &plain.next().await);
    plain.say(r#"{"type":"ping"}"#).await;
    document.hold("pong", &plain.next().await);
    document.hold("ping", &json!({"type": "ping"}));
    house.server.hold(&house.showtime, &house.seats[..2]).await;
    document.hold("seatsStatusChanged", &plain.next().await);
    let body = json!({"movieTitle": "Nosferatu", "placesPerBooking": 4, "onSaleFrom": "2020-01-01T00:00:00Z"});
    let path = format!("/api/showtimes/{}", house.showtime);
    let change = house.server.as_operator(reqwest::Method::PATCH, &path).json(&body);
    assert_eq!(house.server.send(change).await.unwrap().status, 200);
    let changed = plain.next().await;
    document.hold("seatsStatusChanged", &changed);
    assert_eq!(changed["showtime"]["movieTitle"], "Nosferatu");
    let body = json!({
        "movieTitle": "M", "startTime": "2030-01-01T20:00:00Z", "placesPerBooking": 4, "rows": [{"row": "A", "seats": 1}]
    });
    let other = house.server.post("/api/showtimes", &body).await;
    let path = format!("/ws/showtimes/{}", other.body["id"].as_str().unwrap());
    let snapshot = Socket::open(&house, &path).await.next().await;
    document.hold("snapshot", &snapshot);
    assert_eq!(snapshot["placesPerBooking"], 4);

    let field = json!({"name": "Field", "sections": [], "areas": [{"label": "Lawn", "capacity": 3}]});
    let field = house.server.as_operator(reqwest::Method::POST, "/api/auditoriums").json(&field);
    let field = house.server.send(field).await.unwrap().body["id"].clone();
    let body = json!({"movieTitle": "M", "startTime": "2030-01-01T20:00:00Z", "auditoriumId": field});
    let other = house.server.post("/api/showtimes", &body).await;
    let path = format!("/ws/showtimes/{}", other.body["id"].as_str().unwrap());
    let snapshot = Socket::open(&house, &path).await.next().await;
    document.hold("snapshot", &snapshot);
    let lawn = json!([{"areaId": "Lawn", "label": "Lawn", "capacity": 3, "available": 3}]);
    assert_eq!((&snapshot["areas"], &snapshot["seats"][2]["area"]), (&lawn, &json!("Lawn")));

    let mut hub = Socket::open(&house, "/hub/bookings").await;
    hub.say("{\"protocol\":\"json\",\"version\":1}\u{1e}").await;
    assert_eq!(hub.next().await, json!({}));
    document.hold("NothingJoined", &hub.next().await);
    let call = hub.call("JoinShowtime", json!([house.showtime, 3])).await;
    document.hold("JoinShowtime", &call);
    let joined = hub.completion(&document).await;
    assert_eq!(joined["result"], json!({"showtimeId": house.showtime, "sequence": 3}));
    house.server.hold(&house.showtime, &house.seats[2..3]).await;
    document.hold("SeatsStatusChanged", &hub.next().await);
    let cancel = format!("/api/showtimes/{}/cancel", house.showtime);
    assert_eq!(house.server.post(&cancel, &json!({"reason": "storm"})).await.status, 200);
    let cancelled = hub.next().await;
    document.hold("SeatsStatusChanged", &cancelled);
    assert_eq!(cancelled["arguments"][0]["showtime"], json!({"cancelled": "storm"}));
    for (target, arguments) in [("LeaveShowtime", json!([house.showtime])), ("JoinShowtime", json!([house.seats[0]]))] {
        let call = hub.call(target, arguments).await;
        document.hold(target, &call);
        hub.completion(&document).await;
    }
}

/// Every message is said by an operation, and every reference leads somewhere.
#[tokio::test(flavor = "multi_thread")]
async fn the_document_is_sound_in_itself() {
    let house = House::open().await;
    let document = house.server.get("/asyncapi.json").await.body;
    let operations = document["operations"].to_string();
    for name in document["components"]["messages"].as_object().unwrap().keys() {
        assert!(operations.contains(&format!("/messages/{name}\"")), "{name} is said by nobody");
    }
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(document.pointer(reference).is_some(), "{reference} leads nowhere");
    }
    for word in ["JoinShowtime again", "After a reconnect"] {
        assert!(document["info"]["description"].as_str().unwrap().contains(word), "{word}");
    }
}
