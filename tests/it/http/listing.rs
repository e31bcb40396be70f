//! The list of showtimes: page by page, every showtime once, whatever is added meanwhile.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::http::{is_problem, names};
use crate::services;
use crate::stack::{Server, Stack, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn pages_follow_each_other_without_loss_or_repetition() {
    let stack = Stack::embedded().with("SEED_DEMO", "false");
    let server = stack.start();
    assert_eq!(server.get("/api/showtimes").await.body, json!({"items": []}));
    let mut made = HashSet::new();
    for number in 0..7 {
        // Some start at the same time: then the id decides.
        let body = json!({"movieTitle": format!("Part {number}"), "startTime": format!("2030-01-0{}T20:00:00Z", number / 3 + 1),
            "rows": [{"row": "A", "seats": 4}]});
        let answer = server.post("/api/showtimes", &body).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        made.insert(answer.body["id"].as_str().unwrap().to_owned());
    }
    eventually("all are listed", Duration::from_secs(10), || async {
        server.get("/api/showtimes").await.body["items"].as_array().unwrap().len() == 7
    })
    .await;
    let mut seen = Vec::new();
    let mut path = "/api/showtimes?limit=2".to_owned();
    loop {
        let page = server.get(&path).await;
        assert_eq!(page.status, 200, "{page:?}");
        let items = page.body["items"].as_array().unwrap();
        assert!(!items.is_empty() && items.len() <= 2, "{page:?}");
        seen.extend(
            items
                .iter()
                .map(|item| (item["startTime"].as_str().unwrap().to_owned(), item["id"].as_str().unwrap().to_owned())),
        );
        let Some(next) = page.body["nextCursor"].as_str() else {
            assert!(!page.headers.contains_key("link"), "{page:?}");
            break;
        };
        let link = page.headers["link"].to_str().unwrap();
        path = format!("/api/showtimes?limit=2&cursor={next}");
        assert_eq!(link, format!("<{path}>; rel=\"next\""));
    }
    assert!(seen.is_sorted(), "{seen:?}");
    assert_eq!(seen.len(), 7);
    assert_eq!(seen.into_iter().map(|(_, id)| id).collect::<HashSet<_>>(), made);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_showtimes_to_come_are_listed_unless_past_ones_are_asked_for() {
    let stack = Stack::embedded().with("SEED_DEMO", "false");
    let server = stack.start();
    let mut ids = Vec::new();
    for start in ["1999-01-01T20:00:00Z", "2000-01-01T20:00:00Z", "2099-01-01T20:00:00Z"] {
        let body = json!({"movieTitle": "M", "startTime": start, "rows": [{"row": "A", "seats": 1}]});
        ids.push(server.post("/api/showtimes", &body).await.body["id"].as_str().unwrap().to_owned());
    }
    let listed = async |query: &str| -> Vec<String> {
        let page = server.get(&format!("/api/showtimes{query}")).await;
        let items = page.body["items"].as_array().unwrap_or_else(|| panic!("{page:?}")).clone();
        items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    };
    eventually("all are listed", Duration::from_secs(10), || async { listed("?past=true").await == ids }).await;
    for query in ["", "?past=false", "?limit=1"] {
        assert_eq!(listed(query).await, ids[2..], "{query}");
    }
    let first = server.get("/api/showtimes?past=true&limit=1").await.body["nextCursor"].as_str().unwrap().to_owned();
    assert_eq!(listed(&format!("?cursor={first}")).await, ids[1..], "a page goes on where the one before ended");
    assert_eq!(server.get(&format!("/api/showtimes/{}", ids[0])).await.status, 200, "it can still be read");
    let wrong = server.get("/api/showtimes?past=yes").await;
    is_problem(&wrong, 400, "invalid-fields");
    names(&wrong, "parameter", &["past"]);
}

/// A showtime to create: title, start, seats, and further members.
fn showtime(title: &str, start: &str, seats: u32, further: &Value) -> Value {
    let mut body = json!({"movieTitle": title, "startTime": start, "rows": [{"row": "A", "seats": seats}]});
    body.as_object_mut().unwrap().extend(further.as_object().unwrap().clone());
    body
}

/// The titles of the showtimes that a query finds, over all pages.
async fn titles(server: &Server, query: &str) -> Vec<String> {
    let (mut titles, mut path) = (Vec::new(), format!("/api/showtimes?{query}"));
    loop {
        let page = server.get(&path).await;
        assert_eq!(page.status, 200, "{page:?}");
        titles.extend(
            page.body["items"].as_array().unwrap().iter().map(|item| item["movieTitle"].as_str().unwrap().to_owned()),
        );
        let Some(link) = page.headers.get("link") else { return titles };
        let (target, _) = link.to_str().unwrap()[1..].split_once('>').unwrap();
        path = target.to_owned();
    }
}

async fn finds(server: &Server) {
    let none = json!({});
    let mut made = Vec::new();
    for body in [
        showtime("Amélie", "1999-01-01T20:00:00Z", 9, &none),
        showtime("Le Fabuleux Destin d'AMÉLIE Poulain", "2099-01-01T20:00:00Z", 4, &none),
        showtime("Die Straße", "2099-01-01T20:00:00.001Z", 2, &json!({"onSaleFrom": "2098-01-01T00:00:00Z"})),
        showtime("La Strada", "2099-01-02T20:00:00Z", 3, &json!({"onSaleUntil": "2020-01-01T00:00:00Z"})),
        showtime("Straßenbahn", "2099-01-03T20:00:00Z", 3, &none),
        showtime("Strasse (cancelled)", "2099-01-04T20:00:00Z", 9, &none),
    ] {
        let answer = server.post("/api/showtimes", &body).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        made.push(answer.body["id"].as_str().unwrap().to_owned());
    }
    let cancel = format!("/api/showtimes/{}/cancel", made[5]);
    assert_eq!(server.post(&cancel, &json!({"reason": "storm"})).await.status, 200);
    let seats = server.seats(&made[1], 1).await;
    server.hold(&made[1], &[seats[0].0.clone()]).await;
    let (amelie, sold_later, sold_before, tram, cancelled) =
        ("Le Fabuleux Destin d'AMÉLIE Poulain", "Die Straße", "La Strada", "Straßenbahn", "Strasse (cancelled)");
    eventually("the list has it all", Duration::from_secs(10), || async {
        let items = server.get("/api/showtimes").await.body["items"].as_array().unwrap().clone();
        items.len() == 5 && items[0]["available"] == 3 && items[4]["cancelled"] == "storm"
    })
    .await;
    for (query, expected) in [
        ("title=amelie", vec![amelie]),
        ("title=amelie&past=true", vec!["Amélie", amelie]),
        ("title=%20STRASSE+", vec![sold_later, tram, cancelled]),
        ("title=strasse&onSale=true", vec![tram]),
        ("onSale=true", vec![amelie, tram]),
        ("onSale=false&limit=1", vec![amelie, sold_later, sold_before, tram, cancelled]),
        ("available=3", vec![amelie, sold_before, tram, cancelled]),
        ("available=4&limit=1", vec![cancelled]),
        ("available=3&onSale=true&limit=1", vec![amelie, tram]),
        ("from=2099-01-01T20:00:00.001Z", vec![sold_later, sold_before, tram, cancelled]),
        ("to=2099-01-02T20:00:00Z", vec![amelie, sold_later]),
        ("from=2099-01-02T21:00:00%2B01:00&to=2099-01-03T20:00:00.001Z&limit=1", vec![sold_before, tram]),
        ("from=1990-01-01T00:00:00Z&to=2000-01-01T00:00:00Z", vec![]),
        ("from=1990-01-01T00:00:00Z&to=2000-01-01T00:00:00Z&past=true", vec!["Amélie"]),
        ("title=nosferatu", vec![]),
    ] {
        assert_eq!(titles(server, query).await, expected, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn showtimes_are_found_by_title_time_sale_and_free_seats() {
    let stack = Stack::embedded().with("SEED_DEMO", "false");
    finds(&stack.start()).await;
    let stack = Stack::real(services::shared()).await.with("SEED_DEMO", "false");
    let server = stack.start();
    finds(&server).await;
    stack.check().await;
}

/// Reads page after page, and between them adds and changes showtimes before and after the place where the page ended.
#[tokio::test(flavor = "multi_thread")]
async fn pages_stay_right_while_showtimes_are_added_and_changed() {
    let stack = Stack::embedded().with("SEED_DEMO", "false");
    let server = stack.start();
    let make = async |title: String, start: String| {
        let answer = server.post("/api/showtimes", &showtime(&title, &start, 4, &json!({}))).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.body["id"].as_str().unwrap().to_owned()
    };
    let mut kept = Vec::new();
    for day in 11..23 {
        kept.push(make(format!("Kept {day}"), format!("2099-01-{day}T20:00:00Z")).await);
    }
    let has = async |count: usize| {
        server.get("/api/showtimes?limit=200").await.body["items"].as_array().unwrap().len() == count
    };
    eventually("all are listed", Duration::from_secs(10), || has(12)).await;
    let (mut seen, mut path, mut round) = (Vec::new(), "/api/showtimes?title=kept&available=1&limit=3".to_owned(), 0);
    loop {
        let page = server.get(&path).await;
        seen.extend(page.body["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()));
        let Some(cursor) = page.body["nextCursor"].as_str() else { break };
        path = format!("/api/showtimes?title=kept&available=1&limit=3&cursor={cursor}");
        round += 1;
        make("Other".to_owned(), "2099-01-01T20:00:00Z".to_owned()).await;
        make("Other".to_owned(), "2099-01-20T20:00:00Z".to_owned()).await;
        let (first, last) = (format!("/api/showtimes/{}", kept[0]), format!("/api/showtimes/{}", kept[11]));
        for (showtime, start) in
            [(first, format!("2099-01-10T20:00:0{round}Z")), (last, format!("2099-01-30T20:00:0{round}Z"))]
        {
            let change = server.as_operator(reqwest::Method::PATCH, &showtime).json(&json!({"startTime": start}));
            assert_eq!(server.send(change).await.unwrap().status, 200);
        }
        eventually("the new ones are listed", Duration::from_secs(10), || has(12 + 2 * round)).await;
    }
    assert_eq!(round, 3);
    assert_eq!(seen, kept);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_filters_are_named() {
    let stack = Stack::embedded();
    let server = stack.start();
    for (query, name) in [
        ("title=", "title"),
        ("title=a%E2%80%8Bb", "title"),
        ("from=2099-01-01", "from"),
        ("from=2099-01-01T20:00:00", "from"),
        ("to=2099-01-01T20:00:00+01:00", "to"),
        ("from=2099-01-01T20:00:00Z&to=2099-01-01T20:00:00Z", "to"),
        ("onSale=1", "onSale"),
        ("onsale=true", "onsale"),
        ("available=0", "available"),
        ("available=200001", "available"),
        ("available=1&available=2", "available"),
    ] {
        let answer = server.get(&format!("/api/showtimes?{query}")).await;
        is_problem(&answer, 400, "invalid-fields");
        names(&answer, "parameter", &[name]);
    }
    let long = server.get(&format!("/api/showtimes?title={}", "a".repeat(201))).await;
    names(&long, "parameter", &["title"]);
    let plus = server.get("/api/showtimes?to=2099-01-01T20:00:00+01:00").await;
    assert!(plus.body["errors"][0]["detail"].as_str().unwrap().ends_with("write + as %2B"), "{plus:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_limits_and_cursors_are_named() {
    let stack = Stack::embedded();
    let server = stack.start();
    for limit in ["0", "201", "-1", "x", ""] {
        let answer = server.get(&format!("/api/showtimes?limit={limit}")).await;
        is_problem(&answer, 400, "invalid-fields");
        names(&answer, "parameter", &["limit"]);
    }
    for cursor in ["x", "", "AAAA", "%00", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
        let answer = server.get(&format!("/api/showtimes?cursor={cursor}")).await;
        is_problem(&answer, 400, "invalid-fields");
        names(&answer, "parameter", &["cursor"]);
    }
}

/// The document's pattern is what the server enforces: cursors of that form are taken, others are refused.
#[tokio::test(flavor = "multi_thread")]
async fn the_document_says_what_a_cursor_looks_like() {
    let document: Value = serde_json::from_str(turnstile::http::openapi_document()).unwrap();
    let parameters = document["paths"]["/api/showtimes"]["get"]["parameters"].as_array().unwrap();
    let schema = &parameters.iter().find(|parameter| parameter["name"] == "cursor").unwrap()["schema"];
    assert_eq!((&schema["minLength"], &schema["maxLength"]), (&json!(32), &json!(32)));
    let schema = jsonschema::validator_for(schema).unwrap();
    let stack = Stack::embedded();
    let server = stack.start();
    server.schedule(1).await;
    server.schedule(1).await;
    let next = server.get("/api/showtimes?limit=1").await.body["nextCursor"].as_str().unwrap().to_owned();
    let any = ["", "x", &"A".repeat(31), &"A".repeat(33), &"_".repeat(32), &"f-9_".repeat(8), &"+/==".repeat(8), &next]
        .map(str::to_owned);
    for cursor in any {
        let query = url::form_urlencoded::byte_serialize(cursor.as_bytes()).collect::<String>();
        let answer = server.get(&format!("/api/showtimes?cursor={query}")).await;
        assert_eq!(answer.status, if schema.is_valid(&json!(cursor)) { 200 } else { 400 }, "{cursor}: {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_house_is_created_and_read() {
    let stack = Stack::embedded();
    let server = stack.start();
    for per_row in [100, 1] {
        created_and_read(&server, per_row).await;
    }
}

async fn created_and_read(server: &Server, per_row: usize) {
    let rows: Vec<_> = (0..200_000 / per_row).map(|row| json!({"row": format!("R{row}"), "seats": per_row})).collect();
    let started = Instant::now();
    let body = json!({"movieTitle": "Stadium", "startTime": "2030-01-01T20:00:00Z", "rows": rows});
    let made = server.post("/api/showtimes", &body).await;
    assert_eq!((made.status, made.body["seats"].as_u64()), (201, Some(200_000)), "{made:?}");
    assert!(started.elapsed() < Duration::from_secs(20), "{per_row} in a row took {:?}", started.elapsed());
    let id = made.body["id"].as_str().unwrap();
    let seats = server.seats(id, 1).await;
    assert_eq!(seats.len(), 200_000);
    let held = server.hold(id, &[seats[199_999].0.clone()]).await;
    assert_eq!(server.seats(id, held.sequence).await[199_999].1, "Reserved");
}

/// A hall with a gold row and a blue one.
fn hall(gold: u32, blue: u32) -> Value {
    let row = |label: &str, count: u32| json!({"label": label, "count": count, "category": label});
    json!({"name": "Hall", "categories": [{"key": "gold"}, {"key": "blue"}],
        "sections": [{"name": "Stalls", "rows": [row("gold", gold), row("blue", blue)]}]})
}

/// What is free is counted, and what is blocked is not; the count follows a showtime to another version, and prices leave it as it is.
async fn free_seats_are_counted_whatever_they_cost(server: &Server) {
    let ask = async |method: Method, path: &str, body: Value| {
        let request = server.as_operator(method, path).header("if-match", "*").json(&body);
        let answer = server.send(request).await.unwrap();
        assert!(answer.status < 300, "{path}: {answer:?}");
        answer.body
    };
    let hall_id = ask(Method::POST, "/api/auditoriums", hall(4, 6)).await["id"].as_str().unwrap().to_owned();
    ask(Method::PUT, &format!("/api/auditoriums/{hall_id}"), hall(5, 9)).await;
    let prices = |category: &str| json!({"currency": "EUR", "zones": [{"category": category, "tariffs": [{"key": "full", "amount": 1}]}]});
    let title = format!("Part {hall_id}");
    let body = json!({"movieTitle": title, "startTime": "2030-01-01T20:00:00Z", "auditoriumId": hall_id,
        "auditoriumVersion": 1, "prices": prices("gold")});
    let id = ask(Method::POST, "/api/showtimes", body).await["id"].as_str().unwrap().to_owned();
    let path = format!("/api/showtimes/{id}");
    // So many and no more are found by the filter, too.
    let is_listed = async |free: u64| {
        eventually(&format!("{free} are listed as free"), Duration::from_secs(20), async || {
            let found =
                async |least| server.get(&format!("/api/showtimes?title={hall_id}&available={least}")).await.body;
            let (found, beyond) = (found(free).await, found(free + 1).await);
            found["items"][0]["available"] == free && beyond["items"] == json!([])
        })
        .await;
    };
    is_listed(10).await;
    let seats = server.seats(&id, 1).await;
    let block = json!({"seatIds": [seats[0].0, seats[9].0], "type": "house"});
    let block = ask(Method::POST, &format!("{path}/blocks"), block).await["blockId"].as_str().unwrap().to_owned();
    is_listed(8).await;
    server.hold(&id, std::slice::from_ref(&seats[1].0)).await;
    is_listed(7).await;
    ask(Method::PATCH, &path, json!({"prices": prices("blue")})).await;
    ask(Method::PATCH, &path, json!({"auditoriumVersion": 2})).await;
    is_listed(11).await;
    ask(Method::DELETE, &format!("{path}/blocks/{block}"), Value::Null).await;
    is_listed(13).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn free_seats_are_counted_whatever_they_cost_on_one_machine() {
    let stack = Stack::embedded();
    free_seats_are_counted_whatever_they_cost(&stack.start()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn free_seats_are_counted_whatever_they_cost_on_services() {
    let stack = Stack::real(services::shared()).await;
    free_seats_are_counted_whatever_they_cost(&stack.start()).await;
}
