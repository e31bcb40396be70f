//! HTTP: the outside contract. This file has the route table; each noun has a file with its handlers.
//!
//! A request passes `exchange` (request id, access log, metrics, errors as problems), then CORS, then its handler. Handlers
//! return [`Problem`]s; `problem` is the only map from errors to answers.

use std::sync::Arc;
use std::time::Duration;

use actix_web::{Resource, web};
use tokio::sync::Semaphore;

use crate::box_office::BoxOffice;
use crate::domain::{Clock, ShowtimeId};
use crate::live::LiveHub;
use crate::read_model::ReadModel;
use crate::write_store::WriteStore;

mod body;
mod bookings;
mod client;
mod code;
mod credential;
mod describe;
mod document;
mod encoded_showtime;
mod enforced;
mod exchange;
mod existence;
mod fields;
pub mod health;
pub mod limits;
mod live;
mod metrics;
pub mod openapi;
mod operators;
mod pages;
mod places;
mod problem;
mod query;
mod representation;
mod reservation;
mod schemas;
mod seat_maps;
mod sequence_waits;
mod server;
mod settings;
mod showtime_shelf;
mod showtime_source;
mod showtimes;
mod starting;
mod totals;
mod unparsed;
mod unread;

pub use client::TrustedProxies;
pub use code::Code;
pub use document::FieldError;
pub use exchange::exchange;
pub use health::Health;
pub use metrics::{Metrics, Source};
pub use operators::{OperatorToken, Operators};
pub use problem::{PROBLEM_JSON, Problem};
pub use server::{admin_server, bind, check_origin, server};
pub use settings::Settings;
pub use starting::{Reason, Starting};

use existence::Existence;
use limits::Limits;
use sequence_waits::SequenceWaits;
use showtime_shelf::ShowtimeShelf;
use showtime_source::ShowtimeSource;
use totals::TotalLimits;

/// What the handlers work with.
pub struct Services {
    /// Takes commands.
    pub box_office: BoxOffice,
    /// What clients read.
    pub read_model: Arc<dyn ReadModel>,
    /// The truth; asked whether a showtime exists, how many there are, and for its seats while the read model is away.
    pub write_store: Arc<dyn WriteStore>,
    /// Serves the sockets.
    pub live: LiveHub,
    /// What `/readyz` tells.
    pub health: Health,
    /// For how long a deadline is away.
    pub clock: Clock,
}

/// Everything that handlers share, one per process.
pub struct AppState {
    box_office: BoxOffice,
    live: LiveHub,
    health: Health,
    clock: Clock,
    metrics: Metrics,
    showtimes: ShowtimeShelf,
    existence: Existence,
    sequence_waits: SequenceWaits,
    /// Large bodies that may be in memory at once.
    large_bodies: Semaphore,
    limits: Limits,
    totals: TotalLimits,
    settings: Settings,
}

impl AppState {
    /// The state of a server.
    pub fn new(services: Services, settings: Settings) -> Self {
        let (read_model, write_store) = (Arc::clone(&services.read_model), Arc::clone(&services.write_store));
        let source = Arc::new(ShowtimeSource::new(read_model, Some(write_store), services.box_office.note_told()));
        let showtimes = ShowtimeShelf::new(Arc::clone(&source), settings.cached_showtimes, settings.cached_bytes);
        let interval = Duration::from_millis(settings.min_sequence_poll_milliseconds);
        let waits = SequenceWaits::new(services.read_model, interval, settings.min_sequence_waiters);
        let metrics = Metrics::new(PATHS);
        let made = showtimes.made();
        metrics.add(Box::new(move |text| made.write(text)));
        let told = Arc::clone(&source);
        metrics.add(Box::new(move |text| told.write(text)));
        Self {
            box_office: services.box_office,
            live: services.live,
            health: services.health,
            clock: services.clock,
            metrics,
            showtimes,
            existence: Existence::of(Arc::clone(&services.write_store)),
            sequence_waits: waits,
            large_bodies: Semaphore::new(settings.large_bodies),
            limits: Limits::new(&settings.limits, settings.trusted_proxies.clone()),
            totals: TotalLimits::of(services.write_store, &settings.limits),
            settings,
        }
    }

    /// What `/metrics` tells; other modules add their own lines to it.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// True if the read model or the write store knows the showtime.
    async fn exists(&self, id: ShowtimeId) -> Result<bool, Problem> {
        if let Ok((Some(_), _)) = self.showtimes.sequence(id).await {
            return Ok(true);
        }
        Ok(self.existence.ask(id).await?)
    }
}

/// The paths of the route table, as metrics name them.
const PATHS: &[&str] = &[
    BOOKINGS,
    BOOKING,
    CONFIRM,
    CANCEL,
    EXTEND,
    SHOWTIMES,
    SHOWTIME,
    LAYOUT,
    STATUS,
    SHOWTIME_BOOKINGS,
    HUB,
    NEGOTIATE,
    SHOWTIME_SOCKET,
    LIVEZ,
    READYZ,
    METRICS,
    OPENAPI,
    ASYNCAPI,
    PAGE,
    DOCS,
    ASSET,
    PROBLEMS,
    PROBLEM,
];
const BOOKINGS: &str = "/api/bookings";
const BOOKING: &str = "/api/bookings/{id}";
const CONFIRM: &str = "/api/bookings/{id}/confirm";
const CANCEL: &str = "/api/bookings/{id}/cancel";
const EXTEND: &str = "/api/bookings/{id}/extend";
const SHOWTIMES: &str = "/api/showtimes";
const SHOWTIME: &str = "/api/showtimes/{id}";
const LAYOUT: &str = "/api/showtimes/{id}/layout";
const STATUS: &str = "/api/showtimes/{id}/status";
const SHOWTIME_BOOKINGS: &str = "/api/showtimes/{id}/bookings";
const HUB: &str = "/hub/bookings";
const NEGOTIATE: &str = "/hub/bookings/negotiate";
const SHOWTIME_SOCKET: &str = "/ws/showtimes/{id}";
const LIVEZ: &str = "/livez";
const READYZ: &str = "/readyz";
const METRICS: &str = "/metrics";
const OPENAPI: &str = "/openapi.json";
const ASYNCAPI: &str = "/asyncapi.json";
const PAGE: &str = "/";
const DOCS: &str = "/docs";
const ASSET: &str = "/assets/{file}";
const PROBLEMS: &str = "/problems";
const PROBLEM: &str = "/problems/{code}";

/// The path of the resource that serves a request; metrics count under it.
#[derive(Clone, Copy)]
struct Path(&'static str);

/// The route table of the address for operators.
fn configure_admin(config: &mut web::ServiceConfig) {
    config.service(get(LIVEZ, health::livez)).service(get(READYZ, health::readyz)).service(get(METRICS, metrics::show));
}

/// The route table. What is not in it is 404; a method that a resource does not have is 405 with `Allow`.
fn configure(config: &mut web::ServiceConfig, has_admin_address: bool) {
    if has_admin_address {
        config.service(get(LIVEZ, health::livez)).service(get(READYZ, health::readyz_in_brief));
    } else {
        configure_admin(config);
    }
    config
        .service(at(BOOKINGS).route(web::post().to(bookings::reserve)))
        .service(get(BOOKING, bookings::show))
        .service(at(CONFIRM).route(web::post().to(bookings::confirm)))
        .service(at(CANCEL).route(web::post().to(bookings::cancel)))
        .service(at(EXTEND).route(web::post().to(bookings::extend)))
        .service(get(SHOWTIMES, showtimes::list).route(web::post().to(showtimes::schedule)))
        .service(get(SHOWTIME, seat_maps::show))
        .service(get(LAYOUT, seat_maps::layout))
        .service(get(STATUS, seat_maps::status))
        .service(at(SHOWTIME_BOOKINGS).route(web::post().to(bookings::reserve_at)))
        .service(at(HUB).route(web::get().to(live::hub)))
        .service(at(NEGOTIATE).route(web::post().to(live::negotiate)))
        .service(at(SHOWTIME_SOCKET).route(web::get().to(live::showtime)))
        .service(get(OPENAPI, openapi::show))
        .service(get(ASYNCAPI, openapi::live_messages))
        .service(get(PAGE, pages::page))
        .service(get(DOCS, pages::docs))
        .service(get(ASSET, pages::asset))
        .service(get(PROBLEMS, pages::problems))
        .service(get(PROBLEM, pages::problem));
}

fn at(path: &'static str) -> Resource {
    web::resource(path).app_data(Path(path))
}

/// A resource that can be read; `HEAD` is `GET` without the body.
fn get<H, A>(path: &'static str, handler: H) -> Resource
where
    H: actix_web::Handler<A> + Clone,
    A: actix_web::FromRequest + 'static,
    H::Output: actix_web::Responder + 'static,
{
    at(path).route(web::get().to(handler.clone())).route(web::head().to(handler))
}
