//! What every event bus promises.

use std::time::{Duration, Instant};

use tokio::time::timeout;
use turnstile::domain::ShowtimeId;
use turnstile::event_bus::cloud_event::{decode, routing_keys};
use turnstile::event_bus::{DeadLetters, EventRange, Message, Replay, Settlement, Signal};

use super::{
    InOrder, Nodes, SOON, eventually, expect, expect_all, expect_silence, message, names, next, next_after_trouble,
    publish, showtime,
};

pub async fn a_message_arrives_as_it_was_published(nodes: &Nodes) {
    let mut projection = nodes.one.subscribe_projection().await.unwrap();
    let mut live = nodes.other.subscribe_live().await.unwrap();
    let sent = message(showtime(), 1, 3);
    let plain = Message { traceparent: None, ..message(showtime(), 4, 4) };
    publish(&*nodes.other, &[sent.clone(), plain.clone()]).await;
    for expected in [&sent, &plain] {
        expect(&mut projection, expected).await;
        expect(&mut live, expected).await;
    }
}

pub async fn messages_of_a_showtime_arrive_in_order(nodes: &Nodes) {
    let mut projection = nodes.one.subscribe_projection().await.unwrap();
    let mut live = nodes.one.subscribe_live().await.unwrap();
    let showtimes: Vec<ShowtimeId> = (0..8).map(|_| showtime()).collect();
    let rounds = 40;
    for round in 0..rounds {
        let messages: Vec<Message> =
            showtimes.iter().map(|showtime| message(*showtime, 3 * round + 1, 3 * round + 3)).collect();
        publish(&*nodes.one, &messages).await;
    }
    for subscription in [&mut projection, &mut live] {
        let mut seen = InOrder::default();
        for _ in 0..rounds * 8 {
            let delivery = next(subscription).await;
            seen.see(&delivery.message);
            delivery.settle(Settlement::Done);
        }
        expect_silence(subscription).await;
    }
}

pub async fn a_thousand_messages_are_confirmed_and_arrive(nodes: &Nodes) {
    let messages: Vec<Message> = (0..1_000).map(|_| message(showtime(), 1, 1)).collect();
    publish(&*nodes.one, &messages).await;
    let mut projection = nodes.one.subscribe_projection().await.unwrap();
    expect_all(&mut projection, &messages).await;
    expect_silence(&mut projection).await;
}

pub async fn what_is_published_before_anyone_subscribes_arrives_later(nodes: &Nodes) {
    let sent = message(showtime(), 1, 1);
    publish(&*nodes.one, std::slice::from_ref(&sent)).await;
    expect(&mut nodes.other.subscribe_projection().await.unwrap(), &sent).await;
}

pub async fn a_delivery_dropped_unsettled_comes_again(nodes: &Nodes) {
    let mut projection = nodes.one.subscribe_projection().await.unwrap();
    let sent = message(showtime(), 1, 1);
    publish(&*nodes.one, std::slice::from_ref(&sent)).await;
    let first = next(&mut projection).await;
    assert!(!first.redelivered);
    drop(first);
    let again = next(&mut projection).await;
    assert_eq!(again.message, sent);
    assert!(again.redelivered);
    again.settle(Settlement::Done);
    expect_silence(&mut projection).await;
}

pub async fn a_retry_comes_again_before_the_later_messages_of_its_showtime(nodes: &Nodes) {
    let mut projection = nodes.one.subscribe_projection().await.unwrap();
    let (troubled, sound) = (showtime(), showtime());
    let first = message(troubled, 1, 1);
    publish(&*nodes.one, std::slice::from_ref(&first)).await;
    next(&mut projection).await.settle(Settlement::Retry);
    // The adapters of this suite wait long enough before a retry that these are on their way by then.
    let (second, third, elsewhere) = (message(troubled, 2, 2), message(troubled, 3, 3), message(sound, 1, 1));
    publish(&*nodes.one, std::slice::from_ref(&second)).await;
    publish(&*nodes.one, &[third.clone(), elsewhere.clone()]).await;
    let mut came = Vec::new();
    for _ in 0..4 {
        let delivery = next(&mut projection).await;
        came.push(names(&delivery.message));
        assert_eq!(delivery.redelivered, delivery.message == first);
        delivery.settle(Settlement::Done);
    }
    assert_eq!(came[0], names(&elsewhere), "other showtimes go on");
    assert_eq!(came[1..], [names(&first), names(&second), names(&third)]);
    expect_silence(&mut projection).await;
}

pub async fn many_retries_lose_nothing(nodes: &Nodes) {
    let mut projection = nodes.one.subscribe_projection().await.unwrap();
    let sent = message(showtime(), 1, 1);
    publish(&*nodes.one, std::slice::from_ref(&sent)).await;
    // More often than brokers tolerate by themselves.
    for _ in 0..25 {
        let delivery = next(&mut projection).await;
        assert_eq!(delivery.message, sent);
        delivery.settle(Settlement::Retry);
    }
    expect(&mut projection, &sent).await;
    assert_eq!(nodes.one.dead_letters(10).await.unwrap(), DeadLetters::default());
}

pub async fn dead_letters_are_kept_with_their_reason_and_replayed(nodes: &Nodes) {
    let mut projection = nodes.one.subscribe_projection().await.unwrap();
    let sent = message(showtime(), 5, 6);
    publish(&*nodes.one, std::slice::from_ref(&sent)).await;
    next(&mut projection).await.settle(Settlement::Dead("the seat map has no row Z".to_owned()));
    eventually("the letter is there", async || !nodes.other.dead_letters(10).await.unwrap().oldest.is_empty()).await;
    for _ in 0..3 {
        let DeadLetters { total, oldest: letters } = nodes.other.dead_letters(10).await.unwrap();
        assert_eq!((total, letters.len()), (1, 1), "listing leaves them where they are");
        assert_eq!(letters[0].events, [EventRange::from(&sent)]);
        assert_eq!(letters[0].message_id, format!("{}:5", sent.run.showtime_id()));
        assert_eq!(letters[0].reason, "the seat map has no row Z");
        assert_eq!(letters[0].routing_key, routing_keys([&sent])[0]);
        assert_eq!(decode(letters[0].body.as_bytes()).unwrap(), std::slice::from_ref(&sent));
    }
    expect_silence(&mut projection).await;
    let mut live = nodes.one.subscribe_live().await.unwrap();
    assert_eq!(nodes.other.replay_dead_letters(10).await.unwrap(), Replay { published: 1, left: 0 });
    expect(&mut projection, &sent).await;
    expect(&mut live, &sent).await;
    assert_eq!(nodes.one.dead_letters(10).await.unwrap(), DeadLetters::default());
    assert_eq!(nodes.one.replay_dead_letters(10).await.unwrap(), Replay::default());
}

pub async fn dead_letters_are_listed_and_replayed_oldest_first(nodes: &Nodes) {
    let mut projection = nodes.one.subscribe_projection().await.unwrap();
    let sent: Vec<Message> = (0..3).map(|_| message(showtime(), 1, 1)).collect();
    for (count, message) in sent.iter().enumerate() {
        publish(&*nodes.one, std::slice::from_ref(message)).await;
        next(&mut projection).await.settle(Settlement::Dead(format!("reason {count}")));
        eventually("the letter is there", async || nodes.one.dead_letters(10).await.unwrap().total == count + 1).await;
    }
    let reasons = async |limit| {
        let letters = nodes.one.dead_letters(limit).await.unwrap();
        assert_eq!(letters.total.min(limit), letters.oldest.len(), "all are counted");
        letters.oldest.into_iter().map(|letter| letter.reason).collect::<Vec<_>>()
    };
    assert_eq!(reasons(2).await, ["reason 0", "reason 1"]);
    assert_eq!(reasons(10).await, ["reason 0", "reason 1", "reason 2"]);
    assert_eq!(nodes.one.replay_dead_letters(1).await.unwrap(), Replay { published: 1, left: 2 });
    expect(&mut projection, &sent[0]).await;
    assert_eq!(reasons(10).await, ["reason 1", "reason 2"]);
    assert_eq!(nodes.one.replay_dead_letters(10).await.unwrap(), Replay { published: 2, left: 0 });
    expect(&mut projection, &sent[1]).await;
    expect(&mut projection, &sent[2]).await;
}

pub async fn a_settled_message_never_comes_again(nodes: &Nodes) {
    let mut projection = nodes.one.subscribe_projection().await.unwrap();
    let messages: Vec<Message> = (0..20).map(|_| message(showtime(), 1, 1)).collect();
    publish(&*nodes.one, &messages).await;
    expect_all(&mut projection, &messages).await;
    // Settled and gone at once: what was settled before counts.
    drop(projection);
    let mut successor = nodes.other.subscribe_projection().await.unwrap();
    expect_silence(&mut successor).await;
}

pub async fn one_subscriber_is_active_and_the_next_takes_over(nodes: &Nodes) {
    let mut first = nodes.one.subscribe_projection().await.unwrap();
    let mut second = nodes.other.subscribe_projection().await.unwrap();
    let showtime = showtime();
    let messages: Vec<Message> = (1..=6).map(|sequence| message(showtime, sequence, sequence)).collect();
    for message in &messages {
        publish(&*nodes.one, std::slice::from_ref(message)).await;
    }
    expect(&mut first, &messages[0]).await;
    let unsettled = next(&mut first).await;
    assert_eq!(unsettled.message, messages[1]);
    expect_silence(&mut second).await;
    drop(first);
    let mut seen = Vec::new();
    for _ in 1..6 {
        let delivery = next(&mut second).await;
        seen.push(names(&delivery.message));
        delivery.settle(Settlement::Done);
    }
    assert_eq!(seen, messages[1..].iter().map(names).collect::<Vec<_>>());
    // Settling with a subscription that has ended has no effect.
    unsettled.settle(Settlement::Dead("too late".to_owned()));
    expect_silence(&mut second).await;
    assert_eq!(nodes.one.dead_letters(1).await.unwrap(), DeadLetters::default());
}

pub async fn every_node_sees_everything_live(nodes: &Nodes) {
    let mut here = nodes.one.subscribe_live().await.unwrap();
    let mut there = nodes.other.subscribe_live().await.unwrap();
    let mut projection = nodes.one.subscribe_projection().await.unwrap();
    let messages: Vec<Message> = (0..50).map(|_| message(showtime(), 1, 2)).collect();
    publish(&*nodes.one, &messages).await;
    expect_all(&mut here, &messages).await;
    expect_all(&mut there, &messages).await;
    expect_all(&mut projection, &messages).await;
    drop(there);
    let more = message(showtime(), 1, 1);
    // A broker may refuse what was on its way to a queue that is just going: then it is published again, as the relay does.
    let mut tries = 0;
    while nodes.other.publish(vec![more.clone()]).await.iter().any(Result::is_err) {
        tries += 1;
        assert!(tries < 10, "the bus goes on without the subscriber that left");
    }
    expect(&mut here, &more).await;
}

pub async fn a_live_subscriber_gets_only_what_is_published_from_then_on(nodes: &Nodes) {
    publish(&*nodes.one, &[message(showtime(), 1, 1)]).await;
    let mut live = nodes.one.subscribe_live().await.unwrap();
    let sent = message(showtime(), 1, 1);
    publish(&*nodes.one, std::slice::from_ref(&sent)).await;
    expect(&mut live, &sent).await;
}

/// The adapters of this suite hold at most 400 messages for a live subscriber.
pub async fn a_lagging_live_subscriber_is_interrupted_and_stops_nobody(nodes: &Nodes) {
    let mut projection = nodes.one.subscribe_projection().await.unwrap();
    let mut lagging = nodes.one.subscribe_live().await.unwrap();
    let mut quick = nodes.other.subscribe_live().await.unwrap();
    let start = Instant::now();
    for _ in 0..15 {
        let id = showtime();
        let messages: Vec<Message> = (1..=100).map(|sequence| message(id, sequence, sequence)).collect();
        publish(&*nodes.one, &messages).await;
        for expected in &messages {
            expect(&mut quick, expected).await;
            expect(&mut projection, expected).await;
        }
    }
    assert!(start.elapsed() < SOON, "publishing took {:?}", start.elapsed());
    let mut seen = 0;
    loop {
        match timeout(SOON, lagging.recv()).await.unwrap().unwrap() {
            Signal::Interrupted => break,
            Signal::Delivery(delivery) => {
                assert!(seen <= 500, "a lagging subscriber has {seen} messages waiting");
                seen += 1;
                delivery.settle(Settlement::Done);
            }
        }
    }
    // From here on it is served again.
    let last = message(showtime(), 1, 1);
    publish(&*nodes.one, std::slice::from_ref(&last)).await;
    loop {
        let delivery = next_after_trouble(&mut lagging).await;
        if delivery.message == last {
            break;
        }
    }
}

pub async fn it_can_be_pinged(nodes: &Nodes) {
    for _ in 0..20 {
        timeout(Duration::from_secs(5), nodes.one.ping()).await.unwrap().unwrap();
    }
}
