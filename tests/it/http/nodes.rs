//! Nodes over HTTP: for operators only. The embedded profile has one node, which lists itself.

use std::time::Duration;

use reqwest::Method;
use turnstile::domain::Timestamp;

use crate::http::is_problem;
use crate::stack::{Stack, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn only_operators_are_told_of_nodes() {
    let stack = Stack::embedded();
    let server = stack.start();
    for method in [Method::GET, Method::HEAD] {
        let bare = server.send(server.request(method.clone(), "/api/nodes")).await.unwrap();
        let stranger = server.request(method.clone(), "/api/nodes").bearer_auth("another secret of theirs");
        let stranger = server.send(stranger).await.unwrap();
        assert_eq!((bare.status, stranger.status), (401, 403), "{method}");
        if method == Method::GET {
            is_problem(&bare, 401, "missing-credential");
            is_problem(&stranger, 403, "operator-only");
        }
        let more = server.send(server.as_operator(method.clone(), "/api/nodes?limit=1")).await.unwrap();
        assert_eq!(more.status, 400, "{method}: no parameters");
        assert_eq!(server.send(server.as_operator(method, "/api/nodes")).await.unwrap().status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_profile_lists_itself() {
    let stack = Stack::embedded();
    let server = stack.start();
    let listed = async || server.send(server.as_operator(Method::GET, "/api/nodes")).await.unwrap();
    eventually("the node is ready, and says so", Duration::from_secs(10), async || {
        listed().await.body["items"][0]["status"] == "ready"
    })
    .await;
    let told = listed().await;
    assert_eq!((told.status, &told.headers["cache-control"]), (200, &"no-store".parse().unwrap()));
    let [node] = told.body["items"].as_array().unwrap().as_slice() else { panic!("{told:?}") };
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    assert_eq!(node["host"], host.trim());
    assert_eq!(node["address"], server.address().trim_start_matches("http://"));
    assert_eq!(node["version"], env!("CARGO_PKG_VERSION"));
    let time = |member: &str| Timestamp::parse(node[member].as_str().unwrap()).unwrap();
    assert!(time("startedAt") <= time("heardAt"), "{node}");
    assert_eq!(node["dependencies"], server.get("/readyz").await.body["dependencies"]);
}
