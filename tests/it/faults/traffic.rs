//! Traffic: seeded clients that reserve, confirm, cancel and extend on every node while faults happen, and remember what they were told.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::faults::history::{Change, History, Kind, Outcome, Reservation};
use crate::stack::{Answer, Held};

/// A client gives up on an answer after this long.
const PATIENCE: Duration = Duration::from_secs(20);
/// Seats that clients compete for at one time, the first ones not sold.
const WINDOW: usize = 30;
/// Times that a reservation with an idempotency key is sent.
const SENDS: usize = 8;

/// A showtime that traffic goes to.
#[derive(Debug)]
pub struct Target {
    pub id: String,
    pub seats: Vec<String>,
}

/// Where the nodes listen; a restarted node has another port.
pub type Addresses = Arc<Mutex<Vec<String>>>;

/// How the clients behave.
#[derive(Clone, Copy)]
pub struct Style {
    pub clients: usize,
    pub seed: u64,
    /// Share of requests that a client sends to another node than its own.
    pub roaming: f64,
}

/// Running clients.
pub struct Traffic {
    floor: Arc<Floor>,
    clients: Vec<JoinHandle<History>>,
}

/// What the clients share.
struct Floor {
    addresses: Addresses,
    targets: Arc<Vec<Target>>,
    style: Style,
    ended: AtomicBool,
    granted: AtomicU64,
    sold: Mutex<HashSet<String>>,
}

impl Traffic {
    pub fn start(addresses: Addresses, targets: Arc<Vec<Target>>, style: Style) -> Self {
        let floor = Arc::new(Floor {
            addresses,
            targets,
            style,
            ended: AtomicBool::new(false),
            granted: AtomicU64::new(0),
            sold: Mutex::default(),
        });
        let clients =
            (0..style.clients).map(|index| tokio::spawn(Client::new(Arc::clone(&floor), index).run())).collect();
        Self { floor, clients }
    }

    /// Reservations granted so far.
    pub fn granted(&self) -> u64 {
        self.floor.granted.load(Ordering::SeqCst)
    }

    /// Lets each client finish its request, and collects what they know.
    pub async fn finish(self) -> History {
        self.floor.ended.store(true, Ordering::SeqCst);
        let mut history = History::default();
        for client in self.clients {
            history.merge(client.await.unwrap());
        }
        history
    }
}

struct Client {
    floor: Arc<Floor>,
    index: usize,
    random: SmallRng,
    http: reqwest::Client,
    /// Its own node did not answer: the next request goes elsewhere.
    avoids_home: bool,
    wishes: usize,
    holds: Vec<Held>,
    history: History,
}

impl Client {
    fn new(floor: Arc<Floor>, index: usize) -> Self {
        let seed = floor.style.seed.wrapping_mul(1_000).wrapping_add(u64::try_from(index).unwrap());
        let http =
            reqwest::Client::builder().connect_timeout(Duration::from_secs(2)).timeout(PATIENCE).build().unwrap();
        Self {
            floor,
            index,
            random: SmallRng::seed_from_u64(seed),
            http,
            avoids_home: false,
            wishes: 0,
            holds: Vec::new(),
            history: History::default(),
        }
    }

    async fn run(mut self) -> History {
        while !self.floor.ended.load(Ordering::SeqCst) {
            let held = if self.holds.is_empty() { None } else { Some(self.random.random_range(0..self.holds.len())) };
            match held {
                Some(held) if self.random.random_bool(0.45) => self.change(held).await,
                Some(_) | None => self.reserve().await,
            }
            let pause = self.random.random_range(2..20);
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
        self.history
    }

    async fn reserve(&mut self) {
        let floor = Arc::clone(&self.floor);
        let target = floor.targets.choose(&mut self.random).unwrap();
        let count = self.random.random_range(1..=4);
        let seats: Vec<String> = {
            let sold = floor.sold.lock().unwrap();
            let open: Vec<&String> = target.seats.iter().filter(|seat| !sold.contains(*seat)).take(WINDOW).collect();
            open.sample(&mut self.random, count).map(|seat| (*seat).clone()).collect()
        };
        if seats.is_empty() {
            return;
        }
        self.wishes += 1;
        let user = format!("client-{}-{}", self.index, self.wishes);
        let body = json!({"showtimeId": target.id, "seatIds": seats, "userId": user});
        let key = self.random.random_bool(0.5).then(|| format!("key-of-the-reservation-of-{user}"));
        let outcome = self.send_reservation(&body, key.as_deref()).await;
        if let Outcome::Done(held) = &outcome {
            floor.granted.fetch_add(1, Ordering::SeqCst);
            self.holds.push(held.clone());
        }
        let showtime = target.id.clone();
        self.history.reservations.push(Reservation { user, showtime, seats, outcome });
    }

    /// With a key, an answer that decides nothing is asked for again.
    async fn send_reservation(&mut self, body: &Value, key: Option<&str>) -> Outcome<Held> {
        let mut under_way = false;
        let mut sends = 0;
        loop {
            let answer = self.post("/api/bookings", body, key).await;
            sends += 1;
            // A repetition may hear of its booking after that has ended: no token then, and nothing left to do with it.
            if answer.as_ref().is_ok_and(|answer| answer.status == 201 && answer.body.get("holdToken").is_none()) {
                return Outcome::Unknown;
            }
            let outcome = self.history.judge("reserve", 201, answer, |body| Held::from(body));
            under_way |= matches!(outcome, Outcome::Unknown);
            let undecided = matches!(outcome, Outcome::Unknown | Outcome::Unavailable);
            if undecided && key.is_some() && sends < SENDS && !self.floor.ended.load(Ordering::SeqCst) {
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
            return match outcome {
                // An earlier send, whose answer was lost, may still be on its way through the server.
                Outcome::Refused | Outcome::Unavailable if under_way => Outcome::Unknown,
                outcome => outcome,
            };
        }
    }

    async fn change(&mut self, position: usize) {
        let held = self.holds[position].clone();
        let (kind, verb) = match self.random.random_range(0..100) {
            0..12 => (Kind::Confirm, "confirm"),
            12..75 => (Kind::Cancel, "cancel"),
            _ => (Kind::Extend, "extend"),
        };
        let mut body = json!({"holdToken": held.hold_token});
        if kind == Kind::Confirm {
            body["paymentReference"] = json!(payment_reference(&held.booking_id));
        }
        let answer = self.post(&format!("/api/bookings/{}/{verb}", held.booking_id), &body, None).await;
        let outcome = self.history.judge(verb, 200, answer, |body| body["sequence"].as_u64().unwrap());
        let over = match (&outcome, kind) {
            (Outcome::Done(_), Kind::Confirm) => {
                self.floor.sold.lock().unwrap().extend(held.seat_ids);
                true
            }
            (Outcome::Done(_), Kind::Cancel) | (Outcome::Refused | Outcome::Over, _) => true,
            (Outcome::Done(_), Kind::Extend) | (Outcome::Unknown | Outcome::Unavailable, _) => false,
        };
        if over {
            self.holds.swap_remove(position);
        }
        self.history.changes.push(Change { booking_id: held.booking_id, kind, outcome });
    }

    async fn post(&mut self, path: &str, body: &Value, key: Option<&str>) -> Result<Answer, reqwest::Error> {
        let address = {
            let addresses = self.floor.addresses.lock().unwrap();
            let home = self.index % addresses.len();
            let roams = std::mem::take(&mut self.avoids_home) || self.random.random_bool(self.floor.style.roaming);
            let node = if roams { self.random.random_range(0..addresses.len()) } else { home };
            addresses[node].clone()
        };
        let mut request = self.http.post(format!("{address}{path}")).json(body);
        if let Some(key) = key {
            request = request.header("Idempotency-Key", format!("\"{key}\""));
        }
        let sent = Instant::now();
        let answer = receive(request).await;
        self.history.times.push((sent, sent.elapsed()));
        self.avoids_home = answer.is_err();
        answer
    }
}

/// What a booking is paid with.
pub fn payment_reference(booking_id: &str) -> String {
    format!("paid-{booking_id}")
}

async fn receive(request: reqwest::RequestBuilder) -> Result<Answer, reqwest::Error> {
    let response = request.send().await?;
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let text = response.text().await?;
    Ok(Answer { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) })
}
