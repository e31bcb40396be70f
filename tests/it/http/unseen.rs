//! Characters that nobody sees: a text with one of them is refused by the text's name, wherever a client can send one. The texts are those of
//! the OpenAPI document, so that a new one is asked for, too.

use std::collections::BTreeSet;

use reqwest::Method;
use reqwest::header::HeaderValue;
use serde_json::{Value, json};

use crate::http::{House, is_problem};
use crate::stack::Answer;

/// A space without width, two that turn the direction, a byte order mark, a soft hyphen, NUL, a bell, and a line break of ISO 6429.
const UNSEEN: [char; 8] = ['\u{200B}', '\u{202E}', '\u{2066}', '\u{FEFF}', '\u{AD}', '\0', '\u{7}', '\u{85}'];

/// Texts that have a form of their own, by how they end: what is not of that form is refused by name, too.
const FORMS: [(&str, &str); 14] = [
    ("?cursor", "what the server has given out"),
    ("{requestId}", "32 hexadecimal digits"),
    ("/startTime", "a time"),
    ("/onSaleFrom", "a time"),
    ("/onSaleUntil", "a time"),
    ("/accessibleForAllFrom", "a time"),
    ("/until", "a time"),
    ("/timeZone", "a name of the IANA database"),
    ("/prices/currency", "three capital letters"),
    ("/colour", "#rrggbb"),
    ("/channelKey", "visible ASCII"),
    ("/channel/key", "visible ASCII"),
    (":Idempotency-Key", "visible ASCII"),
    ("/tariffs", "a list"),
];

/// Texts that are compared with what the server has given out, and never kept, by how they end.
const COMPARED: [&str; 6] = ["/holdToken", ":If-Match", ":If-None-Match", "?id", "?negotiateVersion", " text/csv"];

/// Every text without a format and not one of a few words, as `POST /api/bookings /userId`; `?` before a parameter of the query, `:` before a
/// header.
fn texts(document: &Value) -> BTreeSet<String> {
    let mut found = Found { document, all: BTreeSet::new(), formed: BTreeSet::new() };
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let here = format!("{} {path} ", method.to_uppercase());
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let name = parameter["name"].as_str().unwrap();
                let name = match parameter["in"].as_str().unwrap() {
                    "query" => format!("?{name}"),
                    "header" => format!(":{name}"),
                    _ => format!("{{{name}}}"),
                };
                found.walk(&parameter["schema"], format!("{here}{name}"));
            }
            for (kind, content) in operation["requestBody"]["content"].as_object().into_iter().flatten() {
                let kind = if kind == "application/json" { "" } else { kind };
                found.walk(&content["schema"], format!("{here}{kind}"));
            }
        }
    }
    found.all.difference(&found.formed).cloned().collect()
}

struct Found<'a> {
    document: &'a Value,
    all: BTreeSet<String>,
    /// Those with a format, and those of a few words.
    formed: BTreeSet<String>,
}

impl Found<'_> {
    fn walk(&mut self, schema: &Value, at: String) {
        if let Some(reference) = schema["$ref"].as_str() {
            return self.walk(self.document.pointer(&reference[1..]).unwrap(), at);
        }
        for part in ["allOf", "anyOf", "oneOf"].iter().flat_map(|name| schema[*name].as_array().into_iter().flatten()) {
            self.walk(part, at.clone());
        }
        if schema["type"] == "string" || schema["type"].as_array().is_some_and(|types| types.contains(&json!("string")))
        {
            self.all.insert(at.clone());
            if schema["format"].is_string() || schema["enum"].is_array() {
                self.formed.insert(at.clone());
            }
        }
        for (name, member) in schema["properties"].as_object().into_iter().flatten() {
            self.walk(member, format!("{at}/{name}"));
        }
        if schema["items"].is_object() {
            self.walk(&schema["items"], format!("{at}/0"));
        }
    }
}

/// Something to ask of each operation that takes texts.
struct Asked {
    house: House,
    booking: String,
    block: String,
    auditorium: String,
}

impl Asked {
    async fn open() -> Self {
        let house = House::open().await;
        let booking = house.server.hold(&house.showtime, &house.seats[..1]).await.booking_id;
        let send = async |path: &str, body: Value| {
            let answer = house.server.send(house.server.as_operator(Method::POST, path).json(&body)).await.unwrap();
            assert_eq!(answer.status, 201, "{answer:?}");
            answer
        };
        let made = send("/api/auditoriums", plan()).await;
        let auditorium = made.body["id"].as_str().unwrap().to_owned();
        let body = json!({"seatIds": house.seats[1..3], "type": "house"});
        let made = send(&format!("/api/showtimes/{}/blocks", house.showtime), body).await;
        let block = made.body["blockId"].as_str().unwrap().to_owned();
        Self { house, booking, block, auditorium }
    }

    /// The path on this server.
    fn path(&self, template: &str) -> String {
        let id = match template.split('/').nth(2) {
            Some("bookings") => &self.booking,
            Some("auditoriums") => &self.auditorium,
            _ => &self.house.showtime,
        };
        template.replace("{id}", id).replace("{blockId}", &self.block)
    }

    /// A good body, which has what stands around each text.
    fn body(&self, operation: &str) -> Value {
        let (seat, areas) = (&self.house.seats[3..4], json!([{"areaId": "Standing", "quantity": 1}]));
        let prices = json!({"currency": "EUR", "zones": [{"tariffs": [{"key": "full", "amount": 1}]}]});
        let reservation = json!({"seatIds": seat, "userId": "u", "areas": areas});
        match operation {
            "POST /api/bookings" => {
                let mut body = reservation;
                body["showtimeId"] = json!(self.house.showtime);
                body
            }
            "POST /api/showtimes/{id}/bookings" => reservation,
            "POST /api/bookings/{id}/seats" => json!({"add": seat, "areas": areas}),
            "POST /api/bookings/{id}/confirm" => json!({"paymentReference": "p"}),
            "POST /api/bookings/{id}/refund" => json!({"seatIds": seat, "reason": "x"}),
            "POST /api/bookings/{id}/extend" | "POST /api/bookings/{id}/cancel" => json!({}),
            "POST /api/showtimes/{id}/cancel" => json!({"reason": "x"}),
            "POST /api/showtimes/{id}/blocks" => {
                json!({"seatIds": seat, "type": "house", "channel": {"name": "x", "key": "0123456789abcdef"}})
            }
            "POST /api/showtimes/{id}/blocks/{blockId}/seats" => json!({"remove": self.house.seats[1..2]}),
            "POST /api/showtimes" => {
                let rows = json!([{"row": "A", "seats": 1}]);
                json!({"movieTitle": "M", "startTime": "2030-01-01T20:00:00Z", "rows": rows, "prices": prices})
            }
            "PATCH /api/showtimes/{id}" => json!({"prices": prices}),
            "POST /api/auditoriums" | "PUT /api/auditoriums/{id}" => plan(),
            _ if operation.starts_with("GET ") || operation.starts_with("DELETE ") => Value::Null,
            _ => panic!("no request is known for {operation}"),
        }
    }

    /// Asks with this text in this place.
    async fn ask(&self, operation: &str, place: &str, text: &str) -> Answer {
        let (method, template) = operation.split_once(' ').unwrap();
        let (mut path, mut body) = (self.path(template), self.body(operation));
        let mut csv = None;
        let mut header = None;
        if let Some(name) = place.strip_prefix('?') {
            let query = url::form_urlencoded::Serializer::new(String::new()).append_pair(name, text).finish();
            path += &format!("?{query}");
            if template.starts_with("/api/auditoriums") && name == "name" {
                path += "&format=csv";
                csv = Some("section,row,seat\nS,A,1\n");
            }
        } else if let Some(name) = place.strip_prefix(':') {
            header = Some((name.to_owned(), HeaderValue::from_bytes(text.as_bytes()).unwrap()));
        } else if place.starts_with('{') {
            path = path.replace(place, &url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>());
        } else {
            put(&mut body, &place.split('/').skip(1).collect::<Vec<_>>(), json!(text));
        }
        let request = self.house.server.as_operator(method.parse().unwrap(), &path);
        let request = if method == "PUT" { request.header("if-match", "*") } else { request };
        let request = match (header, csv, body.is_null()) {
            (_, Some(csv), _) => request.header("content-type", "text/csv").body(csv),
            (Some((name, value)), _, true) => request.header(name, value),
            (Some((name, value)), _, false) => request.header(name, value).json(&body),
            (None, None, true) => request,
            (None, None, false) => request.json(&body),
        };
        answer_of(request).await
    }
}

/// Without the recorder, which takes long for so many: these are problems, whose form is held here.
async fn answer_of(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Answer { status, headers, body: response.json().await.unwrap() }
}

fn plan() -> Value {
    let rows = json!([{"label": "A", "seats": [{"label": "1"}]}]);
    json!({"name": "H", "categories": [{"key": "k"}], "sections": [{"name": "S", "rows": rows}],
        "areas": [{"label": "a", "capacity": 1}]})
}

/// Puts a value into a body, with what is missing around it.
fn put(body: &mut Value, place: &[&str], value: Value) {
    match place {
        [] => *body = value,
        ["0", rest @ ..] => {
            if body.as_array().is_none_or(Vec::is_empty) {
                *body = json!([null]);
            }
            put(&mut body[0], rest, value);
        }
        [name, rest @ ..] => put(&mut body[*name], rest, value),
    }
}

/// Fails unless the problem names this place; with `character`, unless its detail does.
#[track_caller]
fn is_named(answer: &Answer, place: &str, character: Option<char>) {
    is_problem(answer, 400, "invalid-fields");
    let (kind, name) = match place.chars().next() {
        Some('?') => ("parameter", &place[1..]),
        Some('{') => ("parameter", place.trim_matches(['{', '}'])),
        Some(':') => ("header", &place[1..]),
        _ => ("pointer", place),
    };
    let errors = answer.body["errors"].as_array().unwrap();
    let error = errors.iter().find(|error| error[kind] == name);
    let error = error.unwrap_or_else(|| panic!("{place} is not named: {answer:?}"));
    let told = character.map(|character| format!("U+{:04X}", u32::from(character))).unwrap_or_default();
    assert!(error["detail"].as_str().unwrap().contains(&told), "{place}: {answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_text_of_the_document_is_refused_by_name_with_a_character_that_nobody_sees() {
    let document: Value = serde_json::from_str(turnstile::http::openapi_document()).unwrap();
    let asked = Asked::open().await;
    let (mut free, mut formed) = (0, 0);
    for text in texts(&document) {
        if COMPARED.iter().any(|end| text.ends_with(end)) {
            continue;
        }
        let (operation, place) = text.rsplit_once(' ').unwrap();
        let has_form = FORMS.iter().any(|(end, _)| text.ends_with(end));
        *(if has_form { &mut formed } else { &mut free }) += 1;
        for character in UNSEEN {
            // HTTP itself has no control characters in headers.
            if place.starts_with(':') && character.is_ascii() {
                continue;
            }
            // Long enough for keys, which have to be secret.
            let answer = asked.ask(operation, place, &format!("a{character}b-0123456789abcdef")).await;
            is_named(&answer, place, (!has_form).then_some(character));
        }
    }
    println!("{free} free texts, {formed} with a form");
    assert!(free >= 50 && formed >= 30, "{free} free texts, {formed} with a form");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_text_of_a_table_and_of_a_plan_of_pretix_is_refused_by_name() {
    let House { server, .. } = &House::open().await;
    let columns = ["section", "row", "seat", "category", "companionOf", "note"];
    let seat = json!({"seat_guid": "g1", "seat_number": "1", "category": "k", "position": {"x": 0, "y": 0}});
    let zone = json!({"name": "Z", "position": {"x": 0, "y": 0}, "rows": [{"row_number": "A", "seats": [seat]}]});
    let plan = json!({"name": "H", "categories": [{"name": "k"}], "zones": [zone]});
    let zone = "/zones/0";
    let row = "/zones/0/rows/0";
    let seat = "/zones/0/rows/0/seats/0";
    let texts = [
        "/name".to_owned(),
        "/categories/0/name".to_owned(),
        format!("{zone}/name"),
        format!("{row}/row_number"),
        format!("{seat}/seat_number"),
        format!("{seat}/seat_guid"),
        format!("{seat}/category"),
    ];
    for character in UNSEEN {
        let wrong = format!("a{character}b");
        for column in columns {
            let fields = columns.map(|name| if name == column { wrong.as_str() } else { "" });
            let fields: Vec<&str> = fields
                .iter()
                .enumerate()
                .map(|(at, text)| if at < 3 && text.is_empty() { "A" } else { text })
                .collect();
            let table = format!("{}\n{}\n", columns.join(","), fields.join(","));
            let request = server.as_operator(Method::POST, "/api/auditoriums?format=csv&name=H");
            let answer = answer_of(request.header("content-type", "text/csv").body(table)).await;
            is_named(&answer, &format!("/2/{column}"), Some(character));
        }
        for text in &texts {
            let mut plan = plan.clone();
            *plan.pointer_mut(text).unwrap() = json!(wrong);
            let request = server.as_operator(Method::POST, "/api/auditoriums?format=pretix");
            is_named(&answer_of(request.json(&plan)).await, text, Some(character));
        }
    }
}
