//! Client: plays one script over one connection, at its pace, and enters what it is told.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::header::HeaderValue;
use hyper::{StatusCode, Uri};

use crate::domain::HoldToken;
use crate::loadtest::acknowledged::Acknowledged;
use crate::loadtest::connection::{Connection, ConnectionError, Keep, Reply};
use crate::loadtest::grants::{Fate, Grants, Holding, NewGrant};
use crate::loadtest::house::House;
use crate::loadtest::outcome::{Operation, Outcome};
use crate::loadtest::pace::Schedule;
use crate::loadtest::recorder::{Answered, Recorder};
use crate::loadtest::scenario::{Learned, Script, Wish};
use crate::loadtest::tally::Tally;
use crate::loadtest::wire::{self, ChangeAnswer, GrantAnswer, Outgoing};
use crate::loadtest::workload::{Asking, ReadOptions};

/// Pause of a client in the closed loop that was told to come later, or told nothing: it would measure its own impatience otherwise.
const BREATH: Duration = Duration::from_millis(50);

/// What the clients of one thread share; they never wait for each other.
pub(super) struct Desk {
    pub(super) houses: Arc<[House]>,
    pub(super) grants: RefCell<Grants>,
    pub(super) recorder: RefCell<Recorder>,
    pub(super) tally: Arc<Tally>,
    /// Read and keep what was granted.
    pub(super) keeps_grants: bool,
    pub(super) in_path: bool,
    pub(super) read: ReadOptions,
    /// What to read instead of seat maps.
    pub(super) read_path: Option<Uri>,
    /// Where watchers look up when a 201 came.
    pub(super) acknowledged: Option<Arc<Acknowledged>>,
}

/// Until when, and how, a client goes on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Phase {
    pub(super) start: Instant,
    pub(super) end: Duration,
    /// What is left to do, instead of the scenario itself.
    pub(super) settling: bool,
}

/// See the module's documentation.
pub(super) struct Client {
    pub(super) user: String,
    pub(super) script: Box<dyn Script>,
    pub(super) connection: Connection,
    pub(super) schedule: Schedule,
    /// Requests that it may still send.
    pub(super) budget: u64,
    /// Of the last answer about each house, if they are to be shown.
    pub(super) tags: HashMap<u32, HeaderValue>,
    pub(super) desk: Rc<Desk>,
}

/// A wish as it goes out.
struct Request {
    operation: Operation,
    outgoing: Outgoing,
    keep: Keep,
}

impl Client {
    /// Plays until the phase ends, the script does, or the run is stopped. True if the script or the budget came to its end.
    pub(super) async fn play(&mut self, phase: Phase) -> bool {
        let mut number = 0;
        loop {
            let elapsed = phase.start.elapsed();
            let tally = &self.desk.tally;
            let stopped = if phase.settling { tally.is_interrupted() } else { tally.stop().is_cancelled() };
            if elapsed >= phase.end || stopped {
                self.leave_unsent(phase, number);
                return false;
            }
            if self.budget == 0 && !phase.settling {
                return true;
            }
            let due = if phase.settling { None } else { self.schedule.due(number) };
            if let Some(due) = due {
                if due >= phase.end {
                    return false;
                }
                if due > elapsed && !self.sleep_until(phase.start + due).await {
                    return false;
                }
            }
            let wish = if phase.settling { self.script.settle() } else { self.script.next() };
            let Some(wish) = wish else { return true };
            let Some(request) = self.request(&wish) else { return true };
            number += 1;
            self.budget = self.budget.saturating_sub(1);
            let outcome = self.ask(&wish, request, due, phase).await;
            if due.is_none() && matches!(outcome, Outcome::Overloaded | Outcome::Failed) {
                tokio::time::sleep(BREATH).await;
            }
        }
    }

    async fn ask(&mut self, wish: &Wish, request: Request, due: Option<Duration>, phase: Phase) -> Outcome {
        let sent = phase.start.elapsed();
        let reply = self.connection.send(request.outgoing, request.keep).await;
        let at = phase.start.elapsed();
        let outcome = reply.as_ref().map_or(Outcome::Failed, |reply| Outcome::of(reply.status));
        let due = due.unwrap_or(sent);
        let operation = match &reply {
            Ok(reply) if reply.status == StatusCode::NOT_MODIFIED => Operation::Unchanged,
            Ok(_) | Err(_) => request.operation,
        };
        let body_bytes = reply.as_ref().map_or(0, |reply| reply.body_bytes);
        let answered = Answered { operation, outcome, due, sent, at, body_bytes };
        {
            let mut recorder = self.desk.recorder.borrow_mut();
            recorder.record(answered);
            if outcome == Outcome::Failed {
                recorder.failure(&kind(&reply));
            }
        }
        self.desk.tally.answered(outcome);
        if let (Wish::Read { house }, true, Ok(Some(tag))) =
            (wish, self.desk.read.revalidate, reply.as_ref().map(|reply| &reply.etag))
        {
            self.tags.insert(*house, tag.clone());
        }
        let holding = self.desk.enter(wish, outcome, reply.ok().as_ref(), at);
        if !phase.settling {
            self.script.learn(Learned { outcome, holding });
        }
        outcome
    }

    fn request(&self, wish: &Wish) -> Option<Request> {
        let desk = &self.desk;
        let keep = if desk.keeps_grants { Keep::Everything } else { Keep::Nothing };
        let command = |holding: Holding, command, body| {
            let grants = desk.grants.borrow();
            let grant = grants.grant(holding)?;
            wire::command(grant.booking, &grant.token, command, body)
        };
        Some(match wish {
            Wish::Reserve { house, seats } => Request {
                operation: Operation::Reserve,
                outgoing: wire::reserve(desk.house(*house)?, seats, &self.user, desk.in_path),
                keep,
            },
            Wish::Confirm(holding) => {
                // One payment, one booking.
                let booking = desk.grants.borrow().grant(*holding)?.booking;
                let payment = format!(r#"{{"paymentReference":"loadtest {booking}"}}"#);
                Request { operation: Operation::Confirm, outgoing: command(*holding, "confirm", payment.into())?, keep }
            }
            Wish::Cancel(holding) => Request {
                operation: Operation::Cancel,
                outgoing: command(*holding, "cancel", Bytes::from_static(b"{}"))?,
                keep,
            },
            Wish::Read { house } => {
                let uri = match &desk.read_path {
                    Some(uri) => uri,
                    None if desk.read.compact => &desk.house(*house)?.status,
                    None => &desk.house(*house)?.show,
                };
                let outgoing = wire::read(uri.clone(), desk.read.gzip, self.tags.get(house));
                Request { operation: Operation::Read, outgoing, keep: Keep::Nothing }
            }
        })
    }

    /// False if the run was stopped meanwhile.
    async fn sleep_until(&self, due: Instant) -> bool {
        tokio::select! {
            () = tokio::time::sleep_until(due.into()) => true,
            () = self.desk.tally.stop().cancelled() => false,
        }
    }

    /// Requests that were due and that nobody will ever hear of are told of.
    fn leave_unsent(&self, phase: Phase, next: u64) {
        let end = phase.end.min(phase.start.elapsed());
        let outstanding = self.schedule.outstanding(next, end).min(self.budget);
        if !phase.settling && outstanding > 0 {
            self.desk.recorder.borrow_mut().unsent(outstanding);
        }
    }
}

impl Desk {
    fn house(&self, house: u32) -> Option<&House> {
        self.houses.get(usize::try_from(house).ok()?)
    }

    /// Enters what an answer says into the grants; the booking if seats were granted.
    fn enter(&self, wish: &Wish, outcome: Outcome, reply: Option<&Reply>, at: Duration) -> Option<Holding> {
        match wish {
            Wish::Reserve { house, seats } => {
                if outcome == Outcome::Accepted {
                    self.tally.granted(seats.len());
                }
                if !self.keeps_grants {
                    return None;
                }
                match (outcome, reply) {
                    (Outcome::Accepted, Some(reply)) => self.enter_grant(*house, seats, reply, at),
                    (Outcome::Refused, _) => None,
                    (Outcome::Overloaded, Some(reply)) if !contains(&reply.body, b"outcome-unknown") => None,
                    (Outcome::Accepted | Outcome::Overloaded | Outcome::Failed, _) => {
                        self.unsure(*house, seats);
                        None
                    }
                }
            }
            Wish::Confirm(holding) => {
                self.note(*holding, outcome, reply, Fate::Confirmed);
                None
            }
            Wish::Cancel(holding) => {
                self.note(*holding, outcome, reply, Fate::Cancelled);
                None
            }
            Wish::Read { .. } => None,
        }
    }

    fn note(&self, holding: Holding, outcome: Outcome, reply: Option<&Reply>, changed: fn(u64) -> Fate) {
        let mut grants = self.grants.borrow_mut();
        let fate = match reply.filter(|_| outcome == Outcome::Accepted) {
            None => Fate::Unsure,
            Some(reply) => match serde_json::from_slice::<ChangeAnswer>(&reply.body) {
                Ok(answer) => changed(answer.sequence),
                Err(error) => {
                    grants.findings.add(|| format!("the answer to an accepted command cannot be read: {error}"));
                    Fate::Unsure
                }
            },
        };
        grants.note(holding, fate);
    }

    /// Seats that may be taken now: these, or as many others if the server chooses them.
    fn unsure(&self, house: u32, seats: &[u32]) {
        let mut grants = self.grants.borrow_mut();
        match self.house(house).map(|house| house.asking) {
            Some(Asking::Best | Asking::Area) => grants.enter_unknown(house, seats.len()),
            Some(Asking::Named) | None => grants.enter_unsure(house, seats),
        }
    }

    fn enter_grant(&self, house: u32, seats: &[u32], reply: &Reply, at: Duration) -> Option<Holding> {
        let find = |sentence| self.grants.borrow_mut().findings.add(|| sentence);
        let answer: GrantAnswer<'_> = match serde_json::from_slice(&reply.body) {
            Ok(answer) => answer,
            Err(error) => {
                find(format!("the answer to an accepted reservation cannot be read: {error}"));
                self.unsure(house, seats);
                return None;
            }
        };
        let Some(token) = HoldToken::parse(answer.hold_token) else {
            find(format!("booking {} came with an unreadable hold token", answer.booking_id));
            self.unsure(house, seats);
            return None;
        };
        let known = self.house(house)?;
        let granted = known.granted(seats, &answer.seat_ids);
        if granted.is_none() {
            find(format!("booking {} has other seats than were asked for", answer.booking_id));
        }
        let mut grants = self.grants.borrow_mut();
        let granted = granted.unwrap_or_else(|| seats.to_vec());
        let GrantAnswer { booking_id: booking, expires_at, sequence, .. } = answer;
        if let (Some(acknowledged), Ok(house)) = (&self.acknowledged, usize::try_from(house)) {
            acknowledged.note(house, sequence, at);
        }
        grants.enter(NewGrant { house, booking, token, sequence, expires_at, at }, &granted)
    }
}

fn kind(reply: &Result<Reply, ConnectionError>) -> String {
    match reply {
        Ok(reply) => format!("status {}", reply.status.as_u16()),
        Err(error) => error.kind().to_owned(),
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
