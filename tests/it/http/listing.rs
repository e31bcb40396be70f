//! The list of showtimes: page by page, every showtime once, whatever is added meanwhile.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::http::{is_problem, names};
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
