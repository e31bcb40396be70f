//! Auditoriums over HTTP: versions, formats, refusals, and the largest houses.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::http::{is_problem, names};
use crate::stack::{Answer, OPERATOR, Server, Stack, eventually};

const AUDITORIUMS: &str = "/api/auditoriums";

fn plan(seats: u32) -> Value {
    json!({"name": "Große Bühne 🎭", "sections": [{"name": "Stalls", "rows": [{"label": "A", "count": seats}]}]})
}

async fn send(
    server: &Server,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<String>,
) -> Answer {
    let mut request = server.as_operator(method, path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    server.send(request.body(body.into())).await.unwrap()
}

const JSON: (&str, &str) = ("content-type", "application/json");
const CSV: (&str, &str) = ("content-type", "text/csv; charset=utf-8");

async fn post(server: &Server, plan: &Value) -> Answer {
    send(server, Method::POST, AUDITORIUMS, &[JSON], plan.to_string()).await
}

/// Creates an auditorium; returns its path.
async fn created(server: &Server, plan: &Value) -> String {
    let answer = post(server, plan).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.headers["location"].to_str().unwrap().to_owned()
}

async fn put(server: &Server, path: &str, version: &str, plan: &Value) -> Answer {
    send(server, Method::PUT, path, &[JSON, ("if-match", version)], plan.to_string()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_auditorium_has_versions_that_stay() {
    let stack = Stack::embedded();
    let server = stack.start();
    let answer = post(&server, &plan(3)).await;
    assert_eq!((answer.status, answer.headers["etag"].to_str().unwrap()), (201, "\"1\""), "{answer:?}");
    let wanted = json!({"name": "Große Bühne 🎭", "version": 1, "seatsSince": 1, "seats": 3, "places": 3});
    for (name, value) in wanted.as_object().unwrap() {
        assert_eq!(&answer.body[name], value, "{name}");
    }
    let path = answer.headers["location"].to_str().unwrap().to_owned();
    let first = server.get(&path).await;
    assert_eq!((first.status, first.headers["etag"].to_str().unwrap()), (200, "\"1\""));
    assert_eq!(first.body["sections"][0]["rows"][0]["seats"][2], json!({"label": "3", "x": 50, "y": 0}));

    let missing = send(&server, Method::PUT, &path, &[JSON], plan(4).to_string()).await;
    is_problem(&missing, 428, "version-required");
    for wrong in ["\"2\"", "W/\"1\"", "1", "\"\"", "\"1-gzip\""] {
        is_problem(&put(&server, &path, wrong, &plan(4)).await, 412, "version-changed");
    }
    let unchanged = put(&server, &path, "\"1\"", &first.body).await;
    assert_eq!((unchanged.status, &unchanged.body["version"]), (200, &json!(1)), "what is sent back makes no version");

    let mut noted = first.body.clone();
    noted["sections"][0]["rows"][0]["seats"][0]["note"] = json!("Behind a pillar");
    let second = put(&server, &path, "\"7\", \"1-csv\"", &noted).await;
    assert_eq!((second.status, second.headers["etag"].to_str().unwrap()), (200, "\"2\""), "{second:?}");
    assert_eq!((&second.body["version"], &second.body["seatsSince"]), (&json!(2), &json!(1)));
    let third = put(&server, &path, "*", &plan(4)).await;
    assert_eq!((&third.body["version"], &third.body["seatsSince"]), (&json!(3), &json!(3)));
    assert_eq!(server.get(&format!("{path}?version=1")).await.body, first.body);
    assert_eq!(server.get(&format!("{path}?version=2")).await.body, noted);
    assert_eq!(server.get(&path).await.headers["etag"], "\"3\"");

    let known = server.request(Method::GET, &path).header("if-none-match", "\"3\"");
    assert_eq!(server.send(known).await.unwrap().status, 304);
    let unknown = server.get(&format!("{path}?version=4")).await;
    is_problem(&unknown, 404, "unknown-auditorium");
    names(&unknown, "parameter", &["version"]);
    let nowhere = format!("{AUDITORIUMS}/{}", crate::http::NOWHERE);
    is_problem(&server.get(&nowhere).await, 404, "unknown-auditorium");
    is_problem(&put(&server, &nowhere, "*", &plan(1)).await, 404, "unknown-auditorium");
    is_problem(&server.get(&format!("{path}?version=0")).await, 400, "invalid-fields");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_goes_on_page_by_page() {
    let stack = Stack::embedded();
    let server = stack.start();
    for seats in 1..=5 {
        created(&server, &plan(seats)).await;
    }
    let mut seats = Vec::new();
    let mut path = format!("{AUDITORIUMS}?limit=2");
    loop {
        let page = server.get(&path).await;
        assert_eq!(page.status, 200, "{page:?}");
        seats.extend(page.body["items"].as_array().unwrap().iter().map(|item| item["seats"].as_u64().unwrap()));
        let Some(cursor) = page.body["nextCursor"].as_str() else { break };
        path = format!("{AUDITORIUMS}?limit=2&cursor={cursor}");
        assert!(page.headers["link"].to_str().unwrap().contains(&path));
    }
    assert_eq!(seats, [1, 2, 3, 4, 5]);
    for wrong in ["limit=0", "limit=201", "cursor=x", "page=2"] {
        is_problem(&server.get(&format!("{AUDITORIUMS}?{wrong}")).await, 400, "invalid-fields");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pretix_and_csv_come_in_and_go_out() {
    let stack = Stack::embedded();
    let server = stack.start();
    let seat = |number: u32| {
        json!({"seat_guid": format!("g{number}"), "seat_number": number.to_string(), "category": "Best", "uuid": "x",
            "position": {"x": number * 25, "y": 0}})
    };
    let pretix = json!({"name": "Plan", "size": {"width": 9, "height": 9}, "categories": [{"name": "Best", "color": "#ff0000"}],
        "zones": [{"name": "Floor", "position": {"x": 5, "y": 7}, "rows": [{"row_number": "A", "seats": [seat(1), seat(2), seat(4)]}]}]});
    let path = format!("{AUDITORIUMS}?format=pretix");
    let answer = send(&server, Method::POST, &path, &[JSON], pretix.to_string()).await;
    assert_eq!((answer.status, &answer.body["seats"]), (201, &json!(3)), "{answer:?}");
    let path = answer.headers["location"].to_str().unwrap();
    let ours = server.get(path).await.body;
    let last = &ours["sections"][0]["rows"][0]["seats"][2];
    assert_eq!(last, &json!({"label": "4", "x": 105, "y": 7, "adjacency": 4, "guid": "g4"}));
    let out = server.get(&format!("{path}?format=pretix")).await;
    assert_eq!(out.headers["etag"], "\"1-pretix\"");
    assert_eq!(out.body["zones"][0]["rows"][0]["seats"][0]["seat_guid"], "g1");

    let table = server.get(&format!("{path}?format=csv")).await;
    let text = table.body.as_str().unwrap();
    assert!(
        text.starts_with(
            "section,row,seat,category,kind,x,y,adjacency,companionOf,note\nFloor,A,1,Best,standard,30,7,1,,\n"
        ),
        "{text}"
    );
    let needs_name = send(&server, Method::POST, &format!("{AUDITORIUMS}?format=csv"), &[CSV], text).await;
    is_problem(&needs_name, 400, "invalid-fields");
    names(&needs_name, "parameter", &["name"]);
    let named = format!("{AUDITORIUMS}?format=csv&name=Kleines%20Haus");
    let unseen = send(&server, Method::POST, &format!("{AUDITORIUMS}?format=csv&name=a%E2%80%8Bb"), &[CSV], text).await;
    is_problem(&unseen, 400, "invalid-fields");
    names(&unseen, "parameter", &["name"]);
    let again = send(&server, Method::POST, &named, &[CSV], text).await;
    assert_eq!((again.status, &again.body["name"]), (201, &json!("Kleines Haus")), "{again:?}");
    let replaced = format!("{path}?format=csv");
    let replaced =
        send(&server, Method::PUT, &replaced, &[CSV, ("if-match", "\"1-csv\"")], text.replace(",A,4,", ",A,5,")).await;
    assert_eq!(
        (replaced.status, &replaced.body["name"], &replaced.body["seatsSince"]),
        (200, &json!("Plan"), &json!(2)),
        "{replaced:?}"
    );

    let wrong = send(&server, Method::POST, &named, &[CSV], "section,row,seat\nS,A,1\nS,A\nS,A,1\n").await;
    is_problem(&wrong, 400, "invalid-fields");
    names(&wrong, "pointer", &["/3", "/4/seat"]);
    let binary = server
        .as_operator(Method::POST, &named)
        .header(CSV.0, "text/csv")
        .body(b"section,row,seat\nS,A,\xff\n".to_vec());
    is_problem(&server.send(binary).await.unwrap(), 400, "malformed-csv");
    is_problem(&send(&server, Method::POST, &named, &[JSON], text).await, 415, "unsupported-media-type");
    is_problem(&send(&server, Method::POST, AUDITORIUMS, &[CSV], text).await, 415, "unsupported-media-type");
    is_problem(&server.get(&format!("{path}?format=xml")).await, 400, "invalid-fields");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_named_and_nothing_is_stored() {
    let stack = Stack::embedded();
    let server = stack.start();
    let twice = json!({"name": "H", "price": 1, "sections": [{"name": "Parkett", "rows": [{"label": "A", "seats": [{"label": "12"}, {"label": "12"}]}]}]});
    let answer = post(&server, &twice).await;
    is_problem(&answer, 400, "invalid-fields");
    names(&answer, "pointer", &["/price", "/sections/0/rows/0/seats/1/label"]);
    assert_eq!(answer.body["errors"][1]["detail"], "section Parkett, row A: seat 12 is listed twice");
    let deep = format!("{{\"name\":{}", "[".repeat(100_000));
    for text in ["", "{", "{\"name\":NaN}", "{\"name\":\"\\ud800\"}", "{\"name\":\"x\"}}", &deep] {
        let answer = send(&server, Method::POST, AUDITORIUMS, &[JSON], text).await;
        let code = if text.ends_with("}}") { "invalid-fields" } else { "malformed-json" };
        is_problem(&answer, 400, code);
    }
    let huge = r#"{"name":"x","sections":[{"name":"S","rows":[{"label":"A\u202E","seats":[{"label":"1","x":1e300,"y":0}]}]}]}"#;
    let answer = send(&server, Method::POST, AUDITORIUMS, &[JSON], huge).await;
    names(&answer, "pointer", &["/sections/0/rows/0/seats/0/x", "/sections/0/rows/0/label"]);
    is_problem(
        &send(&server, Method::POST, &format!("{AUDITORIUMS}?name=x"), &[JSON], "{}").await,
        400,
        "invalid-fields",
    );
    let stranger = server.request(Method::POST, AUDITORIUMS).json(&plan(1));
    is_problem(&server.send(stranger).await.unwrap(), 401, "missing-credential");
    let stranger = server.request(Method::PUT, AUDITORIUMS).json(&plan(1));
    assert_eq!(server.send(stranger).await.unwrap().status, 405);
    assert_eq!(server.get(AUDITORIUMS).await.body["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_request_creates_one_auditorium() {
    let stack = Stack::embedded();
    let server = stack.start();
    let keyed = async |plan: &Value| {
        send(&server, Method::POST, AUDITORIUMS, &[JSON, ("idempotency-key", "a house")], plan.to_string()).await
    };
    let first = keyed(&plan(2)).await;
    let again = keyed(&plan(2)).await;
    assert_eq!((first.status, again.status), (201, 201), "{again:?}");
    assert_eq!((&first.body, again.headers["idempotent-replayed"].to_str().unwrap()), (&again.body, "true"));
    is_problem(&keyed(&plan(3)).await, 422, "idempotency-key-reused");
    assert_eq!(server.get(AUDITORIUMS).await.body["items"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_replacements_of_one_version_one_wins() {
    let stack = Stack::embedded();
    let server = std::sync::Arc::new(stack.start());
    let path = created(&server, &plan(1)).await;
    let tasks: Vec<_> = (2..10)
        .map(|seats| {
            let (server, path) = (server.clone(), path.clone());
            tokio::spawn(async move { (seats, put(&server, &path, "\"1\"", &plan(seats)).await) })
        })
        .collect();
    let mut won = Vec::new();
    for task in tasks {
        match task.await.unwrap() {
            (seats, answer) if answer.status == 200 => won.push(seats),
            (_, answer) => is_problem(&answer, 412, "version-changed"),
        }
    }
    assert_eq!(won.len(), 1, "{won:?}");
    let items = server.get(AUDITORIUMS).await.body["items"].clone();
    assert_eq!((&items[0]["version"], &items[0]["seats"]), (&json!(2), &json!(won[0])));
}

/// Most memory for each seat of a plan that is read. Its text has up to 70 bytes, the house that is made of it as many, and there is a second
/// text to be stored: some 250 bytes, and room for what the allocator keeps.
const BYTES_PER_SEAT: u64 = 768;

/// A plan of so many rows with so many seats each, one by one.
fn large(rows: u32, seats: u32) -> String {
    let row = |row: u32| {
        let seats: Vec<String> =
            (0..seats).map(|seat| format!(r#"{{"label":"{seat}","x":{},"y":{}}}"#, seat * 50, row * 90)).collect();
        format!(r#"{{"label":"{row}","seats":[{}]}}"#, seats.join(","))
    };
    let rows: Vec<String> = (0..rows).map(row).collect();
    format!(r#"{{"name":"Large","sections":[{{"name":"S","rows":[{}]}}]}}"#, rows.join(","))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_houses_are_taken_in_seconds() {
    let stack = Stack::embedded();
    let server = stack.start();
    let before = server.peak_memory();
    // As many at once as the server takes.
    let texts = [large(200_000, 1), large(1, 200_000)];
    let [many, one] = &texts;
    let begun = Instant::now();
    let answers = tokio::join!(
        send(&server, Method::POST, AUDITORIUMS, &[JSON], many.clone()),
        send(&server, Method::POST, AUDITORIUMS, &[JSON], one.clone())
    );
    let (took, grown) = (begun.elapsed(), server.peak_memory() - before);
    println!("{} and {} bytes: created in {took:?} with {grown} bytes", many.len(), one.len());
    // Generous for an unoptimised build on a busy machine.
    assert!(took < Duration::from_secs(40), "{took:?}");
    assert!(grown < 2 * 200_000 * BYTES_PER_SEAT, "{grown} bytes");
    for (text, answer) in texts.iter().zip([answers.0, answers.1]) {
        assert_eq!((answer.status, &answer.body["seats"]), (201, &json!(200_000)), "{answer:?}");
        let path = answer.headers["location"].to_str().unwrap();
        let shown = reqwest::get(format!("{}{path}", server.address())).await.unwrap().text().await.unwrap();
        assert!(shown == *text, "the plan came back otherwise");
    }
    let too_many = large(200_001, 1);
    let answer = send(&server, Method::POST, AUDITORIUMS, &[JSON], too_many).await;
    is_problem(&answer, 400, "invalid-fields");
    names(&answer, "pointer", &["/sections/0/rows/200000/seats/0"]);
}

/// Begins a large body and leaves it there. It has its place when this returns: who has none is refused at once.
async fn begun(server: &Server) -> TcpStream {
    let mut stream = TcpStream::connect(server.address().trim_start_matches("http://")).await.unwrap();
    let head = format!(
        "POST {AUDITORIUMS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {OPERATOR}\r\nContent-Type: application/json\r\n\
         Content-Length: 9000000\r\n\r\n{{\"name\":"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let refused = tokio::time::timeout(Duration::from_secs(2), stream.read_u8()).await;
    assert!(refused.is_err(), "nobody else has a place");
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_or_abandoned_body_gives_its_place_back() {
    let stack = Stack::embedded().with("HTTP__BODY_TIMEOUT_SECONDS", 20);
    let server = stack.start();
    let (mut slow, abandoned) = tokio::join!(begun(&server), begun(&server));
    // Large, and wrong from its first byte on: whoever has a place is refused at once.
    let wrong = format!("x{}", " ".repeat(2 * 1024 * 1024));
    let status = async || send(&server, Method::POST, AUDITORIUMS, &[JSON], wrong.clone()).await.status;
    eventually("both places are taken", Duration::from_secs(9), async || status().await == 503).await;
    assert_eq!(post(&server, &plan(1)).await.status, 201, "a small body needs no place");
    drop(abandoned);
    eventually("an abandoned body's place is free", Duration::from_secs(20), async || status().await == 400).await;
    let mut answer = vec![0; 12];
    tokio::time::timeout(Duration::from_secs(40), slow.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(answer, b"HTTP/1.1 408");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_published_schema_tells_good_plans_from_bad_ones() {
    let stack = Stack::embedded();
    let server = stack.start();
    let schema = server.get("/schemas/auditorium-1.json").await;
    assert_eq!((schema.status, schema.headers["content-type"].to_str().unwrap()), (200, "application/schema+json"));
    assert!(jsonschema::draft202012::meta::is_valid(&schema.body));
    let validator = jsonschema::draft202012::new(&schema.body).unwrap();
    let document: Value = serde_json::from_str(turnstile::http::openapi_document()).unwrap();
    let example = &document["paths"][AUDITORIUMS]["post"]["requestBody"]["content"]["application/json"]["example"];
    let good = [
        example.clone(),
        plan(3),
        json!({"name": "x", "sections": null, "areas": [{"label": "a", "capacity": 1, "x": 0, "y": 0}]}),
        json!({"name": "x", "sections": [{"name": "S", "rows": [{"label": "A", "count": 2.0, "seats": null, "aisleAfter": 1}]}]}),
        json!({"name": "x", "sections": [{"name": "S", "rows": [{"label": "A", "seats": [{"label": "1", "count": null, "kind": null}]}]}]}),
    ];
    for plan in good {
        assert!(validator.is_valid(&plan), "the schema refuses {plan}");
        let path = created(&server, &plan).await;
        assert!(validator.is_valid(&server.get(&path).await.body), "the schema refuses the canonical form of {plan}");
    }
    let row = |row: Value| json!({"name": "x", "sections": [{"name": "S", "rows": [row]}]});
    for plan in [
        json!({}),
        json!([]),
        json!({"name": "", "areas": [{"label": "a", "capacity": 1}]}),
        json!({"name": "x", "areas": [{"label": "a", "capacity": 0}]}),
        json!({"name": "x", "categories": [{"name": "no key"}], "areas": [{"label": "a", "capacity": 1}]}),
        json!({"name": "x", "categories": [{"key": "k", "colour": "red"}], "areas": [{"label": "a", "capacity": 1}]}),
        row(json!({"label": "A"})),
        row(json!({"label": "A", "count": 0})),
        row(json!({"label": "A", "count": 2, "seats": [{"label": "1"}]})),
        row(json!({"label": "A", "count": 2, "numbering": "roman"})),
        row(json!({"label": "A", "count": 2, "colour": "red"})),
        row(json!({"label": "A", "seats": [{"label": "1", "kind": "sofa"}]})),
        row(json!({"label": "A", "seats": [{"label": "1", "count": 2}]})),
        row(json!({"label": "A", "seats": [{"label": "x".repeat(41)}]})),
    ] {
        assert!(!validator.is_valid(&plan), "the schema takes {plan}");
        is_problem(&post(&server, &plan).await, 400, "invalid-fields");
    }
}
