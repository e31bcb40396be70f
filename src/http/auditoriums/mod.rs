//! Auditoriums: the houses that showtimes take place in, each version for good. Everybody may read them, operators write them.

mod answers;
mod categories;
mod create;
mod format;
mod list;
mod plan;
mod record;
mod replace;
mod schema;
mod show;

use crate::http::auditoriums::answers::{AuditoriumPage, AuditoriumSummary, PretixPlan};
use crate::http::auditoriums::categories::CategoriesAnswer;
use crate::http::auditoriums::format::Format;
use crate::http::auditoriums::list::MOST_ON_PAGE;
use crate::http::auditoriums::schema::AuditoriumPlan;
use crate::http::auditoriums::show::MOST_VERSION;
use crate::http::openapi::Describe;
use crate::http::paths::{AUDITORIUM, AUDITORIUM_CATEGORIES, AUDITORIUM_SCHEMA, AUDITORIUMS};
use crate::http::request::cursor::{CURSOR, CURSOR_CHARACTERS};
use crate::http::route::Route;

pub(super) use format::stored_plan;
pub(super) use schema::as_component;

const BODY_RULE: &str = "The body is streamed and checked as it arrives; up to 200,000 seats and 64 MiB are taken. `format` says what it is: `turnstile` (the \
     default), a `pretix` seating plan, or `csv` with a line for each seat, whose auditorium `name` stands in the query. `errors` names every wrong place by \
     JSON pointer, in CSV as `/<line>/<column>`. Labels are kept in Unicode NFC without white space around them; characters that cannot be seen are refused.";
const PLAN_RULE: &str = "In Turnstile's format the plan is in its canonical form: without shorthand, every seat with its position. It may be sent back with PUT. \
     The entity tag is the version; those of other formats have the format added.";
const CHANGE_RULE: &str = "Makes a new version of the auditorium; showtimes keep the version that they were made with. A plan that says what is there already makes none. \
     `If-Match` names the version that was read, as its entity tag. `seatsSince` in the answer is the earliest version with the same seats in the same places.";

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get(
            AUDITORIUMS,
            list::list,
            Describe::new("listAuditoriums", "Auditoriums in the order of their making, page by page", "auditoriums")
                .public()
                .number("limit", "Auditoriums on the page, 50 if absent", 1, MOST_ON_PAGE)
                .formed("cursor", "`nextCursor` of the page before", CURSOR, CURSOR_CHARACTERS..=CURSOR_CHARACTERS)
                .json::<AuditoriumPage>(200, "A page", &["Link?"])
                .problems(&[400, 500, 503]),
        ),
        Route::post(
            AUDITORIUMS,
            create::create,
            Describe::new("createAuditorium", "Create an auditorium (operators)", "auditoriums")
                .text(BODY_RULE)
                .choice("format", "What the body is", Format::WORDS)
                .parameter("name", "What the auditorium is called; needed for CSV, which has no place for it")
                .key()
                .operator()
                .body_or_csv::<AuditoriumPlan>(schema::example())
                .json::<AuditoriumSummary>(201, "Created", &["Location", "ETag", "Idempotent-Replayed?"])
                .problems(&[400, 401, 403, 408, 413, 415, 422, 500, 503]),
        ),
        Route::get(
            AUDITORIUM,
            show::show,
            Describe::new("showAuditorium", "The plan of an auditorium", "auditoriums")
                .text(PLAN_RULE)
                .public()
                .id("The auditorium")
                .number("version", "Which version, the latest if absent", 1, MOST_VERSION)
                .choice("format", "What the answer is to be", Format::WORDS)
                .conditional()
                .either_or_csv::<AuditoriumPlan, PretixPlan>(200, "The plan", &["ETag", "Cache-Control"])
                .ok(304, "The client has it", &["ETag", "Cache-Control"])
                .problems(&[400, 404, 500, 503]),
        ),
        Route::put(
            AUDITORIUM,
            replace::replace,
            Describe::new("replaceAuditorium", "Make a new version of an auditorium (operators)", "auditoriums")
                .text(CHANGE_RULE)
                .id("The auditorium")
                .choice("format", "What the body is", Format::WORDS)
                .parameter("name", "For CSV: what the auditorium is called from now on, as before if absent")
                .if_match("The entity tag of the version that the client has read")
                .operator()
                .body_or_csv::<AuditoriumPlan>(schema::example())
                .json::<AuditoriumSummary>(200, "The latest version", &["ETag"])
                .problems(&[400, 401, 403, 404, 408, 412, 413, 415, 428, 500, 503]),
        ),
        categories_route(),
        Route::get(
            AUDITORIUM_SCHEMA,
            schema::show,
            Describe::new("auditoriumSchema", "The JSON Schema of auditoriums", "auditoriums")
                .public()
                .ok(200, "JSON Schema 2020-12", &[])
                .problems(&[400]),
        ),
    ]
}

fn categories_route() -> Route {
    Route::get(
        AUDITORIUM_CATEGORIES,
        categories::show,
        Describe::new("showAuditoriumCategories", "The categories of an auditorium, without its plan", "auditoriums")
            .public()
            .id("The auditorium")
            .number("version", "Which version, the latest if absent", 1, MOST_VERSION)
            .conditional()
            .json::<CategoriesAnswer<'_>>(200, "The categories", &["ETag", "Cache-Control"])
            .ok(304, "The client has it", &["ETag", "Cache-Control"])
            .problems(&[400, 404, 500, 503]),
    )
}
