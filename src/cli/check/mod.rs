//! `turnstile check`: compares write store, journal and read model, and prints what disagrees (I1, I3, I4, I5).

mod channels;
mod fold;
mod report;
mod told;

use std::collections::HashMap;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use tokio::time::Instant;

use crate::app;
use crate::cli::check::fold::check_fold;
use crate::cli::check::report::Report;
use crate::cli::output;
use crate::config::{Profile, Settings};
use crate::domain::{
    Applied, BookingId, BookingStatus, EventRun, RecordedEvent, SeatIndex, SeatStatus, ShowtimeId, ShowtimeView,
};
use crate::projector::Stores;
use crate::write_store::Audit;

/// Showtimes listed, and events read, in one call.
const PAGE: usize = 1_000;

/// What to check.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// One showtime only.
    #[arg(long)]
    showtime: Option<uuid::Uuid>,
    /// Seconds to wait until the read model has caught up with the journal.
    #[arg(long, default_value_t = 10)]
    wait: u64,
}

/// Exit 1 if anything disagrees.
pub(super) async fn run(settings: Settings, arguments: Arguments) -> anyhow::Result<ExitCode> {
    if let Profile::Embedded { data_dir } = settings.profile()? {
        app::require_data(&data_dir)?;
    }
    let stores = app::connect_filled_stores(&settings).await?;
    let deadline = Instant::now() + Duration::from_secs(arguments.wait);
    let mut report = Report::default();
    if let Some(id) = arguments.showtime {
        check_showtime(&stores, ShowtimeId(id), deadline, &mut report).await?;
    } else {
        let mut after = None;
        loop {
            let page = stores.write_store.heads_page(after, PAGE).await?;
            for (id, _) in &page {
                check_showtime(&stores, *id, deadline, &mut report).await?;
            }
            after = page.last().map(|(id, _)| *id);
            if page.len() < PAGE {
                break;
            }
        }
    }
    if arguments.showtime.is_none() {
        check_listed(&stores, &mut report).await?;
    }
    for finding in &report.findings {
        output::line(finding)?;
    }
    output::line(&report)?;
    Ok(if report.findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn check_showtime(stores: &Stores, id: ShowtimeId, deadline: Instant, report: &mut Report) -> anyhow::Result<()> {
    let Some(audit) = stores.write_store.audit(id).await? else {
        report.find(id, "I5", "the write store does not know it".to_owned());
        return Ok(());
    };
    report.showtimes += 1;
    report.seats += audit.seats.len();
    report.bookings += audit.bookings.len();
    report.events += audit.sequence;
    check_seats(id, &audit, report);
    let view = view_at_least(stores, id, audit.sequence, deadline).await?;
    let journal = read_journal(stores, id, view.as_ref().map_or(0, |view| view.sequence).max(audit.sequence)).await?;
    if let Some((gap, _)) = (1_u64..).zip(&journal).find(|(expected, event)| event.sequence != *expected) {
        report.find(id, "I4", format!("the journal has a gap at sequence {gap}"));
        return Ok(());
    }
    if u64::try_from(journal.len()).unwrap_or(u64::MAX) < audit.sequence {
        report.find(id, "I4", format!("the journal ends before the showtime's sequence {}", audit.sequence));
        return Ok(());
    }
    check_fold(id, &audit, &journal, report);
    check_view(id, &audit, view.as_ref(), &journal, report);
    Ok(())
}

/// I5 again: the read model shows no showtime that the write store does not have.
async fn check_listed(stores: &Stores, report: &mut Report) -> anyhow::Result<()> {
    let mut start = None;
    loop {
        let page = stores.read_model.list(start, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        start = Some((last.listing.start_time, last.id));
        let ids = page.iter().map(|summary| summary.id).collect();
        let known: HashMap<_, _> = stores.write_store.heads(ids).await?.into_iter().collect();
        for summary in page.iter().filter(|summary| !known.contains_key(&summary.id)) {
            report.find(summary.id, "I5", "the read model shows it, the write store does not know it".to_owned());
        }
    }
}

/// The view once it has reached `sequence`, or what it is at the deadline.
async fn view_at_least(
    stores: &Stores,
    id: ShowtimeId,
    sequence: u64,
    deadline: Instant,
) -> anyhow::Result<Option<ShowtimeView>> {
    loop {
        let view = stores.read_model.showtime(id).await?;
        if view.as_ref().is_some_and(|view| view.sequence >= sequence) || Instant::now() >= deadline {
            return Ok(view.map(|view| view.as_ref().clone()));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn read_journal(stores: &Stores, id: ShowtimeId, up_to: u64) -> anyhow::Result<Vec<RecordedEvent>> {
    let mut events: Vec<RecordedEvent> = Vec::new();
    loop {
        let after = events.last().map_or(0, |event| event.sequence);
        let page = stores.write_store.journal(id, after, PAGE).await?;
        let read = page.len();
        events.extend(page.into_iter().filter(|event| event.sequence <= up_to));
        if read < PAGE || events.last().is_some_and(|event| event.sequence >= up_to) {
            return Ok(events);
        }
    }
}

/// I1 and I3: each seat belongs to the live booking that names it, and each live booking has all its seats.
fn check_seats(id: ShowtimeId, audit: &Audit, report: &mut Report) {
    let mut expected: HashMap<SeatIndex, (BookingId, SeatStatus)> = HashMap::new();
    for booking in &audit.bookings {
        let status = match booking.status {
            BookingStatus::Pending => SeatStatus::Reserved,
            BookingStatus::Confirmed => SeatStatus::Sold,
            BookingStatus::Cancelled | BookingStatus::Expired => continue,
        };
        for seat in &booking.seat_ids {
            if let Some((other, _)) = expected.insert(seat.index(), (booking.id, status)) {
                report.find(
                    id,
                    "I1",
                    format!("seat {} has the live bookings {other} and {}", seat.index(), booking.id),
                );
            }
        }
    }
    for (seat, (status, _, booking)) in (0_u32..).zip(&audit.seats) {
        let wanted = expected.get(&seat).copied();
        let found = booking.map(|booking| (booking, *status));
        if found != wanted || (booking.is_none() && *status != SeatStatus::Available) {
            report.find(id, "I3", format!("seat {seat} is {status:?} for {booking:?}, its bookings say {wanted:?}"));
        }
    }
}

/// I5, second half: the read model is the fold of the events.
fn check_view(
    id: ShowtimeId,
    audit: &Audit,
    view: Option<&ShowtimeView>,
    journal: &[RecordedEvent],
    report: &mut Report,
) {
    let Some(view) = view else {
        report.find(id, "I5", "the read model does not know it".to_owned());
        return;
    };
    if view.sequence < audit.sequence {
        report.find(
            id,
            "I5",
            format!("the read model stands at {}, the write store at {}", view.sequence, audit.sequence),
        );
    }
    let Some(mut folded) = journal.first().and_then(|first| ShowtimeView::scheduled(id, first)) else {
        report.find(id, "I4", "its first event does not schedule it".to_owned());
        return;
    };
    let events = journal.iter().take_while(|recorded| recorded.sequence <= view.sequence).cloned().collect();
    let reached = EventRun::new(id, events).map(|run| folded.apply(&run));
    if reached != Some(Applied::UpTo(view.sequence)) {
        let (view, journal) = (view.sequence, folded.sequence);
        report.find(
            id,
            "I5",
            format!("the read model stands at {view}, ahead of the journal, which ends at {journal}"),
        );
    } else if folded != *view {
        let wrong = folded.statuses.iter().zip(&view.statuses).filter(|(folded, shown)| folded != shown).count();
        report.find(
            id,
            "I5",
            format!(
                "at sequence {} the read model shows {wrong} seats otherwise than the journal, {} listing, and has {} history",
                view.sequence,
                if folded.listing == view.listing { "the same" } else { "another" },
                if folded.stamp == view.stamp { "the same" } else { "another" }
            ),
        );
    }
}
