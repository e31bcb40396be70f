//! Actor: the registry. Owns the arbiters; accepts requests to open showtimes; keeps at most one open actor per showtime; on restart opens anew what is asked for.
//!
//! At the bound on open showtimes, each further one takes the place of one that was not used for long, whether or not that has
//! pending holds: the sweeper ends those that come due. Found by the clock algorithm, also called second chance.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use actix::{Actor, Addr, Arbiter, Context, Handler, Message, MessageResult};
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::box_office::Dependencies;
use crate::box_office::arrivals::Arrivals;
use crate::box_office::board::Board;
use crate::box_office::progress::Standstill;
use crate::box_office::showtime_actor::{PutAway, ShowtimeActor, Surroundings};
use crate::domain::{BookingId, ShowtimeId, ShowtimeMark, TokenHash};

/// The way to one showtime's actor.
#[derive(Clone)]
pub(super) struct Desk {
    pub address: Addr<ShowtimeActor>,
    /// One permit per command that waits or is being carried out.
    pub places: Arc<Semaphore>,
    /// What the actor publishes.
    pub board: Arc<Board>,
    opening: u64,
    /// Asked for since the clock's hand last passed.
    is_used: Arc<AtomicBool>,
}

impl Desk {
    fn use_it(&self) {
        // Most find it set: a write would take the line from the others' caches.
        if !self.is_used.load(Ordering::Relaxed) {
            self.is_used.store(true, Ordering::Relaxed);
        }
    }
}

/// Every open showtime of this node, readable without asking the registry.
#[derive(Default)]
pub(super) struct Directory {
    desks: RwLock<Desks>,
    openings: AtomicU64,
    /// What is on its way to them.
    arrivals: Arc<Arrivals>,
}

#[derive(Default)]
struct Desks {
    by_id: HashMap<ShowtimeId, Desk>,
    by_mark: BTreeSet<(ShowtimeMark, ShowtimeId)>,
}

impl Directory {
    pub(super) fn arrivals(&self) -> &Arc<Arrivals> {
        &self.arrivals
    }

    pub(super) fn find(&self, id: ShowtimeId) -> Option<Desk> {
        self.read().by_id.get(&id).inspect(|desk| desk.use_it()).cloned()
    }

    /// The board of a showtime that is open here.
    pub(super) fn board(&self, id: ShowtimeId) -> Option<Arc<Board>> {
        self.read().by_id.get(&id).inspect(|desk| desk.use_it()).map(|desk| Arc::clone(&desk.board))
    }

    /// The showtime that is open here and has this booking as a pending one, with the hash of the booking's hold token. `None` if it must
    /// be looked up: another showtime of the same mark is open, the booking has ended, or an earlier version made its id.
    pub(super) fn hold(&self, booking_id: BookingId) -> Option<(ShowtimeId, TokenHash)> {
        let mark = booking_id.mark();
        let desks = self.read();
        let mut marked = desks.by_mark.range((mark, ShowtimeId(Uuid::nil()))..=(mark, ShowtimeId(Uuid::max())));
        marked.find_map(|(_, id)| Some((*id, desks.by_id.get(id)?.board.hold(booking_id)?)))
    }

    /// The showtimes that have been in one step for `bound`, with the free places in their queues.
    pub(super) fn standstills(&self, bound: Duration) -> Vec<(ShowtimeId, usize, Standstill)> {
        let desks = self.read();
        let stuck = desks.by_id.iter().filter_map(|(id, desk)| {
            Some((*id, desk.places.available_permits(), desk.board.progress.standstill(bound)?))
        });
        stuck.collect()
    }

    /// This node is about to tell somebody how a showtime stands at `sequence`.
    pub(super) fn note_told(&self, id: ShowtimeId, sequence: u64) {
        if let Some(desk) = self.read().by_id.get(&id) {
            desk.board.note_told(sequence);
        }
    }

    /// The actor of a desk that was not used since the last call about it.
    fn unused(&self, id: ShowtimeId, opening: u64) -> Unused {
        let desks = self.read();
        match desks.by_id.get(&id).filter(|desk| desk.opening == opening) {
            None => Unused::Closed,
            Some(desk) if desk.is_used.swap(false, Ordering::Relaxed) => Unused::No,
            Some(desk) => Unused::Yes(desk.address.clone()),
        }
    }

    fn openings(&self) -> VecDeque<(ShowtimeId, u64)> {
        self.read().by_id.iter().map(|(id, desk)| (*id, desk.opening)).collect()
    }

    /// Takes the desk off the list, unless a later opening has replaced it.
    pub(super) fn close(&self, id: ShowtimeId, opening: u64) {
        let mut desks = self.desks.write().unwrap_or_else(PoisonError::into_inner);
        if desks.by_id.get(&id).is_some_and(|desk| desk.opening == opening) {
            desks.by_id.remove(&id);
            desks.by_mark.remove(&(id.mark(), id));
        }
    }

    fn next_opening(&self) -> u64 {
        self.openings.fetch_add(1, Ordering::Relaxed)
    }

    fn list(&self, id: ShowtimeId, desk: Desk) {
        let mut desks = self.desks.write().unwrap_or_else(PoisonError::into_inner);
        desks.by_id.insert(id, desk);
        desks.by_mark.insert((id.mark(), id));
    }

    fn len(&self) -> usize {
        self.read().by_id.len()
    }

    fn read(&self) -> RwLockReadGuard<'_, Desks> {
        self.desks.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the clock's hand may put a showtime away.
enum Unused {
    Yes(Addr<ShowtimeActor>),
    No,
    Closed,
}

/// See the module's documentation.
pub(super) struct Registry {
    deps: Arc<Dependencies>,
    directory: Arc<Directory>,
    arbiters: Vec<Arbiter>,
    /// Open showtimes in the order of the clock's hand, and some that are closed by now.
    clock: VecDeque<(ShowtimeId, u64)>,
}

/// Opens a showtime, or gives the desk that is open; `None` if too many are open.
#[derive(Message)]
#[rtype(result = "Option<Desk>")]
pub(super) struct Open(pub ShowtimeId);

impl Registry {
    pub(super) fn new(deps: Arc<Dependencies>, directory: Arc<Directory>) -> Self {
        let arbiters = (0..deps.settings.arbiters.max(1)).map(|_| Arbiter::new()).collect();
        let clock = directory.openings();
        Self { deps, directory, arbiters, clock }
    }

    fn open(&mut self, id: ShowtimeId) -> Option<Desk> {
        if let Some(desk) = self.directory.find(id).filter(|desk| desk.address.connected()) {
            return Some(desk);
        }
        let most = self.deps.settings.max_open_showtimes;
        if self.directory.len() >= most && !self.put_one_away() {
            return None;
        }
        let opening = self.directory.next_opening();
        let directory = Arc::clone(&self.directory);
        let leave = Box::new(move || directory.close(id, opening));
        let board = Arc::new(Board::new(id));
        let surroundings = Surroundings {
            deps: Arc::clone(&self.deps),
            board: Arc::clone(&board),
            arrivals: Arc::clone(self.directory.arrivals()),
        };
        let actor = ShowtimeActor::new(id, surroundings, leave);
        let address = self.start(id, actor)?;
        let places = Arc::new(Semaphore::new(self.deps.settings.max_queued));
        let desk = Desk { address, places, board, opening, is_used: Arc::default() };
        self.directory.list(id, desk.clone());
        if self.clock.len() > 2 * most {
            self.clock = self.directory.openings();
        } else {
            self.clock.push_back((id, opening));
        }
        Some(desk)
    }

    /// Moves the clock's hand to the first that was not used since it passed there, and makes that one's place free.
    fn put_one_away(&mut self) -> bool {
        for _ in 0..2 * self.clock.len() {
            let Some((id, opening)) = self.clock.pop_front() else { return false };
            match self.directory.unused(id, opening) {
                // A mailbox that is full belongs to a showtime that is used after all.
                Unused::Yes(actor) if actor.try_send(PutAway).is_ok() => {
                    self.directory.close(id, opening);
                    return true;
                }
                Unused::Yes(_) | Unused::No => self.clock.push_back((id, opening)),
                Unused::Closed => {}
            }
        }
        false
    }

    /// A showtime always lives on the same arbiter, unless that has stopped: then on a new one in its place.
    fn start(&mut self, id: ShowtimeId, actor: ShowtimeActor) -> Option<Addr<ShowtimeActor>> {
        let place = usize::try_from(id.0.as_u128() % 65_521).unwrap_or(0) % self.arbiters.len().max(1);
        let arbiter = self.arbiters.get_mut(place)?;
        if !arbiter.spawn_fn(|| {}) {
            tracing::warn!(showtime.id = %id, "an arbiter had stopped and is replaced");
            *arbiter = Arbiter::new();
        }
        Some(ShowtimeActor::start_in_arbiter(&arbiter.handle(), move |_| actor))
    }
}

impl Actor for Registry {
    type Context = Context<Self>;

    fn stopped(&mut self, _: &mut Context<Self>) {
        for arbiter in &self.arbiters {
            arbiter.stop();
        }
    }
}

impl Handler<Open> for Registry {
    type Result = MessageResult<Open>;

    fn handle(&mut self, Open(id): Open, _: &mut Context<Self>) -> MessageResult<Open> {
        MessageResult(self.open(id))
    }
}
