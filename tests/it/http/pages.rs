//! The pages: embedded whole, nothing from elsewhere, nothing inline that the policy would block.

use reqwest::Method;

use crate::stack::Stack;

#[tokio::test(flavor = "multi_thread")]
async fn pages_load_only_what_the_server_has() {
    let stack = Stack::embedded();
    let server = stack.start();
    let showtime = "/showtimes/11111111-1111-1111-1111-111111111111";
    for page in ["/", showtime, "/docs", "/embed", "/problems", "/problems/seats-taken"] {
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
        // A name, not an address.
        let content = asset.content.replace("\"http://www.w3.org/2000/svg\"", "");
        for banned in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "http://", "https://"]
        {
            assert!(!content.contains(banned), "{banned} in {}", asset.name);
        }
    }
}

/// Scripts import each other by relative paths, and each that they name is there: the embedded map loads from any origin.
#[test]
fn scripts_import_only_what_is_there() {
    let names: Vec<&str> = turnstile::web::ASSETS.iter().map(|asset| asset.name).collect();
    for asset in turnstile::web::ASSETS.iter().filter(|asset| asset.name.ends_with(".js")) {
        let folder = asset.name.split_once('/').map_or("", |(folder, _)| folder);
        for line in asset.content.lines().filter(|line| line.starts_with("import ")) {
            let path = line.split('"').nth(1).unwrap();
            let found = match path.strip_prefix("../") {
                Some(path) => path.to_owned(),
                None => format!(
                    "{folder}/{}",
                    path.strip_prefix("./").unwrap_or_else(|| panic!("{path} in {}", asset.name))
                ),
            };
            assert!(names.contains(&found.as_str()), "{path} in {}", asset.name);
        }
    }
}

/// Files are sent compressed to who takes that, under a tag of their own.
#[tokio::test(flavor = "multi_thread")]
async fn files_are_compressed() {
    let stack = Stack::embedded();
    let server = stack.start();
    let path = "/assets/seat_map/element.js";
    let plain = server.get(path).await;
    let packed = server.send(server.request(Method::GET, path).header("Accept-Encoding", "gzip")).await.unwrap();
    assert_eq!(
        (&plain.headers["vary"], &packed.headers["vary"]),
        (&"Accept-Encoding".parse().unwrap(), &"Accept-Encoding".parse().unwrap())
    );
    assert_eq!(packed.headers["content-encoding"], "gzip");
    assert_ne!(plain.headers["etag"], packed.headers["etag"]);
    let known = server
        .request(Method::GET, path)
        .header("Accept-Encoding", "gzip")
        .header("If-None-Match", plain.headers["etag"].clone());
    assert_eq!(server.send(known).await.unwrap().status, 304);
}
