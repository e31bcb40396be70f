//! The fold of a showtime's events, beside its stored listing, seats and bookings.

use std::collections::HashMap;

use crate::cli::check::channels::Channels;
use crate::cli::check::report::Report;
use crate::cli::check::told::{Told, tell};
use crate::domain::{BookingId, Listing, RecordedEvent, SeatStatus, ShowtimeId};
use crate::write_store::Audit;

/// I5, first half: the fold of the events is the write model. And what came from blocks has gone back to them.
pub(super) fn check_fold(id: ShowtimeId, audit: &Audit, journal: &[RecordedEvent], report: &mut Report) {
    let mut seats: Vec<(SeatStatus, u64)> = vec![(SeatStatus::Available, 1); audit.seats.len()];
    let mut told: HashMap<BookingId, Told> = HashMap::new();
    let mut channels = Channels::default();
    let mut rows = None;
    let mut listing = journal.first().and_then(|first| Listing::scheduled(&first.event));
    for recorded in journal.iter().take_while(|recorded| recorded.sequence <= audit.sequence) {
        let change = recorded.event.seats_status();
        for seat in change.seat_ids {
            if let Some(folded) = usize::try_from(seat.index()).ok().and_then(|index| seats.get_mut(index)) {
                *folded = (change.status, recorded.sequence);
            }
        }
        channels.follow(&told, recorded);
        tell(&mut told, recorded);
        rows = recorded.event.rows().or(rows);
        check_move(id, recorded, &seats, report);
        listing = listing.map(|listing| listing.after(&recorded.event).unwrap_or(listing));
    }
    if listing.as_ref() != Some(&audit.listing) {
        report.find(id, "I5", format!("its listing is {:?}, the journal says {listing:?}", audit.listing));
    }
    if rows != Some(&audit.seat_map) {
        report.find(id, "I5", "its rows are not those of the journal".to_owned());
    }
    for (seat, (folded, (status, version, _))) in (0_u32..).zip(seats.iter().zip(&audit.seats)) {
        if *folded != (*status, *version) {
            let what = format!("seat {seat} is {status:?} at version {version}, the journal says {folded:?}");
            report.find(id, "I5", what);
        }
    }
    for booking in &audit.bookings {
        let stored = Told::stored(booking);
        match told.remove(&booking.id) {
            Some(told) if told == stored => {}
            told => report.find(id, "I5", format!("booking {} is {stored:?}, the journal says {told:?}", booking.id)),
        }
    }
    for lost in told.keys() {
        report.find(id, "I2", format!("booking {lost} is in the journal, but not in the write model"));
    }
    for what in channels.findings() {
        report.find(id, "blocks", what);
    }
}

/// A seat that somebody has, or a block, is not left out by a move.
fn check_move(id: ShowtimeId, recorded: &RecordedEvent, seats: &[(SeatStatus, u64)], report: &mut Report) {
    let Some(rows) = recorded.event.rows() else { return };
    for seat in rows.former() {
        let status = usize::try_from(seat).ok().and_then(|seat| seats.get(seat)).map(|(status, _)| *status);
        if status != Some(SeatStatus::Available) {
            let (sequence, place) = (recorded.sequence, rows.printed(seat));
            report.find(id, "I1", format!("event {sequence} left out seat {place}, which was {status:?}"));
        }
    }
}
