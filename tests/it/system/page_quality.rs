//! The pages' quality: for readers with other eyes, on little bandwidth, and with texts that try to be more than text.

use serde_json::json;

use crate::stack::{OPERATOR, Stack};
use crate::system::browser::Browser;
use crate::system::buyer::{is_shown, reserve, show};

/// Bytes that a phone may have to load until a house of 200 seats is shown.
const MOST_BYTES: u64 = 60_000;

/// axe-core finds nothing serious, in both colour schemes, on the pages of the shop and about embedding.
#[tokio::test(flavor = "multi_thread")]
async fn axe_finds_nothing_serious_in_both_schemes() {
    let stack = Stack::embedded();
    let server = stack.start();
    let (showtime, seats) = server.schedule(3).await;
    server.hold(&showtime, &seats[..2]).await;
    let browser = Browser::open().await;
    browser.go(server.address()).await;
    browser.says("showtimes", "Metropolis").await;
    browser.is_accessible().await;
    show(&browser, &server, &showtime).await;
    reserve(&browser, 2).await;
    browser.says("bookings", "held for").await;
    browser.script("map.toggleAttribute('list', true); map.choose([map.model.id(20)])").await;
    browser.until("the list is there", "map.shadowRoot.querySelector('.list .seat')").await;
    browser.is_accessible().await;
    browser.go(&format!("{}/embed", server.address())).await;
    browser.until("the map is shown", "document.getElementById('map').statuses").await;
    browser.is_accessible().await;
}

/// All that is loaded for a house of 200 seats, compressed; a second visit loads nearly nothing.
#[tokio::test(flavor = "multi_thread")]
async fn the_map_of_200_seats_costs_little() {
    let stack = Stack::embedded();
    let server = stack.start();
    let (showtime, _) = server.schedule(20).await;
    let browser = Browser::open().await;
    show(&browser, &server, &showtime).await;
    browser.says("connection", "live").await;
    let loaded = "return [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')] \
                  .reduce((sum, { transferSize }) => sum + transferSize, 0)";
    let first = browser.script(loaded).await.as_u64().unwrap();
    assert!(first < MOST_BYTES, "{first} bytes");
    browser.reload().await;
    browser.says("connection", "live").await;
    let second = browser.script(loaded).await.as_u64().unwrap();
    assert!(second < first / 3, "{second} bytes after {first}");
}

/// Titles, labels, names and notes stay text, wherever they are shown.
#[tokio::test(flavor = "multi_thread")]
async fn markup_in_texts_stays_text() {
    let stack = Stack::embedded();
    let server = stack.start();
    let evil = |of: &str| format!("<img src=x onerror=\"window.caught='{of}'\">{of}");
    let plan = json!({"name": evil("house"), "categories": [{"key": evil("key"), "name": evil("category")}, {"key": "other"}],
        "sections": [{"name": evil("section"), "category": evil("key"), "rows": [
            {"label": "<b>R</b>", "seats": [{"label": "<i>1</i>", "note": evil("note")}, {"label": "2", "category": "other"}]}]}],
        "areas": [{"label": "<u>Lawn</u>", "capacity": 3}]});
    let made = server.send(server.as_operator(reqwest::Method::POST, "/api/auditoriums").json(&plan)).await.unwrap();
    assert_eq!(made.status, 201, "{made:?}");
    let body = json!({"movieTitle": evil("Metropolis"), "startTime": "2030-01-01T20:00:00Z", "auditoriumId": made.body["id"],
        "prices": {"currency": "EUR", "zones": [{"tariffs": [{"key": "full", "name": evil("tariff"), "amount": 100}, {"key": "half", "amount": 50}]}]}});
    let made = server.post("/api/showtimes", &body).await;
    assert_eq!(made.status, 201, "{made:?}");
    let showtime = made.body["id"].as_str().unwrap();
    // The page asks for the list once.
    server.seats(showtime, 1).await;
    let browser = Browser::open().await;
    browser.go(server.address()).await;
    browser.says("showtimes", "Metropolis").await;
    show(&browser, &server, showtime).await;
    browser.until("categories have their names", "map.model.categories[0].name.includes('category')").await;
    browser
        .script(
            "map.toggleAttribute('list', true); document.getElementById('user').value = '<img src=x onerror=caught=1>'",
        )
        .await;
    browser.script("map.choose([map.model.id(0)]); map.want('<u>Lawn</u>', 1); map.hover(0, 50, 50)").await;
    browser.says("lines", "<i>1</i>").await;
    browser.says("lines", "note").await;
    browser.click("#reserve").await;
    browser.says("bookings", "<b>R</b>").await;
    browser.says("bookings", "held for").await;
    let foreign = "const all = (root) => [...root.querySelectorAll('*')].flatMap((part) => [part, ...(part.shadowRoot ? all(part.shadowRoot) : [])]); \
        return [window.caught ?? null, all(document).filter(({ localName }) => ['img', 'b', 'i', 'u'].includes(localName) ).map((part) => part.outerHTML)]";
    let foreign = browser.script(foreign).await;
    assert_eq!(foreign[0], json!(null));
    let ours = foreign[1].as_array().unwrap().iter().filter(|part| !part.as_str().unwrap().contains("€")).count();
    assert_eq!(ours, 0, "{foreign}");
    let cancel = server.as_operator(reqwest::Method::POST, &format!("/api/showtimes/{showtime}/cancel"));
    server.send(cancel.json(&json!({"reason": evil("reason")}))).await.unwrap();
    browser.says("title", "<img").await;
    browser.says("bookings", "reason").await;
    assert_eq!(browser.script("return window.caught ?? null").await, json!(null));
}

/// No page is wider than a phone, whatever titles there are.
#[tokio::test(flavor = "multi_thread")]
async fn no_page_is_wider_than_a_phone() {
    let stack = Stack::embedded();
    let server = stack.start();
    let plan = json!({"name": "H".repeat(80), "categories": [{"key": "gold", "name": "G".repeat(60)}],
        "sections": [{"name": "S".repeat(60), "category": "gold", "rows": [{"label": "A", "count": 4}]}], "areas": [{"label": "L".repeat(40), "capacity": 9}]});
    let made = server.send(server.as_operator(reqwest::Method::POST, "/api/auditoriums").json(&plan)).await.unwrap();
    assert_eq!(made.status, 201, "{made:?}");
    let house = made.body["id"].clone();
    let mut showtimes = Vec::new();
    for title in ["T".repeat(80), "ألف ليلة وليلة: حكايات شهرزاد على المسرح الكبير".to_owned(), "🎭".repeat(80)]
    {
        let body = json!({"movieTitle": title, "startTime": "2030-01-01T20:00:00Z", "timeZone": "America/Argentina/ComodRivadavia", "auditoriumId": house,
            "prices": {"currency": "EUR", "zones": [{"tariffs": [{"key": "full", "name": "P".repeat(60), "amount": 123_456_789}, {"key": "half", "amount": 0}]}]}});
        let made = server.post("/api/showtimes", &body).await;
        assert_eq!(made.status, 201, "{made:?}");
        let id = made.body["id"].as_str().unwrap().to_owned();
        // The page asks for the list once.
        server.seats(&id, 1).await;
        showtimes.push(id);
    }
    let browser = Browser::open().await;
    let phone = json!({ "width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": false });
    browser.tell("Emulation.setDeviceMetricsOverride", phone).await;
    let keep = format!("sessionStorage.setItem('turnstile.operator.key', {})", json!(OPERATOR));
    browser.go(&format!("{}/docs", server.address())).await;
    browser.script(&keep).await;
    let fits = async |page: &str| {
        let wide = "const all = [...document.querySelectorAll('body *')].filter((part) => part.getBoundingClientRect().right > innerWidth + 1); \
            return [document.documentElement.scrollWidth - document.documentElement.clientWidth, all.slice(0, 3).map(({ localName, id, className }) => [localName, id, className].join(' '))]";
        let wide = browser.script(wide).await;
        assert!(wide[0].as_i64().unwrap() <= 0, "{page}: {wide}");
    };
    browser.until("the reference is shown", "document.querySelectorAll('details').length > 9").await;
    fits("/docs").await;
    browser.go(&format!("{}/embed", server.address())).await;
    browser.until("the map is shown", "document.getElementById('map').statuses").await;
    fits("/embed").await;
    browser.go(server.address()).await;
    browser.says("showtimes", "🎭🎭").await;
    fits("/").await;
    let filters = "document.getElementById('from').checkVisibility()";
    assert_eq!(browser.script(&format!("return {filters}")).await, false, "the showtimes come first");
    browser.click("#fold").await;
    browser.until("the filters are shown", filters).await;
    fits("/, with its filters").await;
    for showtime in &showtimes {
        browser.go(&format!("{}/showtimes/{showtime}", server.address())).await;
        browser.until("the seats are shown", &is_shown("map")).await;
        browser.script("map.choose([map.model.id(0), map.model.id(1)]); map.want(map.model.areas[0].label, 2)").await;
        browser.script("document.getElementById('reserve').click()").await;
        browser.says("bookings", "held for").await;
        browser.script("map.choose([map.model.id(2)])").await;
        fits("/showtimes").await;
        browser.go(&format!("{}/operator#{showtime}", server.address())).await;
        browser
            .until("who has what is shown", "document.querySelector('[data-figure=held] strong')?.textContent === '4'")
            .await;
        for tab in ["find", "report", "terms", "system", "seats"] {
            browser.script(&format!("document.getElementById('tab-{tab}').click()")).await;
            fits(&format!("/operator, {tab}")).await;
        }
        browser.go("about:blank").await;
    }
    browser.go(&format!("{}/designer#{}", server.address(), house.as_str().unwrap())).await;
    browser.says("count", "4 seats").await;
    fits("/designer").await;
}
