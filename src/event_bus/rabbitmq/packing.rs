//! Packing: messages of showtimes in one partition share one message on the wire, so that many lukewarm showtimes cost the broker as
//! little as one hot one.
//!
//! A showtime whose last message failed travels alone until one arrives: what the broker will never take holds up no other showtime.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::domain::ShowtimeId;
use crate::event_bus::{BusError, Message, partition};

/// Showtimes that travel alone at most. So many failures are no single message's fault.
const MOST_APART: usize = 10_000;

/// See the module's documentation.
pub(super) struct Packing {
    /// Events that share one message; a single run may be longer.
    most_events: usize,
    apart: Mutex<HashSet<ShowtimeId>>,
}

/// A pack that has room: its place in the list, its events, and whose they are. A showtime is in it once, so that its messages keep
/// their order whatever becomes of them.
#[derive(Default)]
struct Open {
    pack: usize,
    events: usize,
    showtimes: HashSet<ShowtimeId>,
}

impl Packing {
    pub(super) fn new(most_events: usize) -> Self {
        Self { most_events, apart: Mutex::default() }
    }

    /// Which messages travel together, by their positions.
    pub(super) fn packs(&self, messages: &[Message]) -> Vec<Vec<usize>> {
        let apart = self.apart();
        let mut packs: Vec<Vec<usize>> = Vec::new();
        let mut open: HashMap<u8, Open> = HashMap::new();
        for (position, message) in messages.iter().enumerate() {
            let (showtime, events) = (message.run.showtime_id(), message.run.events().len());
            if apart.contains(&showtime) {
                packs.push(vec![position]);
                continue;
            }
            let place = open.entry(partition(showtime)).or_default();
            let fits = place.events + events <= self.most_events && place.showtimes.insert(showtime);
            if let Some(pack) = packs.get_mut(place.pack).filter(|_| fits && place.events > 0) {
                pack.push(position);
                place.events += events;
            } else {
                *place = Open { pack: packs.len(), events, showtimes: HashSet::from([showtime]) };
                packs.push(vec![position]);
            }
        }
        packs
    }

    /// Each message's answer, from those of the packs, or from the failure of all.
    pub(super) fn answers(
        &self,
        messages: &[Message],
        packs: &[Vec<usize>],
        published: Result<Vec<Result<(), BusError>>, BusError>,
    ) -> Vec<Result<(), BusError>> {
        let published = published.unwrap_or_else(|error| vec![Err(error); packs.len()]);
        let mut answers = vec![Err(BusError { reason: "the broker did not answer".to_owned() }); messages.len()];
        for (pack, answer) in packs.iter().zip(published) {
            for position in pack {
                if let Some(place) = answers.get_mut(*position) {
                    place.clone_from(&answer);
                }
            }
        }
        let mut apart = self.apart();
        for (message, answer) in messages.iter().zip(&answers) {
            let showtime = message.run.showtime_id();
            if answer.is_ok() {
                apart.remove(&showtime);
            } else if apart.len() < MOST_APART {
                apart.insert(showtime);
            }
        }
        answers
    }

    fn apart(&self) -> MutexGuard<'_, HashSet<ShowtimeId>> {
        self.apart.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::{BookingId, Event, EventRun, RecordedEvent, Stamp, Timestamp};

    fn message(showtime: u128, events: u64) -> Message {
        let event = Event::HoldExpired { booking_id: BookingId(Uuid::nil()), seat_ids: Vec::new() };
        let recorded = |sequence| RecordedEvent {
            sequence,
            recorded_at: Timestamp::from_millis(0),
            stamp: Stamp(sequence),
            follows: Stamp(sequence - 1),
            event: event.clone(),
        };
        let run = EventRun::new(ShowtimeId(Uuid::from_u128(showtime)), (1..=events).map(recorded).collect()).unwrap();
        Message { run: run.into(), traceparent: None }
    }

    fn refused() -> Result<(), BusError> {
        Err(BusError { reason: "refused".to_owned() })
    }

    #[test]
    fn messages_of_one_partition_travel_together_up_to_a_bound() {
        let messages = [message(1, 4), message(2, 1), message(17, 5), message(33, 2), message(18, 20), message(49, 8)];
        assert_eq!(Packing::new(10).packs(&messages), [vec![0, 2], vec![1], vec![3, 5], vec![4]]);
        let twice = [message(1, 1), message(17, 1), message(1, 1), message(33, 1)];
        assert_eq!(Packing::new(10).packs(&twice), [vec![0, 1], vec![2, 3]], "a showtime once in each");
        assert_eq!(Packing::new(0).packs(&messages).len(), messages.len());
        assert_eq!(Packing::new(10).packs(&[]), Vec::<Vec<usize>>::new());
    }

    #[test]
    fn who_has_failed_travels_alone_until_one_message_arrives() {
        let packing = Packing::new(10);
        let messages = [message(1, 1), message(17, 1), message(2, 1)];
        let packs = packing.packs(&messages);
        assert_eq!(packs, [vec![0, 1], vec![2]]);
        let answers = packing.answers(&messages, &packs, Ok(vec![refused(), Ok(())]));
        assert_eq!(answers.iter().map(Result::is_ok).collect::<Vec<_>>(), [false, false, true]);
        let packs = packing.packs(&messages);
        assert_eq!(packs, [vec![0], vec![1], vec![2]]);
        packing.answers(&messages, &packs, Ok(vec![Ok(()), refused(), Ok(())]));
        let more = [message(1, 1), message(17, 1), message(33, 1)];
        assert_eq!(packing.packs(&more), [vec![0, 2], vec![1]]);
        let lost = packing.answers(&more, &packing.packs(&more), Err(BusError { reason: "gone".to_owned() }));
        assert!(lost.iter().all(Result::is_err));
    }
}
