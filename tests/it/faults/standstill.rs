//! A showtime that stands still: noticed without asking its actor, and shown where operators look.

use std::time::Duration;

use futures_util::FutureExt as _;
use serde_json::Value;
use turnstile::http::Health;
use turnstile::http::health::{Need, Settings};

use crate::faults::unlucky_office::Office;
use crate::faults::unlucky_store::{Fate, On};
use crate::stack::eventually;

const NOTICED: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_stands_still_is_shown_until_it_goes_on() {
    let office = Office::open().await;
    let health = Health::new(Settings { probe_interval_milliseconds: 20, ..Settings::default() });
    let watched = office.office.clone();
    health.watch("showtimes", Need::Informative, Box::new(move || std::future::ready(watched.watch()).boxed()));
    let report = || serde_json::to_value(health.report()).unwrap();
    let status = |report: &Value| report["dependencies"]["showtimes"]["status"].as_str().unwrap().to_owned();
    office.reserve(0).await.unwrap();
    eventually("nothing stands still", NOTICED, async || status(&report()) == "ok").await;
    office.store.plan(&[(On::Commit, Fate::StandsStill)]);
    let go_on = async {
        eventually("it is noticed", NOTICED, async || status(&report()) == "degraded").await;
        let told = report();
        let detail = told["dependencies"]["showtimes"]["detail"].as_str().unwrap();
        for part in [&office.showtime.to_string(), "the write store to commit", "commands queued: 1"] {
            assert!(detail.contains(part), "{part} in {detail}");
        }
        assert!(health.is_ready() && told["status"] == "degraded", "{told}");
        assert_eq!(office.counters.showtimes_stuck.get(), 1);
        office.store.go_on.notify_one();
    };
    let (reserved, ()) = tokio::join!(office.reserve(1), go_on);
    reserved.unwrap();
    eventually("it has gone on", NOTICED, async || status(&report()) == "ok").await;
    assert_eq!(office.counters.showtimes_stuck.get(), 0);
    assert!(report()["dependencies"]["showtimes"].get("detail").is_none());
}
