//! Fingers on the seat map: a tap chooses, a drag moves the map, two fingers make it larger.

use crate::stack::Stack;
use crate::system::browser::Browser;
use crate::system::buyer::{place, show};

/// One finger chooses a seat with a tap, and moves the map by dragging, without choosing anything.
#[tokio::test(flavor = "multi_thread")]
async fn a_tap_chooses_and_a_drag_moves_the_map() {
    let stack = Stack::embedded();
    let server = stack.start();
    let (showtime, seats) = server.schedule(30).await;
    let browser = Browser::open().await;
    show(&browser, &server, &showtime).await;
    browser.touch(&[&[place(&browser, &seats[14]).await]]).await;
    browser.says("lines", "R15").await;
    browser.script("map.camera.zoom(2.5)").await;
    let (x, y) = place(&browser, &seats[154]).await;
    let before = browser.script("return map.camera.y").await.as_f64().unwrap();
    let scale = browser.script("return map.camera.scale").await.as_f64().unwrap();
    browser.touch(&[&[(x, y)], &[(x, y - 30.0)], &[(x, y - 60.0)]]).await;
    let moved = browser.script("return map.camera.y").await.as_f64().unwrap() - before;
    assert!((moved * scale - 60.0).abs() < 2.0, "the map follows the finger, {} pixels", moved * scale);
    assert_eq!(browser.script("return map.chosen.length").await, 1, "what a finger drags over is not chosen");
}

/// Two fingers that part make the map larger around the point between them, and smaller when they come together; neither chooses a seat.
#[tokio::test(flavor = "multi_thread")]
async fn a_pinch_makes_the_map_larger_and_smaller() {
    let stack = Stack::embedded();
    let server = stack.start();
    let (showtime, seats) = server.schedule(40).await;
    let browser = Browser::open().await;
    show(&browser, &server, &showtime).await;
    let (x, y) = place(&browser, &seats[205]).await;
    let before = browser.script("return map.camera.scale").await.as_f64().unwrap();
    let fingers = |apart: f64| [(x - apart, y), (x + apart, y)];
    browser.touch(&[&fingers(40.0), &fingers(60.0), &fingers(80.0)]).await;
    let larger = browser.script("return map.camera.scale").await.as_f64().unwrap();
    assert!((larger / before - 2.0).abs() < 0.05, "twice as far apart, {} times as large", larger / before);
    // From side to side this narrow house stays in the middle.
    let (_, now) = place(&browser, &seats[205]).await;
    assert!((now - y).abs() < 2.0, "the row between the fingers stays: {now}, not {y}");
    browser.touch(&[&fingers(80.0), &fingers(60.0), &fingers(20.0)]).await;
    browser.until("the whole house is seen again", "map.camera.whole").await;
    assert_eq!(browser.script("return map.chosen.length").await, 0);
}
