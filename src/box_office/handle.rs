//! The handle through which the rest of the server uses the box office. Cheap to clone.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use actix::{Actor, Addr, Arbiter, MailboxError};
use futures_util::FutureExt as _;
use tokio::sync::{TryAcquireError, oneshot};
use tokio::time::Instant;
use uuid::Uuid;

use crate::box_office::board::Board;
use crate::box_office::expiry::Sweeper;
use crate::box_office::registry::{Desk, Directory, Open, Registry};
use crate::box_office::request::{Answer, Counted, KeyedRequest, QueuedCommand, Request, RequestContext};
use crate::box_office::showtime_actor::Submit;
use crate::box_office::{BoxOfficeError, Dependencies, Reserved};
use crate::coalesce::Flights;
use crate::domain::{
    BookingId, Buyer, Choice, Command, HoldPolicy, HoldToken, NoteTold, SeatSelection, SeatStatus, ShowtimeId,
    Timestamp, TokenHash, UserId,
};

/// How often a command is brought to a fresh actor because the one before was lost.
const MAX_DELIVERIES: u32 = 5;

/// What a new booking is to have.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Wanted {
    /// These seats.
    Seats(SeatSelection),
    /// Places of which some are chosen.
    Chosen(Choice),
}

impl Wanted {
    /// The seats that are wanted by name.
    fn named(&self) -> Option<&SeatSelection> {
        match self {
            Self::Seats(seats) => Some(seats),
            Self::Chosen(choice) => choice.named(),
        }
    }

    /// The command that holds it.
    pub fn command(
        &self,
        booking_id: BookingId,
        (user_id, buyer): (UserId, Buyer),
        token: TokenHash,
        asked_at: Timestamp,
    ) -> Command {
        match self.clone() {
            Self::Seats(seats) => Command::ReserveSeats { booking_id, seats, user_id, token, asked_at, buyer },
            Self::Chosen(choice) => Command::ReserveChosen { booking_id, choice, user_id, token, asked_at, buyer },
        }
    }
}

/// The way to every showtime of this node.
#[derive(Clone)]
pub struct BoxOffice {
    inner: Arc<Inner>,
}

struct Inner {
    deps: Arc<Dependencies>,
    directory: Arc<Directory>,
    /// Replaced by a fresh one when it is found lost.
    registry: RwLock<Addr<Registry>>,
    draining: AtomicBool,
    /// Questions for the last sequence of a showtime in the store, with when it was asked for; `None` if it could not be had.
    heads: Flights<ShowtimeId, Option<(u64, Instant)>>,
    /// Callers waiting for an answer.
    waiting: AtomicUsize,
}

/// Counts a caller for as long as it waits.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// How one delivery of a command ended.
enum Delivered {
    Answered(Result<Answer, BoxOfficeError>),
    /// The actor was lost: the command may or may not have been carried out.
    Lost,
}

impl BoxOffice {
    /// Starts the registry and the sweeper. To be called inside a running actix system.
    pub fn start(deps: Dependencies) -> Self {
        let deps = Arc::new(deps);
        let directory = Arc::new(Directory::default());
        let registry = RwLock::new(start_registry(&deps, &directory));
        let sweeper = Sweeper::new(Arc::clone(&deps), Arc::clone(directory.arrivals()));
        Sweeper::start_in_arbiter(&Arbiter::new().handle(), move |_| sweeper);
        let inner = Inner {
            deps,
            directory,
            registry,
            draining: AtomicBool::new(false),
            heads: Flights::default(),
            waiting: AtomicUsize::new(0),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Holds seats for a new booking.
    pub async fn reserve(
        &self,
        showtime_id: ShowtimeId,
        wanted: Wanted,
        user_id: UserId,
        context: RequestContext,
    ) -> Result<Reserved, BoxOfficeError> {
        let arrived = Instant::now();
        // A repeated request must find its own booking, not a taken seat: that is the actor's to tell.
        // And the board does not know what a buyer may have that others may not.
        if let (None, Some(seats)) = (&context.key, wanted.named())
            && context.buyer.is_like_all()
        {
            self.refuse_if_taken(showtime_id, seats, arrived).await?;
        }
        let booking_id = BookingId::new(showtime_id, Uuid::now_v7());
        let nonce: [u8; 16] = rand::random();
        let hold_token = match &context.key {
            Some(key) => key.hold_token(nonce),
            None => HoldToken::from_bytes(rand::random()),
        };
        let (token, asked_at, buyer) = (hold_token.hash(), (self.inner.deps.clock)(), context.buyer.clone());
        let command = wanted.command(booking_id, (user_id, buyer), token, asked_at);
        let key = context.key.as_ref();
        let keyed = key.and_then(|key| KeyedRequest::for_command(key, showtime_id, &command, nonce));
        let request =
            Request { command, key: keyed, traceparent: context.traceparent, repeated: false, _arrival: None, arrived };
        let answer = self.submit(showtime_id, request).await?;
        let hold_token = match (answer.nonce, key) {
            (Some(nonce), Some(key)) => key.hold_token(nonce),
            (Some(_) | None, _) => hold_token,
        };
        Ok(Reserved { outcome: answer.told.booking()?, hold_token })
    }

    /// Refuses a reservation of seats that are certainly taken, from the showtime's board.
    async fn refuse_if_taken(
        &self,
        showtime_id: ShowtimeId,
        seats: &SeatSelection,
        arrived: Instant,
    ) -> Result<(), BoxOfficeError> {
        if self.is_draining() {
            return Err(BoxOfficeError::Draining);
        }
        let Some(board) = self.inner.directory.board(showtime_id) else { return Ok(()) };
        let now = (self.inner.deps.clock)();
        if board.check(seats.as_slice(), now).is_ok() {
            return Ok(());
        }
        if !board.may_refuse(arrived) && !self.agrees(showtime_id, &board).await {
            return Ok(());
        }
        // As shown by now: a seat may have been freed meanwhile, or the sale opened.
        let Err(rejection) = board.check(seats.as_slice(), now) else { return Ok(()) };
        self.inner.deps.counters.commands_rejected.inc();
        self.inner.deps.counters.rejected_from_board.inc();
        Err(rejection.into())
    }

    /// Whether the board shows all that the store has, by an answer that was asked for after this call. Everybody who waits for a
    /// showtime's answer shares one question.
    async fn agrees(&self, showtime_id: ShowtimeId, board: &Arc<Board>) -> bool {
        let shown = board.sequence();
        let (store, known) = (Arc::clone(&self.inner.deps.ledger), Arc::clone(board));
        let ask = move || {
            async move {
                let asked = Instant::now();
                if !known.is_verified(asked) {
                    let stamps = store.stamps(vec![(showtime_id, known.sequence())]).await.ok()?;
                    // If not, the actor reads the history that the store has.
                    known.verify(stamps.first().map(|(_, stamp)| *stamp), asked).then_some(())?;
                }
                let heads = store.heads(vec![showtime_id]).await.ok()?;
                heads.first().map(|(_, head)| (*head, asked))
            }
            .boxed()
        };
        let Some((head, asked)) = self.inner.heads.join_next(showtime_id, ask).await else { return false };
        // A head before what was shown already is that of a store which has lost its past.
        let agrees = shown <= head && head <= board.sequence();
        if agrees {
            board.still_agreed_at(asked);
        }
        agrees
    }

    /// For all who tell clients how showtimes stand: a refusal then rests on nothing older.
    pub fn note_told(&self) -> NoteTold {
        let directory = Arc::clone(&self.inner.directory);
        Arc::new(move |id, sequence| directory.note_told(id, sequence))
    }

    /// Refuses new commands and waits until those accepted are answered, or for `limit`. Returns how many were still waiting.
    pub async fn drain(&self, limit: Duration) -> usize {
        self.inner.draining.store(true, Ordering::Release);
        let end = Instant::now() + limit;
        loop {
            let waiting = self.inner.waiting.load(Ordering::Acquire);
            if waiting == 0 || Instant::now() >= end {
                return waiting;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// The longest total time of a hold, in seconds: no showtime's terms may ask for more.
    pub fn longest_hold_seconds(&self) -> u32 {
        u32::try_from(self.hold_policy().max_total.as_secs()).unwrap_or(u32::MAX)
    }

    /// How long holds live, where a showtime's terms say nothing else.
    pub fn hold_policy(&self) -> HoldPolicy {
        self.deps().settings.policy()
    }

    /// True if the showtime has an actor on this node.
    pub fn is_open(&self, id: ShowtimeId) -> bool {
        self.inner.directory.find(id).is_some()
    }

    /// Each seat's status as this node has it in memory, in order of index; empty if the showtime is not open here. Newer than the read
    /// model, but for what other nodes have changed.
    pub fn statuses(&self, id: ShowtimeId) -> Vec<SeatStatus> {
        self.inner.directory.board(id).map_or_else(Vec::new, |board| board.statuses())
    }

    /// True once [`BoxOffice::drain`] was called.
    pub fn is_draining(&self) -> bool {
        self.inner.draining.load(Ordering::Acquire)
    }

    pub(super) fn deps(&self) -> &Arc<Dependencies> {
        &self.inner.deps
    }

    pub(super) fn directory(&self) -> &Directory {
        &self.inner.directory
    }

    /// Brings a command to its showtime until it is answered. A command that was lost on the way is asked again: it has its booking's id,
    /// so if it was carried out it is answered as such, and if not it is carried out now.
    pub(super) async fn submit(&self, showtime_id: ShowtimeId, request: Request) -> Result<Answer, BoxOfficeError> {
        if self.is_draining() {
            return Err(BoxOfficeError::Draining);
        }
        self.inner.waiting.fetch_add(1, Ordering::AcqRel);
        let _waiting = Waiting(&self.inner.waiting);
        let limit = Instant::now() + self.inner.deps.settings.answer_timeout();
        let mut request = Arc::new(request);
        for _ in 0..MAX_DELIVERIES {
            let delivery = self.deliver(showtime_id, Arc::clone(&request));
            match tokio::time::timeout_at(limit, delivery).await {
                // An earlier delivery may have been carried out before its actor was lost.
                Ok(Delivered::Answered(Err(error))) if request.repeated && error.claims_no_change() => break,
                Ok(Delivered::Answered(answer)) => {
                    if let Ok(Answer { told, .. }) = &answer {
                        // A replay tells how the booking stands in the store: the actor need not know that yet.
                        self.inner.directory.note_told(showtime_id, told.sequence());
                    }
                    return answer;
                }
                Ok(Delivered::Lost) => {
                    tracing::warn!(showtime.id = %showtime_id, "a showtime's actor was lost; its successor is asked");
                    request = Arc::new(Request { repeated: true, ..Request::clone(&request) });
                }
                Err(_elapsed) => break,
            }
        }
        Err(BoxOfficeError::unknown(&request.command, showtime_id))
    }

    async fn deliver(&self, showtime_id: ShowtimeId, request: Arc<Request>) -> Delivered {
        let retry_after = self.inner.deps.settings.retry_after();
        let repeated = request.repeated;
        let desk = match self.desk(showtime_id).await {
            Ok(desk) => desk,
            Err(error) => return Delivered::Answered(Err(error)),
        };
        let place = match Arc::clone(&desk.places).try_acquire_owned() {
            Ok(place) => place,
            // A command that may have been carried out is not refused: it waits for a place.
            Err(TryAcquireError::NoPermits) if repeated => match desk.places.acquire_owned().await {
                Ok(place) => place,
                Err(_closed) => return Delivered::Lost,
            },
            Err(TryAcquireError::NoPermits | TryAcquireError::Closed) => {
                self.inner.deps.counters.commands_unavailable.inc();
                return Delivered::Answered(Err(BoxOfficeError::Overloaded { retry_after }));
            }
        };
        let (reply, answer) = oneshot::channel();
        let deadline = Instant::now() + self.inner.deps.settings.queue_timeout();
        let counted = Counted::on(&self.inner.deps.counters.commands_waiting);
        let queued = QueuedCommand { request, reply, deadline, _place: place, _counted: counted };
        desk.board.progress.call();
        if desk.address.try_send(Submit(queued)).is_err() {
            return Delivered::Lost;
        }
        match answer.await {
            Ok(answer) => Delivered::Answered(answer),
            Err(_dropped) => Delivered::Lost,
        }
    }

    async fn desk(&self, id: ShowtimeId) -> Result<Desk, BoxOfficeError> {
        if let Some(desk) = self.inner.directory.find(id).filter(|desk| desk.address.connected()) {
            return Ok(desk);
        }
        let overloaded = || BoxOfficeError::Overloaded { retry_after: self.inner.deps.settings.retry_after() };
        for _ in 0..MAX_DELIVERIES {
            let registry = self.inner.registry.read().unwrap_or_else(PoisonError::into_inner).clone();
            match registry.send(Open(id)).await {
                Ok(desk) => return desk.ok_or_else(overloaded),
                Err(error) => self.replace_registry(&registry, error),
            }
        }
        Err(BoxOfficeError::Bug("the registry was lost again and again".to_owned()))
    }

    /// Starts a fresh registry, unless somebody else has. It finds the open showtimes in the directory.
    fn replace_registry(&self, lost: &Addr<Registry>, error: MailboxError) {
        let mut registry = self.inner.registry.write().unwrap_or_else(PoisonError::into_inner);
        if *registry == *lost {
            tracing::error!(error = %error, "the registry was lost and is replaced");
            *registry = start_registry(&self.inner.deps, &self.inner.directory);
        }
    }

    pub(super) fn unavailable(&self, error: &dyn std::error::Error) -> BoxOfficeError {
        if self.is_draining() {
            return BoxOfficeError::Draining;
        }
        tracing::debug!(error = %error, "the write store did not answer");
        self.inner.deps.counters.commands_unavailable.inc();
        BoxOfficeError::Unavailable { retry_after: self.inner.deps.settings.retry_after() }
    }
}

fn start_registry(deps: &Arc<Dependencies>, directory: &Arc<Directory>) -> Addr<Registry> {
    let registry = Registry::new(Arc::clone(deps), Arc::clone(directory));
    Registry::start_in_arbiter(&Arbiter::new().handle(), move |_| registry)
}
