//! The event bus on RabbitMQ: several hosts in the URL, and TLS.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use turnstile::event_bus::EventBus;
use turnstile::event_bus::rabbitmq::{RabbitBus, Settings};

use crate::proxy::{Mode, Proxy};
use crate::services;
use crate::tls_front::{CLIENT, ROOT, TlsFront};

use super::rabbitmq::{Namespace, connect, settings};
use super::{clock, eventually, expect, message, next_after_trouble, publish, showtime};

/// The limit for each host in these tests.
const LIMIT: Duration = Duration::from_secs(1);

/// The shared broker's address, `host:port`.
fn broker() -> String {
    let url = url::Url::parse(&services::rabbitmq()).unwrap();
    format!("{}:{}", url.host_str().unwrap(), url.port().unwrap())
}

/// The shared broker's URL, with other hosts.
fn url(hosts: &str) -> String {
    services::rabbitmq().replacen(&broker(), hosts, 1)
}

/// A listener that accepts and says nothing, as a broker that stands still.
async fn silent() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// An address that swallows packets: its queue of new connections is full.
async fn swallowing() -> (TcpListener, Vec<TcpStream>, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut queued = Vec::new();
    while let Ok(connected) = tokio::time::timeout(Duration::from_millis(200), TcpStream::connect(address)).await {
        queued.push(connected.unwrap());
    }
    (listener, queued, address)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hosts_that_refuse_swallow_or_are_silent_hide_no_other() {
    let ((_silent, silent), (_swallowing, _queued, swallowing)) = (silent().await, swallowing().await);
    let url = url(&format!("127.0.0.1:1,{swallowing},{silent},{}", broker()));
    let namespace = Namespace::new(&services::rabbitmq());
    let limit = u64::try_from(LIMIT.as_millis()).unwrap();
    let settings = Settings { connect_timeout_milliseconds: limit, ..settings() };
    let start = Instant::now();
    let bus = RabbitBus::connect(&url, &namespace.name, &settings, clock()).await.unwrap();
    eventually("the last host is found", async || bus.ping().await.is_ok()).await;
    let took = start.elapsed();
    assert!(took >= LIMIT && took < 10 * LIMIT, "two hosts hang for {LIMIT:?} each, but it took {took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_a_host_goes_the_next_one_is_connected_to() {
    let (first, second) = (Proxy::to(&broker()).await, Proxy::to(&broker()).await);
    let namespace = Namespace::new(&services::rabbitmq());
    let bus = connect(&url(&format!("{},{}", first.address(), second.address())), &namespace.name).await;
    let mut projection = bus.subscribe_projection().await.unwrap();
    let sent = message(showtime(), 1, 1);
    publish(&bus, std::slice::from_ref(&sent)).await;
    expect(&mut projection, &sent).await;
    assert_eq!((first.connections(), second.connections()), (2, 0));
    for (gone, other) in [(&first, &second), (&second, &first)] {
        other.set(Mode::Forward);
        gone.set(Mode::Refuse);
        let sent = message(showtime(), 1, 1);
        eventually("it publishes through the other host", async || {
            bus.publish(vec![sent.clone()]).await.iter().all(Result::is_ok)
        })
        .await;
        while next_after_trouble(&mut projection).await.message != sent {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_needs_the_right_authority_the_right_name_and_the_clients_certificate() {
    let front = TlsFront::of(&broker()).await;
    let namespace = Namespace::new(&services::rabbitmq());
    let at = |host: &str, query: &str| {
        let url = url(&format!("{host}:{}", front.port)).replacen("amqp://", "amqps://", 1);
        format!("{url}&{query}")
    };
    let client = format!("certfile={CLIENT}&keyfile={CLIENT}");
    for bad in [
        at("localhost", &client),
        at("localhost", &format!("cacertfile={ROOT}")),
        at("127.0.0.2", &format!("cacertfile={ROOT}&{client}")),
    ] {
        let bus = connect(&bad, &namespace.name).await;
        assert!(bus.ping().await.is_err(), "{bad}");
    }
    let bus = connect(&at("localhost", &format!("cacertfile={ROOT}&{client}")), &namespace.name).await;
    let mut projection = bus.subscribe_projection().await.unwrap();
    let sent = message(showtime(), 1, 1);
    publish(&bus, std::slice::from_ref(&sent)).await;
    expect(&mut projection, &sent).await;
    assert!(front.let_in() >= 2, "both connections are encrypted");
}
