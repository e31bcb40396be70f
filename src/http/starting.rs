//! What a server answers while it still waits for its services: it lives, it is not ready, and why.

use std::io;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::dev::ServerHandle;
use actix_web::http::KeepAlive;
use actix_web::middleware::from_fn;
use actix_web::{App, HttpResponse, HttpServer, web};

use crate::http::paths::{LIVEZ, READYZ};
use crate::http::problem::{Code, Problem};
use crate::http::{exchange, monitoring};

/// Longest wait for the answers that are under way when the server itself takes over.
const LAST_ANSWERS_SECONDS: u64 = 1;

/// Answers on the server's listeners until it is dropped or [`Starting::stop`]ped; connections that come afterwards wait for the server itself.
pub struct Starting {
    handle: ServerHandle,
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
        let told = web::Data::new(reason.clone());
        let mut server = HttpServer::new(move || {
            App::new()
                .app_data(told.clone())
                .route(LIVEZ, web::get().to(monitoring::livez))
                .route(READYZ, web::get().to(refuse))
                .default_service(web::to(refuse))
                .wrap(from_fn(exchange::exchange))
        })
        .workers(1)
        // No connection may be left on which a client sends its next request while this server goes.
        .keep_alive(KeepAlive::Disabled)
        .shutdown_timeout(LAST_ANSWERS_SECONDS)
        .disable_signals();
        for listener in listeners {
            server = server.listen(listener.try_clone()?)?;
        }
        let server = server.run();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        Ok(Self { handle, reason })
    }

    /// Where the start tells what it waits for.
    pub fn reason(&self) -> Reason {
        self.reason.clone()
    }

    /// Ends it, after the answers that are under way.
    pub async fn stop(self) {
        self.handle.stop(true).await;
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
