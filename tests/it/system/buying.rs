//! Buying: two people at one seat, the best seats, a booking that is changed, a hold that ends, and a server that is away for a while.

use serde_json::{Value, json};

use crate::free_port::free_port;
use crate::stack::{Server, Stack};
use crate::system::browser::Browser;
use crate::system::buyer::{click, countdown, is_shown, reserve, show};

/// A house with prices, sold as "Metropolis"; the showtime's id and its seats.
async fn priced(server: &Server) -> (String, Vec<String>) {
    let plan = json!({"name": "House", "categories": [{"key": "gold", "name": "Golden seats"}, {"key": "rest"}],
        "sections": [{"name": "Stalls", "rows": [{"label": "A", "count": 8, "category": "gold"}, {"label": "B", "count": 8, "category": "rest"}]}]});
    let made = server.send(server.as_operator(reqwest::Method::POST, "/api/auditoriums").json(&plan)).await.unwrap();
    let tariff = |key: &str, amount: u32| json!({"key": key, "amount": amount});
    let body = json!({"movieTitle": "Metropolis", "startTime": "2030-01-01T20:00:00Z", "auditoriumId": made.body["id"],
        "prices": {"currency": "EUR", "zones": [
            {"category": "gold", "tariffs": [tariff("full", 4500), tariff("child", 2000)]}, {"tariffs": [tariff("full", 3000)]}]}});
    let made = server.post("/api/showtimes", &body).await;
    assert_eq!(made.status, 201, "{made:?}");
    let showtime = made.body["id"].as_str().unwrap().to_owned();
    let seats = server.seats(&showtime, 1).await.into_iter().map(|(seat, _)| seat).collect();
    (showtime, seats)
}

/// Two browsers have chosen the same seat: one holds it, the other is told at once, and of the block beside, which one click takes.
#[tokio::test(flavor = "multi_thread")]
async fn two_browsers_race_for_a_seat() {
    let stack = Stack::embedded();
    let server = stack.start();
    let (showtime, seats) = server.schedule(2).await;
    let (ada, bob) = (Browser::open().await, Browser::open().await);
    for browser in [&ada, &bob] {
        show(browser, &server, &showtime).await;
        browser.says("connection", "live").await;
        click(browser, &seats[4]).await;
    }
    // Bob does not hear of it in time.
    bob.script("map.feed.receive = () => {}").await;
    ada.click("#reserve").await;
    ada.says("bookings", "held for").await;
    bob.click("#reserve").await;
    bob.says("message", "Not free any more: R05 (reserved)").await;
    bob.says("offers", "instead").await;
    bob.click("#offers button").await;
    bob.says("bookings", "held for").await;
    let statuses = server.seats(&showtime, 3).await;
    assert_eq!(statuses.iter().filter(|(_, status)| status == "Reserved").count(), 2, "{statuses:?}");
    ada.until("it is seen on the other's screen", "map.statuses.filter((code) => code == 1).length == 2").await;
    // Who hears of it in time is told without asking.
    let eve = Browser::open().await;
    show(&eve, &server, &showtime).await;
    eve.says("connection", "live").await;
    click(&eve, &seats[12]).await;
    server.hold(&showtime, &seats[12..13]).await;
    eve.says("message", "R13 just went to somebody else").await;
    assert_eq!(eve.script("return map.chosen").await, json!([]));
}

/// The best seats of a category are found, held at the tariffs that are chosen, changed in place, and paid.
#[tokio::test(flavor = "multi_thread")]
async fn best_seats_are_held_changed_and_paid() {
    let stack = Stack::embedded();
    let server = stack.start();
    let (showtime, seats) = priced(&server).await;
    let browser = Browser::open().await;
    show(&browser, &server, &showtime).await;
    browser.until("categories have their names", "map.model.categories[0].name == 'Golden seats'").await;
    browser
        .script(
            "document.getElementById('quantity').value = 3; document.getElementById('category').value = 'gold'; \
             document.getElementById('find').click()",
        )
        .await;
    browser.says("best-told", "Stalls row A").await;
    browser.says("total", "€135.00").await;
    browser
        .script(
            "const select = document.querySelector('#lines select'); select.value = 'child'; \
             select.dispatchEvent(new Event('change', { bubbles: true }))",
        )
        .await;
    browser.says("total", "€110.00").await;
    browser.click("#reserve").await;
    browser.says("bookings", "Pay €110.00").await;
    let held = browser.script("return [...map.states.mine]").await;
    assert_eq!(held.as_array().unwrap().len(), 3);
    // One is given back by a click on the map, another row's taken.
    browser.click("#bookings button:not(.main)").await;
    browser.says("yours", "Change your seats").await;
    let given: Value = browser.script("return map.model.id([...map.states.mine][1])").await;
    click(&browser, given.as_str().unwrap()).await;
    click(&browser, &seats[8]).await;
    browser.says("total", "€95.00").await;
    browser.click("#reserve").await;
    browser.says("bookings", "Stalls B1").await;
    browser.says("bookings", "Pay €95.00").await;
    browser.click("#bookings .main").await;
    browser.says("bookings", "confirmed, €95.00 paid").await;
    let sold: Vec<String> = server
        .seats(&showtime, 4)
        .await
        .into_iter()
        .filter(|(_, status)| status == "Sold")
        .map(|(seat, _)| seat)
        .collect();
    assert!(sold.len() == 3 && sold.contains(&seats[8]) && !sold.iter().any(|seat| *seat == given), "{sold:?}");
}

/// In a crowd, what was found may be gone before it is held: the server chooses and holds in one step.
#[tokio::test(flavor = "multi_thread")]
async fn the_best_seats_are_held_at_once() {
    let stack = Stack::embedded();
    let server = stack.start();
    let (showtime, seats) = priced(&server).await;
    let browser = Browser::open().await;
    show(&browser, &server, &showtime).await;
    // The request is held up on its way until a rival was faster.
    let held_up = "window.real = fetch; window.fetch = (...sent) => new Promise((go) => { window.go = go; }).then(() => real(...sent)); \
                   document.getElementById('hold-best').click()";
    browser.until("the button can be pressed", "!document.getElementById('hold-best').disabled").await;
    browser.script(held_up).await;
    let body = json!({"userId": "rival", "bestAvailable": {"quantity": 2}});
    let rival = server.post(&format!("/api/showtimes/{showtime}/bookings"), &body).await;
    assert_eq!(rival.status, 201, "{rival:?}");
    assert!(browser.script("return document.getElementById('hold-best').disabled").await.as_bool().unwrap());
    browser.script("window.go()").await;
    browser.says("message", "Held for you: Stalls").await;
    let mine = browser.script("return [...map.states.mine].map((seat) => map.model.id(seat))").await;
    let mine: Vec<&str> = mine.as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    let his = rival.body["seatIds"].as_array().unwrap();
    assert!(mine.len() == 2 && mine.iter().all(|id| seats.iter().any(|seat| seat == id)), "{mine:?}");
    assert!(!mine.iter().any(|id| his.contains(&json!(id))), "{mine:?} and {his:?}");
    browser
        .until(
            "the booking has its seats' names",
            "document.querySelector('#bookings strong').textContent.includes('Stalls')",
        )
        .await;
}

/// One place more of an area, at a tariff of its own; then one is given back and another one taken: the hold stays the same one.
#[tokio::test(flavor = "multi_thread")]
async fn the_number_of_places_is_changed_in_place() {
    let stack = Stack::embedded();
    let server = stack.start();
    let plan = json!({"name": "Field", "categories": [{"key": "floor"}], "sections": [{"name": "Stalls", "rows": [{"label": "A", "count": 2}]}],
        "areas": [{"label": "Standing", "capacity": 10, "category": "floor"}]});
    let made = server.send(server.as_operator(reqwest::Method::POST, "/api/auditoriums").json(&plan)).await.unwrap();
    let body = json!({"movieTitle": "Metropolis", "startTime": "2030-01-01T20:00:00Z", "auditoriumId": made.body["id"],
        "prices": {"currency": "EUR", "zones": [{"category": "floor", "tariffs": [{"key": "full", "amount": 3000}, {"key": "child", "amount": 1000}]},
            {"tariffs": [{"key": "full", "amount": 5000}]}]}});
    let made = server.post("/api/showtimes", &body).await;
    let showtime = made.body["id"].as_str().unwrap_or_else(|| panic!("{made:?}")).to_owned();
    let browser = Browser::open().await;
    show(&browser, &server, &showtime).await;
    browser.script("map.want('Standing', 2)").await;
    browser.says("total", "€60.00").await;
    browser.click("#reserve").await;
    browser.says("bookings", "Pay €60.00").await;

    browser.click("#bookings button:not(.main)").await;
    browser.says("yours", "Change your seats").await;
    browser.script("map.want('Standing', 1)").await;
    browser.says("total", "€90.00").await;
    browser
        .script(
            "const select = document.querySelector('#lines select'); select.value = 'child'; \
             select.dispatchEvent(new Event('change', { bubbles: true }))",
        )
        .await;
    browser.says("total", "€70.00").await;
    browser.click("#reserve").await;
    browser.says("bookings", "Pay €70.00").await;

    browser.click("#bookings button:not(.main)").await;
    browser.says("yours", "Change your seats").await;
    browser.script("document.querySelector('#lines button').click(); map.want('Standing', 1)").await;
    browser.says("total", "€50.00").await;
    browser.click("#reserve").await;
    browser.says("bookings", "Pay €50.00").await;
    let seats = server.seats(&showtime, 4).await;
    assert_eq!(seats.iter().filter(|(_, status)| status == "Reserved").count(), 3, "{seats:?}");
}

/// A hold that is not paid ends: its countdown is over here, and its seats are free on the other's screen.
#[tokio::test(flavor = "multi_thread")]
async fn a_hold_that_ends_frees_its_seats_on_other_screens() {
    let stack = Stack::embedded().with("HOLD_SECONDS", 10);
    let server = stack.start();
    let (showtime, _) = server.schedule(1).await;
    let (ada, bob) = (Browser::open().await, Browser::open().await);
    show(&bob, &server, &showtime).await;
    show(&ada, &server, &showtime).await;
    reserve(&ada, 2).await;
    ada.says("bookings", "held for").await;
    assert!(countdown(&ada).await <= 10);
    bob.until("they are held", "map.statuses.filter((code) => code == 1).length == 2").await;
    bob.until("they are free", "map.statuses.every((code) => code == 0)").await;
    ada.says("bookings", "expired").await;
    ada.until("they are free here, too", "map.statuses.every((code) => code == 0)").await;
    ada.click("#bookings button").await;
    assert_eq!(ada.script("return map.chosen.length").await, 2, "chosen again");
}

/// The server is killed and comes back: the page says so, goes on where it was, and the hold can be paid.
#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_server_finds_the_page_where_it_was() {
    let stack = Stack::embedded();
    let listen = format!("127.0.0.1:{}", free_port());
    let start = || stack.start_with(vec![("TURNSTILE_LISTEN", listen.clone())]);
    let mut server = start();
    let (showtime, seats) = server.schedule(1).await;
    let browser = Browser::open().await;
    show(&browser, &server, &showtime).await;
    reserve(&browser, 2).await;
    browser.says("bookings", "held for").await;
    server.kill();
    browser.until("the loss is said", "document.getElementById('connection').dataset.state != 'live'").await;
    let server = start();
    browser.says("connection", "live").await;
    server.hold(&showtime, &seats[5..6]).await;
    browser.until("what happens is seen again", "map.statuses[5] == 1").await;
    // A reload changes nothing either. What is clicked stands still once the seats are shown.
    browser.reload().await;
    browser.says("bookings", "held for").await;
    browser.until("the seats are shown", &is_shown("map")).await;
    browser.click("#bookings .main").await;
    browser.says("bookings", "confirmed").await;
}

/// An area has too few places left: the refusal says how many, and offers those, or as many in another area, with one click.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_area_offers_what_is_left_and_other_areas() {
    let stack = Stack::embedded();
    let server = stack.start();
    let plan = json!({"name": "House", "categories": [{"key": "dear"}], "sections": [{"name": "Stalls", "rows": [{"label": "A", "count": 4}]}],
        "areas": [{"label": "Pit", "capacity": 6}, {"label": "Terrace", "capacity": 9, "category": "dear"}, {"label": "Lawn", "capacity": 9}, {"label": "Nook", "capacity": 2}]});
    let made = server.send(server.as_operator(reqwest::Method::POST, "/api/auditoriums").json(&plan)).await.unwrap();
    let tariff = |amount: u32| json!([{"key": "full", "amount": amount}]);
    let body = json!({"movieTitle": "Metropolis", "startTime": "2030-01-01T20:00:00Z", "auditoriumId": made.body["id"],
        "prices": {"currency": "EUR", "zones": [{"category": "dear", "tariffs": tariff(4000)}, {"tariffs": tariff(1500)}]}});
    let made = server.post("/api/showtimes", &body).await;
    assert_eq!(made.status, 201, "{made:?}");
    let showtime = made.body["id"].as_str().unwrap();
    let browser = Browser::open().await;
    show(&browser, &server, showtime).await;
    browser.says("connection", "live").await;
    let take = async |area: &str, quantity: u32| {
        let body = json!({"areas": [{"areaId": area, "quantity": quantity}], "userId": "somebody else"});
        assert_eq!(server.post(&format!("/api/showtimes/{showtime}/bookings"), &body).await.status, 201);
    };
    // The page does not hear of it in time.
    let deaf = "window.hear ??= map.feed.receive; map.feed.receive = () => {}";
    browser.script(deaf).await;
    take("Pit", 4).await;
    browser.script("map.choose([map.model.id(1)]); map.want('Pit', 3)").await;
    browser.says("lines", "3 × Pit").await;
    browser.says("lines", "€15.00 each").await;
    browser.says("total", "€60.00").await;
    browser.click("#reserve").await;
    browser.says("message", "Pit has only 2 places left; you wanted 3. Nothing was reserved.").await;
    let offers =
        browser.script("return [...document.querySelectorAll('#offers button')].map((offer) => offer.innerText)").await;
    let expected = json!([
        "Hold Stalls A2, 2 × Pit instead\nall that is left there",
        "Hold Stalls A2, 3 × Lawn instead\n€15.00 each",
        "Hold Stalls A2, 3 × Terrace instead\n€40.00 each"
    ]);
    assert_eq!(offers, expected, "of the same price first; none that is too small");
    browser.click("#offers button").await;
    browser.says("bookings", "Stalls A2, 2 × Pit").await;
    browser.says("bookings", "held for").await;
    assert_eq!(browser.script("return document.getElementById('offers').children.length").await, 0);

    // Nothing at all is left there.
    browser.script("map.want('Pit', 1)").await;
    browser.click("#reserve").await;
    browser.says("message", "Pit is full; you wanted 1.").await;
    browser.click("#offers button").await;
    browser.says("bookings", "1 × Lawn").await;
    browser.says("message", "Held for you: 1 × Lawn").await;
}
