//! Limits for each client: by address, by token, by open WebSockets and connections; and the documented nginx in front.

use std::net::UdpSocket;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use reqwest::Method;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;

use crate::http::{House, is_problem};
use crate::nginx::Nginx;
use crate::stack::{Answer, Stack, eventually};
use crate::tls_front::{ROOT, SERVER};

const DOCUMENT: &str = include_str!("../../../docs/operating.md");

/// A server that takes this machine for its proxy, so that a test can be many clients.
fn behind_a_proxy() -> Stack {
    Stack::embedded().with("TRUSTED_PROXIES", "127.0.0.1,::1")
}

async fn ask(house: &House, address: &str, token: Option<&str>) -> Answer {
    let request = house.server.request(Method::GET, "/api/showtimes").header("X-Forwarded-For", address);
    house.server.send(if let Some(token) = token { request.bearer_auth(token) } else { request }).await.unwrap()
}

fn number(answer: &Answer, header: &str, name: &str) -> u32 {
    let value = answer.headers[header].to_str().unwrap();
    let pair = value.split(';').find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
    pair.unwrap_or_else(|| panic!("no {name} in {value}")).parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_asks_too_much_is_told_when_to_come_back_and_others_are_served() {
    let stack = behind_a_proxy().with("LIMITS__ADDRESS_REQUESTS", 1).with("LIMITS__ADDRESS_BURST", 5);
    let house = House::open_on(stack.with("CORS_ORIGINS", "https://tickets.example")).await;
    let first = ask(&house, "203.0.113.1", None).await;
    assert_eq!((first.status, number(&first, "ratelimit", "r")), (200, 4), "{first:?}");
    assert_eq!((number(&first, "ratelimit-policy", "q"), number(&first, "ratelimit-policy", "w")), (5, 5));
    let mut refused = ask(&house, "203.0.113.1", None).await;
    for _ in 0..200 {
        if refused.status == 429 {
            break;
        }
        refused = ask(&house, "203.0.113.1", None).await;
    }
    is_problem(&refused, 429, "quota-exceeded");
    let wait: u32 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!(wait >= 1 && number(&refused, "ratelimit", "t") <= wait, "{refused:?}");
    assert_eq!(number(&refused, "ratelimit", "r"), 0);
    for other in ["203.0.113.2", "203.0.113.1, 203.0.113.3"] {
        assert_eq!(ask(&house, other, None).await.status, 200, "{other}");
    }
    // A page can read why, and health checks are always answered.
    for _ in 0..20 {
        let page = house.server.request(Method::GET, "/api/showtimes").header("Origin", "https://tickets.example");
        let answer = house.server.send(page.header("X-Forwarded-For", "203.0.113.9")).await.unwrap();
        assert_eq!(answer.headers["access-control-allow-origin"], "https://tickets.example", "{answer:?}");
        let health = house.server.request(Method::GET, "/livez").header("X-Forwarded-For", "203.0.113.9");
        assert_eq!(house.server.send(health).await.unwrap().status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_limited_wherever_it_is_shown() {
    let house = House::open_on(behind_a_proxy().with("LIMITS__TOKEN_REQUESTS", 1).with("LIMITS__TOKEN_BURST", 5)).await;
    let mut refused = None;
    for client in 0..200 {
        let answer = ask(&house, &format!("198.51.100.{client}"), Some("a token that is shown often")).await;
        if answer.status == 429 {
            refused = Some(answer);
            break;
        }
    }
    is_problem(&refused.expect("one of 200 is refused"), 429, "quota-exceeded");
    assert_eq!(ask(&house, "198.51.100.1", Some("another token, rarely shown")).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn this_machine_is_not_limited_and_nobody_talks_himself_out_of_a_limit() {
    let house = House::open_on(
        Stack::embedded()
            .with("LISTEN", "0.0.0.0:0")
            .with("LIMITS__ADDRESS_REQUESTS", 1)
            .with("LIMITS__ADDRESS_BURST", 3),
    )
    .await;
    let port = house.server.address().rsplit(':').next().unwrap().to_owned();
    let client = reqwest::Client::new();
    let local = format!("http://127.0.0.1:{port}/api/showtimes");
    for _ in 0..50 {
        let answer = client.get(&local).send().await.unwrap();
        assert!(answer.status() == 200 && !answer.headers().contains_key("ratelimit"), "{answer:?}");
    }
    // From its own address on the network, this machine is a client like others, and names in vain another one.
    let remote = format!("http://{}:{port}/api/showtimes", own_address());
    let mut statuses = Vec::new();
    for client_number in 0..50 {
        let request = client.get(&remote).header("X-Forwarded-For", format!("203.0.113.{client_number}"));
        statuses.push(request.send().await.unwrap().status().as_u16());
    }
    assert!(statuses.contains(&429), "{statuses:?}");
}

/// This machine's address on its network. Nothing is sent.
fn own_address() -> std::net::IpAddr {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    socket.connect("192.0.2.1:9").unwrap();
    socket.local_addr().unwrap().ip()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_with_all_its_connections_is_hung_up_on_until_one_is_closed() {
    let house =
        House::open_on(Stack::embedded().with("LISTEN", "0.0.0.0:0").with("LIMITS__ADDRESS_CONNECTIONS", 3)).await;
    let port: u16 = house.server.address().rsplit(':').next().unwrap().parse().unwrap();
    let open = async || {
        let mut stream = TcpStream::connect((own_address(), port)).await.unwrap();
        stream.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").await.ok()?;
        let mut first = [0; 12];
        stream.read_exact(&mut first).await.ok()?;
        (&first == b"HTTP/1.1 200").then_some(stream)
    };
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(open().await.expect("it may have three"));
    }
    assert!(open().await.is_none(), "and no fourth");
    assert_eq!(house.server.get("/livez").await.status, 200, "this machine may");
    held.pop();
    eventually("a closed connection makes room", Duration::from_secs(10), async || open().await.is_some()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_has_so_many_web_sockets_and_a_closed_one_makes_room() {
    let house = House::open_on(behind_a_proxy().with("LIMITS__ADDRESS_SOCKETS", 2)).await;
    let url = format!("{}/ws/showtimes/{}", house.server.address().replace("http", "ws"), house.showtime);
    let open = async |address: &str| {
        let mut request: Request = url.as_str().into_client_request().unwrap();
        request.headers_mut().insert("x-forwarded-for", address.parse().unwrap());
        tokio_tungstenite::connect_async(request).await
    };
    let first = open("203.0.113.1").await.unwrap();
    let _second = open("203.0.113.1").await.unwrap();
    let refused = open("203.0.113.1").await.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(refused.contains("429"), "{refused}");
    assert!(open("203.0.113.2").await.is_ok());
    drop(first);
    eventually("a closed one makes room", Duration::from_secs(20), async || open("203.0.113.1").await.is_ok()).await;
}

/// A connection to nginx by TLS.
async fn encrypted(port: u16) -> TlsStream<TcpStream> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ROOT).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
}

async fn get(port: u16, path: &str) -> String {
    let mut stream = encrypted(port).await;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: tickets.example\r\nX-Forwarded-For: 203.0.113.7\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _unclean_end = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documented_nginx_passes_on_everything_and_names_the_client() {
    // nginx sees 127.0.0.1: the limit counts that address, not the one that the client invents.
    let stack = behind_a_proxy().with("LIMITS__ADDRESS_REQUESTS", 1).with("LIMITS__ADDRESS_BURST", 20);
    let house = House::open_on(stack).await;
    let start = DOCUMENT.find("```nginx\n").expect("the example is in the document") + "```nginx\n".len();
    let example = &DOCUMENT[start..start + DOCUMENT[start..].find("```").unwrap()];
    let server = house.server.address().trim_start_matches("http://");
    let mut config = example.to_owned();
    for (written, here) in [
        ("443 ssl", "PORT ssl"),
        ("127.0.0.1:5000", server),
        ("/etc/ssl/tickets.example.pem", SERVER),
        ("/etc/ssl/private/tickets.example.key", SERVER),
    ] {
        assert!(config.contains(written), "{written} in the example");
        config = config.replace(written, here);
    }
    let nginx = Nginx::start(&config);
    let listed = get(nginx.port, "/api/showtimes").await;
    assert!(listed.starts_with("HTTP/1.1 200") && listed.contains(&house.showtime), "{listed}");
    assert!(listed.to_ascii_lowercase().contains("ratelimit: \"address\";r=19"), "{listed}");
    assert!(get(nginx.port, "/metrics").await.starts_with("HTTP/1.1 404"));
    let url = format!("wss://tickets.example/ws/showtimes/{}", house.showtime);
    let mut request: Request = url.as_str().into_client_request().unwrap();
    request.headers_mut().insert("origin", "https://tickets.example".parse().unwrap());
    let (mut socket, _) = tokio_tungstenite::client_async(request, encrypted(nginx.port).await).await.unwrap();
    let snapshot = tokio::time::timeout(Duration::from_secs(20), socket.next()).await.unwrap().unwrap().unwrap();
    assert!(snapshot.to_string().contains(&house.showtime), "{snapshot}");
    let mut last = String::new();
    for _ in 0..200 {
        last = get(nginx.port, "/api/showtimes").await;
        if last.starts_with("HTTP/1.1 429") {
            break;
        }
    }
    assert!(last.starts_with("HTTP/1.1 429"), "{last}");
}
