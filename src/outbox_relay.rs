//! Actor: the outbox relay. Owns the leadership of relaying; accepts wake-ups; keeps each showtime's events in order; on restart goes on from what the outbox still holds.
//!
//! One path only: row, publish, confirm, delete. A row is read again until the bus has confirmed it, so nothing is lost; a relay that dies
//! between confirm and delete publishes again, and consumers go by sequence. Trouble with one showtime's messages stops that
//! showtime's rows, not the others'. A node that cannot reach the bus does not lead: another one may be able to.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorFutureExt, Addr, Arbiter, AsyncContext, Context, WrapFuture};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::domain::{EventRun, ShowtimeId};
use crate::event_bus::{EventBus, Message};
use crate::telemetry::Counters;
use crate::write_store::{Leadership, Outbox, OutboxEntry, Role, StoreError};

/// The relay's bounds and times.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Outbox rows read in one round.
    pub max_rows: usize,
    /// Events in one message; a run is cut past it.
    pub max_events: usize,
    /// While there is traffic, a round comes after a rest, the longer the more messages the last one had, but of at most so many
    /// milliseconds: what is committed meanwhile shares the next messages.
    pub max_rest_milliseconds: u64,
    /// Milliseconds between looks at the outbox when nothing wakes the relay.
    pub poll_milliseconds: u64,
    /// Milliseconds between attempts to become the leader.
    pub lead_milliseconds: u64,
    /// Milliseconds that a showtime's rows rest after its message was not confirmed; doubled each time, up to `max_backoff_milliseconds`.
    pub backoff_milliseconds: u64,
    /// Longest rest of a showtime's rows, in milliseconds.
    pub max_backoff_milliseconds: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_rows: 500,
            max_events: 1_000,
            max_rest_milliseconds: 100,
            poll_milliseconds: 200,
            lead_milliseconds: 500,
            backoff_milliseconds: 50,
            max_backoff_milliseconds: 2_000,
        }
    }
}

/// What the relay works with.
pub struct Dependencies {
    /// Where the outbox is.
    pub outbox: Arc<dyn Outbox>,
    /// Where its rows go.
    pub event_bus: Arc<dyn EventBus>,
    /// Notified after each local commit.
    pub wake: Arc<Notify>,
    /// The multi-thread runtime on which the work runs.
    pub runtime: tokio::runtime::Handle,
    /// What is counted.
    pub counters: Arc<Counters>,
    /// Bounds and times.
    pub settings: Settings,
}

/// See the module's documentation.
pub struct OutboxRelay {
    deps: Arc<Dependencies>,
    stop: CancellationToken,
}

impl OutboxRelay {
    /// Starts the relay on an arbiter. It ends, after the round at hand, when `stop` is cancelled.
    pub fn start_on(arbiter: &Arbiter, deps: Dependencies, stop: CancellationToken) -> Addr<Self> {
        let relay = Self { deps: Arc::new(deps), stop };
        Self::start_in_arbiter(&arbiter.handle(), move |_| relay)
    }

    /// Runs the work as a task and runs it again if it is lost: a panic in it must not end relaying.
    fn work(&mut self, ctx: &mut Context<Self>) {
        let work = self.deps.runtime.spawn(relay(Arc::clone(&self.deps), self.stop.clone()));
        ctx.spawn(work.into_actor(self).map(|ended, actor, ctx| {
            if let Err(error) = ended {
                tracing::error!(error = %error, "the outbox relay was lost and starts again");
                ctx.run_later(Duration::from_millis(actor.deps.settings.lead_milliseconds), Self::work);
            }
        }));
    }
}

impl Actor for OutboxRelay {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.work(ctx);
    }
}

async fn relay(deps: Arc<Dependencies>, stop: CancellationToken) {
    let pause = Duration::from_millis(deps.settings.lead_milliseconds);
    while !stop.is_cancelled() {
        // Without the bus the lead is not even asked for. So nobody leads, and nobody takes turns, while the bus is away for all.
        if deps.event_bus.ping().await.is_ok() {
            match deps.outbox.lead(Role::Relay).await {
                Ok(Some(leadership)) => {
                    tracing::info!("this node relays the outbox");
                    lead(&deps, leadership, &stop).await;
                    tracing::info!("this node no longer relays the outbox");
                }
                Ok(None) => {}
                Err(error) => tracing::warn!(error = %error, "the relay's leadership could not be asked for"),
            }
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Rounds of publishing, for as long as this node leads and reaches the bus.
async fn lead(deps: &Dependencies, mut leadership: Box<dyn Leadership>, stop: &CancellationToken) {
    let poll = Duration::from_millis(deps.settings.poll_milliseconds);
    let mut resting = Resting::default();
    while !stop.is_cancelled() {
        let started = Instant::now();
        let moved = match round(deps, &mut *leadership, &mut resting).await {
            Ok(None) => return,
            Ok(Some(Moved { rows, messages, failures })) => {
                if failures > 0
                    && let Err(error) = deps.event_bus.ping().await
                {
                    tracing::warn!(error = %error, "this node cannot reach the event bus and leaves the outbox to another");
                    return;
                }
                let rest = started.elapsed() * messages / MESSAGES_PER_REST;
                let rest = rest.min(Duration::from_millis(deps.settings.max_rest_milliseconds));
                // A full round means a backlog: that is worked off without a rest.
                if (1..deps.settings.max_rows).contains(&rows) {
                    stop.run_until_cancelled(tokio::time::sleep(rest)).await;
                }
                rows
            }
            Err(error) => {
                tracing::warn!(error = %error, "the outbox could not be read or cleared");
                0
            }
        };
        if moved == 0 {
            tokio::select! {
                () = deps.wake.notified() => {}
                () = tokio::time::sleep(resting.next_wake(poll)) => {}
                () = stop.cancelled() => {}
            }
        }
    }
}

/// A round with so many messages is followed by a rest as long as itself; one with twice as many by twice that.
const MESSAGES_PER_REST: u32 = 8;

/// What a round has moved from the outbox to the bus.
#[derive(Default)]
struct Moved {
    rows: usize,
    messages: u32,
    /// Messages that were not confirmed.
    failures: u32,
}

/// Publishes what the outbox holds, once, and deletes what was confirmed. `None` if another leads by now.
async fn round(
    deps: &Dependencies,
    leadership: &mut dyn Leadership,
    resting: &mut Resting,
) -> Result<Option<Moved>, StoreError> {
    // Asked in each round: an overlap of two leaders costs duplicates only, but it should be short.
    let rows = deps.outbox.outbox(deps.settings.max_rows, resting.now());
    let (is_held, entries) = tokio::join!(leadership.is_held(), rows);
    if !is_held {
        return Ok(None);
    }
    let parcels = parcels(entries?, deps.settings.max_events);
    if parcels.is_empty() {
        return Ok(Some(Moved::default()));
    }
    let messages = parcels.iter().map(|parcel| parcel.message.clone()).collect();
    let answers = deps.event_bus.publish(messages).await;
    let (mut confirmed, mut failures) = (Vec::new(), 0_u32);
    for (parcel, answer) in parcels.iter().zip(answers) {
        let showtime = parcel.message.run.showtime_id();
        match answer {
            Ok(()) => {
                resting.recovered(showtime);
                confirmed.extend(&parcel.positions);
                let events = u64::try_from(parcel.message.run.events().len()).unwrap_or(u64::MAX);
                deps.counters.events_published.inc_by(events);
            }
            Err(error) => {
                failures = failures.saturating_add(1);
                deps.counters.publish_failures.inc();
                tracing::warn!(showtime.id = %showtime, error = %error, "events were not confirmed; they stay in the outbox");
                resting.failed(showtime, &deps.settings);
            }
        }
    }
    let messages = u32::try_from(parcels.len()).unwrap_or(u32::MAX);
    let moved = Moved { rows: confirmed.len(), messages, failures };
    if moved.rows > 0 {
        deps.outbox.outbox_confirmed(confirmed).await?;
    }
    Ok(Some(moved))
}

/// One showtime's message of this round, and the rows that it carries.
struct Parcel {
    message: Message,
    positions: Vec<i64>,
}

/// Merges each showtime's consecutive rows into one message. What does not fit waits for the next round, so that a showtime never has
/// two messages on the way at once.
fn parcels(entries: Vec<OutboxEntry>, max_events: usize) -> Vec<Parcel> {
    struct Open {
        run: EventRun,
        positions: Vec<i64>,
        traceparent: Option<String>,
        full: bool,
    }
    let mut order: Vec<ShowtimeId> = Vec::new();
    let mut open: HashMap<ShowtimeId, Open> = HashMap::new();
    for OutboxEntry { position, run, traceparent } in entries {
        let showtime = run.showtime_id();
        match open.get_mut(&showtime) {
            None => {
                order.push(showtime);
                let full = run.events().len() >= max_events || has_rows(&run);
                open.insert(showtime, Open { run, positions: vec![position], traceparent, full });
            }
            Some(parcel) => {
                parcel.full |= has_rows(&run)
                    || parcel.run.events().len() + run.events().len() > max_events
                    || !run.goes_on(parcel.run.last_sequence(), parcel.run.last_stamp());
                if !parcel.full {
                    parcel.run.extend(&run);
                    parcel.positions.push(position);
                }
            }
        }
    }
    order
        .into_iter()
        .filter_map(|showtime| {
            let Open { run, positions, traceparent, .. } = open.remove(&showtime)?;
            Some(Parcel { message: Message { run: Arc::new(run), traceparent }, positions })
        })
        .collect()
}

/// Whether a run has the rows of a house, which may alone be as long as a message may be.
fn has_rows(run: &EventRun) -> bool {
    run.events().iter().any(|recorded| recorded.event.rows().is_some())
}

/// Showtimes whose rows rest after trouble.
#[derive(Default)]
struct Resting {
    until: HashMap<ShowtimeId, (Instant, Duration)>,
}

impl Resting {
    /// Those that are resting now.
    fn now(&self) -> Vec<ShowtimeId> {
        let now = Instant::now();
        self.until.iter().filter(|(_, (until, _))| *until > now).map(|(showtime, _)| *showtime).collect()
    }

    fn failed(&mut self, showtime: ShowtimeId, settings: &Settings) {
        let first = Duration::from_millis(settings.backoff_milliseconds);
        let longest = Duration::from_millis(settings.max_backoff_milliseconds);
        let rest = self.until.get(&showtime).map_or(first, |(_, rest)| (*rest * 2).min(longest));
        self.until.insert(showtime, (Instant::now() + rest, rest));
    }

    fn recovered(&mut self, showtime: ShowtimeId) {
        self.until.remove(&showtime);
    }

    /// Time until the next look: the poll, or earlier if a showtime has rested enough.
    fn next_wake(&self, poll: Duration) -> Duration {
        let now = Instant::now();
        self.until
            .values()
            .map(|(until, _)| until.saturating_duration_since(now))
            .filter(|rest| !rest.is_zero())
            .fold(poll, Duration::min)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Event, PaymentReference, RecordedEvent, Row, SeatMap, Stamp, Terms, Timestamp};
    use uuid::Uuid;

    fn entry(position: i64, showtime: u128, sequences: std::ops::RangeInclusive<u64>) -> OutboxEntry {
        let events = sequences
            .map(|sequence| RecordedEvent {
                sequence,
                recorded_at: Timestamp::from_millis(0),
                stamp: Stamp(sequence),
                follows: Stamp(sequence - 1),
                event: Event::BookingConfirmed {
                    booking_id: crate::domain::BookingId(Uuid::nil()),
                    seat_ids: vec![],
                    payment_reference: PaymentReference::parse("p").unwrap(),
                    late_for: None,
                },
            })
            .collect();
        let run = EventRun::new(ShowtimeId(Uuid::from_u128(showtime)), events).unwrap();
        OutboxEntry { position, run, traceparent: None }
    }

    fn shape(parcels: &[Parcel]) -> Vec<(u64, u64, Vec<i64>)> {
        parcels
            .iter()
            .map(|p| (p.message.run.first_sequence(), p.message.run.last_sequence(), p.positions.clone()))
            .collect()
    }

    #[test]
    fn consecutive_rows_of_a_showtime_travel_together() {
        let rows = vec![entry(1, 1, 1..=2), entry(2, 2, 5..=5), entry(3, 1, 3..=3), entry(4, 2, 6..=9)];
        assert_eq!(shape(&parcels(rows, 100)), [(1, 3, vec![1, 3]), (5, 9, vec![2, 4])]);
    }

    #[test]
    fn a_gap_or_a_full_message_ends_a_showtimes_parcel_for_this_round() {
        let rows = vec![entry(1, 1, 1..=2), entry(2, 1, 4..=4), entry(3, 1, 5..=5)];
        assert_eq!(shape(&parcels(rows, 100)), [(1, 2, vec![1])]);
        let rows = vec![entry(1, 1, 1..=2), entry(2, 1, 3..=4), entry(3, 1, 5..=5)];
        assert_eq!(shape(&parcels(rows, 3)), [(1, 2, vec![1])]);
    }

    /// The rows of a large house nearly fill a message.
    #[test]
    fn the_rows_of_a_house_travel_alone() {
        let moved = |position, sequence| {
            let rows = SeatMap::new(vec![Row::numbered("A", 3)]).unwrap();
            let (movie_title, start_time) = ("M".to_owned(), Timestamp::from_millis(0));
            let event = Event::ShowtimeChanged { movie_title, start_time, terms: Terms::default(), rows: Some(rows) };
            let mut entry = entry(position, 1, sequence..=sequence);
            let mut events = entry.run.events().to_vec();
            events[0].event = event;
            entry.run = EventRun::new(entry.run.showtime_id(), events).unwrap();
            entry
        };
        let rows = vec![entry(1, 1, 1..=2), moved(2, 3), entry(3, 1, 4..=4)];
        assert_eq!(shape(&parcels(rows, 100)), [(1, 2, vec![1])]);
        let rows = vec![moved(2, 3), entry(3, 1, 4..=4)];
        assert_eq!(shape(&parcels(rows, 100)), [(3, 3, vec![2])]);
    }
}
