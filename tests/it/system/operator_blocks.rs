//! Blocks on the operator's board in a real browser: their seats are sold at the door without being given back before, and the past shows them.

use reqwest::Method;
use serde_json::json;

use crate::system::operator_page::{board, drag, figure};

#[tokio::test(flavor = "multi_thread")]
async fn seats_of_a_block_are_sold_at_the_door() {
    let (_stack, server, showtime, browser) = board().await;
    drag(&browser, (0, 2)).await;
    browser.write("#block-form [name=type]", "house").await;
    browser.click("#block").await;
    figure(&browser, "blocked", "3").await;
    drag(&browser, (1, 2)).await;
    browser.says("holder", "Blocked: house").await;
    browser.says("sell", "Sell 2 places of the block").await;
    browser.write("#sell-form [name=user]", "counter").await;
    browser.click("#sell").await;
    browser.says("message", "Sold: Stalls A2–A3").await;
    figure(&browser, "sold", "2").await;
    figure(&browser, "blocked", "1").await;
    // Seats of the block and others besides: only the free ones are for sale.
    drag(&browser, (0, 3)).await;
    browser.until("one is for sale", "document.getElementById('sell').textContent === 'Sell'").await;
    browser.click("#clear").await;
    let events = server.as_operator(Method::GET, &format!("/api/showtimes/{showtime}/events?after=2"));
    let told = server.send(events).await.unwrap();
    let types: Vec<_> = told.body["items"].as_array().unwrap().iter().map(|event| &event["event"]["type"]).collect();
    assert_eq!(types, [&json!("SeatsReleased"), &json!("SeatsReserved"), &json!("BookingConfirmed")], "in one commit");
    // As it stood when the block was made.
    let slide = "const slider = document.getElementById('past-at'); slider.value = 1; slider.dispatchEvent(new Event('input', { bubbles: true }))";
    browser.script(slide).await;
    let words =
        |place: u32, words: &str| format!("document.querySelector('seat-map').states.word({place}) === '{words}'");
    browser.until("the past has the block", &words(0, "reserved, blocked")).await;
    browser.until("and nothing beside it", &words(3, "available")).await;
}
