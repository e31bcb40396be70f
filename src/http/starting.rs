//! What a server answers while it still waits for its services: it lives, it is not ready, and why.

use std::io;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_http::HttpService;
use actix_service::{Service as _, ServiceFactory as _, map_config};
use actix_web::dev::AppConfig;
use actix_web::http::KeepAlive;
use actix_web::middleware::from_fn;
use actix_web::rt::net;
use actix_web::{App, HttpResponse, web};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::http::paths::{LIVEZ, READYZ};
use crate::http::problem::{Code, Problem};
use crate::http::{exchange, monitoring};

/// Longest wait for the answers that are under way when the server itself takes over.
const LAST_ANSWERS: Duration = Duration::from_secs(1);
/// Most connections at once of a listener; more wait to be accepted.
const MOST_CONNECTIONS: usize = 256;
/// Pause after a connection could not be accepted, as when the process has no file descriptors left.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// Answers on the server's listeners until it is [`Starting::stop`]ped; connections that come afterwards wait for the server itself.
pub struct Starting {
    stop: CancellationToken,
    listening: Vec<JoinHandle<()>>,
    reason: Reason,
}

/// What the start waits for. Cheap to clone.
#[derive(Clone)]
pub struct Reason(Arc<Mutex<String>>);

impl Starting {
    /// Starts to answer. To be called inside an actix system.
    ///
    /// # Errors
    /// A listener cannot be used.
    pub fn answer<'a>(listeners: impl IntoIterator<Item = &'a TcpListener>) -> io::Result<Self> {
        let reason = Reason(Arc::new(Mutex::new("the services are being connected".to_owned())));
        let stop = CancellationToken::new();
        let mut listening = Vec::new();
        for listener in listeners {
            let listener = listener.try_clone()?;
            listener.set_nonblocking(true)?;
            let listener = net::TcpListener::from_std(listener)?;
            listening.push(actix_web::rt::spawn(listen(listener, reason.clone(), stop.clone())));
        }
        Ok(Self { stop, listening, reason })
    }

    /// Where the start tells what it waits for.
    pub fn reason(&self) -> Reason {
        self.reason.clone()
    }

    /// Ends it. Every connection that was accepted is answered first.
    pub async fn stop(self) {
        self.stop.cancel();
        for listening in self.listening {
            if let Err(error) = listening.await {
                tracing::warn!(%error, "the answers during the start have failed");
            }
        }
    }
}

/// Answers each connection of this listener once. `HttpServer` hangs up on connections that it has accepted and not yet read when it stops;
/// here they are what the server's clients hear first.
async fn listen(listener: net::TcpListener, reason: Reason, stop: CancellationToken) {
    let app = App::new()
        .app_data(web::Data::new(reason))
        .route(LIVEZ, web::get().to(monitoring::livez))
        .route(READYZ, web::get().to(refuse))
        .default_service(web::to(refuse))
        .wrap(from_fn(exchange::exchange));
    // No connection may be left on which a client sends its next request while the server takes over.
    let http = HttpService::build().keep_alive(KeepAlive::Disabled).h1(map_config(app, |()| AppConfig::default()));
    let Ok(http) = http.new_service(()).await else { return };
    let mut answers = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = answers.join_next() => {}
            accepted = listener.accept(), if answers.len() < MOST_CONNECTIONS => match accepted {
                Ok((stream, peer)) => {
                    answers.spawn_local(http.call((stream, Some(peer))));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                }
            },
        }
    }
    let answered = async { while answers.join_next().await.is_some() {} };
    if tokio::time::timeout(LAST_ANSWERS, answered).await.is_err() {
        tracing::debug!("clients that have not asked anything yet are hung up on");
    }
}

impl Reason {
    /// From now on the start waits for this.
    pub fn tell(&self, reason: &str) {
        reason.clone_into(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

async fn refuse(reason: web::Data<Reason>) -> Result<HttpResponse, Problem> {
    let reason = reason.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Err(Problem::new(Code::NotReady, format!("the server is starting: {reason}")))
}
