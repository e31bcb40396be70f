//! Seat maps over the wire: compressed for who takes that, the layout for minutes, the live status in two bits a seat.

use std::io::Read as _;

use futures_util::future::join_all;
use reqwest::Method;
use reqwest::header::{ACCEPT_ENCODING, HeaderMap, IF_NONE_MATCH};
use serde_json::{Value, json};

use crate::http::{House, NOWHERE, contract, is_problem, names};
use crate::stack::Stack;

/// An answer as it came.
struct Raw {
    status: u16,
    headers: HeaderMap,
    bytes: Vec<u8>,
}

impl Raw {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The body without its coding.
    fn plain(&self) -> Vec<u8> {
        if self.header("content-encoding") != "gzip" {
            return self.bytes.clone();
        }
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(&self.bytes[..]).read_to_end(&mut plain).unwrap();
        plain
    }
}

async fn ask(house: &House, path: &str, headers: &[(reqwest::header::HeaderName, &str)]) -> Raw {
    let request = house.server.request(Method::GET, &path.replace("{}", &house.showtime));
    let request = headers.iter().fold(request, |request, (name, value)| request.header(name, *value));
    let answer = request.send().await.unwrap();
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    Raw { status, headers, bytes: answer.bytes().await.unwrap().into() }
}

/// As [`ask`], held against the contract, which takes long for a large body.
async fn get(house: &House, path: &str, headers: &[(reqwest::header::HeaderName, &str)]) -> Raw {
    let raw = ask(house, path, headers).await;
    let path = path.replace("{}", &house.showtime);
    let body = serde_json::from_slice(&raw.plain()).unwrap_or_default();
    contract::hold("GET", &path, raw.status, &raw.headers, &body);
    raw
}

const WHOLE: &str = "/api/showtimes/{}";
const LAYOUT: &str = "/api/showtimes/{}/layout";
const STATUS: &str = "/api/showtimes/{}/status";

/// A showtime of so many rows of ten.
async fn large(rows: usize) -> House {
    let house = House::open().await;
    let (showtime, seats) = house.server.schedule(rows).await;
    House { showtime, seats, ..house }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_gzip_gets_it_and_it_says_the_same() {
    let house = large(100).await;
    let plain = get(&house, WHOLE, &[]).await;
    let packed = get(&house, WHOLE, &[(ACCEPT_ENCODING, "gzip, deflate, br")]).await;
    assert_eq!((plain.header("content-encoding"), packed.header("content-encoding")), ("", "gzip"));
    let vary = "Accept-Encoding, Authorization";
    assert_eq!((plain.header("vary"), packed.header("vary")), (vary, vary));
    assert_eq!(packed.header("content-type"), "application/json");
    assert_eq!(packed.header("content-length"), packed.bytes.len().to_string());
    assert!(packed.bytes.len() * 8 < plain.bytes.len(), "{} of {}", packed.bytes.len(), plain.bytes.len());
    assert_eq!(packed.plain(), plain.bytes);
    assert_eq!(packed.header("etag"), plain.header("etag").replace("-1\"", "-1-gzip\""));
    for refused in ["gzip;q=0", "identity", "br, *;q=0.1", "gzip;q=0.5, identity;q=0.8"] {
        let answer = get(&house, WHOLE, &[(ACCEPT_ENCODING, refused)]).await;
        assert_eq!((answer.header("content-encoding"), answer.bytes == plain.bytes), ("", true), "{refused}");
    }
    // Either tag will do, and comes back.
    for tag in [plain.header("etag"), packed.header("etag")] {
        for accepted in ["gzip", "identity"] {
            let again = get(&house, WHOLE, &[(ACCEPT_ENCODING, accepted), (IF_NONE_MATCH, tag)]).await;
            assert_eq!((again.status, again.header("etag"), again.bytes.len()), (304, tag, 0));
            assert_eq!(again.header("vary"), vary);
        }
    }
    let any = get(&house, WHOLE, &[(ACCEPT_ENCODING, "gzip"), (IF_NONE_MATCH, "*")]).await;
    assert_eq!((any.status, any.header("etag")), (304, packed.header("etag")));
    let held = house.server.hold(&house.showtime, &house.seats[..1]).await;
    house.server.seats(&house.showtime, held.sequence).await;
    let changed = get(&house, WHOLE, &[(ACCEPT_ENCODING, "gzip"), (IF_NONE_MATCH, packed.header("etag"))]).await;
    assert_eq!(changed.status, 200);
    let changed: Value = serde_json::from_slice(&changed.plain()).unwrap();
    assert_eq!((&changed["sequence"], &changed["seats"][0]["status"]), (&held.sequence.into(), &"Reserved".into()));
}

/// The server's own count of bodies made, plain and compressed.
async fn made(house: &House) -> [u64; 2] {
    let text = house.server.get("/metrics").await.body;
    ["identity", "gzip"].map(|coding| {
        let name = format!("turnstile_showtime_bodies_made_total{{coding=\"{coding}\"}} ");
        text.as_str().unwrap().lines().find_map(|line| line.strip_prefix(&name)).unwrap().parse().unwrap()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_costs_one_compression_for_each_sequence() {
    let house = large(300).await;
    let mut before = made(&house).await;
    for sequence in 1..4 {
        let path = format!("{WHOLE}?minSequence={sequence}");
        let crowd = join_all((0..50).map(|_| ask(&house, &path, &[(ACCEPT_ENCODING, "gzip")]))).await;
        assert!(crowd.iter().all(|answer| answer.header("etag").ends_with(&format!("-{sequence}-gzip\""))));
        let after = made(&house).await;
        assert_eq!(after[1] - before[1], 1, "sequence {sequence}");
        assert!(after[0] - before[0] <= 1, "sequence {sequence}");
        let held = house.server.hold(&house.showtime, &house.seats[usize::try_from(sequence).unwrap()..][..1]).await;
        assert_eq!(held.sequence, sequence + 1);
        before = after;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_layout_costs_a_304_until_the_listing_changes_and_tells_every_seat_id() {
    let house = large(3).await;
    let first = get(&house, LAYOUT, &[]).await;
    assert_eq!((first.status, first.header("cache-control")), (200, "no-cache"));
    assert_eq!(first.header("vary"), "Accept-Encoding");
    let layout: Value = serde_json::from_slice(&first.bytes).unwrap();
    let prefix = layout["seatIdPrefix"].as_str().unwrap();
    let seats: u64 = layout["rows"].as_array().unwrap().iter().map(|row| row["seats"].as_u64().unwrap()).sum();
    assert_eq!((0..seats).map(|count| format!("{prefix}{count:08x}")).collect::<Vec<_>>(), house.seats);
    let held = house.server.hold(&house.showtime, &house.seats[..1]).await;
    house.server.seats(&house.showtime, held.sequence).await;
    let later = get(&house, LAYOUT, &[(ACCEPT_ENCODING, "gzip")]).await;
    assert_eq!((later.plain(), later.header("content-encoding")), (first.bytes.clone(), "gzip"));
    let known = get(&house, LAYOUT, &[(IF_NONE_MATCH, first.header("etag"))]).await;
    assert_eq!((known.status, known.header("cache-control")), (304, first.header("cache-control")));
    let path = format!("/api/showtimes/{}", house.showtime);
    let change = house.server.as_operator(Method::PATCH, &path).json(&json!({"movieTitle": "Vertigo"}));
    let sequence = house.server.send(change).await.unwrap().body["sequence"].as_u64().unwrap();
    house.server.seats(&house.showtime, sequence).await;
    let changed = get(&house, LAYOUT, &[(IF_NONE_MATCH, first.header("etag"))]).await;
    let layout: Value = serde_json::from_slice(&changed.plain()).unwrap();
    assert_eq!((changed.status, &layout["movieTitle"]), (200, &json!("Vertigo")));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_has_two_bits_a_seat_at_its_sequence() {
    let house = large(2).await;
    let first = get(&house, STATUS, &[]).await;
    assert_eq!((first.status, &first.bytes[..]), (200, &[0; 5][..]));
    assert_eq!((first.header("content-type"), first.header("cache-control")), ("application/octet-stream", "no-cache"));
    let held = house.server.hold(&house.showtime, &house.seats[5..7]).await;
    assert_eq!(house.server.confirm(&held, "p").await.status, 200);
    let held = house.server.hold(&house.showtime, &house.seats[..1]).await;
    let path = format!("{STATUS}?minSequence={}", held.sequence);
    let tag = first.header("etag");
    let now = get(&house, &path, &[(IF_NONE_MATCH, tag)]).await;
    assert_eq!((now.status, &now.bytes[..]), (200, &[0b01, 0b10_1000, 0, 0, 0][..]));
    assert_eq!(now.header("turnstile-sequence"), held.sequence.to_string());
    let known = get(&house, STATUS, &[(IF_NONE_MATCH, now.header("etag"))]).await;
    assert_eq!((known.status, known.header("turnstile-sequence")), (304, now.header("turnstile-sequence")));
    let packed = get(&house, STATUS, &[(ACCEPT_ENCODING, "gzip")]).await;
    assert_eq!((packed.header("content-encoding"), packed.header("etag")), ("", now.header("etag")), "not shorter");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_house_in_a_small_answer() {
    let house = House::open().await;
    let rows: Vec<Value> = (0..1_000).map(|row| json!({"row": format!("R{row}"), "seats": 100})).collect();
    let body = json!({"movieTitle": "Metropolis", "startTime": "2030-01-01T20:00:00Z", "rows": rows});
    let created = house.server.post("/api/showtimes", &body).await;
    let house = House { showtime: created.body["id"].as_str().unwrap().to_owned(), ..house };
    let path = format!("{STATUS}?minSequence=1");
    assert_eq!(get(&house, &path, &[]).await.bytes.len(), 25_000);
    let packed = get(&house, &path, &[(ACCEPT_ENCODING, "gzip")]).await;
    assert!(packed.bytes.len() < 1_000 && packed.plain() == vec![0; 25_000]);
    assert!(get(&house, LAYOUT, &[(ACCEPT_ENCODING, "gzip")]).await.bytes.len() < 15_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_or_not_yet_is_a_problem() {
    let house = House::open_on(Stack::embedded().with("HTTP__MIN_SEQUENCE_WAIT_SECONDS", 1)).await;
    for form in ["layout", "status"] {
        let unknown = house.server.get(&format!("/api/showtimes/{NOWHERE}/{form}")).await;
        is_problem(&unknown, 404, "unknown-showtime");
        let wrong = house.server.get(&format!("/api/showtimes/x/{form}")).await;
        assert_eq!(wrong.status, 400, "{wrong:?}");
        let posted = house.server.post(&format!("/api/showtimes/{}/{form}", house.showtime), &Value::Null).await;
        is_problem(&posted, 405, "method-not-allowed");
    }
    let path = format!("/api/showtimes/{}/status?minSequence=", house.showtime);
    is_problem(&house.server.get(&format!("{path}99")).await, 503, "not-caught-up");
    let wrong = house.server.get(&format!("{path}x")).await;
    is_problem(&wrong, 400, "invalid-fields");
    names(&wrong, "parameter", &["minSequence"]);
}
