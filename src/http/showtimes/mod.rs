//! Showtimes: the list of them, how operators create one, and what clients see of one: its seats, its layout, its live status.

mod answers;
mod house;
mod list;
mod listing;
mod past;
mod schedule;
mod seat_maps;

use crate::domain::MAX_SEATS_PER_SHOWTIME;
use crate::http::openapi::Describe;
use crate::http::paths::{LAYOUT, SHOWTIME, SHOWTIME_CANCEL, SHOWTIME_PAST, SHOWTIMES, STATUS};
use crate::http::request::query::MOST_SEQUENCE;
use crate::http::route::Route;
use crate::http::showtimes::answers::{LayoutAnswer, SummaryAnswer};
use crate::http::showtimes::list::{CURSOR, CURSOR_CHARACTERS, PageAnswer};
use crate::http::showtimes::listing::{CancelBody, ChangeBody, ListedAnswer};
use crate::http::showtimes::schedule::ScheduleBody;

pub(super) use answers::ShowtimeAnswer;
pub(super) use seat_maps::{SEQUENCE, SOURCE};

/// Default of the setting `page_showtimes`.
const PAGE_SHOWTIMES: u64 = 200;
const TOTALS_RULE: &str = "All showtimes, and all seats, have a limit that operators set. Beyond it the answer is 429 with the code `quota-exceeded`.";

const LIST_RULE: &str = "Ordered by start time, then id. A cancelled showtime stays in the list, with its reason, for those who come for it; `onSale` leaves it \
     out. All filters must hold, and are repeated with each `cursor`. A page has fewer showtimes than `limit` if 5,000 were looked at for it: the list \
     ends where `nextCursor` is absent. A page goes on right after the place where the one before ended, whatever was added or changed \
     meanwhile: only a showtime whose start is moved over that place is seen twice or not at all.";
const TITLE_RULE: &str = "Only those with this text in the title. Case and accents make no difference: both texts are brought into Unicode's \
     normalization form KD, without nonspacing marks (category Mn), and put into upper, then into lower case";
const CHANGE_RULE: &str = "What is absent stays as it is; `null` takes a term away. Bookings stay as they are: a hold keeps its deadline, and \
     who has more places than a new limit keeps them. Everybody who watches the showtime hears of it.";
const CANCEL_RULE: &str = "For good. Nothing is sold any more from the answer on; the live bookings are cancelled soon after, each by an event \
     that tells the reason and, if it was paid, the payment to be returned.";

const MIN_SEQUENCE: &str =
    "Wait, for a bounded time, until the view has this sequence. Without it the view may be 25 ms old";
const SHOWTIME_RULE: &str = "Operators who show their token read seats that the house holds back as `Blocked`; to everybody else they are `Reserved`. \
     The operators' answer is made for each of them: it has no `ETag`, and `Cache-Control: no-store`.";
const LAYOUT_RULE: &str = "Seats are counted from 0, row by row in the order of `rows`. The id of a seat is \
     `seatIdPrefix` followed by its count as eight lower-case hexadecimal digits. Seats, their order and their ids never change; title, times and prices may, and so may what is known of the seats, if the showtime is moved to another version of its auditorium. So the layout is asked for again each time, which costs a 304 if nothing has.";
const STATUS_RULE: &str = "The seat with count `n` in the layout has the bits `2 * (n % 4)` and one above it, counted from the lowest, of \
     byte `n / 4`: 0 available, 1 reserved, 2 sold. The last byte is filled up with 0. The sequence stands in `Turnstile-Sequence`.";

const KNOWN: &str = "The client has it";
const SHOWTIME_HEADERS: &[&str] = &["ETag?", "Vary", "Content-Encoding?", "Turnstile-Source?"];
const LAYOUT_HEADERS: &[&str] = &["ETag", "Vary", "Cache-Control", "Content-Encoding?", "Turnstile-Source?"];
const STATUS_HEADERS: &[&str] = &["ETag", "Vary", "Turnstile-Sequence", "Content-Encoding?", "Turnstile-Source?"];

const PAST_RULE: &str = "Name one of `time` and `sequence`. The journal is read up to there, which takes a moment for a showtime that was sold out.";

pub(super) fn routes() -> Vec<Route> {
    [commands(), reads(), vec![past()]].into_iter().flatten().collect()
}

fn commands() -> Vec<Route> {
    vec![
        Route::post(
            SHOWTIMES,
            schedule::schedule,
            Describe::new("scheduleShowtime", "Create a showtime with its seats (operators)", "showtimes")
                .text(TOTALS_RULE)
                .key()
                .operator()
                .body::<ScheduleBody>()
                .json::<SummaryAnswer>(201, "Created", &["Location", "Idempotent-Replayed?"])
                .problems(&[400, 401, 403, 404, 408, 413, 415, 422, 500, 503]),
        ),
        Route::patch(
            SHOWTIME,
            listing::change,
            Describe::new("changeShowtime", "Change what is shown, when, or on which terms (operators)", "showtimes")
                .text(CHANGE_RULE)
                .id("The showtime")
                .key()
                .operator()
                .body::<ChangeBody>()
                .json::<ListedAnswer>(200, "Done, now or before", &["Idempotent-Replayed?"])
                .problems(&[400, 401, 403, 404, 408, 409, 413, 415, 422, 500, 503]),
        ),
        Route::post(
            SHOWTIME_CANCEL,
            listing::cancel,
            Describe::new("cancelShowtime", "Cancel a showtime and all its bookings (operators)", "showtimes")
                .text(CANCEL_RULE)
                .id("The showtime")
                .key()
                .operator()
                .body::<CancelBody>()
                .json::<ListedAnswer>(200, "Done, now or before", &["Idempotent-Replayed?"])
                .problems(&[400, 401, 403, 404, 408, 413, 415, 422, 500, 503]),
        ),
    ]
}

fn reads() -> Vec<Route> {
    let reading = |name, summary| {
        Describe::new(name, summary, "showtimes").public().id("The showtime").problems(&[400, 404, 500, 503])
    };
    vec![
        Route::get(
            SHOWTIMES,
            list::list,
            Describe::new("listShowtimes", "Showtimes to come by start time, page by page", "showtimes")
                .text(LIST_RULE)
                .public()
                .number("limit", "Showtimes on the page, 50 if absent", 1, PAGE_SHOWTIMES)
                .formed("cursor", "`nextCursor` of the page before", CURSOR, CURSOR_CHARACTERS..=CURSOR_CHARACTERS)
                .flag("past", "true: also those that have started, the oldest first")
                .words("title", TITLE_RULE, 1..=200)
                .time("from", "Only those that start then or later")
                .time("to", "Only those that start before")
                .flag("onSale", "true: only those whose seats can be reserved now: the sale has begun and is not over, and they are not cancelled")
                .number("available", "Only those with so many free seats or more, whatever they cost: see `available` in the answer", 1, u64::from(MAX_SEATS_PER_SHOWTIME))
                .json::<PageAnswer>(200, "A page", &["Link?"])
                .problems(&[400, 500, 503]),
        ),
        Route::get(
            SHOWTIME,
            seat_maps::show,
            reading("showShowtime", "A showtime with all its seats at one sequence")
                .text(SHOWTIME_RULE)
                .public_or_operator()
                .number("minSequence", MIN_SEQUENCE, 0, MOST_SEQUENCE)
                .conditional()
                .json::<ShowtimeAnswer>(200, "The showtime", SHOWTIME_HEADERS)
                .ok(304, KNOWN, &["ETag", "Vary", "Turnstile-Source?"]),
        ),
        Route::get(
            LAYOUT,
            seat_maps::layout,
            reading("showLayout", "The rows of a showtime and the ids of its seats")
                .text(LAYOUT_RULE)
                .conditional()
                .json::<LayoutAnswer>(200, "The layout", LAYOUT_HEADERS)
                .ok(304, KNOWN, &["ETag", "Vary", "Cache-Control", "Turnstile-Source?"]),
        ),
        Route::get(
            STATUS,
            seat_maps::status,
            reading("showStatus", "The live status of all seats in two bits each")
                .text(STATUS_RULE)
                .number("minSequence", MIN_SEQUENCE, 0, MOST_SEQUENCE)
                .conditional()
                .binary(200, "Two bits a seat", STATUS_HEADERS)
                .ok(304, KNOWN, &["ETag", "Vary", "Turnstile-Sequence", "Turnstile-Source?"]),
        ),
    ]
}

fn past() -> Route {
    Route::get(
        SHOWTIME_PAST,
        past::show,
        Describe::new("showPast", "A showtime with all its seats as it stood (operators)", "history")
            .operator()
            .id("The showtime")
            .problems(&[400, 401, 403, 404, 500, 503])
            .text(PAST_RULE)
            .time("time", "As it stood at this time")
            .number("sequence", "As it stood after the event with this sequence", 1, MOST_SEQUENCE)
            .json::<ShowtimeAnswer>(200, "The showtime as it stood", &[]),
    )
}
