//! The page of a showtime on a bad connection: it says that it is offline, and misses nothing.

use serde_json::json;

use crate::proxy::{Mode, Proxy};
use crate::stack::Stack;
use crate::system::browser::Browser;
use crate::system::buyer::{show, show_at};

/// A device without a connection says so in words, and is live again when it has one, with what has changed meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn offline_is_said_and_left_again() {
    let stack = Stack::embedded();
    let server = stack.start();
    let (showtime, seats) = server.schedule(1).await;
    let browser = Browser::open().await;
    show(&browser, &server, &showtime).await;
    browser.says("connection", "live").await;
    browser.tell("Network.enable", json!({})).await;
    browser.offline(true).await;
    browser.says("connection", "offline: this device has no connection").await;
    server.hold(&showtime, &seats[..2]).await;
    browser.offline(false).await;
    browser.says("connection", "live").await;
    browser.until("the hold is seen", "map.statuses[0] == 1 && map.statuses[1] == 1").await;
}

/// The way to the server is cut while seats are held, sold and given back: when it is there again, the page has all of it and goes on.
#[tokio::test(flavor = "multi_thread")]
async fn what_happens_while_the_page_is_cut_off_is_not_missed() {
    let stack = Stack::embedded();
    let server = stack.start();
    let (showtime, seats) = server.schedule(2).await;
    let proxy = Proxy::to(server.address().trim_start_matches("http://")).await;
    let browser = Browser::open().await;
    show_at(&browser, &format!("http://{}", proxy.address()), &showtime).await;
    browser.says("connection", "live").await;
    proxy.set(Mode::Refuse);
    browser.until("the loss is said", "document.getElementById('connection').dataset.state != 'live'").await;
    let sold = server.hold(&showtime, &seats[..3]).await;
    assert_eq!(server.confirm(&sold, "p").await.status, 200);
    let given_back = server.hold(&showtime, &seats[5..7]).await;
    server.cancel(&given_back).await;
    server.hold(&showtime, &seats[9..10]).await;
    proxy.set(Mode::Forward);
    browser.says("connection", "live").await;
    let statuses = server.seats(&showtime, 6).await;
    let codes: Vec<u8> = statuses
        .iter()
        .map(|(_, status)| match status.as_str() {
            "Available" => 0,
            "Reserved" => 1,
            _ => 2,
        })
        .collect();
    browser.until("the map is as the house is", &format!("String([...map.statuses]) === String({codes:?})")).await;
    assert_eq!(browser.script("return map.sequence").await, 6);
    server.hold(&showtime, &seats[12..13]).await;
    browser.until("what follows is seen", "map.sequence === 7 && map.statuses[12] === 1").await;
}
