//! The designer in a real browser: a house is drawn, saved, opened again, changed and sold.
//!
//! Each test has a browser of its own.

use reqwest::Method;
use serde_json::{Value, json};

use crate::stack::{OPERATOR, Server, Stack};
use crate::system::browser::Browser;

/// Opens the designer with the operators' key.
pub async fn design(browser: &Browser, server: &Server, path: &str) {
    // A click waits for no scrolling.
    browser.media(&[("prefers-reduced-motion", "reduce")]).await;
    browser.go(&format!("{}/designer{path}", server.address())).await;
    browser.until("the key is asked for", "document.querySelector('#operator-key')").await;
    browser.write("#operator-key", OPERATOR).await;
    browser.click("dialog.key button").await;
    // The page begins once the server has answered twice whether it takes this browser for an operator's: without the key, and with it.
    let answers = "performance.getEntriesByType('resource').filter(({ name }) => name.endsWith('/blocks')).length > 1";
    browser.until("the key is taken", &format!("!document.querySelector('#operator-key') && {answers}")).await;
}

/// Adds a block of rows by numbers.
pub async fn add_rows(browser: &Browser, fields: &[(&str, &str)]) {
    browser.click("[data-tool=rows]").await;
    for (name, value) in fields {
        browser.write(&format!("#rows-form [name={name}]"), value).await;
    }
    browser.click("#add-rows").await;
}

pub async fn plan_of(server: &Server, house: &str) -> Value {
    let answer = server.get(&format!("/api/auditoriums/{house}")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body
}

/// Drags over the plan, from one point to another, both counted from the middle of the canvas.
async fn drag(browser: &Browser, from: (f64, f64), to: (f64, f64)) {
    let middle = "const box = document.getElementById('canvas').getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]";
    let middle = browser.script(middle).await;
    let at = |point: (f64, f64)| (middle[0].as_f64().unwrap() + point.0, middle[1].as_f64().unwrap() + point.1);
    browser.drag(&[at(from), at((f64::midpoint(from.0, to.0), f64::midpoint(from.1, to.1))), at(to)]).await;
}

/// The id of the house in the designer's address.
async fn house_in(browser: &Browser) -> String {
    browser.script("return location.hash.slice(1)").await.as_str().unwrap().to_owned()
}

/// Two blocks of rows, categories by paint, undo and redo, saved, opened again, changed, and sold: what is drawn is what is sold.
#[tokio::test(flavor = "multi_thread")]
async fn a_house_is_drawn_saved_changed_and_sold() {
    let stack = Stack::embedded();
    let server = stack.start();
    let browser = Browser::open().await;
    design(&browser, &server, "").await;
    browser.write("#name", "Playhouse").await;
    add_rows(&browser, &[("rows", "4"), ("seats", "12"), ("growth", "1"), ("curve", "60"), ("aisles", "6")]).await;
    browser.says("count", "54 seats · 1 section").await;
    add_rows(&browser, &[("section", "Circle"), ("rows", "2"), ("seats", "9"), ("growth", "0"), ("aisles", "")]).await;
    browser.says("count", "72 seats · 2 sections").await;
    browser.click("#undo").await;
    browser.says("count", "54 seats · 1 section").await;
    browser.click("#redo").await;
    browser.says("count", "72 seats · 2 sections").await;

    browser.write("#category-name", "Gold").await;
    browser.click("#category-form button").await;
    browser.says("checks", "54 seats of Stalls have no category").await;
    // The check leads to what it is about.
    browser.click("#checks button").await;
    browser.says("chosen-title", "54 seats in 4 rows · Stalls").await;
    browser.click("#categories [data-action=pick]").await;
    browser.until("they are painted", "document.querySelector('#categories .count').textContent === '54'").await;
    browser.click("#save").await;
    browser.says("saved", "version 1, saved").await;

    let house = house_in(&browser).await;
    let plan = plan_of(&server, &house).await;
    assert_eq!(plan["name"], "Playhouse");
    let first = &plan["sections"][0]["rows"][0];
    assert_eq!((&first["label"], &first["category"]), (&json!("A"), &json!("gold")), "{first}");
    let seats = first["seats"].as_array().unwrap();
    assert_eq!(
        (seats.len(), &seats[5]["label"], &seats[6]["adjacency"]),
        (12, &json!("6"), &json!(8)),
        "an aisle after the sixth"
    );

    browser.reload().await;
    browser.says("count", "72 seats · 2 sections").await;
    browser.says("saved", "version 1, saved").await;
    browser.click("#parts details:nth-of-type(2) summary").await;
    browser.until("the section is open", "document.querySelector('#parts details:nth-of-type(2) button')").await;
    browser.click("#parts details:nth-of-type(2) button").await;
    browser.write("#seats-form [name=section]", "Balcony").await;
    browser.says("saved", "changed since version 1").await;
    browser.click("#save").await;
    browser.says("saved", "version 2, saved").await;
    assert_eq!(plan_of(&server, &house).await["sections"][1]["name"], "Balcony");

    sell(&browser, &server).await;
}

/// Opens the sale of the house that is drawn, and buys a seat.
async fn sell(browser: &Browser, server: &Server) {
    browser.click("#sell").await;
    browser.write("#sale-form [name=movieTitle]", "Faust").await;
    let start = "const form = document.getElementById('sale-form').elements; form.startTime.value = '2030-01-02T19:30'; form.timeZone.value = 'Europe/Berlin'";
    browser.script(start).await;
    browser.write("#prices tr:nth-child(1) [name=full]", "45").await;
    browser.write("#prices tr:nth-child(1) [name=reduced]", "20.50").await;
    browser.write("#prices tr:nth-child(2) [name=full]", "30").await;
    browser.click("#sale-form button.main").await;
    browser.says("sale-done", "The sale of Faust is open: 72 places").await;
    let link = browser.script("return document.querySelector('#sale-done a').pathname").await;
    let showtime = link.as_str().unwrap().trim_start_matches("/showtimes/");
    let shown = server.get(&format!("/api/showtimes/{showtime}?minSequence=1")).await;
    assert_eq!(
        shown.body["prices"]["zones"][0],
        json!({"category": "gold", "tariffs": [
        {"key": "full", "name": "Full price", "amount": 4500}, {"key": "reduced", "name": "Reduced", "amount": 2050}]})
    );
    let body = json!({"showtimeId": showtime, "seatIds": [shown.body["seats"][60]["seatId"]], "userId": "ada"});
    let bought = server.post("/api/bookings", &body).await;
    assert_eq!((bought.status, &bought.body["price"]["total"]), (201, &json!(3000)), "{bought:?}");
}

/// Rows and areas by dragging; seats that are dragged move; what is dragged is one step of undo.
#[tokio::test(flavor = "multi_thread")]
async fn rows_and_areas_are_drawn_by_dragging() {
    let stack = Stack::embedded();
    let server = stack.start();
    let browser = Browser::open().await;
    design(&browser, &server, "").await;
    browser.click("[data-tool=rows]").await;
    drag(&browser, (-200.0, -100.0), (200.0, 60.0)).await;
    browser
        .until("the frame fills the form", "Number(document.querySelector('#rows-form [name=seats]').value) > 5")
        .await;
    let wanted = browser.script("const form = document.getElementById('rows-form').elements; return Number(form.rows.value) * Number(form.seats.value)").await;
    browser.click("#add-rows").await;
    browser.says("count", &format!("{wanted} seats")).await;

    browser.click("[data-tool=area]").await;
    drag(&browser, (-200.0, 260.0), (100.0, 330.0)).await;
    browser.says("chosen-title", "Area").await;
    browser.write("#areas-form [name=capacity]", "250").await;
    browser.says("count", "250 places in areas").await;

    drag(&browser, (-100.0, 300.0), (0.0, 300.0)).await;
    let x = "return document.querySelector('#undo').title";
    assert_eq!(browser.script(x).await, "Undo: Move");
    browser.click("#undo").await;
    assert_eq!(browser.script(x).await, "Undo: Change an area");
}

/// What was drawn and not saved is there again after a reload, until it is thrown away or saved.
#[tokio::test(flavor = "multi_thread")]
async fn a_draft_is_kept_across_a_reload() {
    let stack = Stack::embedded();
    let server = stack.start();
    let browser = Browser::open().await;
    design(&browser, &server, "").await;
    browser.write("#name", "Barn").await;
    add_rows(&browser, &[("rows", "3"), ("seats", "7")]).await;
    browser.says("count", "21 seats").await;
    let kept = "localStorage.getItem('turnstile.designer.draft.new')";
    browser.until("the draft is kept", &format!("{kept}?.includes('Barn') && {kept}.includes('Stalls')")).await;
    browser.reload().await;
    browser.says("message", "drawn before and not saved").await;
    browser.says("count", "21 seats").await;
    assert_eq!(browser.script("return document.getElementById('name').value").await, "Barn");
    browser.says("saved", "not saved yet").await;
    browser.click("#message button:nth-of-type(2)").await;
    browser.click("#save").await;
    browser.says("saved", "version 1, saved").await;
    assert_eq!(browser.script(&format!("return {kept}")).await, Value::Null, "what is saved is no draft");
    let house = house_in(&browser).await;
    assert_eq!(plan_of(&server, &house).await["name"], "Barn");
    // Thrown away, it is the house as it was saved.
    browser.write("#name", "Shed").await;
    browser.until("it is kept", &format!("localStorage.getItem('turnstile.designer.draft.{house}')")).await;
    browser.reload().await;
    browser.says("message", "drawn before and not saved").await;
    browser.click("#message button").await;
    browser.says("saved", "version 1, saved").await;
    assert_eq!(browser.script("return document.getElementById('name').value").await, "Barn");
}

/// Whoever saves on top of what another one has saved is told so, and chooses which of the two stays.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_overwrites_what_another_one_saved() {
    let stack = Stack::embedded();
    let server = stack.start();
    let plan =
        |name: &str| json!({"name": name, "sections": [{"name": "Stalls", "rows": [{"label": "A", "count": 4}]}]});
    let made = server.send(server.as_operator(Method::POST, "/api/auditoriums").json(&plan("House"))).await.unwrap();
    let house = made.body["id"].as_str().unwrap().to_owned();
    let browser = Browser::open().await;
    design(&browser, &server, &format!("#{house}")).await;
    browser.says("saved", "version 1, saved").await;
    let path = format!("/api/auditoriums/{house}");
    let theirs = server.as_operator(Method::PUT, &path).header("If-Match", "\"1\"").json(&plan("Theirs"));
    assert_eq!(server.send(theirs).await.unwrap().status, 200);
    browser.write("#name", "Mine").await;
    browser.click("#save").await;
    browser.says("message", "Somebody else has saved this house").await;
    assert_eq!(plan_of(&server, &house).await["name"], "Theirs");
    browser.click("#message button:nth-of-type(2)").await;
    browser.says("saved", "version 3, saved").await;
    assert_eq!(plan_of(&server, &house).await["name"], "Mine");
}

/// The changes of a plan, each against what it must give; a document that was changed stays what it was.
#[tokio::test(flavor = "multi_thread")]
async fn the_changes_of_a_plan_hold_what_they_promise() {
    let stack = Stack::embedded();
    let server = stack.start();
    let browser = Browser::open().await;
    browser.go(&format!("{}/designer", server.address())).await;
    let checked = browser.script(include_str!("designer_changes.js")).await;
    assert_eq!(checked, json!([]), "these do not hold");
}

/// A table of seats becomes a house, is seen as buyers will see it, and goes out in the other formats. What it calls its parts is text.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_imported_seen_as_a_buyer_does_and_exported() {
    let stack = Stack::embedded();
    let server = stack.start();
    let browser = Browser::open().await;
    design(&browser, &server, "").await;
    let table = std::env::temp_dir().join(format!("{}.csv", stack.name()));
    std::fs::write(&table, "section,row,seat,category\n<img src=x>,A,1,gold\n<img src=x>,A,2,gold\n<img src=x>,B,1,\n")
        .unwrap();
    browser.click("#files").await;
    browser.write("#import-file", table.to_str().unwrap()).await;
    browser.script("document.getElementById('import-format').value = 'csv'").await;
    browser.write("#import-name", "<img src=x onerror=alert(1)>").await;
    browser.click("#import-form button").await;
    browser.says("count", "3 seats · 1 section").await;
    std::fs::remove_file(&table).unwrap();
    browser.says("parts", "<img src=x>").await;
    browser.says("checks", "1 seats of <img src=x> have no category").await;

    browser.click("#preview").await;
    browser.until("the map is drawn", "document.querySelector('#preview-map seat-map')?.statuses?.length === 3").await;
    browser.click("#preview-dialog .close").await;
    // What would be saved as a file is looked at instead.
    browser.script("window.saved = null; URL.createObjectURL = (file) => { file.text().then((text) => { window.saved = text; }); return '#'; }").await;
    browser.click("#files").await;
    browser.click("[data-export=pretix]").await;
    browser.until("it is exported", "window.saved && JSON.parse(window.saved).zones[0].rows.length === 2").await;
    assert_eq!(browser.script("return document.querySelectorAll('img').length").await, 0);
}

/// Nothing in the designer is closed to who cannot see it or has no mouse, in either colour scheme.
#[tokio::test(flavor = "multi_thread")]
async fn the_designer_is_accessible() {
    let stack = Stack::embedded();
    let server = stack.start();
    let browser = Browser::open().await;
    design(&browser, &server, "").await;
    add_rows(&browser, &[("rows", "3"), ("seats", "8")]).await;
    browser.write("#category-name", "Gold").await;
    browser.click("#category-form button").await;
    browser.says("checks", "24 seats of Stalls").await;
    browser.is_accessible().await;
    browser.script("document.querySelector('[data-tool=rows]').click()").await;
    browser.is_accessible().await;
    browser.script("document.getElementById('files').click()").await;
    browser.is_accessible().await;
}
