//! Page: the report as one self-contained HTML document: nothing is loaded, and it reads on a phone, on a screen, in the dark and on paper.

use std::fmt::Write as _;

use crate::loadtest::outcome::{Outcome, PerOutcome};
use crate::loadtest::report::figures::{self, Figures};
use crate::loadtest::report::plot::{Line, Plot, Scale};
use crate::loadtest::report::seat_picture::{self, Cell, SeatPicture};
use crate::loadtest::report::series::{Point, Series};
use crate::loadtest::report::{Report, table};

const STYLE: &str = include_str!("page.css");

/// The document.
pub fn page(report: &Report) -> String {
    let mut text = String::new();
    match write(&mut text, report) {
        Ok(()) => text,
        // Writing to a String cannot fail.
        Err(error) => error.to_string(),
    }
}

fn write(text: &mut String, report: &Report) -> std::fmt::Result {
    let title = format!("Load test: {}", report.scenario);
    write!(
        text,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>{title}</title><style>{STYLE}</style></head><body><main><h1>{title}</h1>"
    )?;
    let clients = report.arguments.get("clients").map(ToString::to_string).unwrap_or_default();
    write!(
        text,
        "<p class=\"soft\">{}, {clients} clients, {:.1} s measured after {:.1} s of warm-up; {}.</p>",
        report.started_at,
        report.measured_seconds,
        report.warm_up_seconds,
        table::reason(report.ended_by)
    )?;
    verdict(text, report)?;
    tiles(text, report)?;
    text.push_str("<div class=\"plots\">");
    text.push_str(&throughput(report).svg());
    text.push_str(&latency(report).svg());
    text.push_str(&distribution(report).svg());
    if let Some(picture) = &report.picture {
        seats(text, picture)?;
    }
    text.push_str("</div>");
    tables(text, report)?;
    for warning in report.warnings() {
        write!(text, "<p>Note: {}.</p>", escaped(&warning))?;
    }
    let arguments = serde_json::to_string_pretty(&report.arguments).unwrap_or_default();
    write!(text, "<h2>Arguments</h2><pre>{}</pre></main></body></html>", escaped(&arguments))
}

fn verdict(text: &mut String, report: &Report) -> std::fmt::Result {
    let Some(check) = &report.check else {
        text.push_str("<p class=\"soft\">The check was left out.</p>");
        return Ok(());
    };
    let class = if check.passed { "verdict" } else { "verdict broken" };
    write!(text, "<div class=\"{class}\"><b>Check from outside.</b> {}", escaped(&check.summary()))?;
    for finding in &check.findings {
        write!(text, "<p>{}</p>", escaped(finding))?;
    }
    text.push_str("</div>");
    Ok(())
}

fn tiles(text: &mut String, report: &Report) -> std::fmt::Result {
    let leading = report.leading_operation.as_str();
    let PerOutcome { accepted, refused, .. } = &report.leading;
    text.push_str("<div class=\"tiles\">");
    tile(text, &format!("{:.0}", accepted.per_second), &format!("{leading} accepted per second"))?;
    tile(text, &format!("{:.1} ms", accepted.quantiles.p50_millis), "accepted, half within")?;
    tile(text, &format!("{:.1} ms", accepted.quantiles.p99_millis), "accepted, 99 % within")?;
    tile(text, &format!("{:.0}", refused.per_second), &format!("{leading} refused per second"))?;
    if let Some(watch) = &report.watch {
        let what = format!("from accepted to seen, 99 % within, {} watchers", watch.watchers);
        tile(text, &format!("{:.1} ms", watch.accepted_to_seen.p99_millis), &what)?;
    }
    if let Some(share) = report.client.cpu_share_of_one_core {
        tile(text, &format!("{:.0} %", share * 100.0), "of one core used by the load tester")?;
    }
    text.push_str("</div>");
    Ok(())
}

fn tile(text: &mut String, figure: &str, what: &str) -> std::fmt::Result {
    write!(text, "<div class=\"tile\"><b>{figure}</b><span>{what}</span></div>")
}

/// The points to draw: without an interval that the end of the run has cut off, which would look like a breakdown.
fn whole(report: &Report) -> impl Iterator<Item = &Point> {
    let series = &report.fine;
    let end = report.warm_up_seconds + report.measured_seconds + 1e-3;
    series
        .points
        .iter()
        .enumerate()
        .take_while(move |(number, point)| *number == 0 || point.from_seconds + series.interval_seconds <= end)
        .map(|(_, point)| point)
}

/// The outcomes that were met at all.
fn met(series: &Series) -> impl Iterator<Item = Outcome> {
    Outcome::ALL.into_iter().filter(|outcome| series.points.iter().any(|point| *point.counts.get(*outcome) > 0))
}

fn throughput(report: &Report) -> Plot {
    let series = &report.fine;
    let width = series.interval_seconds.max(1e-9);
    let lines = met(series).map(|outcome| Line {
        class: outcome.as_str(),
        points: whole(report)
            .map(|point| {
                (point.from_seconds, Some(crate::loadtest::quantity::real(*point.counts.get(outcome)) / width))
            })
            .collect(),
        name: outcome.as_str().to_owned(),
    });
    Plot {
        title: "Answers per second",
        x_label: "seconds since the start",
        x_scale: Scale::Linear,
        y_scale: Scale::Linear,
        lines: lines.collect(),
        shaded: report.warm_up_seconds,
    }
}

fn latency(report: &Report) -> Plot {
    type Read = fn(&Point) -> Option<f64>;
    let all: [(&str, &str, Read); 4] = [
        ("accepted", "accepted, half within", |point| point.accepted_p50_millis),
        ("accepted tail", "accepted, 99 % within", |point| point.accepted_p99_millis),
        ("refused", "refused, half within", |point| point.refused_p50_millis),
        ("refused tail", "refused, 99 % within", |point| point.refused_p99_millis),
    ];
    let lines = all.into_iter().map(|(class, name, read)| Line {
        class,
        points: whole(report).map(|point| (point.from_seconds, read(point))).collect(),
        name: name.to_owned(),
    });
    Plot {
        title: "Latency over time, milliseconds",
        x_label: "seconds since the start",
        x_scale: Scale::Linear,
        y_scale: Scale::Logarithmic,
        lines: lines.filter(|line| line.points.iter().any(|(_, value)| value.is_some())).collect(),
        shaded: report.warm_up_seconds,
    }
}

/// Percent of the outcome's answers by latency.
fn distribution(report: &Report) -> Plot {
    let real = crate::loadtest::quantity::real;
    let lines = Outcome::ALL.into_iter().filter_map(|outcome| {
        let bins = report.distribution.get(outcome);
        let all = bins.iter().map(|bin| bin.count).sum::<u64>();
        let first = bins.iter().position(|bin| bin.count > 0)?;
        let points = bins.iter().skip(first.saturating_sub(1)).map(|bin| {
            (f64::midpoint(bin.from_millis, bin.to_millis), Some(100.0 * real(bin.count) / real(all.max(1))))
        });
        Some(Line { class: outcome.as_str(), points: points.collect(), name: format!("{} ({all})", outcome.as_str()) })
    });
    Plot {
        title: "How many answers took how long, % of each kind",
        x_label: "milliseconds",
        x_scale: Scale::Logarithmic,
        y_scale: Scale::Linear,
        lines: lines.collect(),
        shaded: 0.0,
    }
}

fn seats(text: &mut String, picture: &SeatPicture) -> std::fmt::Result {
    let width = picture.rows.iter().map(Vec::len).max().unwrap_or(1);
    let height = picture.rows.len();
    text.push_str("<figure><figcaption>When each seat of the first showtime went</figcaption>");
    write!(text, "<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"Seat map by time\">")?;
    for (y, row) in picture.rows.iter().enumerate() {
        for (x, cell) in row.iter().enumerate() {
            let class = match cell {
                Cell::Other => "other".to_owned(),
                Cell::Free => "free".to_owned(),
                Cell::Went(step) => format!("w{step}"),
            };
            write!(text, "<rect class=\"seat {class}\" x=\"{x}\" y=\"{y}\" width=\"1\" height=\"1\"/>")?;
        }
    }
    let (first, last) = picture.span;
    write!(text, "</svg><p class=\"legend\"><span>{:.2} s</span><span>", first.as_secs_f64())?;
    for step in 0..seat_picture::STEPS {
        write!(
            text,
            "<svg class=\"box\" viewBox=\"0 0 1 1\"><rect class=\"w{step}\" width=\"1\" height=\"1\"/></svg>"
        )?;
    }
    write!(text, "</span><span>{:.2} s</span>", last.as_secs_f64())?;
    text.push_str(
        "<span><svg class=\"box\" viewBox=\"0 0 1 1\"><rect class=\"free\" width=\"1\" height=\"1\"/></svg>free</span>",
    );
    if picture.seats_per_cell > 1 {
        write!(text, "<span>a square is up to {} seats</span>", picture.seats_per_cell)?;
    }
    text.push_str("</p></figure>");
    Ok(())
}

fn tables(text: &mut String, report: &Report) -> std::fmt::Result {
    text.push_str("<h2>Figures</h2><div class=\"wide\"><table><thead><tr><th></th><th>count</th><th>per s</th><th>p50 ms</th><th>p90 ms</th><th>p99 ms</th><th>p99.9 ms</th><th>max ms</th></tr></thead><tbody>");
    for (operation, figures) in &report.operations {
        rows(text, operation, figures)?;
    }
    for (operation, figures) in report.settling.iter().flat_map(|settling| &settling.operations) {
        rows(text, &format!("afterwards: {operation}"), figures)?;
    }
    text.push_str("</tbody></table></div>");
    for (kind, count) in &report.failures {
        write!(text, "<p>Failed: {}: {count}</p>", escaped(kind))?;
    }
    Ok(())
}

fn rows(text: &mut String, operation: &str, figures: &PerOutcome<Figures>) -> std::fmt::Result {
    for (outcome, figures) in figures::each(figures).filter(|(_, figures)| figures.quantiles.samples > 0) {
        let Figures { count, per_second, quantiles, body_bytes: _ } = figures;
        write!(text, "<tr><td>{operation} {}</td><td>{count}</td><td>{per_second:.1}</td>", outcome.as_str())?;
        let all = [
            quantiles.p50_millis,
            quantiles.p90_millis,
            quantiles.p99_millis,
            quantiles.p999_millis,
            quantiles.max_millis,
        ];
        for millis in all {
            write!(text, "<td>{millis:.2}</td>")?;
        }
        text.push_str("</tr>");
    }
    Ok(())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
