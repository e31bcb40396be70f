//! Answers that get lost on the way to a page: what was done is never told as refused, and asking again does it once.

use reqwest::Method;
use serde_json::json;

use crate::stack::{Server, Stack};
use crate::system::browser::Browser;
use crate::system::{designer_page, operator_page};

async fn sold_to(server: &Server, showtime: &str, customer: &str) -> usize {
    let path = format!("/api/showtimes/{showtime}/bookings?userId={customer}");
    let found = server.send(server.as_operator(Method::GET, &path)).await.unwrap();
    found.body["items"].as_array().unwrap().len()
}

/// A block and a change of the terms whose answers are lost: the board says that it does not know, not that nothing was changed.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_not_told_as_a_refusal() {
    let (_stack, server, showtime, browser) = operator_page::board().await;
    operator_page::drag(&browser, (0, 3)).await;
    // As often as the page asks.
    browser.lose_answers("POST", 4).await;
    browser.click("#block").await;
    browser.says("message", "Whether it got the request is not known").await;
    operator_page::figure(&browser, "blocked", "4").await;

    browser.click("#tab-terms").await;
    browser.write("#terms-form [name=movieTitle]", "Faust II").await;
    browser.lose_answers("PATCH", 4).await;
    browser.click("#terms-save").await;
    browser.says("message", "Whether it got the request is not known").await;
    browser.says("title", "Faust II").await;
    assert_eq!(server.get(&format!("/api/showtimes/{showtime}?minSequence=3")).await.body["movieTitle"], "Faust II");
    // What a proxy says in the server's place is no refusal either.
    let lie = "window.fetch = async (path, given) => given?.method === 'PATCH' ? new Response('', { status: 504, headers: { 'Retry-After': '9' } }) \
               : window.realFetch(path, given)";
    browser.script(lie).await;
    browser.write("#terms-form [name=movieTitle]", "Faust III").await;
    browser.click("#terms-save").await;
    browser.says("message", "did not say in time whether it carried this out").await;
}

/// A sale at the door whose answer is lost, and that is pressed again: one sale, one payment.
#[tokio::test(flavor = "multi_thread")]
async fn a_door_sale_without_an_answer_is_not_made_twice() {
    let (_stack, server, showtime, browser) = operator_page::board().await;
    operator_page::drag(&browser, (0, 1)).await;
    let wanted = "const input = document.querySelector('seat-map').shadowRoot.querySelector('[data-area=Standing]'); \
        input.value = 2; input.dispatchEvent(new Event('input', { bubbles: true })); document.querySelector('seat-map').clear(); \
        input.value = 2; input.dispatchEvent(new Event('input', { bubbles: true }))";
    browser.script(wanted).await;
    browser.write("#sell-form [name=user]", "counter").await;
    browser.lose_answers("POST", 4).await;
    browser.click("#sell").await;
    browser.says("message", "Whether it got the request is not known").await;
    operator_page::figure(&browser, "sold", "2").await;
    browser.click("#sell").await;
    browser.says("message", "Sold: 2 × Standing").await;
    assert_eq!(sold_to(&server, &showtime, "counter").await, 1);
    operator_page::figure(&browser, "sold", "2").await;
    // The next customer's order is another sale, though it is the same.
    browser.script(wanted).await;
    browser.click("#sell").await;
    operator_page::figure(&browser, "sold", "4").await;
    assert_eq!(sold_to(&server, &showtime, "counter").await, 2);
}

/// A house is saved and the answer is lost: the page finds its own version on the server, and takes it for nobody else's.
#[tokio::test(flavor = "multi_thread")]
async fn a_save_without_an_answer_is_taken_for_nobody_elses() {
    let stack = Stack::embedded();
    let server = stack.start();
    let plan = json!({"name": "House", "categories": [{"key": "gold"}], "sections": [{"name": "Stalls", "rows": [
        {"label": "A", "seats": [{"label": "1", "kind": "wheelchair"}, {"label": "2", "kind": "companion", "companionOf": "1", "category": "gold"}]},
        {"label": "B", "count": 3, "curve": 7.5}]}], "areas": [{"label": "Lawn", "capacity": 5}]});
    let made = server.send(server.as_operator(Method::POST, "/api/auditoriums").json(&plan)).await.unwrap();
    let house = made.body["id"].as_str().unwrap().to_owned();
    let browser = Browser::open().await;
    designer_page::design(&browser, &server, &format!("#{house}")).await;
    browser.says("saved", "version 1, saved").await;
    browser.write("#name", "Mine").await;
    browser.lose_answers("PUT", 1).await;
    browser.click("#save").await;
    browser.says("saved", "version 2, saved").await;
    assert_eq!(browser.script("return document.getElementById('message').hidden").await, true);
    assert_eq!(designer_page::plan_of(&server, &house).await["name"], "Mine");
}
