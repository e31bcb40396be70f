//! The pages: embedded whole, nothing from elsewhere, nothing inline that the policy would block.

use reqwest::Method;

use crate::stack::Stack;

#[tokio::test(flavor = "multi_thread")]
async fn pages_load_only_what_the_server_has() {
    let stack = Stack::embedded();
    let server = stack.start();
    for page in ["/", "/docs", "/problems", "/problems/seats-taken"] {
        let answer = server.get(page).await;
        assert_eq!(answer.status, 200, "{page}");
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe-inline"), "{policy}");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
        let html = answer.body.as_str().unwrap();
        assert!(
            html.contains("lang=\"en\"") && html.contains("name=\"viewport\"") && html.contains("<title>"),
            "{page}"
        );
        for banned in ["http://", "https://", "onclick=", "style=\"", "<style", "<script>"] {
            assert!(!html.contains(banned), "{banned} in {page}");
        }
        let mut loaded = 0;
        for start in ["src=\"", "href=\""] {
            for part in html.split(start).skip(1) {
                let target = part.split('"').next().unwrap();
                if target.starts_with('/') {
                    let found = server.get(target).await;
                    assert_eq!(found.status, 200, "{target} of {page}");
                    loaded += 1;
                }
            }
        }
        assert!(loaded > 0, "{page} loads nothing");
        let tag = answer.headers["etag"].clone();
        let again = server.send(server.request(Method::GET, page).header("If-None-Match", tag)).await.unwrap();
        assert_eq!(again.status, 304, "{page}");
    }
}

#[test]
fn scripts_never_build_markup_from_text() {
    for asset in turnstile::web::ASSETS {
        for banned in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "http://", "https://"]
        {
            let allowed = asset.name == "seat_map.js" && banned.starts_with("http");
            assert!(allowed || !asset.content.contains(banned), "{banned} in {}", asset.name);
        }
    }
}
