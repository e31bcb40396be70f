//! Puts deliveries of one showtime, in whatever order and how often they came, together to as few runs as possible.

use crate::domain::EventRun;
use crate::event_bus::Delivery;

/// A run, and the deliveries that are done when it is applied.
#[derive(Debug)]
pub(super) struct Merged {
    /// All their events, each once.
    pub(super) run: EventRun,
    /// Where they came from.
    pub(super) deliveries: Vec<Delivery>,
}

/// Runs in ascending order. Between two of them events are missing, or they are of two histories.
pub(super) fn merge(mut deliveries: Vec<Delivery>) -> Vec<Merged> {
    deliveries.sort_by_key(|delivery| delivery.message.run.first_sequence());
    let mut merged: Vec<Merged> = Vec::new();
    for delivery in deliveries {
        let run = &delivery.message.run;
        match merged.last_mut() {
            Some(last) if last.run.covers(run) => last.deliveries.push(delivery),
            Some(last) if run.goes_on(last.run.last_sequence(), last.run.last_stamp()) => {
                last.run.extend(run);
                last.deliveries.push(delivery);
            }
            Some(_) | None => merged.push(Merged { run: EventRun::clone(run), deliveries: vec![delivery] }),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::{BookingId, Event, RecordedEvent, ShowtimeId, Stamp, Timestamp};
    use crate::event_bus::Message;

    /// Of one history; of another one with other stamps.
    fn delivery(first: u64, last: u64) -> Delivery {
        delivery_of(0, first, last)
    }

    fn delivery_of(history: u64, first: u64, last: u64) -> Delivery {
        let id = uuid::Uuid::from_u128(1);
        let event = Event::HoldExpired { booking_id: BookingId(id), seat_ids: vec![] };
        let recorded_at = Timestamp::from_millis(0);
        let events = (first..=last).map(|sequence| RecordedEvent {
            sequence,
            recorded_at,
            stamp: Stamp(history + sequence),
            follows: Stamp(history + sequence - 1),
            event: event.clone(),
        });
        let run = Arc::new(EventRun::new(ShowtimeId(id), events.collect()).unwrap());
        Delivery::new(Message { run, traceparent: None }, false, None)
    }

    #[test]
    fn shuffled_and_repeated_deliveries_become_runs_without_overlap() {
        let deliveries = [(7, 9), (1, 2), (3, 3), (2, 4), (1, 1), (12, 13), (10, 10), (8, 8), (7, 9)];
        let merged = merge(deliveries.map(|(first, last)| delivery(first, last)).into());
        let runs: Vec<_> = merged
            .iter()
            .map(|merged| (merged.run.first_sequence(), merged.run.last_sequence(), merged.deliveries.len()))
            .collect();
        assert_eq!(runs, [(1, 4, 4), (7, 10, 4), (12, 13, 1)]);
    }
    #[test]
    fn a_run_takes_no_delivery_of_another_history_along() {
        let merged = merge(vec![delivery(5, 9), delivery_of(100, 6, 7), delivery(6, 7)]);
        let runs: Vec<_> = merged.iter().map(|merged| (merged.run.last_stamp().0, merged.deliveries.len())).collect();
        assert_eq!(runs, [(9, 1), (107, 1), (7, 1)]);
    }
}
