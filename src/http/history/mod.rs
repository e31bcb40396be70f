//! History: the story of a showtime, of its bookings and of its seats, as the journal tells it. For operators.

mod events;
pub(crate) mod journal;
mod replay;
mod report;
pub(crate) mod table;

use crate::http::history::events::{EventsAnswer, MOST_EVENTS};
use crate::http::history::report::ReportAnswer;
use crate::http::history::table::FORMATS;
use crate::http::openapi::Describe;
use crate::http::paths::{SHOWTIME_EVENTS, SHOWTIME_REPORT};
use crate::http::request::query::MOST_SEQUENCE;
use crate::http::route::Route;

pub(crate) use replay::replay;

const REPORT_RULE: &str = "All of the journal is read for it, which takes a moment for a showtime that was sold out. The revenue is what is sold now: \
     refunded places are not in it.";
const EVENTS_RULE: &str = "All filters must hold. With `seatId`, the events after which that seat stands as they say; with `bookingId`, those of the \
     booking. A page has fewer events than `limit` if 5,000 were looked at for it: the story ends where `nextAfter` is absent.";

pub(super) fn routes() -> Vec<Route> {
    let reading = |name, summary| {
        Describe::new(name, summary, "history").operator().id("The showtime").problems(&[400, 401, 403, 404, 500, 503])
    };
    vec![
        Route::get(
            SHOWTIME_EVENTS,
            events::list,
            reading("listEvents", "What happened in a showtime, in order (operators)")
                .text(EVENTS_RULE)
                .number("after", "Only events with a higher sequence: `nextAfter` of the page before", 0, MOST_SEQUENCE)
                .number("limit", "Events on the page, 100 if absent", 1, MOST_EVENTS)
                .uuid("bookingId", "Only events of this booking")
                .uuid("seatId", "Only events of this seat")
                .time("from", "Only what was decided then or later")
                .time("to", "Only what was decided before")
                .json::<EventsAnswer>(200, "A page", &[]),
        ),
        Route::get(
            SHOWTIME_REPORT,
            report::show,
            reading("showReport", "How full a showtime is, and what it has earned (operators)")
                .text(REPORT_RULE)
                .choice("format", "`json`, if absent, or `csv`", &FORMATS)
                .json_or_csv::<ReportAnswer>(200, "The report"),
        ),
    ]
}
