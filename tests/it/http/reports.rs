//! What a box office looks up: bookings by who, what and how, and the report of a showtime, as JSON and as CSV.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::http::{is_problem, names};
use crate::services;
use crate::stack::{Answer, Held, Server, Stack, eventually};

async fn ask(server: &Server, path: &str) -> Answer {
    server.send(server.as_operator(Method::GET, path)).await.unwrap()
}

async fn text(server: &Server, path: &str) -> String {
    let answer = server.as_operator(Method::GET, path).send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["content-type"]),
        (200, &"text/csv; charset=utf-8".parse().unwrap())
    );
    answer.text().await.unwrap()
}

/// A hall of a gold row of four seats, a row of four others, and an area of five; the ids of the seats.
async fn hall(server: &Server) -> (String, Vec<String>) {
    let plan = json!({"name": "Hall", "categories": [{"key": "gold", "name": "Gold"}],
        "sections": [{"name": "Stalls", "rows": [{"label": "A", "count": 4, "category": "gold"}, {"label": "B", "count": 4}]}],
        "areas": [{"label": "Standing", "capacity": 5}]});
    let made = server.send(server.as_operator(Method::POST, "/api/auditoriums").json(&plan)).await.unwrap();
    let prices = json!({"currency": "EUR", "zones": [
        {"category": "gold", "tariffs": [{"key": "full", "amount": 5000}, {"key": "child", "amount": 1000}]},
        {"tariffs": [{"key": "full", "amount": 3000}]}]});
    let body = json!({"movieTitle": "M", "startTime": "2030-01-01T20:00:00Z", "auditoriumId": made.body["id"], "prices": prices});
    let made = server.post("/api/showtimes", &body).await;
    assert_eq!(made.status, 201, "{made:?}");
    let id = made.body["id"].as_str().unwrap().to_owned();
    let seats = server.seats(&id, 1).await.into_iter().map(|(seat, _)| seat).collect();
    (id, seats)
}

async fn reserve(server: &Server, showtime: &str, body: Value) -> Held {
    let held = server.post(&format!("/api/showtimes/{showtime}/bookings"), &body).await;
    assert_eq!(held.status, 201, "{held:?}");
    Held::from(&held.body)
}

fn ids(page: &Answer) -> Vec<String> {
    assert_eq!(page.status, 200, "{page:?}");
    page.body["items"].as_array().unwrap().iter().map(|item| item["bookingId"].as_str().unwrap().to_owned()).collect()
}

/// The same on every profile; what is looked up is asked of the other node.
async fn a_box_office_looks_up(server: &Server, other: &Server) {
    let (showtime, seats) = hall(server).await;
    let path = format!("/api/showtimes/{showtime}");
    let sold = reserve(
        server,
        &showtime,
        json!({"userId": "=ada", "seatIds": [seats[0], seats[1], seats[4]], "tariffs": ["full", "child", "full"]}),
    )
    .await;
    let payment = format!("payment for {showtime}");
    assert_eq!(server.confirm(&sold, &payment).await.status, 200);
    let refund = json!({"seatIds": [seats[1]], "reason": "ill"});
    let refunded = server.as_operator(Method::POST, &format!("/api/bookings/{}/refund", sold.booking_id)).json(&refund);
    assert_eq!(server.send(refunded).await.unwrap().status, 200);
    let given_up = reserve(server, &showtime, json!({"userId": "bob", "seatIds": [seats[2]]})).await;
    let cancel = format!("/api/bookings/{}/cancel", given_up.booking_id);
    assert_eq!(server.post(&cancel, &json!({"holdToken": given_up.hold_token})).await.status, 200);
    let held =
        reserve(server, &showtime, json!({"userId": "bob", "areas": [{"areaId": "Standing", "quantity": 2}]})).await;
    let block = json!({"seatIds": [seats[7]], "type": "house"});
    let blocked = server.as_operator(Method::POST, &format!("{path}/blocks")).json(&block);
    assert_eq!(server.send(blocked).await.unwrap().status, 201);

    let find = async |query: &str| ids(&ask(other, &format!("{path}/bookings{query}")).await);
    let all = [held.booking_id.clone(), given_up.booking_id.clone(), sold.booking_id.clone()];
    assert_eq!(find("").await, all, "newest first, and no block");
    assert_eq!(find("?userId=bob").await, all[..2]);
    assert_eq!(find("?userId=bob&status=Pending").await, all[..1]);
    assert_eq!(find(&format!("?seatId={}", seats[1])).await, all[2..], "refunded");
    let paid = format!("?paymentReference={}", payment.replace(' ', "%20"));
    assert_eq!(find(&paid).await, all[2..]);
    let of_any_showtime = ask(other, &format!("/api/bookings{paid}")).await;
    assert_eq!(ids(&of_any_showtime), all[2..]);
    assert_eq!(of_any_showtime.body["items"][0]["showtimeId"], json!(showtime));
    assert_eq!(ids(&ask(other, "/api/bookings?paymentReference=nobody's").await), Vec::<String>::new());
    let first = ask(other, &format!("{path}/bookings?limit=2")).await;
    assert_eq!(ids(&first), all[..2]);
    let next = ask(other, &format!("{path}/bookings?cursor={}", first.body["nextCursor"].as_str().unwrap())).await;
    assert_eq!((ids(&next), next.body.get("nextCursor")), (all[2..].to_vec(), None));
    let cursor = first.body["nextCursor"].as_str().unwrap();
    assert_eq!(
        find(&format!("?status=Confirmed&cursor={cursor}")).await,
        all[2..],
        "the last one need not be wanted any more"
    );
    let shown = ask(other, &format!("/api/bookings/{}", sold.booking_id)).await.body;
    let item = &next.body["items"][0];
    for member in
        ["status", "seatIds", "price", "userId", "paymentReference", "refundedSeatIds", "sequence", "reservedAt"]
    {
        assert_eq!(item[member], shown[member], "{member}");
    }
    let table = text(other, &format!("{path}/bookings?format=csv&status=Confirmed")).await;
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(
        lines[0],
        "bookingId,status,userId,seats,total,currency,paymentReference,reservedAt,expiresAt,reason,tariffs,refundedSeats,refusedPayment"
    );
    assert!(
        lines[1].starts_with(&format!("{},Confirmed,'=ada,Stalls A1; Stalls B1,8000,EUR,{payment},", sold.booking_id)),
        "{}",
        lines[1]
    );
    assert!(lines[1].ends_with(",full; full,Stalls A2,"), "{}", lines[1]);
    assert_eq!(lines.len(), 2);

    // A channel sells one of two seats and gets it back.
    let channel =
        json!({"seatIds": seats[5..7], "type": "presale", "channel": {"name": "Fans", "key": "key-of-the-fan-club"}});
    let made = server.as_operator(Method::POST, &format!("{path}/blocks")).json(&channel);
    assert_eq!(server.send(made).await.unwrap().status, 201);
    let fan = json!({"userId": "fan", "seatIds": seats[5..6], "channelKey": "key-of-the-fan-club"});
    let fan = reserve(server, &showtime, fan).await;
    assert_eq!(server.cancel(&fan).await.status, 200);

    let report = ask(other, &format!("{path}/report")).await;
    let tally = |key: Option<&str>, [available, reserved, blocked, sold]: [u32; 4], revenue: u32| {
        let revenue = if revenue == 0 { json!({}) } else { json!({"EUR": revenue}) };
        let mut line =
            json!({"available": available, "reserved": reserved, "blocked": blocked, "sold": sold, "revenue": revenue});
        if let Some(key) = key {
            line["key"] = json!(key);
        }
        line
    };
    let expected = json!({
        "showtimeId": showtime, "sequence": report.body["sequence"], "total": tally(None, [6, 2, 3, 2], 8000),
        "sections": [tally(Some("Stalls"), [3, 0, 3, 2], 8000)], "areas": [tally(Some("Standing"), [3, 2, 0, 0], 0)],
        "categories": [tally(None, [3, 2, 3, 1], 3000), tally(Some("gold"), [3, 0, 0, 1], 5000)],
        "tariffs": [tally(Some("full"), [0, 2, 0, 2], 8000)], "channels": [tally(Some("Fans"), [0, 0, 2, 0], 0)],
    });
    assert_eq!((report.status, &report.body), (200, &expected));
    let table = text(other, &format!("{path}/report?format=csv")).await;
    let expected = "by,key,available,reserved,blocked,sold,currency,revenue\ntotal,,6,2,3,2,EUR,8000\nsection,Stalls,3,0,3,2,EUR,8000\n\
        area,Standing,3,2,0,0,,\ncategory,,3,2,3,1,EUR,3000\ncategory,gold,3,0,0,1,EUR,5000\ntariff,full,0,2,0,2,EUR,8000\nchannel,Fans,0,0,2,0,,\n";
    assert_eq!(table, expected);

    // What the channel sells counts for it, and what others sell does not.
    let fan = json!({"userId": "fan", "seatIds": [seats[5], seats[3]], "channelKey": "key-of-the-fan-club"});
    let fan = reserve(server, &showtime, fan).await;
    assert_eq!(server.confirm(&fan, &format!("fan's payment for {showtime}")).await.status, 200);
    let report = ask(other, &format!("{path}/report")).await;
    assert_eq!(report.body["channels"], json!([tally(Some("Fans"), [0, 0, 1, 1], 3000)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_box_office_looks_up_on_two_nodes() {
    let stack = Stack::real(services::shared()).await;
    let (one, other) = (stack.start(), stack.start());
    a_box_office_looks_up(&one, &other).await;
    stack.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_box_office_looks_up_on_the_embedded_profile() {
    let stack = Stack::embedded();
    let server = stack.start();
    a_box_office_looks_up(&server, &server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_are_for_operators_and_wrong_questions_are_named() {
    let stack = Stack::embedded();
    let server = stack.start();
    let (showtime, _) = server.schedule(1).await;
    let path = format!("/api/showtimes/{showtime}");
    for resource in ["bookings", "report"] {
        is_problem(&server.get(&format!("{path}/{resource}")).await, 401, "missing-credential");
        let nowhere = "/api/showtimes/00000000-0000-7000-8000-000000000000";
        is_problem(&ask(&server, &format!("{nowhere}/{resource}")).await, 404, "unknown-showtime");
        let refused = ask(&server, &format!("{path}/{resource}?format=xml")).await;
        is_problem(&refused, 400, "invalid-fields");
        names(&refused, "parameter", &["format"]);
    }
    for (query, wrong) in [
        ("userId=%E2%80%8B", "userId"),
        ("userId=", "userId"),
        ("seatId=A1", "seatId"),
        ("paymentReference=", "paymentReference"),
        ("status=confirmed", "status"),
        ("limit=1001", "limit"),
        ("cursor=x", "cursor"),
        ("cursor=AAAAAAAAAAAAAAAAAAAAAA", "cursor"),
        ("user=ada", "user"),
    ] {
        let refused = ask(&server, &format!("{path}/bookings?{query}")).await;
        is_problem(&refused, 400, "invalid-fields");
        names(&refused, "parameter", &[wrong]);
    }
    assert_eq!(ask(&server, &format!("{path}/bookings")).await.body, json!({"items": []}));
    let by_payment = server.get("/api/bookings?paymentReference=p").await;
    is_problem(&by_payment, 401, "missing-credential");
    for query in ["", "?paymentReference=", "?paymentReference=p&paymentReference=q"] {
        let refused = ask(&server, &format!("/api/bookings{query}")).await;
        is_problem(&refused, 400, "invalid-fields");
        names(&refused, "parameter", &["paymentReference"]);
    }
}

/// Payments that came too late for a booking are found with it, the first and the last.
#[tokio::test(flavor = "multi_thread")]
async fn refused_payments_are_found() {
    let stack = Stack::embedded().with("HOLD_SECONDS", 1);
    let server = stack.start();
    let (showtime, seats) = server.schedule(1).await;
    let late = server.hold(&showtime, &seats[..1]).await;
    let path = format!("/api/showtimes/{showtime}");
    eventually("the hold has ended", Duration::from_secs(10), async || {
        server.booking(&late).await.body["status"] == "Expired"
    })
    .await;
    let block = server
        .as_operator(Method::POST, &format!("{path}/blocks"))
        .json(&json!({"seatIds": seats[..1], "type": "house"}));
    assert_eq!(server.send(block).await.unwrap().status, 201);
    for payment in ["first", "last"] {
        is_problem(&server.confirm(&late, payment).await, 409, "payment-too-late");
    }
    for payment in ["first", "last"] {
        for path in ["/api", &path] {
            let found = ask(&server, &format!("{path}/bookings?paymentReference={payment}")).await;
            assert_eq!(ids(&found), [late.booking_id.as_str()], "{payment}");
            assert_eq!(found.body["items"][0]["refusedPayment"], "last");
        }
    }
    assert_eq!(server.terminate().await, Some(0));
    stack.check().await;
}
