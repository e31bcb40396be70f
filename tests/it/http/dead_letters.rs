//! Dead letters over HTTP: for operators only, and none where none died.

use reqwest::Method;
use serde_json::json;

use crate::http::is_problem;
use crate::stack::Stack;

#[tokio::test(flavor = "multi_thread")]
async fn operators_are_told_that_there_are_none() {
    let stack = Stack::embedded();
    let server = stack.start();
    let routes = [
        (Method::GET, "/api/dead-letters"),
        (Method::HEAD, "/api/dead-letters"),
        (Method::POST, "/api/dead-letters/replay"),
    ];
    for (method, path) in routes {
        let asked = |token: &str| server.request(method.clone(), path).bearer_auth(token);
        let bare = server.send(server.request(method.clone(), path)).await.unwrap();
        let stranger = server.send(asked("another secret of theirs")).await.unwrap();
        assert_eq!((bare.status, stranger.status), (401, 403), "{method} {path}");
        if method != Method::HEAD {
            is_problem(&bare, 401, "missing-credential");
            is_problem(&stranger, 403, "operator-only");
        }
        let more = server.send(server.as_operator(method.clone(), &format!("{path}?limit=1"))).await.unwrap();
        assert_eq!(more.status, 400, "{method} {path}: no parameters");
    }
    let listed = server.send(server.as_operator(Method::GET, "/api/dead-letters")).await.unwrap();
    assert_eq!((listed.status, listed.body), (200, json!({"total": 0, "items": []})));
    assert_eq!(listed.headers["cache-control"], "no-store");
    let replayed = server.send(server.as_operator(Method::POST, "/api/dead-letters/replay")).await.unwrap();
    assert_eq!((replayed.status, replayed.body), (200, json!({"replayed": 0, "left": 0})));
}
