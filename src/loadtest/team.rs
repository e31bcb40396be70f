//! Team: the clients on their threads. Each thread has a runtime of its own, and its clients never share a lock.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::join_all;
use hyper::Uri;
use tokio::sync::Barrier;
use tokio::task::LocalSet;

use crate::loadtest::LoadError;
use crate::loadtest::acknowledged::Acknowledged;
use crate::loadtest::client::{Client, Desk, Phase};
use crate::loadtest::connection::Connection;
use crate::loadtest::grants::Grants;
use crate::loadtest::house::House;
use crate::loadtest::pace::Schedule;
use crate::loadtest::recorder::Recorder;
use crate::loadtest::scenario::Stage;
use crate::loadtest::tally::Tally;
use crate::loadtest::workload::Workload;

/// Connections that a thread opens at once before the start.
const OPENED_AT_ONCE: usize = 64;

/// What all threads work with.
#[derive(Clone)]
pub(super) struct Team {
    pub(super) workload: Arc<Workload>,
    pub(super) houses: Arc<[House]>,
    pub(super) stage: Stage,
    pub(super) tally: Arc<Tally>,
    pub(super) acknowledged: Option<Arc<Acknowledged>>,
    /// All threads start together, and settle together.
    gate: Arc<Barrier>,
    /// A thread could not connect; no thread starts.
    broken: Arc<AtomicBool>,
}

/// What a thread, or the whole team, brings back.
pub(super) struct Harvest {
    /// The scenario itself.
    pub(super) run: Recorder,
    /// What was left to do after it.
    pub(super) settled: Recorder,
    /// One for each thread.
    pub(super) ledgers: Vec<Grants>,
    /// True if every client had asked for all that it wanted, or spent its requests.
    pub(super) all_done: bool,
}

impl Team {
    pub(super) fn new(workload: Arc<Workload>, houses: Arc<[House]>) -> Self {
        let free = houses.iter().map(|house| house.free.clone());
        let stage = Stage::new(free, workload.party, workload.clients, workload.seed);
        let seats: usize = houses.iter().map(|house| house.free.len()).sum();
        let to_sell = if workload.scenario.ends_sold_out() { u64::try_from(seats).unwrap_or(0) } else { 0 };
        let threads = usize::try_from(workload.threads).unwrap_or(1);
        let gate = Arc::new(Barrier::new(threads));
        let acknowledged = (workload.scenario.watchers() > 0).then(|| Arc::new(Acknowledged::new(&houses)));
        let tally = Arc::new(Tally::new(to_sell));
        Self { workload, houses, stage, tally, acknowledged, gate, broken: Arc::default() }
    }

    /// Runs every client on its thread, to the end.
    ///
    /// # Errors
    /// A node cannot be reached at the start.
    pub(super) async fn run(&self) -> Result<Harvest, LoadError> {
        let mut runtimes = Vec::new();
        for _ in 0..self.workload.threads {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtimes.push(runtime.map_err(LoadError::Runtime)?);
        }
        let mut threads = Vec::new();
        for (thread, runtime) in (0..).zip(runtimes) {
            let team = self.clone();
            let (send, receive) = tokio::sync::oneshot::channel();
            let started = std::thread::Builder::new().name(format!("loadtest-{thread}")).spawn(move || {
                // Nobody waits for the answer any more only if the run was given up.
                drop(send.send(LocalSet::new().block_on(&runtime, team.play(thread))));
            });
            started.map_err(LoadError::Runtime)?;
            threads.push(receive);
        }
        let mut harvest: Option<Harvest> = None;
        for receive in threads {
            let part = receive.await.map_err(|_gone| LoadError::ThreadLost)??;
            harvest = Some(match harvest {
                None => part,
                Some(whole) => whole.with(part),
            });
        }
        harvest.ok_or(LoadError::NoTarget)
    }

    async fn play(&self, thread: u32) -> Result<Harvest, LoadError> {
        let opened = self.open(thread).await;
        if opened.is_err() {
            self.broken.store(true, Ordering::SeqCst);
        }
        self.gate.wait().await;
        let (desk, mut clients) = opened?;
        if self.broken.load(Ordering::SeqCst) {
            return Err(LoadError::NotStarted);
        }
        let phase = Phase { start: self.tally.start(), end: self.workload.window.end(), settling: false };
        let done = play_all(&mut clients, phase).await;
        self.gate.wait().await;
        let run = desk.recorder.replace(Recorder::new(self.workload.settling_window())?);
        let start = std::time::Instant::now();
        let phase = Phase { start, end: self.workload.settling_window().end(), settling: true };
        play_all(&mut clients, phase).await;
        let settled = desk.recorder.replace(Recorder::new(self.workload.settling_window())?);
        Ok(Harvest { run, settled, ledgers: vec![desk.grants.take()], all_done: done })
    }

    fn desk(&self) -> Result<Desk, LoadError> {
        Ok(Desk {
            houses: Arc::clone(&self.houses),
            grants: RefCell::default(),
            recorder: RefCell::new(Recorder::new(self.workload.window)?),
            tally: Arc::clone(&self.tally),
            keeps_grants: self.workload.keeps_grants(),
            in_path: self.workload.in_path,
            acknowledged: self.acknowledged.clone(),
            read: self.workload.read.clone(),
            read_path: self.workload.read.path.as_deref().map(Uri::try_from).transpose()?,
        })
    }

    /// The thread's clients: every so manieth, all connected.
    async fn open(&self, thread: u32) -> Result<(Rc<Desk>, Vec<Client>), LoadError> {
        let desk = Rc::new(self.desk()?);
        let (workload, mut clients) = (&self.workload, Vec::new());
        for number in (thread..workload.clients).step_by(usize::try_from(workload.threads).unwrap_or(1)) {
            let target = workload.target(number).ok_or(LoadError::NoTarget)?;
            clients.push(Client {
                user: format!("client-{number}"),
                script: workload.scenario.script(&self.stage, number),
                connection: Connection::new(Arc::clone(target), workload.patience),
                schedule: Schedule::new(workload.pace, number, workload.clients),
                budget: workload.budget(number),
                tags: HashMap::new(),
                desk: Rc::clone(&desk),
            });
        }
        for some in clients.chunks_mut(OPENED_AT_ONCE) {
            let opened = join_all(some.iter_mut().map(|client| client.connection.open())).await;
            opened.into_iter().collect::<Result<Vec<()>, _>>()?;
        }
        Ok((desk, clients))
    }
}

/// True if all of them came to the end of their scripts. A task each, so that only those wake up that have something to do.
async fn play_all(clients: &mut Vec<Client>, phase: Phase) -> bool {
    let tasks: Vec<_> = std::mem::take(clients)
        .into_iter()
        .map(|mut client| {
            tokio::task::spawn_local(async move {
                let done = client.play(phase).await;
                (client, done)
            })
        })
        .collect();
    let mut all_done = true;
    for task in tasks {
        match task.await {
            Ok((client, done)) => {
                all_done &= done;
                clients.push(client);
            }
            Err(_lost) => all_done = false,
        }
    }
    all_done
}

impl Harvest {
    /// Of a run in which nobody asked for anything.
    pub(super) fn empty(workload: &Workload) -> Result<Self, LoadError> {
        let settled = Recorder::new(workload.settling_window())?;
        Ok(Self { run: Recorder::new(workload.window)?, settled, ledgers: Vec::new(), all_done: false })
    }

    fn with(mut self, other: Self) -> Self {
        self.run.absorb(other.run);
        self.settled.absorb(other.settled);
        self.ledgers.extend(other.ledgers);
        self.all_done &= other.all_done;
        self
    }
}
