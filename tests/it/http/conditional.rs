//! Reading a showtime: validators, waiting for a sequence, and never an older view than there was when the request arrived.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::Method;
use reqwest::header::IF_NONE_MATCH;

use crate::http::{House, is_problem, names};
use crate::stack::{Answer, Stack};

async fn with_tags(house: &House, tags: &str) -> Answer {
    let request = house.server.request(Method::GET, &format!("/api/showtimes/{}", house.showtime));
    house.server.send(request.header(IF_NONE_MATCH, tags)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unchanged_showtime_is_not_sent_again() {
    let house = House::open().await;
    let path = format!("/api/showtimes/{}", house.showtime);
    let first = house.server.get(&path).await;
    let tag = first.headers["etag"].to_str().unwrap().to_owned();
    assert!(tag.starts_with('"') && tag.ends_with("-1\""), "{tag} is strong and tells the sequence");
    assert_eq!(first.headers["cache-control"], "no-cache");
    for tags in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".to_owned()] {
        let again = with_tags(&house, &tags).await;
        assert_eq!((again.status, again.headers["etag"].to_str().unwrap()), (304, tag.as_str()), "{tags}");
        assert_eq!(again.body, "", "a 304 has no body");
    }
    for tags in ["\"other\"", "\"a,*,b\"", "\"other\", *"] {
        assert_eq!(with_tags(&house, tags).await.status, 200, "{tags}");
    }
    let held = house.server.hold(&house.showtime, &house.seats[..1]).await;
    house.server.seats(&house.showtime, held.sequence).await;
    let changed = with_tags(&house, &tag).await;
    assert_eq!(changed.status, 200);
    assert_ne!(changed.headers["etag"].to_str().unwrap(), tag);
    assert_eq!(changed.body["sequence"], held.sequence);
}

#[tokio::test(flavor = "multi_thread")]
async fn head_tells_the_same_without_a_body() {
    let house = House::open().await;
    let path = format!("/api/showtimes/{}", house.showtime);
    let full = house.server.get(&path).await;
    let head = house.server.send(house.server.request(Method::HEAD, &path)).await.unwrap();
    assert_eq!((head.status, &head.headers["etag"]), (200, &full.headers["etag"]));
    assert_eq!(head.headers["content-length"], full.headers["content-length"]);
    assert_eq!(head.body, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sequence_is_waited_for_and_the_wait_is_bounded() {
    let stack = Stack::embedded().with("HTTP__MIN_SEQUENCE_WAIT_SECONDS", 4);
    let house = House::open_on(stack).await;
    let path = format!("/api/showtimes/{}?minSequence=2", house.showtime);
    let waiting = house.server.get(&path);
    let reserving = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        house.server.hold(&house.showtime, &house.seats[..1]).await
    };
    let (waited, _held) = tokio::join!(waiting, reserving);
    assert_eq!((waited.status, waited.body["sequence"].as_u64()), (200, Some(2)), "{waited:?}");
    let started = Instant::now();
    let never = house.server.get(&format!("/api/showtimes/{}?minSequence=99", house.showtime)).await;
    is_problem(&never, 503, "not-caught-up");
    assert_eq!(never.body["sequence"], 2);
    assert!(started.elapsed() < Duration::from_secs(20));
    for wrong in ["-1", "x", "", "99999999999999999999", "1&minSequence=2"] {
        let answer = house.server.get(&format!("/api/showtimes/{}?minSequence={wrong}", house.showtime)).await;
        is_problem(&answer, 400, "invalid-fields");
        names(&answer, "parameter", &["minSequence"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_waiter_too_many_is_refused() {
    let stack = Stack::embedded().with("HTTP__MIN_SEQUENCE_WAITERS", 3).with("HTTP__MIN_SEQUENCE_WAIT_SECONDS", 4);
    let house = House::open_on(stack).await;
    let path = format!("/api/showtimes/{}/status?minSequence=99", house.showtime);
    let all = join_all((0..8).map(|_| house.server.get(&path))).await;
    let count = |code: &str| all.iter().filter(|answer| answer.body["code"] == code).count();
    assert_eq!((count("not-caught-up"), count("overloaded")), (3, 5), "{all:?}");
    assert!(all.iter().all(|answer| answer.status == 503 && answer.headers.contains_key("retry-after")));
    assert_eq!(house.server.get(&format!("/api/showtimes/{}", house.showtime)).await.status, 200);
}

/// Readers and a writer at full speed: a reader never sees a sequence below one that somebody had seen before it asked.
#[tokio::test(flavor = "multi_thread")]
async fn no_reader_ever_sees_an_older_view_than_an_earlier_reader() {
    let house = Arc::new(House::open().await);
    let newest = Arc::new(std::sync::atomic::AtomicU64::new(1));
    let done = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let readers: Vec<_> = (0..16)
        .map(|_| {
            let (house, newest, done) = (Arc::clone(&house), Arc::clone(&newest), Arc::clone(&done));
            tokio::spawn(async move {
                let mut reads = 0;
                while !done.load(std::sync::atomic::Ordering::SeqCst) {
                    let known = newest.load(std::sync::atomic::Ordering::SeqCst);
                    let answer = house.server.get(&format!("/api/showtimes/{}", house.showtime)).await;
                    let seen = answer.body["sequence"].as_u64().unwrap();
                    assert!(seen >= known, "saw {seen} after {known}");
                    newest.fetch_max(seen, std::sync::atomic::Ordering::SeqCst);
                    reads += 1;
                }
                reads
            })
        })
        .collect();
    for _ in 0..30 {
        let held = house.server.hold(&house.showtime, &house.seats[..3]).await;
        assert_eq!(house.server.cancel(&held).await.status, 200);
    }
    done.store(true, std::sync::atomic::Ordering::SeqCst);
    let mut reads = 0;
    for reader in readers {
        reads += reader.await.unwrap();
    }
    assert!(reads > 30, "only {reads} reads");
    let last = house.server.get(&format!("/api/showtimes/{}?minSequence=61", house.showtime)).await;
    assert_eq!(last.body["sequence"], 61);
}
