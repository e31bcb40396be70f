//! Verdicts: what each command of a batch will be answered once the batch is committed.

use std::collections::HashMap;

use crate::box_office::plan::Plan;
use crate::box_office::request::{Answer, QueuedCommand, Request, Told};
use crate::box_office::{BoxOfficeError, Outcome};
use crate::domain::{
    Booking, BookingId, BookingStatus, Buyer, Command, Decision, Event, HoldPolicy, PaymentReference, Rejection,
    SeatConflict, Showtime, Timestamp,
};

/// What a command will be answered.
pub(super) enum Verdict {
    Accepted(Answer),
    AlreadyDone(Answer),
    Refused(BoxOfficeError),
}

/// What became of the attempts at a batch before this one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Tried {
    /// There was none.
    Never,
    /// They have certainly changed nothing.
    InVain,
    /// The commands may have been carried out: the outcome of one of them is unknown.
    Unsettled,
}

impl Tried {
    pub(super) fn after(attempts: u32, unsettled: bool) -> Self {
        match (attempts, unsettled) {
            (_, true) => Self::Unsettled,
            (0, false) => Self::Never,
            (_, false) => Self::InVain,
        }
    }
}

/// Decides a batch's commands in order of arrival; the state changes with each.
pub(super) struct Bench<'a> {
    pub plan: &'a mut Plan,
    pub showtime: &'a mut Showtime,
    pub policy: HoldPolicy,
    pub now: Timestamp,
    /// What became of attempts before.
    pub tried: Tried,
    /// Bookings that the seat lock refuses seats to, with the seats in the way.
    pub locked_out: &'a HashMap<BookingId, Vec<SeatConflict>>,
    /// Bookings that payments were used for: those known to the caller, and those of this batch.
    pub paid: HashMap<PaymentReference, BookingId>,
}

impl Bench<'_> {
    pub(super) fn decide_all(
        &mut self,
        commands: impl IntoIterator<Item = QueuedCommand>,
    ) -> Vec<(QueuedCommand, Verdict)> {
        // What changes the listing comes last: the state may not have what a new limit needs, such as each customer's places. Whoever
        // waits in the same batch has no claim to be decided before or after it.
        let (listing, bookings): (Vec<_>, Vec<_>) =
            commands.into_iter().partition(|queued| queued.request.command.booking_id().is_none());
        // A key that comes twice in one batch: the second is told what the first has made.
        let mut by_key: HashMap<[u8; 32], ([u8; 32], Answer)> = HashMap::new();
        let mut decided = Vec::new();
        for queued in bookings.into_iter().chain(listing) {
            let request = &queued.request;
            let first = request.key.as_ref().and_then(|key| Some((key, by_key.get(&key.key_hash)?)));
            let verdict = match first {
                Some((key, (fingerprint, answer))) if *fingerprint == key.fingerprint => {
                    Verdict::Accepted(self.again(answer))
                }
                Some(_) => Verdict::Refused(Rejection::IdempotencyKeyReused.into()),
                None => self.decide(request),
            };
            if let (Verdict::Accepted(answer), Some(key)) = (&verdict, &request.key)
                && answer.nonce.is_none()
            {
                let again = Answer { nonce: Some(key.nonce), ..answer.clone() };
                by_key.insert(key.key_hash, (key.fingerprint, again));
            }
            decided.push((queued, verdict));
        }
        decided
    }

    /// The answer of an earlier command of this batch, as its booking or the listing is by now.
    fn again(&self, answer: &Answer) -> Answer {
        let told = match &answer.told {
            Told::Booking(outcome) => {
                let booking = self.showtime.booking(outcome.booking_id);
                let money = (outcome.difference.clone(), outcome.refund_amount.clone());
                let by_now = |booking| Outcome { difference: money.0, refund_amount: money.1, ..Outcome::of(booking) };
                Told::Booking(booking.map_or_else(|| outcome.clone(), by_now))
            }
            Told::Listing(_) => Told::listing_of(self.showtime),
        };
        Answer { told: told.replayed(true), nonce: answer.nonce }
    }

    fn decide(&mut self, request: &Request) -> Verdict {
        let booking_id = request.command.booking_id();
        let conflicts = locked_seats(&request.command, self.locked_out);
        if !conflicts.is_empty() {
            return Verdict::Refused(Rejection::SeatsTaken { conflicts }.into());
        }
        if let Some(rejection) = self.used_payment(&request.command) {
            return Verdict::Refused(rejection.into());
        }
        let first = self.plan.events().len();
        let event = match self.plan.decide(self.showtime, &request.command, &self.policy) {
            Ok(event) => event,
            // The hold lasts as long as it can: what this command asked for, if it is the one that brought it there.
            Err(Rejection::ExtensionExhausted { .. }) if self.tried != Tried::Never || request.repeated => None,
            Err(rejection) => {
                if matches!(rejection, Rejection::PaymentTooLate { .. }) {
                    self.use_payment(&request.command);
                }
                return Verdict::Refused(rejection.into());
            }
        };
        let is_done_before = event.is_none();
        let is_sure = self.tried != Tried::Unsettled && !request.repeated;
        let event = event.or_else(|| {
            let _key = request.key.as_ref()?;
            self.plan.restate(self.showtime, &request.command, &self.policy)
        });
        let told = match booking_id.map(|id| self.showtime.booking(id)) {
            None => Told::listing_of(self.showtime),
            Some(Some(booking)) => {
                let outcome = Outcome { done_before: is_done_before, ..self.told(&request.command, booking) };
                Told::Booking(self.with_money(outcome, &request.command, (first, is_sure)))
            }
            Some(None) => {
                return Verdict::Refused(BoxOfficeError::Bug("a decided booking is not in the state".to_owned()));
            }
        };
        let answer = Answer { told, nonce: None };
        let Some(event) = event else { return done_before(request, answer) };
        if let Some(key) = &request.key {
            match key.record(&answer.told, self.now) {
                Ok(record) => self.plan.remember(record, event),
                Err(error) => return Verdict::Refused(error),
            }
        }
        self.use_payment(&request.command);
        Verdict::Accepted(answer)
    }

    /// A booking as it is now, with why it has its seats if they were chosen for it.
    fn told(&self, command: &Command, booking: &Booking) -> Outcome {
        let outcome = Outcome::of(booking);
        let Command::ReserveChosen { choice, .. } = command else { return outcome };
        Outcome { choice: self.showtime.explain(choice, &booking.seat_ids).map(Into::into), ..outcome }
    }

    /// The outcome with what is to be done about money, as the events from `first` on tell it. An exchange that changed nothing makes no difference, if
    /// it is sure that no attempt before has made one.
    fn with_money(&self, outcome: Outcome, command: &Command, (first, is_sure): (usize, bool)) -> Outcome {
        let events = || self.plan.events().iter().skip(first);
        let is_nothing = matches!(command, Command::ChangeSeats { .. }) && outcome.done_before && is_sure;
        let nothing = outcome.price.as_ref().filter(|_| is_nothing).map(|price| price.nothing());
        let difference = events().find_map(Event::difference).cloned().or(nothing).map(Box::new);
        let refund_amount = events().find_map(Event::refund_amount).cloned().map(Box::new);
        Outcome { difference, refund_amount, ..outcome }
    }

    /// No other command of the batch is to use the payment.
    fn use_payment(&mut self, command: &Command) {
        if let (Some(reference), Some(booking_id)) = (command.payment_reference(), command.booking_id()) {
            self.paid.insert(reference.clone(), booking_id);
        }
    }

    /// Refuses a confirmation that nothing else stands in the way of, if its payment was used before: for another booking, or for this one
    /// and too late, so that it is to be returned.
    fn used_payment(&self, command: &Command) -> Option<Rejection> {
        let reference = command.payment_reference()?;
        let used_for = self.paid.get(reference)?;
        match self.showtime.decide(command, self.now, &self.policy) {
            Ok(Decision::AlreadyDone) | Err(_) => None,
            Ok(Decision::Accepted(_) | Decision::AcceptedAll(_) | Decision::Refused(..)) => {
                let same = self.showtime.booking(*used_for).filter(|_| Some(*used_for) == command.booking_id());
                Some(match same {
                    Some(booking) => self.showtime.payment_too_late(booking),
                    None => Rejection::PaymentUsed { payment_reference: reference.clone() },
                })
            }
        }
    }
}

/// The seats of this very command that the seat lock refuses: a batch may have several exchanges of one booking.
pub(super) fn locked_seats(command: &Command, locked_out: &HashMap<BookingId, Vec<SeatConflict>>) -> Vec<SeatConflict> {
    let Some((booking_id, seats, _)) = command.named_seats() else { return Vec::new() };
    let conflicts = locked_out.get(&booking_id).into_iter().flatten();
    conflicts.filter(|conflict| seats.contains(&conflict.seat_id)).cloned().collect()
}

/// A reservation whose hold has ended before its outcome could be settled is not confirmed to anybody as a hold; nor is a sale that was
/// refunded by then.
fn done_before(request: &Request, answer: Answer) -> Verdict {
    let made = |buyer: &Buyer| if buyer.payment.is_some() { BookingStatus::Confirmed } else { BookingStatus::Pending };
    match (&request.command, &answer.told) {
        (
            Command::ReserveSeats { booking_id, buyer, .. } | Command::ReserveChosen { booking_id, buyer, .. },
            Told::Booking(outcome),
        ) if outcome.status != made(buyer) => {
            Verdict::Refused(BoxOfficeError::OutcomeUnknown { booking_id: *booking_id })
        }
        _ => Verdict::AlreadyDone(answer),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::{ConflictReason, Credential, SeatExchange, SeatId, SeatPlace, ShowtimeId};

    #[test]
    fn of_two_exchanges_of_a_booking_only_the_one_that_names_a_locked_seat_is_locked_out() {
        let (showtime, booking_id) = (ShowtimeId(Uuid::from_u128(7)), BookingId(Uuid::from_u128(1)));
        let exchange = |seats: &[u32]| Command::ChangeSeats {
            booking_id,
            credential: Credential::Operator,
            exchange: SeatExchange {
                add: seats.iter().map(|seat| SeatId::new(showtime, *seat)).collect(),
                ..SeatExchange::default()
            },
            asked_at: Timestamp::MAX,
        };
        let conflict = |seat| SeatConflict {
            seat_id: SeatId::new(showtime, seat),
            place: SeatPlace::numbered("A", seat + 1),
            reason: ConflictReason::Locked,
        };
        let locked_out = HashMap::from([(booking_id, vec![conflict(2), conflict(3)])]);
        assert_eq!(locked_seats(&exchange(&[1, 2]), &locked_out), [conflict(2)]);
        assert_eq!(locked_seats(&exchange(&[4]), &locked_out), []);
        assert_eq!(locked_seats(&exchange(&[2]), &HashMap::new()), []);
    }
}
