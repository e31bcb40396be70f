//! The OpenAPI 3.1 document: every resource, method, status and header of the contract. Tests compare live answers with it.

use std::sync::LazyLock;

use actix_web::HttpResponse;
use actix_web::http::header;
use utoipa::ToSchema;
use utoipa::openapi::path::{HttpMethod, Operation};
use utoipa::openapi::schema::Schema;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, Paths, RefOr, ServerBuilder,
};

use crate::http::bookings::{
    BookingAnswer, ConfirmationBody, HolderBody, OutcomeAnswer, ReservationBody, ReservedAnswer,
};
use crate::http::describe::{self, Describe};
use crate::http::document::Document;
use crate::http::enforced;
use crate::http::schemas::{LayoutAnswer, ShowtimeAnswer};
use crate::http::showtimes::{CURSOR, CURSOR_CHARACTERS, PageAnswer, ScheduleBody, SummaryAnswer};
use crate::http::{health, limits, paths};

/// `GET /openapi.json`
pub(super) async fn show() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "application/json"))
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .body(text())
}

/// `GET /asyncapi.json`: the messages of the live feed.
pub(super) async fn live_messages() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "application/json"))
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .body(include_str!("asyncapi.json"))
}

/// The document as JSON, for `/openapi.json` and `turnstile openapi`.
pub fn text() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| {
        let written = serde_json::to_value(document()).and_then(|mut document| {
            enforced::complete(&mut document);
            serde_json::to_string_pretty(&document)
        });
        written.unwrap_or_else(|error| {
            tracing::error!(%error, "the OpenAPI document could not be written");
            "{}".to_owned()
        })
    });
    &TEXT
}

/// The document.
fn document() -> OpenApi {
    let info = InfoBuilder::new()
        .title("Turnstile")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "A reservation server for seats. Every change of a showtime has a sequence; every command's answer carries it. \
             While the view of clients is away, seat maps come from the write store and say so: `Turnstile-Source: write-store`. Errors are RFC 9457 problems with a stable `code`.",
        ))
        .license(Some(LicenseBuilder::new().name("MIT or Apache-2.0").identifier(Some("MIT OR Apache-2.0")).build()))
        .build();
    let here = ServerBuilder::new().url("/").description(Some("The server that serves this document")).build();
    OpenApiBuilder::new().info(info).servers(Some([here])).paths(paths()).components(Some(components())).build()
}

fn components() -> utoipa::openapi::Components {
    let mut schemas = Vec::new();
    with::<ReservationBody>(&mut schemas);
    with::<ConfirmationBody>(&mut schemas);
    with::<HolderBody>(&mut schemas);
    with::<OutcomeAnswer<'_>>(&mut schemas);
    with::<ReservedAnswer<'_>>(&mut schemas);
    with::<BookingAnswer<'_>>(&mut schemas);
    with::<ScheduleBody>(&mut schemas);
    with::<SummaryAnswer>(&mut schemas);
    with::<PageAnswer>(&mut schemas);
    with::<ShowtimeAnswer>(&mut schemas);
    with::<LayoutAnswer>(&mut schemas);
    with::<health::Report>(&mut schemas);
    with::<Document<'_>>(&mut schemas);
    schemas.sort_by(|(one, _), (other, _)| one.cmp(other));
    schemas.dedup_by(|(one, _), (other, _)| one == other);
    let bearer = |what: &str| {
        SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(what)).build())
    };
    ComponentsBuilder::new()
        .schemas_from_iter(schemas)
        .security_scheme("holdToken", bearer("The `holdToken` of a booking, for its holder."))
        .security_scheme("operatorKey", bearer("The operator's key, for operators."))
        .build()
}

fn with<T: ToSchema>(schemas: &mut Vec<(String, RefOr<Schema>)>) {
    schemas.push((T::name().into_owned(), T::schema()));
    T::schemas(schemas);
}

fn paths() -> Paths {
    let mut paths = Paths::new();
    let entries = [booking_operations(), showtime_operations(), live_operations(), other_operations()];
    for (path, method, operation) in entries.into_iter().flatten() {
        let operation = describe::headed(operation);
        let is_limited = !limits::UNLIMITED.contains(&path);
        paths.add_path_operation(path, vec![method], if is_limited { describe::limited(operation) } else { operation });
    }
    paths
}

type Entry = (&'static str, HttpMethod, Operation);

fn booking_operations() -> Vec<Entry> {
    let commands = [
        (
            paths::CONFIRM,
            "confirmBooking",
            "Confirm a booking with its payment: the seats are sold",
            "Confirmation",
            true,
        ),
        (paths::CANCEL, "cancelBooking", "Cancel a booking: the seats are free again", "HolderProof", false),
        (paths::EXTEND, "extendHold", "Move a hold's deadline, within its longest total time", "HolderProof", false),
    ];
    let mut entries = vec![
        (
            paths::BOOKINGS,
            HttpMethod::Post,
            Describe::new("reserveSeats", "Reserve seats: all of them or none", "bookings")
                .public()
                .secret_key()
                .body("Reservation", true)
                .ok("201", "The seats are held", Some("Reserved"), &["Location", "Idempotent-Replayed?"])
                .problems(&[400, 404, 408, 409, 413, 415, 422, 500, 503]),
        ),
        (
            paths::SHOWTIME_BOOKINGS,
            HttpMethod::Post,
            Describe::new("reserveSeatsAt", "Reserve seats of the showtime in the path", "bookings")
                .public()
                .id("The showtime")
                .secret_key()
                .body("ReservationHere", true)
                .ok("201", "The seats are held", Some("Reserved"), &["Location", "Idempotent-Replayed?"])
                .problems(&[400, 404, 408, 409, 413, 415, 422, 500, 503]),
        ),
        (
            paths::BOOKING,
            HttpMethod::Get,
            Describe::new("showBooking", "A booking, for its holder or an operator", "bookings")
                .id("The booking")
                .holder()
                .ok("200", "The booking", Some("Booking"), &[])
                .problems(&[400, 401, 403, 404, 500, 503]),
        ),
    ];
    entries.extend(commands.map(|(path, name, summary, body, required)| {
        let operation = Describe::new(name, summary, "bookings")
            .id("The booking")
            .key()
            .holder_or_body()
            .body(body, required)
            .ok("200", "Done, now or before", Some("BookingOutcome"), &["Idempotent-Replayed?"])
            .problems(&[400, 401, 403, 404, 408, 409, 413, 415, 422, 500, 503]);
        (path, HttpMethod::Post, operation)
    }));
    entries
}

/// Default of the setting `page_showtimes`.
const PAGE_SHOWTIMES: usize = 200;
/// Sequences are below 2^63.
const MOST_SEQUENCE: usize = 9_223_372_036_854_775_807;
const MIN_SEQUENCE: &str =
    "Wait, for a bounded time, until the view has this sequence. Without it the view may be 25 ms old";
const LAYOUT_RULE: &str = "Seats are counted from 0, row by row in the order of `rows`, in each row from number 1 to `seats`. The id of a seat is \
     `seatIdPrefix` followed by its count as eight lower-case hexadecimal digits. Rows and ids never change; title and start time may.";
const STATUS_RULE: &str = "The seat with count `n` in the layout has the bits `2 * (n % 4)` and one above it, counted from the lowest, of \
     byte `n / 4`: 0 available, 1 reserved, 2 sold. The last byte is filled up with 0. The sequence stands in `Turnstile-Sequence`.";

const TOTALS_RULE: &str = "All showtimes, and all seats, have a limit that operators set. Beyond it the answer is 429 with the code `quota-exceeded`.";

const SHOWTIME_HEADERS: &[&str] = &["ETag", "Vary", "Content-Encoding?", "Turnstile-Source?"];
const LAYOUT_HEADERS: &[&str] = &["ETag", "Vary", "Cache-Control", "Content-Encoding?", "Turnstile-Source?"];
const STATUS_HEADERS: &[&str] = &["ETag", "Vary", "Turnstile-Sequence", "Content-Encoding?", "Turnstile-Source?"];

fn showtime_operations() -> Vec<Entry> {
    vec![
        (
            paths::SHOWTIMES,
            HttpMethod::Get,
            Describe::new("listShowtimes", "Showtimes to come by start time, page by page", "showtimes")
                .public()
                .number("limit", "Showtimes on the page, 50 if absent", 1, PAGE_SHOWTIMES)
                .formed("cursor", "`nextCursor` of the page before", CURSOR, CURSOR_CHARACTERS)
                .flag("past", "true: also those that have started, the oldest first")
                .ok("200", "A page", Some("ShowtimePage"), &["Link?"])
                .problems(&[400, 500, 503]),
        ),
        (
            paths::SHOWTIMES,
            HttpMethod::Post,
            Describe::new("scheduleShowtime", "Create a showtime with its seats (operators)", "showtimes")
                .text(TOTALS_RULE)
                .key()
                .operator()
                .body("NewShowtime", true)
                .ok("201", "Created", Some("ShowtimeSummary"), &["Location", "Idempotent-Replayed?"])
                .problems(&[400, 401, 403, 408, 413, 415, 422, 500, 503]),
        ),
        (
            paths::SHOWTIME,
            HttpMethod::Get,
            Describe::new("showShowtime", "A showtime with all its seats at one sequence", "showtimes")
                .public()
                .id("The showtime")
                .number("minSequence", MIN_SEQUENCE, 0, MOST_SEQUENCE)
                .conditional()
                .ok("200", "The showtime", Some("Showtime"), SHOWTIME_HEADERS)
                .ok("304", "The client has it", None, &["ETag", "Vary", "Turnstile-Source?"])
                .problems(&[400, 404, 500, 503]),
        ),
        (
            paths::LAYOUT,
            HttpMethod::Get,
            Describe::new(
                "showLayout",
                "The rows of a showtime and the ids of its seats, which never change",
                "showtimes",
            )
            .public()
            .text(LAYOUT_RULE)
            .id("The showtime")
            .conditional()
            .ok("200", "The layout", Some("Layout"), LAYOUT_HEADERS)
            .ok("304", "The client has it", None, &["ETag", "Vary", "Cache-Control", "Turnstile-Source?"])
            .problems(&[400, 404, 500, 503]),
        ),
        (
            paths::STATUS,
            HttpMethod::Get,
            Describe::new("showStatus", "The live status of all seats in two bits each", "showtimes")
                .public()
                .text(STATUS_RULE)
                .id("The showtime")
                .number("minSequence", MIN_SEQUENCE, 0, MOST_SEQUENCE)
                .conditional()
                .binary("200", "Two bits a seat", STATUS_HEADERS)
                .ok("304", "The client has it", None, &["ETag", "Vary", "Turnstile-Sequence", "Turnstile-Source?"])
                .problems(&[400, 404, 500, 503]),
        ),
    ]
}

fn live_operations() -> Vec<Entry> {
    vec![
        (
            paths::NEGOTIATE,
            HttpMethod::Post,
            Describe::new("negotiate", "SignalR: how to connect", "live")
                .public()
                .parameter("negotiateVersion", "0 or 1")
                .ok("200", "An invitation or, in `error`, a refusal", None, &[])
                .problems(&[400]),
        ),
        (
            paths::HUB,
            HttpMethod::Get,
            Describe::new("connectHub", "SignalR: the hub, over WebSocket", "live")
                .public()
                .parameter("id", "Connection token of a negotiation")
                .ok("101", "Connected", None, &[])
                .problems(&[400, 403, 404, 409, 426, 500, 503]),
        ),
        (
            paths::SHOWTIME_SOCKET,
            HttpMethod::Get,
            Describe::new("watchShowtime", "Every change of a showtime, over WebSocket, without a gap", "live")
                .public()
                .id("The showtime")
                .number(
                    "after",
                    "Last sequence that the client has seen; absent: begin with a snapshot",
                    0,
                    MOST_SEQUENCE,
                )
                .ok("101", "Connected", None, &[])
                .problems(&[400, 403, 404, 426, 500, 503]),
        ),
    ]
}

fn other_operations() -> Vec<Entry> {
    vec![
        (
            paths::LIVEZ,
            HttpMethod::Get,
            Describe::new("livez", "The process answers", "operations")
                .public()
                .ok("200", "It does", None, &[])
                .problems(&[400]),
        ),
        (
            paths::READYZ,
            HttpMethod::Get,
            Describe::new("readyz", "Whether the node should get traffic, by dependency", "operations")
                .public()
                .ok("200", "It should", Some("Readiness"), &[])
                .problems(&[400, 503]),
        ),
        (
            paths::METRICS,
            HttpMethod::Get,
            Describe::new("metrics", "Metrics, Prometheus text", "operations")
                .public()
                .ok("200", "Metrics", None, &[])
                .problems(&[400, 404]),
        ),
        (
            paths::OPENAPI,
            HttpMethod::Get,
            Describe::new("openapi", "This document", "operations")
                .public()
                .ok("200", "OpenAPI 3.1", None, &[])
                .problems(&[400]),
        ),
        (
            paths::ASYNCAPI,
            HttpMethod::Get,
            Describe::new("asyncapi", "The messages of the live feed", "operations")
                .public()
                .ok("200", "AsyncAPI 3.0", None, &[])
                .problems(&[400]),
        ),
    ]
}
