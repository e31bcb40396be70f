//! The event bus in this process's memory.

use std::future::{Ready, ready};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use turnstile::event_bus::in_process::{InProcessBus, Settings};
use turnstile::event_bus::{EventBus, Settlement};

use super::{Nodes, eventually, expect, message, next, publish, showtime};

fn nodes() -> Ready<Nodes> {
    let settings = Settings {
        live_capacity: 400,
        retry_first_pause_milliseconds: 300,
        retry_longest_pause_milliseconds: 300,
        ..Settings::default()
    };
    let bus: Arc<dyn EventBus> = Arc::new(InProcessBus::new(&settings));
    ready(Nodes { one: bus.clone(), other: bus, _guard: Box::new(()) })
}

super::run_contract!(nodes());

#[tokio::test(start_paused = true)]
async fn a_projection_that_stands_still_stops_the_publisher_with_an_error() {
    let settings = Settings { projection_capacity: 3, publish_timeout_milliseconds: 200, ..Settings::default() };
    let bus = InProcessBus::new(&settings);
    let messages: Vec<_> = (0..4).map(|_| message(showtime(), 1, 1)).collect();
    let start = Instant::now();
    let answers = bus.publish(messages.clone()).await;
    assert_eq!(start.elapsed(), Duration::from_millis(200));
    assert_eq!(answers.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, true, true, false]);
    assert!(answers[3].as_ref().unwrap_err().reason.contains("full"));
    assert!(bus.ping().await.is_err());

    // A delivery holds its place until it is settled, whatever became of it.
    let mut projection = bus.subscribe_projection().await.unwrap();
    let held = next(&mut projection).await;
    assert!(bus.publish(messages[3..].to_vec()).await[0].is_err());
    held.settle(Settlement::Dead("no".to_owned()));
    eventually("there is room", async || bus.ping().await.is_ok()).await;
    publish(&bus, &messages[3..]).await;
    expect(&mut projection, &messages[1]).await;
    expect(&mut projection, &messages[2]).await;
    expect(&mut projection, &messages[3]).await;
}

#[tokio::test]
async fn dead_letters_are_bounded_and_the_oldest_is_forgotten() {
    let bus = InProcessBus::new(&Settings { dead_letter_capacity: 2, ..Settings::default() });
    let mut projection = bus.subscribe_projection().await.unwrap();
    for count in 0..3 {
        publish(&bus, &[message(showtime(), 1, 1)]).await;
        next(&mut projection).await.settle(Settlement::Dead(format!("reason {count}")));
    }
    eventually("all are buried", async || {
        let letters = bus.dead_letters(10).await.unwrap().oldest;
        letters.iter().map(|letter| letter.reason.as_str()).collect::<Vec<_>>() == ["reason 1", "reason 2"]
    })
    .await;
}
