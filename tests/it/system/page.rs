//! Bookings of a browser: what loses people their seats or their money, and what some of them could not see.
//!
//! Each test has a browser of its own.

use serde_json::json;

use crate::stack::Stack;
use crate::system::browser::Browser;
use crate::system::buyer::{countdown, is_shown, reserve, show};

/// A browser whose clock is wrong shows the hold's true time, and neither ends it early nor offers to pay for it too late.
#[tokio::test(flavor = "multi_thread")]
async fn countdowns_do_not_follow_the_browsers_clock() {
    let stack = Stack::embedded().with("HOLD_SECONDS", 12);
    let server = stack.start();
    let watched = [-90, 90].map(|minutes| {
        let server = &server;
        async move {
            let (showtime, _) = server.schedule(1).await;
            let browser = Browser::open().await;
            let wrong = format!("const right = Date.now; Date.now = () => right() + {minutes} * 60000;");
            browser.tell("Page.addScriptToEvaluateOnNewDocument", json!({ "source": wrong })).await;
            show(&browser, server, &showtime).await;
            reserve(&browser, 1).await;
            browser.says("bookings", "held for").await;
            let left = countdown(&browser).await;
            assert!((1..=12).contains(&left), "{left} s are left of 12, {minutes} minutes off");
            browser.says("bookings", "expired").await;
        }
    });
    futures_util::future::join_all(watched).await;
}

/// Two tabs book at the same time: each hold token is kept, and each tab shows both.
#[tokio::test(flavor = "multi_thread")]
async fn tabs_of_one_browser_keep_each_others_bookings() {
    let stack = Stack::embedded();
    let server = stack.start();
    let (showtime, _) = server.schedule(1).await;
    let browser = Browser::open().await;
    show(&browser, &server, &showtime).await;
    let first = browser.tab().await;
    let second = browser.new_tab().await;
    browser.turn_to(&second).await;
    show(&browser, &server, &showtime).await;
    reserve(&browser, 2).await;
    browser.says("bookings", "R01, R02").await;
    browser.turn_to(&first).await;
    // What the other tab got is here before this one books, and stays.
    browser.says("bookings", "R01, R02").await;
    let own = "map.states.mine.size == 2 && [...map.states.mine].every((seat) => map.statuses[seat] == 1)";
    browser.until("the seats are shown as the reader's own", own).await;
    reserve(&browser, 1).await;
    browser.says("bookings", "R03").await;
    browser.until("the hold is answered", "document.querySelectorAll('#bookings .countdown').length == 2").await;
    browser.reload().await;
    browser.says("bookings", "R03").await;
    browser.says("bookings", "R01, R02").await;
    let tokens = browser
        .script("return Object.keys(localStorage).map((key) => JSON.parse(localStorage[key]).holdToken).filter(Boolean).length")
        .await;
    assert_eq!(tokens, 2);
}

/// The answer to a reservation is lost: the page repeats it with the same key, and there is one booking, with its token.
#[tokio::test(flavor = "multi_thread")]
async fn a_reservation_without_an_answer_is_asked_for_again_with_its_key() {
    let stack = Stack::embedded();
    let server = stack.start();
    let (showtime, _) = server.schedule(1).await;
    let browser = Browser::open().await;
    show(&browser, &server, &showtime).await;
    // The server gets every request; the page gets no answer to a command.
    browser
        .script(
            "window.real = window.fetch; window.keys = []; window.deaf = true; \
             window.fetch = async (path, given) => { \
               const answer = await window.real(path, given); \
               if (given?.method === 'POST') { window.keys.push(given.headers['Idempotency-Key']); if (window.deaf) throw new TypeError('lost'); } \
               return answer; }",
        )
        .await;
    reserve(&browser, 2).await;
    browser.says("bookings", "whether these were reserved is not known").await;
    browser.says("message", "ask again below").await;
    // A reload loses nothing either.
    browser.reload().await;
    browser.says("title", "Metropolis").await;
    browser.says("bookings", "is not known").await;
    browser.until("the seats are shown", &is_shown("map")).await;
    browser.click("#bookings button").await;
    browser.says("bookings", "held for").await;
    let lines = browser.script("return document.querySelectorAll('#bookings li').length").await;
    assert_eq!(lines, 1);
    let reserved = server.seats(&showtime, 2).await.into_iter().filter(|(_, status)| status == "Reserved").count();
    assert_eq!(reserved, 2, "one booking took effect");
    browser.click("#bookings button").await;
    browser.says("bookings", "confirmed").await;
}

/// Where WebSockets are blocked the map is shown all the same, and follows; where they work again, it is live.
#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_websocket_leaves_a_map_that_follows() {
    let stack = Stack::embedded();
    let server = stack.start();
    let (showtime, seats) = server.schedule(1).await;
    let browser = Browser::open().await;
    let block = "window.RealSocket = WebSocket; window.blocked = true; \
                 window.WebSocket = class extends RealSocket { constructor(url) { super(blocked ? 'ws://127.0.0.1:1/' : url); } };";
    browser.tell("Page.addScriptToEvaluateOnNewDocument", json!({ "source": block })).await;
    show(&browser, &server, &showtime).await;
    browser.says("connection", "asking every few seconds").await;
    let held = server.hold(&showtime, &seats[..3]).await;
    assert_eq!(server.confirm(&held, "p").await.status, 200);
    browser.until("the sale is seen", "map.statuses.filter((code) => code == 2).length == 3").await;
    browser.script("window.blocked = false").await;
    browser.says("connection", "live").await;
    server.hold(&showtime, &seats[3..5]).await;
    browser.until("the hold is seen", "map.statuses.filter((code) => code == 1).length == 2").await;
}

/// The skip link moves the focus and leaves the address alone; addresses of the earlier page lead here; unknown showtimes are said so.
#[tokio::test(flavor = "multi_thread")]
async fn addresses_and_the_skip_link_lead_where_they_say() {
    let stack = Stack::embedded();
    let server = stack.start();
    let (showtime, _) = server.schedule(1).await;
    let browser = Browser::open().await;
    browser.go(&format!("{}/#{showtime}", server.address())).await;
    browser.says("title", "Metropolis").await;
    let address = browser.script("return location.pathname").await;
    assert_eq!(address, format!("/showtimes/{showtime}"));
    browser.script("document.getElementById('skip').click()").await;
    browser.until("the focus is in the map", "document.activeElement.id == 'map'").await;
    assert_eq!(browser.script("return location.pathname").await, address);
    browser.go(&format!("{}/#showtimes", server.address())).await;
    browser.says("showtimes", "Metropolis").await;
    browser.go(&format!("{}/showtimes/{}", server.address(), uuid::Uuid::nil())).await;
    browser.says("title", "There is no such showtime").await;
}

/// A refusal says in words what to do, and names seats as they are printed.
#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_told_in_words() {
    let stack = Stack::embedded();
    let server = stack.start();
    let (showtime, seats) = server.schedule(1).await;
    let browser = Browser::open().await;
    show(&browser, &server, &showtime).await;
    let answers = [
        (
            409,
            json!({ "code": "seats-taken", "conflicts": [{ "seatId": seats[0], "reason": "Reserved" }] }),
            "Not free any more: R01 (reserved)",
        ),
        (422, json!({ "code": "idempotency-key-reused" }), "changed nothing"),
        (429, json!({ "code": "too-many-requests" }), "Too many requests"),
        (503, json!({ "code": "overloaded" }), "busy or about to restart"),
        (503, json!({ "code": "outcome-unknown" }), "ask again below"),
    ];
    let seat = &seats[0];
    for (status, problem, words) in answers {
        let lie = format!(
            "window.real ??= window.fetch; window.fetch = async (path, given) => given?.method === 'POST' \
               ? new Response(JSON.stringify({problem}), {{ status: {status}, headers: {{ 'Retry-After': '9' }} }}) : window.real(path, given); \
             if (document.getElementById('reserve').disabled) map.choose(['{seat}']);"
        );
        browser.script(&lie).await;
        browser.click("#reserve").await;
        browser.says("message", words).await;
    }
}

/// Wherever the browser is, the start is shown by the venue's clocks, and that is said. A change is shown at once.
#[tokio::test(flavor = "multi_thread")]
async fn the_start_is_shown_by_the_venues_clocks() {
    let stack = Stack::embedded();
    let server = stack.start();
    // A quarter of an hour that no zone of whole hours shows.
    let body = json!({
        "movieTitle": "Metropolis", "timeZone": "Asia/Kathmandu", "startTime": "2030-01-01T20:15", "rows": [{"row": "A", "seats": 4}]
    });
    let made = server.post("/api/showtimes", &body).await;
    assert_eq!(made.status, 201, "{made:?}");
    let showtime = made.body["id"].as_str().unwrap();
    let browser = Browser::open().await;
    browser.tell("Emulation.setTimezoneOverride", json!({ "timezoneId": "America/New_York" })).await;
    show(&browser, &server, showtime).await;
    browser.says("facts", ":15").await;
    browser.says("facts", "(Asia/Kathmandu time)").await;
    let change = server.as_operator(reqwest::Method::PATCH, &format!("/api/showtimes/{showtime}"));
    assert_eq!(server.send(change.json(&json!({"timeZone": null}))).await.unwrap().status, 200);
    browser.says("facts", ":30").await;
    let facts = browser.script("return document.getElementById('facts').textContent").await;
    assert!(!facts.as_str().unwrap().contains("Kathmandu"), "{facts}");
    let change = server.as_operator(reqwest::Method::PATCH, &format!("/api/showtimes/{showtime}"));
    assert_eq!(server.send(change.json(&json!({"timeZone": "Asia/Kathmandu"}))).await.unwrap().status, 200);
    browser.go(server.address()).await;
    browser.says("showtimes", "(Asia/Kathmandu time)").await;
}

/// An area is one box with the number left, however many places it has; a quantity is chosen, alone or with seats.
#[tokio::test(flavor = "multi_thread")]
async fn an_area_is_one_box_with_a_quantity() {
    let stack = Stack::embedded();
    let server = stack.start();
    let plan = json!({"name": "House", "sections": [{"name": "Stalls", "rows": [{"label": "A", "count": 2}]}],
        "areas": [{"label": "Standing", "capacity": 5000}, {"label": "Lawn", "capacity": 3}]});
    let made = server.send(server.as_operator(reqwest::Method::POST, "/api/auditoriums").json(&plan)).await.unwrap();
    let body =
        json!({"movieTitle": "Metropolis", "startTime": "2030-01-01T20:00:00Z", "auditoriumId": made.body["id"]});
    let made = server.post("/api/showtimes", &body).await;
    let showtime = made.body["id"].as_str().unwrap();
    let browser = Browser::open().await;
    show(&browser, &server, showtime).await;
    let shows = async |text: &str| {
        let told = format!("map.shadowRoot.querySelector('.areas').innerText.includes({})", json!(text));
        browser.until(&format!("the areas say {text:?}"), &told).await;
    };
    shows("5,000 of 5,000 places left").await;
    assert_eq!(browser.script("return map.shadowRoot.querySelectorAll('.area').length").await, 2);
    let want = async |area: &str, quantity: u32| {
        let script = format!(
            "const input = map.shadowRoot.querySelector('[data-area={area}]'); input.value = {quantity}; \
             input.dispatchEvent(new Event('input', {{ bubbles: true }})); return input.value"
        );
        browser.script(&script).await
    };
    assert_eq!(
        (want("Lawn", 9).await, want("Standing", 40).await),
        (json!("3"), json!("17")),
        "20 at once, and what is left"
    );
    browser.says("message", "At most 20 places").await;
    want("Lawn", 0).await;
    want("Standing", 2).await;
    browser.says("lines", "Standing").await;
    reserve(&browser, 1).await;
    browser.says("bookings", "Stalls A1, 2 × Standing").await;
    browser.says("bookings", "held for").await;
    shows("4,998 of 5,000 places left").await;
    browser.click("#bookings .main").await;
    browser.says("bookings", "confirmed").await;
    let all = json!({"areas": [{"areaId": "Lawn", "quantity": 3}], "userId": "somebody else"});
    assert_eq!(server.post(&format!("/api/showtimes/{showtime}/bookings"), &all).await.status, 201);
    shows("sold out").await;
}

/// The list of showtimes is narrowed to days by the reader's clocks: the first and the last day are in it as a whole.
#[tokio::test(flavor = "multi_thread")]
async fn showtimes_are_filtered_by_their_days() {
    let stack = Stack::embedded();
    let server = stack.start();
    for (title, start) in [
        ("Before", "2030-03-01T22:59:00Z"),
        ("First", "2030-03-01T23:00:00Z"),
        ("Last", "2030-03-03T22:59:00Z"),
        ("After", "2030-03-03T23:00:00Z"),
    ] {
        let body = json!({"movieTitle": title, "startTime": start, "rows": [{"row": "A", "seats": 4}]});
        let made = server.post("/api/showtimes", &body).await;
        assert_eq!(made.status, 201, "{made:?}");
        // The page asks for the list once.
        server.seats(made.body["id"].as_str().unwrap(), 1).await;
    }
    let browser = Browser::open().await;
    browser.tell("Emulation.setTimezoneOverride", json!({ "timezoneId": "Europe/Berlin" })).await;
    browser.go(server.address()).await;
    browser.says("showtimes", "After").await;
    let day = async |field: &str, day: &str| {
        let script = format!(
            "const field = document.getElementById('{field}'); field.value = '{day}'; field.dispatchEvent(new Event('input', {{ bubbles: true }}))"
        );
        browser.script(&script).await;
    };
    let shows = async |titles: &str| {
        let shown = "[...document.querySelectorAll('#showtimes h3')].map((title) => title.textContent).filter((title) => title !== 'Bourne Identity').join(' ')";
        browser.until(titles, &format!("{shown} === '{titles}'")).await;
    };
    day("from", "2030-03-02").await;
    shows("First Last After").await;
    day("to", "2030-03-03").await;
    shows("First Last").await;
    day("from", "2030-03-04").await;
    browser.says("found", "The last day is before the first one").await;
    day("to", "2030-03-05").await;
    shows("After").await;
    day("from", "2030-03-05").await;
    browser.says("found", "No showtime fits these filters").await;
    day("to", "2030-03-03").await;
    day("from", "").await;
    shows("Before First Last").await;
}

/// A showtime is moved to another version of its auditorium: its map is read anew, with what was chosen still chosen.
#[tokio::test(flavor = "multi_thread")]
async fn the_map_of_a_moved_showtime_is_read_anew() {
    let stack = Stack::embedded();
    let server = stack.start();
    let plan = |name: &str, y: u32| {
        json!({"name": "House", "categories": [{"key": "gold", "name": name}], "focalPoint": {"x": 0, "y": -200},
            "sections": [{"name": "Stalls", "category": "gold", "rows": [{"label": "A", "count": 5, "x": 0, "y": 0}, {"label": "B", "count": 5, "x": 0, "y": y}]}]})
    };
    let made = server.send(server.as_operator(reqwest::Method::POST, "/api/auditoriums").json(&plan("Gold", 90))).await;
    let house = made.unwrap().body["id"].as_str().unwrap().to_owned();
    let body = json!({"movieTitle": "Metropolis", "startTime": "2030-01-01T20:00:00Z", "auditoriumId": house});
    let showtime = server.post("/api/showtimes", &body).await.body["id"].as_str().unwrap().to_owned();
    let browser = Browser::open().await;
    show(&browser, &server, &showtime).await;
    browser.says("connection", "live").await;
    browser.until("the category has its name", "map.model.categories[0].name === 'Gold'").await;
    browser.script("map.choose([map.model.id(3)])").await;
    let change =
        server.as_operator(reqwest::Method::PUT, &format!("/api/auditoriums/{house}")).header("if-match", "\"1\"");
    assert_eq!(server.send(change.json(&plan("Platinum", 300))).await.unwrap().status, 200);
    let moved = server.as_operator(reqwest::Method::PATCH, &format!("/api/showtimes/{showtime}"));
    assert_eq!(server.send(moved.json(&json!({"auditoriumVersion": 2}))).await.unwrap().status, 200);
    browser.until("row B is where it is now", "map.model?.y[5] - map.model?.y[0] === 30000").await;
    browser.until("the category has its new name", "map.model.categories[0].name === 'Platinum'").await;
    browser.until("the seat is still chosen", "map.chosen.length === 1 && map.chosen[0] === map.model.id(3)").await;
    browser.says("lines", "Stalls A4").await;
    browser.says("connection", "live").await;
}
