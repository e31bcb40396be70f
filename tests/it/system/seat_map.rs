//! The seat map: its looks, its list, keys and movements, and the element on a page of another origin.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use serde_json::{Value, json};

use crate::free_port::free_port;
use crate::stack::{Server, Stack};
use crate::system::browser::Browser;
use crate::system::buyer::{click, free, place, show};

/// A house of two sections with printed labels, sold as "Metropolis"; the showtime's id.
async fn house(server: &Server, plan: Value) -> String {
    let made = server.send(server.as_operator(reqwest::Method::POST, "/api/auditoriums").json(&plan)).await.unwrap();
    assert_eq!(made.status, 201, "{made:?}");
    let body =
        json!({"movieTitle": "Metropolis", "startTime": "2030-01-01T20:00:00Z", "auditoriumId": made.body["id"]});
    server.post("/api/showtimes", &body).await.body["id"].as_str().unwrap().to_owned()
}

/// In forced colours, where the reader's own colours replace the page's, every state has a look of its own, on the map and in the list.
#[tokio::test(flavor = "multi_thread")]
async fn every_seat_state_is_told_apart_in_forced_colours() {
    let stack = Stack::embedded();
    let server = stack.start();
    let (showtime, seats) = server.schedule(1).await;
    server.hold(&showtime, &seats[..1]).await;
    let sold = server.hold(&showtime, &seats[1..2]).await;
    server.confirm(&sold, "p").await;
    let browser = Browser::open().await;
    show(&browser, &server, &showtime).await;
    click(&browser, &seats[2]).await;
    browser.click("#reserve").await;
    browser.says("bookings", "held for").await;
    click(&browser, &seats[3]).await;
    browser.script("map.toggleAttribute('list', true)").await;
    browser.until("all states are there", "[1, 2, 1, 0].every((code, seat) => map.statuses[seat] == code)").await;
    browser.media(&[("forced-colors", "active")]).await;
    browser.until("the list is there", "map.shadowRoot.querySelector('.list .seat')").await;
    browser.until("forced colours are on", "matchMedia('(forced-colors: active)').matches && map.palette.forced").await;
    let looks = "const look = (seat) => { const style = getComputedStyle(seat); \
                   return [style.borderTopStyle, style.borderTopWidth, style.backgroundColor].join(' '); }; \
                 return [...new Set([...map.shadowRoot.querySelectorAll('.list .seat')].map(look))].length";
    assert_eq!(browser.script(looks).await, 5, "available, chosen, reserved, sold, yours");
    // On the map, by what is painted where the seats are: not the labels, which differ anyhow.
    let pictures = "map.painter.draw(); const pen = map.parts.canvas.getContext('2d'); const ratio = map.painter.ratio; \
        const home = map.parts.canvas.getBoundingClientRect(); const all = new Set(); \
        for (const place of [0, 1, 2, 3, 5, 6]) { const { x, y, size } = map.locate(map.model.id(place)); const side = Math.round(size * ratio * 0.8); \
          const part = pen.getImageData(Math.round((x - home.left) * ratio - side / 2), Math.round((y - home.top) * ratio - side / 2), side, Math.round(side * 0.3)); \
          let sum = [0, 0, 0, 0]; part.data.forEach((value, at) => { sum[at & 3] += value; }); \
          all.add(sum.map((value) => Math.round(value / part.data.length * 4 / 8)).join(' ')); } \
        return [...all]";
    let pictures = browser.script(pictures).await;
    assert_eq!(pictures.as_array().unwrap().len(), 5, "{pictures}");
}

/// The list has a heading for each section, calls seats as they are printed, and the arrow keys go from section to section.
#[tokio::test(flavor = "multi_thread")]
async fn a_house_is_listed_with_its_sections_and_printed_labels() {
    let stack = Stack::embedded();
    let server = stack.start();
    let plan = json!({"name": "House", "sections": [
        {"name": "Stalls", "rows": [{"label": "A", "seats": [{"label": "12A"}, {"label": "12B", "kind": "wheelchair"}]}]},
        {"name": "Circle", "rows": [{"label": "A", "count": 2}]}]});
    let showtime = house(&server, plan).await;
    let browser = Browser::open().await;
    show(&browser, &server, &showtime).await;
    browser.script("map.toggleAttribute('list', true)").await;
    // It is loaded when it is opened.
    browser.until("the list is there", "map.shadowRoot.querySelector('.list .seat')").await;
    let listed = "const list = map.shadowRoot.querySelector('.list'); \
        return [...list.querySelectorAll('summary, .seat')].map((part) => part.ariaLabel ?? part.firstChild.textContent)";
    let parts = json!([
        "Stalls",
        "Stalls, row A, seat 12A, available",
        "Stalls, row A, seat 12B, wheelchair place, available",
        "Circle",
        "Circle, row A, seat 1, available",
        "Circle, row A, seat 2, available"
    ]);
    assert_eq!(browser.script(listed).await, parts);
    let down = "const seats = map.shadowRoot.querySelectorAll('.list .seat'); seats[0].focus(); \
        seats[0].dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowDown', bubbles: true})); \
        const there = map.shadowRoot.activeElement === seats[2]; seats[0].click(); return there";
    assert_eq!(browser.script(down).await, true);
    browser.click("#reserve").await;
    browser.says("bookings", "Stalls A12A").await;
}

/// Nothing but keys: to the map, to a seat, and to the button that holds it. What is under the cursor is said.
#[tokio::test(flavor = "multi_thread")]
async fn seats_are_chosen_and_held_with_the_keyboard_alone() {
    let stack = Stack::embedded();
    let server = stack.start();
    let (showtime, _) = server.schedule(3).await;
    let browser = Browser::open().await;
    show(&browser, &server, &showtime).await;
    let reach = async |what: &str, active: &str| {
        for _ in 0..40 {
            if browser.script(&format!("return Boolean({active})")).await == true {
                return;
            }
            browser.press("Tab").await;
        }
        panic!("{what} cannot be reached with the tabulator");
    };
    let says = async |text: &str| {
        let told =
            format!("map.shadowRoot.querySelector('.spoken[role=status]').textContent.includes({})", json!(text));
        browser.until(&format!("it is said: {text}"), &told).await;
    };
    reach("the map", "map.shadowRoot.activeElement?.localName == 'canvas'").await;
    browser.press("ArrowRight").await;
    says("Row R0, seat 1, available").await;
    for key in ["ArrowDown", "ArrowRight", "ArrowRight", "ArrowUp", "ArrowDown"] {
        browser.press(key).await;
    }
    says("Row R1, seat 3, available").await;
    browser.press(" ").await;
    says("Row R1, seat 3, chosen").await;
    browser.press("ArrowRight").await;
    browser.press("Enter").await;
    reach("the button", "document.activeElement.id == 'reserve'").await;
    browser.press("Enter").await;
    browser.says("bookings", "R13, R14").await;
    browser.says("bookings", "held for").await;
    reach("the payment", "document.activeElement.matches('#bookings .main')").await;
    browser.press("Enter").await;
    browser.says("bookings", "confirmed").await;
}

/// A rectangle that begins at a free seat chooses the free seats in it, as many as may be; over chosen ones it gives them up.
#[tokio::test(flavor = "multi_thread")]
async fn dragging_chooses_seats() {
    let stack = Stack::embedded();
    let server = stack.start();
    let (showtime, seats) = server.schedule(30).await;
    server.hold(&showtime, &seats[11..12]).await;
    let browser = Browser::open().await;
    show(&browser, &server, &showtime).await;
    browser.until("the hold is seen", "map.statuses[11] == 1").await;
    let (from, to) = (place(&browser, &seats[0]).await, place(&browser, &seats[22]).await);
    let over = [from, (from.0 + 8.0, from.1 + 8.0), (to.0 + 4.0, to.1 + 4.0)];
    browser.drag(&over).await;
    let chosen = browser.script("return map.chosen.map((id) => map.name(id)).sort()").await;
    assert_eq!(chosen, json!(["R01", "R02", "R03", "R11", "R13", "R21", "R22", "R23"]), "without the one that is held");
    // The same way back over nothing but chosen seats.
    let back = [place(&browser, &seats[20]).await, (to.0 - 9.0, to.1 + 3.0), (to.0 + 4.0, to.1 + 6.0)];
    browser.drag(&back).await;
    assert_eq!(browser.script("return map.chosen.length").await, 5);
    // From the ground the map is moved instead, once it is larger than its frame.
    browser.script("map.camera.zoom(3)").await;
    let ground = browser
        .script(
            "const box = map.parts.canvas.getBoundingClientRect(); for (let y = box.height / 2; ; y += 7) { \
               if (map.gestures.seatAt(60, y) < 0) return [box.left + 60, box.top + y]; }",
        )
        .await;
    let ground = (ground[0].as_f64().unwrap(), ground[1].as_f64().unwrap());
    let before = browser.script("return map.camera.y").await;
    browser.drag(&[ground, (ground.0, ground.1 + 20.0), (ground.0, ground.1 + 80.0)]).await;
    assert_ne!(browser.script("return map.camera.y").await, before);
    assert_eq!(browser.script("return map.chosen.length").await, 5);
}

/// Far out a large house is blocks of sections; a click moves near, and a click there chooses. All of it is drawn in little time.
#[tokio::test(flavor = "multi_thread")]
async fn a_large_house_is_blocks_first_and_seats_when_near() {
    let stack = Stack::embedded();
    let server = stack.start();
    let rows = |count: usize| (0..count).map(|row| json!({"label": row.to_string(), "count": 150})).collect::<Vec<_>>();
    let plan = json!({"name": "Arena", "sections": [
        {"name": "North", "rows": rows(60)}, {"name": "South", "rows": rows(60)}, {"name": "Rear", "rows": rows(60)}]});
    let showtime = house(&server, plan).await;
    let browser = Browser::open().await;
    show(&browser, &server, &showtime).await;
    let seats = browser.script("return [map.model.seats, map.model.pitch * map.camera.scale < 4]").await;
    assert_eq!(seats, json!([27_000, true]));
    // More seats than a browser takes as arguments of one call.
    browser.script("map.show(Array(150_000).fill(map.model.id(0)))").await;
    browser.script("map.show()").await;
    let seat = free(&browser, 1).await.remove(0);
    click(&browser, &seat).await;
    assert_eq!(browser.script("return map.chosen").await, json!([]), "too small to be meant");
    for _ in 0..4 {
        browser.until("the map stands still", "map.camera.glide === null").await;
        click(&browser, &seat).await;
    }
    browser.until("the map stands still", "map.camera.glide === null").await;
    assert_eq!(browser.script("return map.chosen").await, json!([seat]));
}

/// On a phone the buttons of the map are over nothing that could be chosen, and the stage is named above the seats.
#[tokio::test(flavor = "multi_thread")]
async fn no_button_of_the_map_is_over_a_seat() {
    let stack = Stack::embedded();
    let server = stack.start();
    let rows = (0..28).map(|row| json!({"label": row.to_string(), "count": 30})).collect::<Vec<_>>();
    let plan = json!({"name": "Hall", "sections": [{"name": "Stalls", "rows": rows}], "areas": [{"label": "Standing", "capacity": 9}]});
    let showtime = house(&server, plan).await;
    let browser = Browser::open().await;
    for (width, height) in [(390, 844), (1400, 500)] {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        browser.tell("Emulation.setDeviceMetricsOverride", size).await;
        show(&browser, &server, &showtime).await;
        let under = "const frame = map.parts.canvas.getBoundingClientRect(); const buttons = map.parts.controls.getBoundingClientRect(); \
            const [right, bottom] = map.camera.toScreen(map.model.box.right, map.model.box.bottom); \
            return frame.left + right > buttons.left && frame.top + bottom > buttons.top";
        assert_eq!(browser.script(under).await, false, "{width} pixels wide");
        let top = browser.script("return map.camera.toScreen(0, map.model.box.top)[1]").await.as_f64().unwrap();
        assert!(top >= 30.0, "{top} pixels above the stage");
    }
}

/// Serves one page for ever, on an origin of its own.
fn serve_page(html: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let (mut connection, html) = (connection.unwrap(), html.clone());
            // Browsers also open connections that they never use.
            std::thread::spawn(move || {
                let mut request = [0; 4096];
                let _read = connection.read(&mut request);
                let head = "HTTP/1.1 200 OK\r\ncontent-type: text/html; charset=utf-8\r\nconnection: close\r\n";
                let _written = write!(connection, "{head}content-length: {}\r\n\r\n{html}", html.len());
            });
        }
    });
    origin
}

/// On a page of another origin, whose policy allows the server, the element shows the house, is live, and holds.
#[tokio::test(flavor = "multi_thread")]
async fn the_element_works_on_another_origin() {
    // The page must know the server, and the server the page's origin.
    let port = free_port();
    let address = format!("http://127.0.0.1:{port}");
    let html = format!(
        "<!doctype html><html lang=en><meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src {address}; \
         connect-src {address} ws://127.0.0.1:{port}\"><script type=module src=\"{address}/embed/seat-map.js\"></script>\
         <h1>Shop</h1><seat-map id=map max=3></seat-map></html>"
    );
    let origin = serve_page(html);
    let stack = Stack::embedded().with("CORS_ORIGINS", &origin);
    let server = stack.start_with(vec![("TURNSTILE_LISTEN", format!("127.0.0.1:{port}"))]);
    let (showtime, seats) = server.schedule(2).await;
    let browser = Browser::open().await;
    browser.go(&origin).await;
    browser.until("the element is there", "customElements.get('seat-map')").await;
    let listen = format!(
        "window.heard = []; for (const name of ['seats-chosen', 'seats-held', 'seat-lost', 'status']) \
           map.addEventListener(name, ({{ detail }}) => heard.push([name, detail])); map.setAttribute('showtime', '{showtime}')"
    );
    browser.script(&listen).await;
    browser.until("it is live", "map.state == 'live' && map.statuses").await;
    for seat in &seats[..4] {
        click(&browser, seat).await;
    }
    assert_eq!(browser.script("return map.chosen").await, json!(seats[..3]), "no more than `max`");
    server.hold(&showtime, &seats[..1]).await;
    browser
        .until("the loss is told", "heard.some(([name, { names }]) => name == 'seat-lost' && names[0] == 'R01')")
        .await;
    browser.script("map.hold({ userId: 'ada' })").await;
    browser.until("the hold is told", "heard.some(([name, answer]) => name == 'seats-held' && answer.holdToken)").await;
    browser.until("the seats are the reader's own", "map.states.mine.size == 2 && map.chosen.length == 0").await;
}
