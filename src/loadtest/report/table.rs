//! Table: the report as text for a terminal.

use std::fmt::Write as _;

use crate::loadtest::outcome::{Operation, PerOutcome};
use crate::loadtest::report::figures::{Figures, each};
use crate::loadtest::report::{EndedBy, Report};

/// The report as text.
pub fn table(report: &Report) -> String {
    let mut text = String::new();
    match write(&mut text, report) {
        Ok(()) => text,
        // Writing to a String cannot fail.
        Err(error) => error.to_string(),
    }
}

/// Why the run ended, as half a sentence.
pub(super) fn reason(ended_by: EndedBy) -> &'static str {
    match ended_by {
        EndedBy::Time => "it ended with its time",
        EndedBy::Requests => "it ended when the requests were spent",
        EndedBy::SoldOut => "it ended when every seat was held",
        EndedBy::AllAsked => "it ended when every client had asked for all that it wanted",
        EndedBy::Interruption => "it was interrupted",
    }
}

fn write(text: &mut String, report: &Report) -> std::fmt::Result {
    if report.idle {
        let watch = report.watch.clone().unwrap_or_default();
        return writeln!(
            text,
            "{} watchers were connected for {:.1} s, with {} connections; {} had lost theirs at the end.",
            watch.watchers, report.measured_seconds, watch.connections, watch.disconnected
        );
    }
    writeln!(
        text,
        "{}: {:.1} s measured after {:.1} s of warm-up; {}.",
        report.scenario,
        report.measured_seconds,
        report.warm_up_seconds,
        reason(report.ended_by)
    )?;
    writeln!(
        text,
        "\n{:<21}{:>10}{:>11}{:>10}{:>10}{:>10}{:>10}{:>10}",
        "", "count", "per s", "p50 ms", "p90 ms", "p99 ms", "p99.9 ms", "max ms"
    )?;
    for (operation, figures) in &report.operations {
        rows(text, operation, figures)?;
    }
    if let Some(settling) = &report.settling {
        writeln!(text, "after the run, in {:.1} s:", settling.seconds)?;
        for (operation, figures) in &settling.operations {
            rows(text, operation, figures)?;
        }
    }
    for (kind, count) in &report.failures {
        writeln!(text, "failed: {kind}: {count}")?;
    }
    writeln!(text)?;
    let read = &report.operations.get(Operation::Read.as_str()).cloned().unwrap_or_default().accepted;
    if read.count > 0 {
        writeln!(text, "What was read came in bodies of {} bytes.", read.body_bytes)?;
    }
    let houses = &report.houses;
    writeln!(
        text,
        "{} seats were granted; {} in {} showtimes were free before.",
        houses.seats_granted, houses.seats, houses.showtimes
    )?;
    watching(text, report)?;
    let client = &report.client;
    if let (Some(seconds), Some(one), Some(all)) =
        (client.cpu_seconds, client.cpu_share_of_one_core, client.cpu_share_of_machine)
    {
        let (one, all) = (one * 100.0, all * 100.0);
        writeln!(
            text,
            "The load tester used {seconds:.2} s of processor time: {one:.0} % of one core, {all:.0} % of the machine."
        )?;
    }
    if let Some(check) = &report.check {
        writeln!(text, "Check: {}.", check.summary())?;
        for finding in &check.findings {
            writeln!(text, "  {finding}")?;
        }
    }
    for warning in report.warnings() {
        writeln!(text, "Note: {warning}.")?;
    }
    Ok(())
}

/// The open loop and the watchers.
fn watching(text: &mut String, report: &Report) -> std::fmt::Result {
    if let Some(open) = &report.open_loop {
        writeln!(
            text,
            "Open loop at {} a second; sent late by {:.1} ms (p50), {:.1} ms (p99), which is part of the latencies.",
            open.rate_per_second, open.late.p50_millis, open.late.p99_millis
        )?;
    }
    if let Some(watch) = &report.watch {
        let seen = &watch.accepted_to_seen;
        writeln!(
            text,
            "{} watchers saw {} deltas; from accepted to seen {:.2} ms (p50), {:.2} ms (p99), {:.2} ms (max); {} connections, {} snapshots, {} behind.",
            watch.watchers,
            watch.deltas,
            seen.p50_millis,
            seen.p99_millis,
            seen.max_millis,
            watch.connections,
            watch.snapshots,
            watch.behind
        )?;
    }
    Ok(())
}

fn rows(text: &mut String, operation: &str, figures: &PerOutcome<Figures>) -> std::fmt::Result {
    for (outcome, figures) in each(figures).filter(|(_, figures)| figures.count > 0 || figures.quantiles.samples > 0) {
        let Figures { count, per_second, quantiles, body_bytes: _ } = figures;
        writeln!(
            text,
            "{:<21}{count:>10}{per_second:>11.1}{:>10.2}{:>10.2}{:>10.2}{:>10.2}{:>10.2}",
            format!("{operation} {}", outcome.as_str()),
            quantiles.p50_millis,
            quantiles.p90_millis,
            quantiles.p99_millis,
            quantiles.p999_millis,
            quantiles.max_millis
        )?;
    }
    Ok(())
}
