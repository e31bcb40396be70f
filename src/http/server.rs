//! The server: a listener with bounded connections, timeouts against slow clients, and the route table behind its middleware.

use std::future::ready;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener};
use std::time::Duration;

use actix_cors::Cors;
use actix_http::HttpService;
use actix_service::{ServiceFactoryExt as _, fn_service, map_config};
use actix_web::body::MessageBody;
use actix_web::dev::{AppConfig, Extensions, Server, ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::http::{Method, header};
use actix_web::middleware::{Condition, from_fn};
use actix_web::rt::net::TcpStream;
use actix_web::{App, Error, HttpServer, web};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use crate::http::request::unparsed::Connection;
use crate::http::routes::{configure, configure_admin};
use crate::http::showtimes::{SEQUENCE, SOURCE};
use crate::http::{AppState, Settings, exchange, limiting, limits};

/// Listens on `address` with the settings' backlog. Port 0 takes a free port.
///
/// # Errors
/// The address is in use, not of this machine, or not permitted.
pub fn bind(address: SocketAddr, settings: &Settings) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restarted server takes its port back at once, although old connections linger.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(settings.backlog).unwrap_or(i32::MAX))?;
    Ok(socket.into())
}

/// The server on `listener`; runs when awaited. Stops when its handle is told to, never by signals of its own.
///
/// # Errors
/// The listener cannot be used.
pub fn server(state: web::Data<AppState>, listener: TcpListener) -> io::Result<Server> {
    let settings = state.settings.clone();
    let origins = settings.cors_origins.clone();
    let unread_timeout = Duration::from_secs(settings.unread_timeout_seconds);
    let head_timeout = Duration::from_secs(settings.head_timeout_seconds);
    let keep_alive = Duration::from_secs(settings.keep_alive_seconds);
    let server = Server::build()
        .max_concurrent_connections(settings.connections_per_worker)
        .shutdown_timeout(settings.shutdown_timeout_seconds)
        .disable_signals();
    let server = if settings.workers == 0 { server } else { server.workers(settings.workers) };
    let stopping = server.graceful_shutdown_signal();
    // As `HttpServer` does it, which takes no connections but its own.
    let factory = move || {
        let (stopping, counted) = (stopping.clone(), state.clone());
        let http = HttpService::build()
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            .keep_alive(keep_alive)
            .client_request_timeout(head_timeout)
            // Closed as soon as the last byte is written; see `unread` for those who still send.
            .client_disconnect_timeout(Duration::ZERO)
            .on_connect_ext(move |connection: &Connection, kept| take_place(connection.stream(), kept, &counted))
            .h1(map_config(app(&state, &origins), |()| AppConfig::default()));
        fn_service(move |stream: TcpStream| {
            prepare(&stream, unread_timeout);
            let peer = stream.peer_addr().ok();
            ready(Ok((Connection::new(stream), peer)))
        })
        .and_then(http)
    };
    Ok(server.listen("http", listener, factory)?.run())
}

/// The route table behind its middleware.
fn app(
    state: &web::Data<AppState>,
    origins: &[String],
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody + use<>>,
        Error = Error,
        InitError = (),
    > + use<>,
> {
    // Without foreign origins there is nothing to negotiate.
    let cors = Condition::new(!origins.is_empty(), cors(origins));
    let has_admin_address = state.settings.has_admin_address;
    let app = App::new().app_data(state.clone()).configure(|config| configure(config, has_admin_address));
    // A refused page must be able to read why: CORS is around the limits.
    app.wrap(from_fn(limiting::limit)).wrap(cors).wrap(from_fn(exchange::exchange))
}

/// The server of `/metrics` and health on an address of their own, for the operators' network. As [`server`].
///
/// # Errors
/// The listener cannot be used.
pub fn admin_server(state: web::Data<AppState>, listener: TcpListener) -> io::Result<Server> {
    let unread_timeout = Duration::from_secs(state.settings.unread_timeout_seconds);
    let server = HttpServer::new(move || {
        App::new().app_data(state.clone()).configure(configure_admin).wrap(from_fn(exchange::exchange))
    })
    .workers(1)
    .client_disconnect_timeout(Duration::ZERO)
    .on_connect(move |connection, _| {
        if let Some(stream) = connection.downcast_ref::<TcpStream>() {
            prepare(stream, unread_timeout);
        }
    })
    .disable_signals();
    Ok(server.listen(listener)?.run())
}

/// Has the kernel end the connection if the peer does not take what was sent: no timer in user space sees a socket
/// that cannot be written. And has it send small answers at once.
fn prepare(stream: &TcpStream, timeout: Duration) {
    if let Err(error) = SockRef::from(stream).set_tcp_user_timeout(Some(timeout)) {
        tracing::warn!(%error, "a connection could not be bounded by TCP_USER_TIMEOUT");
    }
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection without TCP_NODELAY");
    }
}

/// Takes the connection's place among its client's, kept as long as it is open. A client that has all of its is hung up on.
fn take_place(stream: &TcpStream, kept: &mut Extensions, state: &AppState) {
    let Ok(peer) = stream.peer_addr() else { return };
    match state.limits.connections.take(state.limits.proxies().of_connection(peer.ip())) {
        Some(place) => {
            kept.insert(place);
        }
        None => {
            if let Err(error) = SockRef::from(stream).shutdown(Shutdown::Both) {
                tracing::debug!(%error, "a connection too many was closed by its client");
            }
        }
    }
}

/// Credentials are allowed for the configured origins, so each is named: a wildcard would let every page act for its visitors.
fn cors(origins: &[String]) -> Cors {
    let cors = Cors::default()
        .allowed_methods([Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allowed_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::IF_MATCH,
            header::IF_NONE_MATCH,
            header::HeaderName::from_static("x-requested-with"),
            header::HeaderName::from_static("x-signalr-user-agent"),
            header::HeaderName::from_static("idempotency-key"),
            // Trace context, which instrumented pages add to every request.
            header::HeaderName::from_static("traceparent"),
            header::HeaderName::from_static("tracestate"),
            header::HeaderName::from_static("baggage"),
        ])
        .expose_headers([
            header::ETAG,
            header::LOCATION,
            header::RETRY_AFTER,
            header::LINK,
            limits::POLICY,
            limits::STANDING,
            header::HeaderName::from_static("x-request-id"),
            header::HeaderName::from_static("idempotent-replayed"),
            SEQUENCE,
            SOURCE,
        ])
        .supports_credentials()
        .max_age(600);
    origins.iter().fold(cors, |cors, origin| cors.allowed_origin(origin))
}

/// An origin is scheme, host and port, nothing else; as browsers send it.
///
/// # Errors
/// What is wrong with it.
pub fn check_origin(origin: &str) -> Result<(), String> {
    if origin == "*" {
        return Err("credentials are allowed, so every origin must be named".to_owned());
    }
    match url::Url::parse(origin) {
        Ok(url) if !matches!(url.scheme(), "http" | "https") => Err("the scheme must be http or https".to_owned()),
        Ok(url) if url.origin().ascii_serialization() != origin => {
            Err(format!("write it as {:?}", url.origin().ascii_serialization()))
        }
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_checked_before_the_server_starts() {
        assert!(check_origin("http://localhost:3000").is_ok());
        assert!(check_origin("https://tickets.example").is_ok());
        for wrong in ["*", "localhost:3000", "http://localhost:3000/", "https://x.example:443", "ftp://x", ""] {
            assert!(check_origin(wrong).is_err(), "{wrong}");
        }
    }
}
