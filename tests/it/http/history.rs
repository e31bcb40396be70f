//! The story of a showtime: its events, filtered, and how it stood.

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use reqwest::Method;
use serde_json::{Value, json};
use turnstile::domain::Timestamp;

use crate::http::{is_problem, names};
use crate::services;
use crate::stack::{Answer, Held, Server, Stack};

async fn ask(server: &Server, path: &str) -> Answer {
    server.send(server.as_operator(Method::GET, path)).await.unwrap()
}

/// Types of the events on a page.
fn types(page: &Answer) -> Vec<&str> {
    assert_eq!(page.status, 200, "{page:?}");
    page.body["items"].as_array().unwrap().iter().map(|item| item["event"]["type"].as_str().unwrap()).collect()
}

fn statuses(showtime: &Answer) -> Vec<&str> {
    assert_eq!(showtime.status, 200, "{showtime:?}");
    showtime.body["seats"].as_array().unwrap().iter().map(|seat| seat["status"].as_str().unwrap()).collect()
}

/// The same on every profile; the story is read on the other node.
async fn a_story_is_told(server: &Server, other: &Server) {
    let (showtime, seats) = server.schedule(1).await;
    let first = server.hold(&showtime, &seats[..2]).await;
    assert_eq!(server.confirm(&first, &format!("payment for {showtime}")).await.status, 200);
    let second = server.hold(&showtime, &seats[2..3]).await;
    let cancel = format!("/api/bookings/{}/cancel", second.booking_id);
    assert_eq!(server.post(&cancel, &json!({"holdToken": second.hold_token})).await.status, 200);
    let third: Held = server.hold(&showtime, &seats[2..4]).await;

    let events = format!("/api/showtimes/{showtime}/events");
    let all = ask(other, &events).await;
    let expected = [
        "ShowtimeScheduled",
        "SeatsReserved",
        "BookingConfirmed",
        "SeatsReserved",
        "BookingCancelled",
        "SeatsReserved",
    ];
    assert_eq!((types(&all), all.body.get("nextAfter")), (expected.to_vec(), None));
    let of_booking = ask(other, &format!("{events}?bookingId={}", first.booking_id)).await;
    assert_eq!(types(&of_booking), ["SeatsReserved", "BookingConfirmed"]);
    let of_seat = ask(other, &format!("{events}?seatId={}&limit=2", seats[2])).await;
    assert_eq!(types(&of_seat), ["SeatsReserved", "BookingCancelled"]);
    let after = of_seat.body["nextAfter"].as_u64().unwrap();
    let rest = ask(other, &format!("{events}?seatId={}&after={after}", seats[2])).await;
    assert_eq!((types(&rest), rest.body.get("nextAfter")), (vec!["SeatsReserved"], None));
    assert_eq!(rest.body["items"][0]["event"]["bookingId"], json!(third.booking_id));

    let at = |place: usize| all.body["items"][place]["recordedAt"].as_str().unwrap();
    let times: Vec<Timestamp> = (0..6).map(|place| Timestamp::parse(at(place)).unwrap()).collect();
    assert!(times[0] < times[5], "{times:?}");
    let later = times.iter().filter(|time| **time >= times[5]).count();
    let from = ask(other, &format!("{events}?from={}", at(5))).await;
    assert_eq!(types(&from), expected[6 - later..]);
    let before = ask(other, &format!("{events}?to={}", at(5))).await;
    assert_eq!((types(&before), before.body.get("nextAfter")), (expected[..6 - later].to_vec(), None));

    let past = format!("/api/showtimes/{showtime}/past");
    let as_of = async |place: &str| ask(other, &format!("{past}?{place}")).await;
    assert!(statuses(&as_of("sequence=1").await).iter().all(|status| *status == "Available"));
    assert_eq!(statuses(&as_of("sequence=2").await)[..3], ["Reserved", "Reserved", "Available"]);
    let sold = as_of("sequence=4").await;
    assert_eq!(
        (statuses(&sold)[..4].to_vec(), &sold.body["sequence"]),
        (vec!["Sold", "Sold", "Reserved", "Available"], &json!(4))
    );
    assert_eq!(statuses(&as_of("sequence=5").await)[..4], ["Sold", "Sold", "Available", "Available"]);
    let now = as_of("time=2100-01-01T00:00:00Z").await;
    assert_eq!(now.body, server.get(&format!("/api/showtimes/{showtime}?minSequence=6")).await.body);
    assert_eq!(as_of(&format!("time={}", at(5))).await.body, now.body);
}

/// More events than are read at once, and more than are looked at for one page.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_story_is_told_to_its_end() {
    let stack = Stack::embedded();
    let server = stack.start();
    let (showtime, seats) = server.schedule(1).await;
    let first = server.hold(&showtime, &seats[..1]).await;
    assert_eq!(server.terminate().await, Some(0));
    let changed = r#"[{"type":"ShowtimeChanged","movieTitle":"N","startTime":"2030-01-01T20:00:00Z"}]"#;
    let sql = format!(
        "WITH RECURSIVE n (n) AS (VALUES (3) UNION ALL SELECT n + 1 FROM n WHERE n < 6002)
         INSERT INTO journal (showtime_id, last_sequence, first_sequence, recorded_at, follows, stamp, events)
         SELECT id, n, n, created_at, n - 1, n, '{changed}' FROM n, showtimes WHERE id = x'{}';
         UPDATE showtimes SET sequence = 6002, follows = 6001, stamp = 6002 WHERE id = x'{0}'",
        showtime.replace('-', "")
    );
    let file = stack.data_dir().join("turnstile.db");
    SqliteConnection::establish(file.to_str().unwrap()).unwrap().batch_execute(&sql).unwrap();

    let server = stack.start();
    assert_eq!(server.confirm(&first, "pay").await.body["sequence"], 6003);
    let path = format!("/api/showtimes/{showtime}");
    let of_booking = format!("{path}/events?bookingId={}", first.booking_id);
    let page = ask(&server, &of_booking).await;
    assert_eq!((types(&page), &page.body["nextAfter"]), (vec!["SeatsReserved"], &json!(5000)));
    let page = ask(&server, &format!("{of_booking}&after=5000")).await;
    assert_eq!((types(&page), page.body.get("nextAfter")), (vec!["BookingConfirmed"], None));
    let past = ask(&server, &format!("{path}/past?sequence=6002")).await;
    assert_eq!((statuses(&past)[0], &past.body["movieTitle"]), ("Reserved", &json!("N")));
    let report = ask(&server, &format!("{path}/report")).await;
    assert_eq!((&report.body["total"]["sold"], &report.body["sequence"]), (&json!(1), &json!(6003)), "{report:?}");
    let found = ask(&server, &format!("{path}/bookings?status=Confirmed")).await;
    assert_eq!(found.body["items"][0]["bookingId"], json!(first.booking_id));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_story_is_told_on_two_nodes() {
    let stack = Stack::real(services::shared()).await;
    let (one, other) = (stack.start(), stack.start());
    a_story_is_told(&one, &other).await;
    stack.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_story_is_told_on_the_embedded_profile() {
    let stack = Stack::embedded();
    let server = stack.start();
    a_story_is_told(&server, &server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stories_are_for_operators_and_wrong_questions_are_named() {
    let stack = Stack::embedded();
    let server = stack.start();
    let (showtime, _) = server.schedule(1).await;
    let (events, past) = (format!("/api/showtimes/{showtime}/events"), format!("/api/showtimes/{showtime}/past"));
    for path in [&events, &past] {
        is_problem(&server.get(path).await, 401, "missing-credential");
    }
    for (query, wrong) in [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("after=-1", "after"),
        ("bookingId=x", "bookingId"),
        ("seatId=A1", "seatId"),
        ("from=yesterday", "from"),
        ("from=2030-01-01T00:00:00Z&to=2029-01-01T00:00:00Z", "to"),
        ("user=ada", "user"),
    ] {
        let refused = ask(&server, &format!("{events}?{query}")).await;
        is_problem(&refused, 400, "invalid-fields");
        names(&refused, "parameter", &[wrong]);
    }
    for (query, wrong) in [
        ("", "time"),
        ("?time=2030-01-01T00:00:00Z&sequence=1", "sequence"),
        ("?sequence=0", "sequence"),
        ("?sequence=2", "sequence"),
        ("?time=2001-01-01T00:00:00Z", "time"),
        ("?time=10:03", "time"),
    ] {
        let refused = ask(&server, &format!("{past}{query}")).await;
        is_problem(&refused, 400, "invalid-fields");
        names(&refused, "parameter", &[wrong]);
    }
    let nowhere = "00000000-0000-7000-8000-000000000000";
    for path in ["events", "events?after=7", "past?sequence=1", "past?time=2030-01-01T00:00:00Z"] {
        is_problem(&ask(&server, &format!("/api/showtimes/{nowhere}/{path}")).await, 404, "unknown-showtime");
    }
    let empty: Value = ask(&server, &format!("{events}?after=1")).await.body;
    assert_eq!(empty, json!({"items": []}));
}
