//! What a batch reads from the store before it is decided: recorded answers, payments, and bookings that its showtime's state does not have.

use std::collections::HashSet;

use crate::box_office::batch_run::BatchRun;
use crate::box_office::owned::Owned;
use crate::box_office::progress::Step;
use crate::box_office::request::recorded_booking;
use crate::domain::{Booking, BookingId, Command, Showtime};
use crate::write_store::{IdempotencyRecord, StoreError};

impl BatchRun {
    /// Reads what the commands need and the state does not have: answers recorded under their idempotency keys, which are given at once, and
    /// bookings that have ended or that other nodes made. A few calls, whatever the batch's size.
    pub(super) async fn recall(&mut self, owned: &mut Owned, repeated: bool) -> Result<(), StoreError> {
        self.board.progress.enter(Step::Reading);
        let keys: Vec<[u8; 32]> =
            self.commands.iter().filter_map(|queued| queued.request.key.as_ref().map(|key| key.key_hash)).collect();
        if !keys.is_empty() {
            let records = self.deps.ledger.idempotency(keys).await?;
            let told: Vec<BookingId> = records.iter().filter_map(|record| recorded_booking(record).ok()).collect();
            if !records.is_empty() {
                let bookings = self.deps.ledger.bookings(told).await?;
                if records.iter().any(|record| record.sequence > owned.showtime.sequence()) {
                    owned.catch_up(self.deps.ledger.as_ref()).await?;
                }
                self.replay(&records, &owned.showtime, &bookings);
            }
        }
        let policy = self.deps.settings.policy();
        let mut wanted: HashSet<BookingId> = HashSet::new();
        for queued in &self.commands {
            match &queued.request.command {
                Command::ReserveSeats { booking_id, seats, asked_at, .. } => {
                    wanted.extend(owned.showtime.unknown_holders(seats.as_slice(), *asked_at, &policy));
                    (repeated || queued.request.repeated) && wanted.insert(*booking_id)
                }
                Command::ReserveChosen { booking_id, choice, asked_at, .. } => {
                    let named = choice.named().map_or(&[][..], |seats| seats.as_slice());
                    wanted.extend(owned.showtime.unknown_holders(named, *asked_at, &policy));
                    (repeated || queued.request.repeated) && wanted.insert(*booking_id)
                }
                Command::ChangeSeats { booking_id, exchange, asked_at, .. } => {
                    wanted.extend(owned.showtime.unknown_holders(&exchange.add, *asked_at, &policy));
                    wanted.insert(*booking_id)
                }
                Command::BlockSeats { new } => (repeated || queued.request.repeated) && wanted.insert(new.booking_id),
                Command::UnblockSeats { booking_id, .. }
                | Command::ConfirmBooking { booking_id, .. }
                | Command::CancelBooking { booking_id, .. }
                | Command::RefundBooking { booking_id, .. }
                | Command::ExtendHold { booking_id, .. }
                | Command::ExpireHold { booking_id } => wanted.insert(*booking_id),
                Command::ChangeShowtime { .. } | Command::CancelShowtime { .. } => false,
            };
        }
        self.recall_bookings(owned, wanted).await
    }

    /// Reads these bookings, and other nodes' blocks. If one is newer than the state, the journal is read, so that seats and bookings fit together.
    /// The journal may tell of further blocks: they are read, too.
    async fn recall_bookings(&self, owned: &mut Owned, mut wanted: HashSet<BookingId>) -> Result<(), StoreError> {
        let mut asked: HashSet<BookingId> = HashSet::new();
        loop {
            wanted.extend(owned.showtime.unread_blocks());
            wanted.retain(|id| owned.showtime.booking(*id).is_none() && asked.insert(*id));
            if wanted.is_empty() {
                return Ok(());
            }
            let mut found = self.deps.ledger.bookings(wanted.drain().collect()).await?;
            found.retain(|booking| booking.showtime_id == self.showtime_id);
            let is_behind = found.iter().any(|booking| booking.version > owned.showtime.sequence());
            for booking in found {
                owned.showtime.recall(booking);
            }
            if is_behind {
                owned.catch_up(self.deps.ledger.as_ref()).await?;
                tracing::debug!(showtime.id = %self.showtime_id, "a booking was newer than its showtime's state");
            }
        }
    }

    /// Finds the payments of the batch that were used before, and the bookings that they were for. A payment that another showtime's batch is just
    /// using is found once that is committed: the next commit waits for it.
    pub(super) async fn look_up_payments(&mut self) -> Result<(), StoreError> {
        self.board.progress.enter(Step::Reading);
        let payments = self.commands.iter().filter_map(|queued| queued.request.command.payment_reference().cloned());
        self.paid.extend(self.deps.ledger.payments(payments.collect()).await?);
        Ok(())
    }

    fn replay(&mut self, records: &[IdempotencyRecord], showtime: &Showtime, bookings: &[Booking]) {
        let now = (self.deps.clock)();
        let mut kept = Vec::with_capacity(self.commands.len());
        for queued in self.commands.drain(..) {
            let record = queued.request.key.as_ref().and_then(|key| {
                records.iter().find(|record| record.key_hash == key.key_hash).map(|record| (key.clone(), record))
            });
            match record {
                Some((key, record)) => queued.answer(key.replay(record, (showtime, bookings), now)),
                None => kept.push(queued),
            }
        }
        self.commands = kept;
    }
}
