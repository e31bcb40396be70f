//! The operator's board in a real browser: who has which seat, blocks, sales at the door, bookings, the past, and what is said of a wrong key.
//!
//! Each test has a browser of its own.

use reqwest::Method;
use serde_json::{Value, json};

use crate::services;
use crate::stack::{Answer, OPERATOR, Server, Stack};
use crate::system::browser::Browser;
use crate::system::buyer::is_shown;

/// What somebody might write where others read it.
const SCRIPT: &str = "<img src=x onerror=alert(1)>";

/// A house of two rows and an area, with prices; its showtime.
async fn hall(server: &Server) -> String {
    let plan = json!({"name": "Hall", "categories": [{"key": "gold", "name": "Gold"}],
        "sections": [{"name": "Stalls", "rows": [{"label": "A", "count": 8, "category": "gold"}, {"label": "B", "count": 8}]}],
        "areas": [{"label": "Standing", "capacity": 50}]});
    let made = server.send(server.as_operator(Method::POST, "/api/auditoriums").json(&plan)).await.unwrap();
    let body = json!({"movieTitle": "Faust", "timeZone": "Europe/Berlin", "startTime": "2030-01-02T19:30", "auditoriumId": made.body["id"],
        "prices": {"currency": "EUR", "zones": [{"category": "gold", "tariffs": [{"key": "full", "name": "Full price", "amount": 5000}]},
            {"tariffs": [{"key": "full", "name": "Full price", "amount": 3000}, {"key": "guest", "amount": 0, "operatorsOnly": true}]}]}});
    let made = server.post("/api/showtimes", &body).await;
    assert_eq!(made.status, 201, "{made:?}");
    made.body["id"].as_str().unwrap().to_owned()
}

/// Opens the board on a showtime, with the operators' key.
pub async fn open(browser: &Browser, server: &Server, showtime: &str) {
    // A click waits for no scrolling.
    browser.media(&[("prefers-reduced-motion", "reduce")]).await;
    browser.go(&format!("{}/operator#{showtime}", server.address())).await;
    browser.until("the key is asked for", "document.querySelector('#operator-key')").await;
    browser.write("#operator-key", OPERATOR).await;
    browser.click("dialog.key button").await;
    browser.until("the sums are shown", "document.querySelector('[data-figure=free]')").await;
    browser.until("the house is shown", &is_shown("document.querySelector('seat-map')")).await;
}

/// The board on a showtime of the hall, in a browser of its own.
pub async fn board() -> (Stack, Server, String, Browser) {
    let stack = Stack::embedded();
    let server = stack.start();
    let showtime = hall(&server).await;
    let browser = Browser::open().await;
    open(&browser, &server, &showtime).await;
    (stack, server, showtime, browser)
}

/// What the figure of this name says.
pub async fn figure(browser: &Browser, name: &str, value: &str) {
    let shows = format!("document.querySelector('[data-figure={name}] strong')?.textContent === '{value}'");
    browser.until(&format!("{value} are {name}"), &shows).await;
}

/// Drags a frame around two places of the showtime's order and all between them.
pub async fn drag(browser: &Browser, (one, other): (u32, u32)) {
    let script = format!(
        "const map = document.querySelector('seat-map'); const [one, other] = [{one}, {other}].map((place) => map.locate(map.model.id(place))); \
         const reach = one.size / 2 + 2; \
         return [Math.min(one.x, other.x) - reach, Math.min(one.y, other.y) - reach, Math.max(one.x, other.x) + reach, Math.max(one.y, other.y) + reach]"
    );
    let corners = browser.script(&script).await;
    let corner = |place: usize| corners[place].as_f64().unwrap();
    let (from, to) = ((corner(0), corner(1)), (corner(2), corner(3)));
    browser.drag(&[from, (f64::midpoint(from.0, to.0), f64::midpoint(from.1, to.1)), to]).await;
}

async fn as_operator(server: &Server, path: &str) -> Answer {
    server.send(server.as_operator(Method::GET, path)).await.unwrap()
}

/// The board's sums are kept with each event and are those of a count of all bookings; a rush of events is told together.
#[tokio::test(flavor = "multi_thread")]
async fn the_story_keeps_its_sums_with_each_event() {
    let stack = Stack::embedded();
    let server = stack.start();
    let browser = Browser::open().await;
    browser.go(&format!("{}/operator", server.address())).await;
    let checked = browser.script(include_str!("operator_story.js")).await;
    assert_eq!(checked, json!([]), "these do not hold");
}

/// Without the key nothing is shown; a wrong one is said in words and asked for again.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_is_said_in_words() {
    let stack = Stack::embedded();
    let server = stack.start();
    let showtime = hall(&server).await;
    let browser = Browser::open().await;
    browser.go(&format!("{}/operator#{showtime}", server.address())).await;
    browser.until("the key is asked for", "document.querySelector('#operator-key')").await;
    browser.write("#operator-key", "no operator's key").await;
    browser.click("dialog.key button").await;
    browser.says("operator-key-said", "not the operators' key").await;
    assert_eq!(browser.script("return document.querySelector('[data-figure]')").await, Value::Null);
    browser.write("#operator-key", OPERATOR).await;
    browser.click("dialog.key button").await;
    figure(&browser, "free", "66").await;
    // It is kept for the tab, and forgotten when that is asked for.
    browser.reload().await;
    figure(&browser, "free", "66").await;
    browser.click("#forget").await;
    browser.until("it is forgotten", "document.querySelector('#operator-key')").await;
}

/// Seats are chosen by dragging and blocked; customers see them as reserved; they are given back in the same way.
#[tokio::test(flavor = "multi_thread")]
async fn seats_are_blocked_by_dragging_and_given_back() {
    let (_stack, server, showtime, browser) = board().await;
    drag(&browser, (0, 11)).await;
    browser.says("chosen", "8 chosen: Stalls A1–A4, Stalls B1–B4").await;
    browser.write("#block-form [name=type]", "press").await;
    browser.write("#block-form [name=reason]", SCRIPT).await;
    browser.click("#block").await;
    figure(&browser, "blocked", "8").await;
    browser.says("message", "Blocked: Stalls A1–A4, Stalls B1–B4").await;
    let words =
        |place: u32, words: &str| format!("document.querySelector('seat-map').states.word({place}) === '{words}'");
    browser.until("the map has who has it", &words(0, "reserved, blocked (press)")).await;
    browser.until("and nothing where nobody is", &words(4, "available")).await;
    // The reason is text, wherever it is shown.
    browser.says("blocks", SCRIPT).await;
    let shown = server.seats(&showtime, 2).await;
    assert_eq!(shown.iter().filter(|(_, status)| status == "Reserved").count(), 8);

    drag(&browser, (0, 9)).await;
    browser.says("holder", "Blocked: press").await;
    browser.click("#release").await;
    figure(&browser, "blocked", "4").await;
    browser.until("what was given back is marked no more", &words(0, "available")).await;
    browser.until("what was not still is", &words(2, "reserved, blocked (press)")).await;
    browser.click("#blocks [data-action=end]").await;
    browser.click("#sure-yes").await;
    figure(&browser, "blocked", "0").await;
    browser
        .until("nothing is marked", "document.querySelector('seat-map').states.marks.every((mark) => mark === 0)")
        .await;
    figure(&browser, "free", "66").await;
    assert_eq!(browser.script("return document.querySelectorAll('#panels img').length").await, 0);
}

/// A sale at the door: seats at tariffs of their own, and places of an area, with the sum that is paid.
#[tokio::test(flavor = "multi_thread")]
async fn seats_are_sold_at_the_door() {
    let (_stack, server, showtime, browser) = board().await;
    drag(&browser, (0, 9)).await;
    browser.says("sum", "160").await;
    // The colours of what is free are named, too.
    browser.says("legend", "Gold\nwithout a category\nheld").await;
    browser.script("const tariff = document.querySelector('#tariffs li:nth-child(3) select'); tariff.value = 'guest'; tariff.dispatchEvent(new Event('input', { bubbles: true }))").await;
    browser.says("sum", "130").await;
    let three = "const input = document.querySelector('seat-map').shadowRoot.querySelector('[data-area=Standing]'); \
        input.value = 3; input.dispatchEvent(new Event('input', { bubbles: true }))";
    browser.script(three).await;
    browser.says("sum", "220").await;
    browser.write("#sell-form [name=user]", "counter").await;
    browser.write("#sell-form [name=payment]", "cash 7").await;
    browser.click("#sell").await;
    browser.says("message", "Sold: Stalls A1–A2, Stalls B1–B2, 3 × Standing").await;
    figure(&browser, "sold", "7").await;
    let found = as_operator(&server, &format!("/api/showtimes/{showtime}/bookings?userId=counter")).await;
    let booking = &found.body["items"][0];
    assert_eq!(
        (&booking["status"], &booking["price"]["total"], &booking["paymentReference"]),
        (&json!("Confirmed"), &json!(22000), &json!("cash 7"))
    );

    browser.click("#tab-report").await;
    browser.says("report", "Standing").await;
    browser
        .until(
            "the curve has the sale",
            "document.querySelector('#curve title').textContent.startsWith('7 of 66 places sold')",
        )
        .await;
}

/// A booking is found by who made it, refunded in part, exchanged, and refunded as a whole.
#[tokio::test(flavor = "multi_thread")]
async fn a_booking_is_found_refunded_and_exchanged() {
    let stack = Stack::embedded();
    let server = stack.start();
    let showtime = hall(&server).await;
    let all: Vec<String> = server.seats(&showtime, 1).await.into_iter().map(|(seat, _)| seat).collect();
    let held = server.reserve(&showtime, &all[..3], SCRIPT).await;
    let held = crate::stack::Held::from(&held.body);
    let browser = Browser::open().await;
    open(&browser, &server, &showtime).await;
    browser.click("#tab-find").await;
    browser.write("#find-form [name=userId]", SCRIPT).await;
    browser.click("#find-form button.main").await;
    browser.says("found-said", "1 found").await;
    browser.says("found", SCRIPT).await;
    browser.click("#found [data-action=confirm]").await;
    browser.says("message", "Name the payment").await;
    browser.write("#found [name=payment]", "transfer 1").await;
    browser.click("#found [data-action=confirm]").await;
    figure(&browser, "sold", "3").await;
    browser.says("found", "payment transfer 1").await;

    browser.click("#found .seat-list li:nth-child(2) input").await;
    browser.click("#found [data-action=refund]").await;
    browser.write("#sure-reason", "ill").await;
    browser.click("#sure-yes").await;
    browser.says("message", "Return the payment transfer 1, the part for Stalls A2: €50.00.").await;
    browser.says("found", "refunded before: Stalls A2").await;
    figure(&browser, "sold", "2").await;

    drag(&browser, (12, 12)).await;
    browser.says("chosen", "Stalls B5").await;
    browser.click("#tab-find").await;
    browser.click("#found .seat-list li:nth-child(1) input").await;
    browser.click("#found [data-action=exchange]").await;
    browser.says("message", "It has now: Stalls A3, Stalls B5. To be returned: €20.00.").await;
    browser.says("found", "Stalls B5").await;
    browser.click("#found [data-action=refund]").await;
    browser.click("#sure-yes").await;
    browser.says("message", "Return the payment transfer 1: €80.00.").await;
    figure(&browser, "sold", "0").await;
    let shown = as_operator(&server, &format!("/api/bookings/{}", held.booking_id)).await;
    assert_eq!(shown.body["status"], "Cancelled");
    assert_eq!(browser.script("return document.querySelectorAll('#panels img').length").await, 0);
}

/// A customer names the number that the page showed him; the board tells what was refused.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_looked_up_by_its_number() {
    let (_stack, server, showtime, browser) = board().await;
    let refused = server.reserve(&showtime, &["00000000-0000-4000-8000-000000000000".to_owned()], SCRIPT).await;
    assert_eq!(refused.status, 400, "{refused:?}");
    browser.click("#tab-find").await;
    browser.write("#refused-form [name=requestId]", "0".repeat(32).as_str()).await;
    browser.click("#refused-form button").await;
    browser.says("message", "kept").await;
    browser.write("#refused-form [name=requestId]", refused.body["traceId"].as_str().unwrap()).await;
    browser.click("#refused-form button").await;
    browser.says("refused-said", "One request was refused.").await;
    browser.says("refused", refused.body["title"].as_str().unwrap()).await;
    browser.says("refused", "POST /api/bookings").await;
}

/// The slider shows the house as it stood, and comes back to now.
#[tokio::test(flavor = "multi_thread")]
async fn the_past_is_shown_by_a_slider() {
    let stack = Stack::embedded();
    let server = stack.start();
    let showtime = hall(&server).await;
    let all: Vec<String> = server.seats(&showtime, 1).await.into_iter().map(|(seat, _)| seat).collect();
    let held = server.hold(&showtime, &all[..3]).await;
    assert_eq!(server.confirm(&held, "p").await.status, 200);
    let browser = Browser::open().await;
    open(&browser, &server, &showtime).await;
    figure(&browser, "sold", "3").await;
    let code = |place: u32, code: u32| format!("document.querySelector('seat-map').statuses[{place}] === {code}");
    browser.until("the seat is sold", &code(0, 2)).await;
    let slide = "const slider = document.getElementById('past-at'); slider.value = 1; slider.dispatchEvent(new Event('input', { bubbles: true }))";
    browser.script(slide).await;
    browser.says("past-said", "seats were held").await;
    browser.until("the seat was held then", &code(0, 1)).await;
    assert_eq!(browser.script("return document.getElementById('block').disabled").await, true);
    // What happens meanwhile is not mixed in.
    server.hold(&showtime, &all[5..6]).await;
    figure(&browser, "held", "1").await;
    browser.until("the past stays", &code(5, 0)).await;
    browser.click("#past-now").await;
    browser.until("now it is sold", &code(0, 2)).await;
    browser.until("and the other one held", &code(5, 1)).await;
}

/// A showtime is made from an auditorium, changed, and cancelled.
#[tokio::test(flavor = "multi_thread")]
async fn a_showtime_is_made_changed_and_cancelled() {
    let (_stack, server, showtime, browser) = board().await;
    browser.click("#tab-terms").await;
    browser.write("#terms-form [name=movieTitle]", "Faust II").await;
    browser.click("#terms-save").await;
    browser.says("title", "Faust II").await;
    let shown = server.get(&format!("/api/showtimes/{showtime}?minSequence=2")).await;
    assert_eq!(shown.body["startTime"], "2030-01-02T18:30:00Z", "the start is where it was");
    assert_eq!(shown.body["prices"]["zones"][1]["tariffs"][1]["operatorsOnly"], true, "and so are the prices");

    browser.script("scrollTo(0, 0)").await;
    browser.click("#new-showtime").await;
    browser.until("auditoriums are there", "document.querySelector('#terms-form [name=auditorium]').value").await;
    browser.write("#terms-form [name=movieTitle]", SCRIPT).await;
    browser.script("document.querySelector('#terms-form [name=startTime]').value = '2030-05-01T20:00'").await;
    browser.until("prices are asked for", "document.querySelectorAll('#zones li').length === 2").await;
    browser.write("#zones fieldset:nth-child(1) [name=amount]", "12.50").await;
    browser.write("#zones fieldset:nth-child(2) [name=amount]", "10").await;
    browser.click("#terms-save").await;
    browser.says("title", SCRIPT).await;
    let made = browser.script("return location.hash.slice(1)").await;
    let shown = server.get(&format!("/api/showtimes/{}?minSequence=1", made.as_str().unwrap())).await;
    assert_eq!(
        shown.body["prices"]["zones"][0],
        json!({"category": "gold", "tariffs": [{"key": "full", "amount": 1250}]})
    );

    browser.click("#terms-cancel").await;
    browser.write("#sure-reason", "The house is closed").await;
    browser.click("#sure-yes").await;
    browser.says("facts", "cancelled: The house is closed").await;
    browser.says("facts", "May 1, 2030").await;
    assert_eq!(browser.script("return document.querySelectorAll('img').length").await, 0);
}

/// The state of the server: its nodes, how far behind its followers are, and what it refuses. What is said of nodes has no words missing.
#[tokio::test(flavor = "multi_thread")]
async fn the_state_of_the_server_is_shown() {
    let (_stack, mut server, showtime, browser) = board().await;
    browser.click("#tab-system").await;
    browser.says("nodes-said", "1 node: ready.").await;
    browser.says("nodes", "sqlite").await;
    browser.says("rates", "Outbox").await;
    assert_eq!(browser.script(include_str!("operator_nodes.js")).await, json!([]), "these do not hold");
    let all: Vec<String> = server.seats(&showtime, 1).await.into_iter().map(|(seat, _)| seat).collect();
    server.hold(&showtime, &all[..1]).await;
    assert_eq!(server.reserve(&showtime, &all[..1], "bob").await.status, 409);
    browser.says("refusals", "seats-taken").await;
    server.kill();
    browser
        .says("nodes-said", "The list of nodes cannot be read: the server cannot be reached. Below is how it was at")
        .await;
    browser.says("nodes", "was ready at").await;
}

/// Two nodes are listed, each with its address and version; one that was killed is silent, and it is said for how long.
#[tokio::test(flavor = "multi_thread")]
async fn nodes_are_listed_and_a_killed_one_is_silent() {
    let stack = Stack::real(services::shared()).await;
    let (a, mut b) = (stack.start(), stack.start());
    let showtime = hall(&a).await;
    let browser = Browser::open().await;
    open(&browser, &a, &showtime).await;
    browser.click("#tab-system").await;
    browser.says("nodes-said", "2 nodes: 2 ready.").await;
    browser.says("nodes", b.address().trim_start_matches("http://")).await;
    browser.says("nodes", concat!("version ", env!("CARGO_PKG_VERSION"))).await;
    b.kill();
    browser.says("nodes-said", "2 nodes: 1 ready, 1 silent.").await;
    browser.says("nodes", "Nothing heard for").await;
}

/// Nothing on the board is closed to who cannot see it or has no mouse, in either colour scheme, whichever panel is open.
#[tokio::test(flavor = "multi_thread")]
async fn the_board_is_accessible() {
    let stack = Stack::embedded();
    let server = stack.start();
    let showtime = hall(&server).await;
    let all: Vec<String> = server.seats(&showtime, 1).await.into_iter().map(|(seat, _)| seat).collect();
    let held = server.hold(&showtime, &all[..3]).await;
    assert_eq!(server.confirm(&held, "p").await.status, 200);
    let browser = Browser::open().await;
    open(&browser, &server, &showtime).await;
    drag(&browser, (0, 11)).await;
    browser.says("chosen", "8 chosen").await;
    browser.is_accessible().await;
    browser.media(&[("prefers-reduced-motion", "reduce")]).await;
    browser.click("#tab-find").await;
    browser.click("#find-form button.main").await;
    browser.says("found-said", "1 found").await;
    browser.is_accessible().await;
    for (tab, part, text) in
        [("report", "report", "Gold"), ("terms", "terms-title", "This showtime"), ("system", "nodes", "sqlite")]
    {
        browser.script(&format!("document.getElementById('tab-{tab}').click()")).await;
        if tab != "report" {
            browser.says(part, text).await;
        }
        browser.is_accessible().await;
    }
}
