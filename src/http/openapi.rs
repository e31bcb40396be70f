//! The OpenAPI 3.1 document: every resource, method, status and header of the contract. Tests compare live answers with it.

use std::sync::LazyLock;

use actix_web::HttpResponse;
use actix_web::http::header;
use bytes::Bytes;
use utoipa::ToSchema;
use utoipa::openapi::path::{HttpMethod, Operation};
use utoipa::openapi::schema::{Schema, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, OpenApi, OpenApiBuilder, Paths, RefOr};

use crate::http::bookings::{
    BookingAnswer, ConfirmationBody, HolderBody, OutcomeAnswer, ReservationBody, ReservedAnswer,
};
use crate::http::describe::Describe;
use crate::http::document::Document;
use crate::http::schemas::{LayoutAnswer, ShowtimeAnswer};
use crate::http::showtimes::{PageAnswer, ScheduleBody, SummaryAnswer};
use crate::http::{self as routes, health};

/// `GET /openapi.json`
pub(super) async fn show() -> HttpResponse {
    static TEXT: LazyLock<Bytes> = LazyLock::new(|| Bytes::from(text()));
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "application/json"))
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .body(TEXT.clone())
}

/// The document as JSON, for `/openapi.json` and `turnstile openapi`.
pub fn text() -> String {
    let document = document();
    document.to_pretty_json().unwrap_or_else(|error| {
        tracing::error!(%error, "the OpenAPI document could not be written");
        "{}".to_owned()
    })
}

/// The document.
pub fn document() -> OpenApi {
    let info = InfoBuilder::new()
        .title("Turnstile")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "A reservation server for seats. Every change of a showtime has a sequence; every command's answer carries it. \
             While the view of clients is away, seat maps come from the write store and say so: `Turnstile-Source: write-store`. Errors are RFC 9457 problems with a stable `code`.",
        ))
        .build();
    OpenApiBuilder::new().info(info).paths(paths()).components(Some(components())).build()
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
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("A booking's hold token, or the operator token."))
        .build();
    ComponentsBuilder::new().schemas_from_iter(schemas).security_scheme("bearer", SecurityScheme::Http(bearer)).build()
}

fn with<T: ToSchema>(schemas: &mut Vec<(String, RefOr<Schema>)>) {
    schemas.push((T::name().into_owned(), T::schema()));
    T::schemas(schemas);
}

fn paths() -> Paths {
    let mut paths = Paths::new();
    let entries = [booking_operations(), showtime_operations(), live_operations(), other_operations()];
    for (path, method, operation) in entries.into_iter().flatten() {
        paths.add_path_operation(path, vec![method], operation);
    }
    paths
}

type Entry = (&'static str, HttpMethod, Operation);

fn booking_operations() -> Vec<Entry> {
    let commands = [
        (
            routes::CONFIRM,
            "confirmBooking",
            "Confirm a booking with its payment: the seats are sold",
            "Confirmation",
            true,
        ),
        (routes::CANCEL, "cancelBooking", "Cancel a booking: the seats are free again", "HolderProof", false),
        (routes::EXTEND, "extendHold", "Move a hold's deadline, within its longest total time", "HolderProof", false),
    ];
    let mut entries = vec![
        (
            routes::BOOKINGS,
            HttpMethod::Post,
            Describe::new("reserveSeats", "Reserve seats: all of them or none", "bookings")
                .secret_key()
                .body("Reservation", true)
                .ok("201", "The seats are held", Some("Reserved"), &["Location", "Idempotent-Replayed?"])
                .problems(&[400, 404, 408, 409, 413, 415, 422, 500, 503]),
        ),
        (
            routes::SHOWTIME_BOOKINGS,
            HttpMethod::Post,
            Describe::new("reserveSeatsAt", "Reserve seats of the showtime in the path", "bookings")
                .id("The showtime")
                .secret_key()
                .body("Reservation", true)
                .ok("201", "The seats are held", Some("Reserved"), &["Location", "Idempotent-Replayed?"])
                .problems(&[400, 404, 408, 409, 413, 415, 422, 500, 503]),
        ),
        (
            routes::BOOKING,
            HttpMethod::Get,
            Describe::new("showBooking", "A booking, for its holder or an operator", "bookings")
                .id("The booking")
                .bearer()
                .ok("200", "The booking", Some("Booking"), &[])
                .problems(&[400, 401, 403, 404, 500, 503]),
        ),
    ];
    entries.extend(commands.map(|(path, name, summary, body, required)| {
        let operation = Describe::new(name, summary, "bookings")
            .id("The booking")
            .key()
            .bearer()
            .body(body, required)
            .ok("200", "Done, now or before", Some("BookingOutcome"), &["Idempotent-Replayed?"])
            .problems(&[400, 401, 403, 404, 408, 409, 413, 415, 422, 500, 503]);
        (path, HttpMethod::Post, operation)
    }));
    entries
}

const MIN_SEQUENCE: &str = "Wait, for a bounded time, until the view has this sequence";
const LAYOUT_RULE: &str = "Seats are counted from 0, row by row in the order of `rows`, in each row from number 1 to `seats`. The id of a seat is \
     `seatIdPrefix` followed by its count as eight lower-case hexadecimal digits. Rows and ids never change; title and start time may.";
const STATUS_RULE: &str = "The seat with count `n` in the layout has the bits `2 * (n % 4)` and one above it, counted from the lowest, of \
     byte `n / 4`: 0 available, 1 reserved, 2 sold. The last byte is filled up with 0. The sequence stands in `Turnstile-Sequence`.";

const SHOWTIME_HEADERS: &[&str] = &["ETag", "Vary", "Content-Encoding?", "Turnstile-Source?"];
const LAYOUT_HEADERS: &[&str] = &["ETag", "Vary", "Cache-Control", "Content-Encoding?", "Turnstile-Source?"];
const STATUS_HEADERS: &[&str] = &["ETag", "Vary", "Turnstile-Sequence", "Content-Encoding?", "Turnstile-Source?"];

fn showtime_operations() -> Vec<Entry> {
    vec![
        (
            routes::SHOWTIMES,
            HttpMethod::Get,
            Describe::new("listShowtimes", "Showtimes to come by start time, page by page", "showtimes")
                .parameter("limit", "Showtimes on the page, 50 if absent", Type::Integer)
                .parameter("cursor", "`nextCursor` of the page before", Type::String)
                .parameter("past", "true: also those that have started, the oldest first", Type::Boolean)
                .ok("200", "A page", Some("ShowtimePage"), &["Link?"])
                .problems(&[400, 500, 503]),
        ),
        (
            routes::SHOWTIMES,
            HttpMethod::Post,
            Describe::new("scheduleShowtime", "Create a showtime with its seats (operators)", "showtimes")
                .key()
                .bearer()
                .body("NewShowtime", true)
                .ok("201", "Created", Some("ShowtimeSummary"), &["Location", "Idempotent-Replayed?"])
                .problems(&[400, 401, 403, 408, 413, 415, 422, 500, 503]),
        ),
        (
            routes::SHOWTIME,
            HttpMethod::Get,
            Describe::new("showShowtime", "A showtime with all its seats at one sequence", "showtimes")
                .id("The showtime")
                .parameter("minSequence", MIN_SEQUENCE, Type::Integer)
                .conditional()
                .ok("200", "The showtime", Some("Showtime"), SHOWTIME_HEADERS)
                .ok("304", "The client has it", None, &["ETag", "Vary", "Turnstile-Source?"])
                .problems(&[400, 404, 500, 503]),
        ),
        (
            routes::LAYOUT,
            HttpMethod::Get,
            Describe::new(
                "showLayout",
                "The rows of a showtime and the ids of its seats, which never change",
                "showtimes",
            )
            .text(LAYOUT_RULE)
            .id("The showtime")
            .conditional()
            .ok("200", "The layout", Some("Layout"), LAYOUT_HEADERS)
            .ok("304", "The client has it", None, &["ETag", "Vary", "Cache-Control", "Turnstile-Source?"])
            .problems(&[400, 404, 500, 503]),
        ),
        (
            routes::STATUS,
            HttpMethod::Get,
            Describe::new("showStatus", "The live status of all seats in two bits each", "showtimes")
                .text(STATUS_RULE)
                .id("The showtime")
                .parameter("minSequence", MIN_SEQUENCE, Type::Integer)
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
            routes::NEGOTIATE,
            HttpMethod::Post,
            Describe::new("negotiate", "SignalR: how to connect", "live")
                .parameter("negotiateVersion", "0 or 1", Type::String)
                .ok("200", "An invitation or, in `error`, a refusal", None, &[])
                .problems(&[400]),
        ),
        (
            routes::HUB,
            HttpMethod::Get,
            Describe::new("connectHub", "SignalR: the hub, over WebSocket", "live")
                .parameter("id", "Connection token of a negotiation", Type::String)
                .ok("101", "Connected", None, &[])
                .problems(&[400, 403, 404, 409, 426, 500, 503]),
        ),
        (
            routes::SHOWTIME_SOCKET,
            HttpMethod::Get,
            Describe::new("watchShowtime", "Every change of a showtime, over WebSocket, without a gap", "live")
                .id("The showtime")
                .parameter(
                    "after",
                    "Last sequence that the client has seen; absent: begin with a snapshot",
                    Type::Integer,
                )
                .ok("101", "Connected", None, &[])
                .problems(&[400, 403, 404, 426, 500, 503]),
        ),
    ]
}

fn other_operations() -> Vec<Entry> {
    vec![
        (
            routes::LIVEZ,
            HttpMethod::Get,
            Describe::new("livez", "The process answers", "operations").ok("200", "It does", None, &[]).build(),
        ),
        (
            routes::READYZ,
            HttpMethod::Get,
            Describe::new("readyz", "Whether the node should get traffic, by dependency", "operations")
                .ok("200", "It should", Some("Readiness"), &[])
                .problems(&[503]),
        ),
        (
            routes::METRICS,
            HttpMethod::Get,
            Describe::new("metrics", "Metrics, Prometheus text", "operations").ok("200", "Metrics", None, &[]).build(),
        ),
        (
            routes::OPENAPI,
            HttpMethod::Get,
            Describe::new("openapi", "This document", "operations").ok("200", "OpenAPI 3.1", None, &[]).build(),
        ),
    ]
}
