//! Health and metrics as a running server tells them.

use std::time::Duration;

use serde_json::json;

use crate::free_port::free_port;
use crate::http::{House, is_problem};
use crate::services;
use crate::stack::{Stack, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn a_started_server_is_alive_and_soon_ready() {
    let stack = Stack::embedded();
    let server = stack.start();
    assert_eq!(server.get("/livez").await.body, json!({"status": "alive"}));
    eventually("the server is ready", Duration::from_secs(30), || async {
        let answer = server.get("/readyz").await;
        if answer.status == 503 {
            is_problem(&answer, 503, "not-ready");
        }
        answer.status == 200 && answer.body["status"] == "ready"
    })
    .await;
    let ready = server.get("/readyz").await;
    let dependencies = ready.body["dependencies"].as_object().unwrap();
    assert_eq!(dependencies.len(), 6, "{ready:?}");
    assert!(dependencies.values().all(|dependency| dependency["status"] == "ok"), "{ready:?}");
    assert_eq!(dependencies.values().filter(|dependency| dependency["required"] == true).count(), 1, "{ready:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_count_what_was_answered() {
    let house = House::open().await;
    house.server.hold(&house.showtime, &house.seats[..1]).await;
    assert_eq!(house.server.reserve(&house.showtime, &house.seats[..1], "late").await.status, 409);
    let answer = house.server.get("/metrics").await;
    assert!(answer.headers["content-type"].to_str().unwrap().starts_with("text/plain; version=0.0.4"));
    let text = answer.body.as_str().unwrap();
    for line in [
        "turnstile_bookings_accepted_total 1",
        "turnstile_problems_total{code=\"seats-taken\"} 1",
        "turnstile_http_requests_total{path=\"/api/bookings\",status=\"2xx\"} 1",
        "turnstile_http_requests_total{path=\"/api/bookings\",status=\"4xx\"} 1",
    ] {
        assert!(text.lines().any(|written| written == line), "{line} in {text}");
    }
    // What docs/operating.md tells operators to watch is there, also before anything has happened.
    let documented = include_str!("../../../docs/operating.md").split('`');
    let documented =
        documented.filter(|name| name.starts_with("turnstile_") && !name.contains('{')).collect::<Vec<_>>();
    assert!(documented.len() > 10, "{documented:?}");
    let real = Stack::real(services::shared()).await;
    let node = real.start();
    eventually("the node is ready", Duration::from_secs(30), async || node.get("/readyz").await.status == 200).await;
    let of_real = node.get("/metrics").await.body.as_str().unwrap().to_owned();
    for name in documented {
        let told = format!("# TYPE {name} ");
        assert!(of_real.contains(&told), "{name} in {of_real}");
        assert!(text.contains(&told) || name.starts_with("turnstile_postgres_"), "{name} in {text}");
    }
    // Every line is a comment or `name{labels} number`, each name announced before it is used.
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, number) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
        assert!(number.parse::<f64>().is_ok(), "{line}");
        let name = name.split('{').next().unwrap();
        let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        assert!(text.contains(&format!("# TYPE {base} ")) || text.contains(&format!("# TYPE {name} ")), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_and_details_can_have_an_address_of_their_own() {
    let admin = format!("127.0.0.1:{}", free_port());
    let stack = Stack::embedded().with("ADMIN_LISTEN", &admin);
    let server = stack.start();
    let of_admin = async |path: &str| reqwest::get(format!("http://{admin}{path}")).await.unwrap();
    eventually("the server is ready", Duration::from_secs(30), async || server.get("/readyz").await.status == 200)
        .await;
    assert_eq!(server.get("/readyz").await.body, json!({"status": "ready"}));
    assert_eq!(server.get("/livez").await.status, 200);
    is_problem(&server.get("/metrics").await, 404, "not-found");
    assert!(of_admin("/metrics").await.text().await.unwrap().contains("turnstile_bookings_accepted_total 0"));
    assert!(of_admin("/readyz").await.text().await.unwrap().contains("\"required\":true"));
    assert_eq!(of_admin("/livez").await.status(), 200);
    for elsewhere in ["/", "/api/showtimes", "/docs"] {
        assert_eq!(of_admin(elsewhere).await.status(), 404, "{elsewhere}");
    }
    assert_eq!(server.terminate().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_address_that_cannot_be_used_stops_the_start() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = listener.local_addr().unwrap();
    for listen in ["127.0.0.1:0".to_owned(), taken.to_string()] {
        let stack = Stack::embedded().with("LISTEN", &listen).with("ADMIN_LISTEN", taken);
        let output = stack.run(&["serve"]).await;
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains("TURNSTILE_ADMIN_LISTEN"), "{said}");
    }
}
