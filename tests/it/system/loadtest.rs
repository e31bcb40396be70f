//! The load tester against real servers, and against servers that lie or stand still.

use std::collections::HashMap;
use std::process::Output;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpResponse, HttpServer, web};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::services;
use crate::stack::Stack;

/// Runs the load tester; its exit code, and its JSON report.
async fn load(stack: &Stack, urls: &[&str], arguments: &[&str]) -> (Option<i32>, Value) {
    let file = std::env::temp_dir().join(format!("loadtest-{}.json", Uuid::new_v4()));
    let path = file.to_str().unwrap().to_owned();
    let mut all = vec!["loadtest"];
    all.extend(arguments);
    urls.iter().for_each(|url| all.extend(["--url", url]));
    all.extend(["--clients", "8", "--json", &path]);
    let output = stack.run(&all).await;
    let report = std::fs::read_to_string(&file).unwrap_or_else(|_| panic!("no report: {}", said(&output)));
    std::fs::remove_file(&file).unwrap();
    (output.status.code(), serde_json::from_str(&report).unwrap())
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn passed(report: &Value) {
    assert_eq!(report["check"]["passed"], true, "{:#}", report["check"]);
    assert_eq!((&report["failed"]["count"], &report["failures"]), (&json!(0), &json!({})), "{report:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_house_is_sold_out_without_a_refusal_and_confirmed() {
    let stack = Stack::embedded();
    let server = stack.start();
    let arguments =
        ["sellout", "--seats", "90", "--showtimes", "2", "--party", "4", "--duration", "30", "--threads", "2"];
    let (code, report) = load(&stack, &[server.address()], &arguments).await;
    assert_eq!(code, Some(0), "{report:#}");
    passed(&report);
    assert_eq!(report["endedBy"], "soldOut");
    assert_eq!(report["houses"]["seatsGranted"], 180);
    // 23 parties a house: the last one is of two.
    assert_eq!((&report["accepted"]["count"], &report["refused"]["count"]), (&json!(46), &json!(0)));
    assert_eq!(report["settling"]["operations"]["confirm"]["accepted"]["count"], 46);
    let check = &report["check"];
    assert_eq!(
        (&check["bookingsRead"], &check["showtimesFollowed"], &check["deltasSeen"]),
        (&json!(46), &json!(2), &json!(92))
    );
    // One process at a time has the embedded profile's data.
    assert_eq!(server.terminate().await, Some(0));
    stack.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn contenders_and_the_herd_sell_every_seat_once() {
    let stack = Stack::embedded();
    let server = stack.start();
    for scenario in [&["sellout", "--contend", "--seats", "60"][..], &["herd", "--seats", "60", "--party", "2"]] {
        let arguments = [scenario, &["--duration", "30"]].concat();
        let (code, report) = load(&stack, &[server.address()], &arguments).await;
        assert_eq!(code, Some(0), "{report:#}");
        passed(&report);
        assert_eq!((&report["endedBy"], &report["houses"]["seatsGranted"]), (&json!("soldOut"), &json!(60)));
        assert!(report["refused"]["count"].as_u64().unwrap() > 0, "{report:#}");
    }
}

/// Clients that name no seats: the best ones, and places of an area, until none is left.
async fn chosen_places_are_sold_once(stack: &Stack, urls: &[&str]) {
    for asking in [&["--best-available", "3"][..], &["--areas", "--party", "3"]] {
        for (scenario, refused) in [(&["sellout"][..], false), (&["sellout", "--contend"], true)] {
            let arguments = [scenario, asking, &["--seats", "150", "--duration", "60"]].concat();
            let (code, report) = load(stack, urls, &arguments).await;
            assert_eq!(code, Some(0), "{report:#}");
            passed(&report);
            assert_eq!((&report["endedBy"], &report["houses"]["seatsGranted"]), (&json!("soldOut"), &json!(150)));
            assert_eq!(report["accepted"]["count"], 50);
            assert!(refused || report["refused"]["count"] == 0, "{report:#}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn chosen_places_are_sold_once_on_the_embedded_profile() {
    let stack = Stack::embedded();
    let server = stack.start();
    chosen_places_are_sold_once(&stack, &[server.address()]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chosen_places_are_sold_once_on_two_nodes() {
    let stack = Stack::real(services::shared()).await;
    let (one, other) = (stack.start(), stack.start());
    chosen_places_are_sold_once(&stack, &[one.address(), other.address()]).await;
    stack.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_is_nearly_all_refusals_and_they_are_counted_apart() {
    let stack = Stack::embedded();
    let server = stack.start();
    let (code, report) = load(&stack, &[server.address()], &["storm", "--requests", "400", "--duration", "30"]).await;
    assert_eq!(code, Some(0), "{report:#}");
    passed(&report);
    assert_eq!(report["endedBy"], "requests");
    assert_eq!((&report["accepted"]["count"], &report["refused"]["count"]), (&json!(4), &json!(396)));
    assert!(report["refused"]["p99Millis"].as_f64().unwrap() > 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_dropped_or_expires_is_granted_again() {
    let stack = Stack::embedded().with("HOLD_SECONDS", 1);
    let server = stack.start();
    let arguments = ["churn", "--seats", "6", "--duration", "8", "--abandon", "0.5"];
    let (code, report) = load(&stack, &[server.address()], &arguments).await;
    assert_eq!(code, Some(0), "{report:#}");
    passed(&report);
    assert!(report["houses"]["seatsGranted"].as_u64().unwrap() > 12, "seats went more than once: {report:#}");
    assert!(report["operations"]["cancel"]["accepted"]["count"].as_u64().unwrap() > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mix_has_reads_holds_confirmations_and_cancellations() {
    let stack = Stack::embedded();
    let server = stack.start();
    let arguments = ["mixed", "--seats", "500", "--requests", "600", "--shares", "read=2,hold=2,confirm=1,cancel=1"];
    let (code, report) = load(&stack, &[server.address()], &arguments).await;
    assert_eq!(code, Some(0), "{report:#}");
    passed(&report);
    for operation in ["read", "reserve", "confirm", "cancel"] {
        assert!(report["operations"][operation]["accepted"]["count"].as_u64().unwrap() > 20, "{operation}: {report:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn watchers_see_every_booking_once_and_are_timed() {
    let stack = Stack::embedded();
    let server = stack.start();
    let arguments = ["watch", "--watchers", "5", "--rate", "100", "--duration", "1", "--seats", "300"];
    let (code, report) = load(&stack, &[server.address()], &arguments).await;
    assert_eq!(code, Some(0), "{report:#}");
    passed(&report);
    let accepted = report["accepted"]["count"].as_u64().unwrap();
    let watch = &report["watch"];
    assert!(accepted > 0, "{report:#}");
    assert_eq!((&watch["watchers"], &watch["behind"]), (&json!(5), &json!(0)));
    assert!(watch["deltas"].as_u64().unwrap() >= accepted * 5, "{watch:#}");
    assert!(watch["acceptedToSeen"]["maxMillis"].as_f64().unwrap() > 0.0, "{watch:#}");

    let (code, report) =
        load(&stack, &[server.address()], &["watch", "--idle", "--watchers", "5", "--duration", "0.3"]).await;
    assert_eq!((code, &report["watch"]["connections"], &report["accepted"]["count"]), (Some(0), &json!(5), &json!(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_go_to_the_showtime_that_is_named_or_to_any_path() {
    let stack = Stack::embedded();
    let server = stack.start();
    let (showtime, _) = server.schedule(3).await;
    for what in [["--showtime", &showtime], ["--path", "/livez"]] {
        let arguments = [&["read", "--duration", "0.3", "--warm-up", "0.1"][..], &what].concat();
        let (code, report) = load(&stack, &[server.address()], &arguments).await;
        assert_eq!(code, Some(0), "{report:#}");
        assert_eq!(report["leadingOperation"], "read");
        assert!(report["accepted"]["count"].as_u64().unwrap() > 0);
        assert_eq!(report["failed"]["count"], 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_take_gzip_or_not_show_what_they_have_or_ask_for_two_bits_a_seat() {
    let stack = Stack::embedded();
    let server = stack.start();
    let read = async |flags: &[&str]| {
        let arguments = [&["read", "--seats", "1000", "--requests", "80", "--duration", "30"][..], flags].concat();
        let (code, report) = load(&stack, &[server.address()], &arguments).await;
        assert_eq!((code, &report["failed"]["count"]), (Some(0), &json!(0)), "{report:#}");
        report
    };
    let bytes = |report: &Value| report["operations"]["read"]["accepted"]["bodyBytes"].as_u64().unwrap();
    let (packed, plain) = (read(&[]).await, read(&["--no-gzip"]).await);
    assert_eq!((&packed["accepted"]["count"], &plain["accepted"]["count"]), (&json!(80), &json!(80)));
    assert!(bytes(&packed) * 8 < bytes(&plain), "{} of {}", bytes(&packed), bytes(&plain));
    assert_eq!(bytes(&read(&["--no-gzip", "--compact"]).await), 250);
    // Eight clients: each has it after its first answer.
    let revalidated = read(&["--revalidate"]).await;
    assert_eq!(
        (&revalidated["leadingOperation"], &revalidated["accepted"]["count"]),
        (&json!("unchanged"), &json!(72))
    );
    assert_eq!(revalidated["operations"]["read"]["accepted"]["count"], 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_of_the_real_stack_keep_their_promises_under_contention() {
    let stack = Stack::real(services::shared()).await;
    let servers = [stack.start(), stack.start()];
    let urls = [servers[0].address(), servers[1].address()];
    let (code, report) = load(&stack, &urls, &["sellout", "--contend", "--seats", "80", "--duration", "30"]).await;
    assert_eq!(code, Some(0), "{report:#}");
    passed(&report);
    assert_eq!(report["houses"]["seatsGranted"], 80);
    stack.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_carried_out_is_refused_with_the_reason() {
    let stack = Stack::embedded().with("OPERATOR_TOKEN", "0123456789abcdef");
    let server = stack.start();
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let nowhere = format!("http://{nobody}");
    let address = server.address();
    for (arguments, reason) in [
        (&["sellout", "--url", "https://127.0.0.1:5000"][..], "only http://"),
        (&["sellout", "--url", &nowhere], "cannot be reached"),
        (&["sellout", "--url", address, "--party", "9"], "--party must be 1 to 8"),
        (&["mixed", "--url", address, "--shares", "nonsense"], "read=70"),
        (&["sellout", "--url", address, "--operator-token", "a wrong one"], "operator"),
    ] {
        let output = stack.run(&[&["loadtest"], arguments].concat()).await;
        let said = said(&output);
        assert!(!output.status.success() && said.contains(reason), "{arguments:?}: {said}");
    }
    // The token of the configuration is the default.
    let (code, report) = load(&stack, &[address], &["storm", "--requests", "20"]).await;
    assert_eq!(code, Some(0), "{report:#}");
}

/// What a lying server does.
#[derive(Clone, Copy, PartialEq)]
enum Lie {
    /// Grants whatever is asked for.
    GrantsTwice,
    /// Answers 201 and knows nothing of it afterwards.
    Forgets,
}

struct Liar {
    lie: Lie,
    bookings: Mutex<HashMap<String, Value>>,
}

const SEATS: u32 = 12;

impl Liar {
    fn seats() -> Vec<Value> {
        let id = |seat| format!("00000000-0000-8000-8000-{seat:012x}");
        (0..SEATS)
            .map(|seat| json!({"seatId": id(seat), "row": "R1", "number": seat + 1, "status": "Available"}))
            .collect()
    }

    fn reserve(&self, wanted: &Value) -> HttpResponse {
        let mut bookings = self.bookings.lock().unwrap();
        let taken = bookings.values().any(|booking| booking["seatIds"] == wanted["seatIds"]);
        if taken && self.lie != Lie::GrantsTwice {
            return HttpResponse::Conflict().json(json!({"code": "seats-taken"}));
        }
        let id = Uuid::new_v4().to_string();
        let booking = json!({
            "bookingId": id, "status": "Pending", "showtimeId": wanted["showtimeId"], "seatIds": wanted["seatIds"],
            "expiresAt": "2099-01-01T00:00:00Z", "sequence": bookings.len() + 2, "holdToken": "A".repeat(43),
        });
        bookings.insert(id, booking.clone());
        HttpResponse::Created().json(booking)
    }

    /// Serves on a thread of its own; its address, and what stops it.
    fn start(lie: Lie) -> (String, ServerHandle) {
        let liar = web::Data::from(Arc::new(Self { lie, bookings: Mutex::default() }));
        let (send, receive) = mpsc::channel();
        std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let server = HttpServer::new(move || App::new().app_data(liar.clone()).configure(Self::routes));
                let server = server.workers(1).disable_signals().bind("127.0.0.1:0").unwrap();
                let address = format!("http://{}", server.addrs()[0]);
                let server = server.run();
                send.send((address, server.handle())).unwrap();
                server.await.unwrap();
            });
        });
        receive.recv().unwrap()
    }

    fn routes(config: &mut web::ServiceConfig) {
        let id = Uuid::from_u128(1);
        let reserve = |liar: web::Data<Self>, wanted: web::Json<Value>| async move { liar.reserve(&wanted) };
        let show = |liar: web::Data<Self>, id: web::Path<String>| async move {
            let bookings = liar.bookings.lock().unwrap();
            match bookings.get(&*id).filter(|_| liar.lie != Lie::Forgets) {
                Some(booking) => HttpResponse::Ok().json(booking),
                None => HttpResponse::NotFound().finish(),
            }
        };
        let created = move || async move { HttpResponse::Created().json(json!({"id": id, "sequence": 1})) };
        let map =
            move || async move { HttpResponse::Ok().json(json!({"id": id, "sequence": 1, "seats": Self::seats()})) };
        config
            .route("/api/showtimes", web::post().to(created))
            .route("/api/showtimes/{id}", web::get().to(map))
            .route("/api/bookings", web::post().to(reserve))
            .route("/api/bookings/{id}", web::get().to(show));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_lies_is_found_out() {
    let stack = Stack::embedded();
    for (lie, scenario, finding) in
        [(Lie::GrantsTwice, "storm", "was granted twice"), (Lie::Forgets, "sellout", "answered with status 404")]
    {
        let (address, handle) = Liar::start(lie);
        // It has no live feed to follow.
        let arguments = [scenario, "--seats", "12", "--requests", "30", "--no-confirm", "--check-showtimes", "0"];
        let (code, report) = load(&stack, &[&address], &arguments).await;
        assert_eq!((code, &report["check"]["passed"]), (Some(1), &json!(false)), "{report:#}");
        let findings = report["check"]["findings"].as_array().unwrap();
        assert!(findings.iter().any(|found| found.as_str().unwrap().contains(finding)), "{finding}: {findings:?}");
        // Whoever does not want to know is not told.
        let unchecked = [&arguments[..6], &["--no-check"]].concat();
        let (code, report) = load(&stack, &[&address], &unchecked).await;
        assert_eq!((code, &report["check"]), (Some(0), &Value::Null));
        handle.stop(false).await;
    }
}

/// Answers every request with 204 at once, the first one only after half a second.
async fn stalling_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut buffer = [0; 4_096];
                let mut first = true;
                while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {
                    if std::mem::take(&mut first) {
                        tokio::time::sleep(Duration::from_millis(500)).await;
                    }
                    if stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.is_err() {
                        break;
                    }
                }
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn the_open_loop_counts_what_a_stall_kept_waiting() {
    let stack = Stack::embedded();
    let arguments = ["read", "--path", "/", "--duration", "1", "--no-check"];
    // Eight clients, each stalled once: in the closed loop eight slow answers disappear among thousands.
    let (_, closed) = load(&stack, &[&stalling_server().await], &arguments).await;
    assert!(closed["accepted"]["p50Millis"].as_f64().unwrap() < 100.0, "{closed:#}");
    // On schedule, all that was due in the half second was late: half of everything.
    let (_, open) = load(&stack, &[&stalling_server().await], &[&arguments[..], &["--rate", "200"]].concat()).await;
    let accepted = &open["accepted"];
    assert!(accepted["samples"].as_u64().unwrap() >= 195, "{open:#}");
    assert!(accepted["p90Millis"].as_f64().unwrap() > 300.0, "{open:#}");
    assert!(open["openLoop"]["late"]["p90Millis"].as_f64().unwrap() > 300.0, "{open:#}");
}
