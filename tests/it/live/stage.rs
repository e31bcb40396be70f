//! A node of its own for one test: stores, the live feed behind an HTTP server on a free port, and a box office that makes events.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::http::StatusCode;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use async_trait::async_trait;
use turnstile::domain::{Applied, Place, ShowtimeSummary, ShowtimeView};
use turnstile::domain::{Clock, EventRun, ShowtimeId, Timestamp};
use turnstile::event_bus::{EventBus, Message};
use turnstile::live::{self, LiveError, LiveHub, Settings};
use turnstile::read_model::embedded::EmbeddedReadModel;
use turnstile::read_model::{PageStart, ReadError, ReadModel};
use turnstile::write_store::sqlite::{self, SqliteStore};
use uuid::Uuid;

use crate::live::counted_bus::CountedBus;
use crate::live::faulty::Faulty;
use crate::live::viewer::Owner;

/// Longest wait for anything that should happen.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// Bounds small enough for tests to reach.
pub fn quick() -> Settings {
    Settings {
        poll_milliseconds: 100,
        tick_milliseconds: 20,
        idle_milliseconds: 500,
        ping_milliseconds: 200,
        client_timeout_milliseconds: 60_000,
        close_milliseconds: 3_000,
        // Only those who wait for the reminder get one: elsewhere it would come before an answer.
        reminder_milliseconds: 3_600_000,
        ..Settings::default()
    }
}

/// The embedded read model, which can be made unavailable.
pub struct Model {
    embedded: EmbeddedReadModel,
    broken: AtomicBool,
}

/// The clock of the tests: real time, shifted; it can be made to panic once, in whichever actor asks next.
#[derive(Default)]
pub struct Time {
    shift_millis: AtomicI64,
    panics: AtomicBool,
}

impl Time {
    pub fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let milliseconds = i64::try_from(since.as_millis()).unwrap();
        Timestamp::from_millis(milliseconds + self.shift_millis.load(Ordering::SeqCst))
    }

    /// Sets the clock forward.
    pub fn pass(&self, duration: Duration) {
        self.shift_millis.fetch_add(i64::try_from(duration.as_millis()).unwrap(), Ordering::SeqCst);
    }

    /// Makes whoever asks next panic.
    pub fn panic_once(&self) {
        self.panics.store(true, Ordering::SeqCst);
    }

    pub fn has_panicked(&self) -> bool {
        !self.panics.load(Ordering::SeqCst)
    }
}

/// Stores that nodes share.
pub struct Services {
    pub store: Arc<Faulty>,
    pub bus: Arc<CountedBus>,
    pub model: Arc<Model>,
    pub time: Arc<Time>,
    /// The highest sequence that a node noted before it told anybody.
    pub told: Arc<AtomicU64>,
    directory: PathBuf,
}

impl Services {
    pub fn new() -> Arc<Self> {
        let directory = std::env::temp_dir().join(format!("turnstile-live-{}", Uuid::new_v4()));
        let store = SqliteStore::open(&directory, &sqlite::Settings::default()).expect("the store opens");
        Arc::new(Self {
            store: Arc::new(Faulty::over(Arc::new(store))),
            bus: Arc::new(CountedBus::new()),
            model: Arc::new(Model { embedded: EmbeddedReadModel::new(), broken: AtomicBool::new(false) }),
            time: Arc::default(),
            told: Arc::default(),
            directory,
        })
    }

    /// A new showtime with rows of at most 100 seats, known to the read model.
    pub async fn showtime(&self, seats: u32) -> Owner {
        let owner = self.store_only_showtime(seats).await;
        self.project(owner.first_run()).await;
        owner
    }

    /// A new showtime that the read model has not heard of.
    pub async fn store_only_showtime(&self, seats: u32) -> Owner {
        Owner::schedule(self.store.below(), Arc::clone(&self.time), seats).await
    }

    pub async fn project(&self, run: EventRun) {
        assert!(matches!(self.model.apply(&run).await, Ok(Applied::UpTo(_))));
    }

    pub async fn publish(&self, run: &EventRun) {
        let message = Message { run: Arc::new(run.clone()), traceparent: None };
        for confirmed in self.bus.publish(vec![message]).await {
            confirmed.unwrap();
        }
    }

    pub fn break_model(&self) {
        self.model.broken.store(true, Ordering::SeqCst);
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.directory));
    }
}

/// A node: the live feed and its routes.
pub struct Stage {
    pub services: Arc<Services>,
    pub hub: LiveHub,
    pub address: SocketAddr,
    server: ServerHandle,
}

impl Stage {
    pub async fn open(settings: Settings) -> Self {
        Self::join(Services::new(), settings).await
    }

    /// A further node on the same services.
    pub async fn join(services: Arc<Services>, settings: Settings) -> Self {
        let (ready, opened) = tokio::sync::oneshot::channel();
        let runtime = tokio::runtime::Handle::current();
        let shared = Arc::clone(&services);
        std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let (time, told) = (Arc::clone(&shared.time), Arc::clone(&shared.told));
                let clock: Clock = Arc::new(move || {
                    assert!(!time.panics.swap(false, Ordering::SeqCst), "a test makes this actor panic");
                    time.now()
                });
                let hub = live::start(live::Dependencies {
                    metrics: turnstile::telemetry::metrics::Registry::default(),
                    journal: shared.store.clone(),
                    event_bus: shared.bus.clone(),
                    read_model: shared.model.clone(),
                    note_told: Arc::new(move |_, sequence| {
                        told.fetch_max(sequence, Ordering::SeqCst);
                    }),
                    clock,
                    runtime,
                    settings,
                    cluster_secret: [7; 32],
                    allowed_origins: vec!["https://tickets.example".to_owned()],
                });
                drop(shared);
                let app_hub = hub.clone();
                let server =
                    HttpServer::new(move || App::new().app_data(web::Data::new(app_hub.clone())).configure(routes))
                        .workers(2)
                        .disable_signals()
                        .shutdown_timeout(1)
                        .client_disconnect_timeout(Duration::ZERO)
                        .bind(("127.0.0.1", 0))
                        .unwrap();
                let address = server.addrs()[0];
                let server = server.run();
                ready.send((hub, address, server.handle())).ok().expect("the test waits");
                server.await.unwrap();
            });
        });
        let (hub, address, server) = opened.await.unwrap();
        Self { services, hub, address, server }
    }

    pub fn plain_url(&self, showtime: ShowtimeId, after: Option<u64>) -> String {
        let query = after.map(|after| format!("?after={after}")).unwrap_or_default();
        format!("ws://{}/ws/showtimes/{showtime}{query}", self.address)
    }

    pub fn hub_url(&self) -> String {
        format!("http://{}/hub/bookings", self.address)
    }

    /// Waits until this many clients are connected.
    pub async fn sessions(&self, expected: usize) {
        eventually(&format!("{expected} sessions"), || self.hub.sessions() == expected).await;
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // The future only waits for the server's end, which has begun.
        drop(self.server.stop(false));
    }
}

/// Polls a condition until it holds.
pub async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !holds() {
        assert!(tokio::time::Instant::now() < deadline, "did not come true: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/ws/showtimes/{id}", web::get().to(plain))
        .route("/hub/bookings/negotiate", web::post().to(negotiate))
        .route("/hub/bookings", web::get().to(hub));
}

async fn plain(request: HttpRequest, payload: web::Payload, live: web::Data<LiveHub>) -> HttpResponse {
    let showtime = ShowtimeId(Uuid::parse_str(request.match_info().get("id").unwrap()).unwrap());
    let after = parameter(&request, "after").map(|after| after.parse().unwrap());
    live.open_plain(&request, payload, showtime, after).await.unwrap_or_else(|error| refused(&error))
}

async fn negotiate(request: HttpRequest, live: web::Data<LiveHub>) -> HttpResponse {
    let answer = live.negotiate(parameter(&request, "negotiateVersion").as_deref());
    let mut response = HttpResponse::Ok();
    if answer.get("error").is_some() {
        // A client that keeps its connection would come back to the same drained node.
        response.force_close();
    }
    response.json(answer)
}

async fn hub(request: HttpRequest, payload: web::Payload, live: web::Data<LiveHub>) -> HttpResponse {
    live.open_hub(&request, payload, parameter(&request, "id").as_deref()).unwrap_or_else(|error| refused(&error))
}

fn parameter(request: &HttpRequest, name: &str) -> Option<String> {
    let pairs = url::form_urlencoded::parse(request.query_string().as_bytes());
    pairs.into_iter().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

fn refused(error: &LiveError) -> HttpResponse {
    let status = match error {
        LiveError::UnknownShowtime(_) | LiveError::UnknownConnection => StatusCode::NOT_FOUND,
        LiveError::UpgradeRequired => StatusCode::UPGRADE_REQUIRED,
        LiveError::BadHandshake(_) | LiveError::MissingConnectionId => StatusCode::BAD_REQUEST,
        LiveError::ConnectionInUse => StatusCode::CONFLICT,
        LiveError::ForbiddenOrigin(_) => StatusCode::FORBIDDEN,
        LiveError::Busy(_) | LiveError::Draining | LiveError::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        LiveError::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
    };
    HttpResponse::build(status).body(error.to_string())
}

impl Model {
    fn check(&self) -> Result<(), ReadError> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(ReadError { reason: "broken by the test".to_owned() });
        }
        Ok(())
    }
}

#[async_trait]
impl ReadModel for Model {
    async fn showtime(&self, id: ShowtimeId) -> Result<Option<Arc<ShowtimeView>>, ReadError> {
        self.check()?;
        self.embedded.showtime(id).await
    }

    async fn place(&self, id: ShowtimeId) -> Result<Option<Place>, ReadError> {
        self.check()?;
        self.embedded.place(id).await
    }

    async fn list(&self, start: PageStart, limit: usize) -> Result<Vec<ShowtimeSummary>, ReadError> {
        self.check()?;
        self.embedded.list(start, limit).await
    }

    async fn apply(&self, run: &EventRun) -> Result<Applied, ReadError> {
        self.check()?;
        self.embedded.apply(run).await
    }

    async fn places(&self, ids: Vec<ShowtimeId>) -> Result<Vec<(ShowtimeId, Place)>, ReadError> {
        self.check()?;
        self.embedded.places(ids).await
    }

    async fn replace(
        &self,
        id: ShowtimeId,
        over: Option<Place>,
        with: Option<Arc<ShowtimeView>>,
    ) -> Result<bool, ReadError> {
        self.check()?;
        self.embedded.replace(id, over, with).await
    }

    async fn ping(&self) -> Result<(), ReadError> {
        self.check()
    }
}
