//! A buyer at the page of a showtime: looks at the map, clicks on seats, holds them.

use serde_json::json;

use crate::stack::Server;
use crate::system::browser::Browser;

/// True once the map has the seats with their states and the names of their categories, and has drawn them: nothing on the page moves any more.
pub fn is_shown(map: &str) -> String {
    let named = "performance.getEntriesByType('resource').some(({ name }) => name.includes('/categories?'))";
    format!("{map}.lately && {map}.painter.frames > 0 && (!{map}.model.categories.length || {named})")
}

/// Opens the page of a showtime with the title "Metropolis", and waits until its seats are shown.
pub async fn show(browser: &Browser, server: &Server, showtime: &str) {
    show_at(browser, server.address(), showtime).await;
}

/// As [`show`], at an address.
pub async fn show_at(browser: &Browser, address: &str, showtime: &str) {
    browser.go(&format!("{address}/showtimes/{showtime}")).await;
    browser.says("title", "Metropolis").await;
    browser.until("the seats are shown", &is_shown("map")).await;
}

/// Ids of the first seats that are free and not chosen.
pub async fn free(browser: &Browser, count: usize) -> Vec<String> {
    let script = format!(
        "return [...map.statuses.keys()].filter((seat) => map.model.isSeat(seat) && map.statuses[seat] == 0 \
           && !map.states.chosen.has(seat)).slice(0, {count}).map((seat) => map.model.id(seat))"
    );
    let found = browser.script(&script).await;
    found.as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect()
}

/// Where a seat is in the window.
pub async fn place(browser: &Browser, seat: &str) -> (f64, f64) {
    let found = browser
        .script(&format!(
            "map.scrollIntoView({{ block: 'nearest', behavior: 'instant' }}); return map.locate({})",
            json!(seat)
        ))
        .await;
    (found["x"].as_f64().unwrap(), found["y"].as_f64().unwrap())
}

/// Clicks on a seat of the map.
pub async fn click(browser: &Browser, seat: &str) {
    browser.drag(&[place(browser, seat).await]).await;
}

/// Chooses the first free seats on the map and holds them, with all that is chosen besides.
pub async fn reserve(browser: &Browser, count: usize) {
    for seat in free(browser, count).await {
        click(browser, &seat).await;
    }
    browser.click("#reserve").await;
}

/// Seconds that the countdown of the only hold shows.
pub async fn countdown(browser: &Browser) -> u64 {
    let shown = browser.script("return document.querySelector('.countdown').textContent").await;
    let (minutes, seconds) = shown.as_str().unwrap().split_once(':').unwrap();
    minutes.parse::<u64>().unwrap() * 60 + seconds.parse::<u64>().unwrap()
}
