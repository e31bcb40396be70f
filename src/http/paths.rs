//! The paths of all resources.

pub(super) const BOOKINGS: &str = "/api/bookings";
pub(super) const BOOKING: &str = "/api/bookings/{id}";
pub(super) const CONFIRM: &str = "/api/bookings/{id}/confirm";
pub(super) const CANCEL: &str = "/api/bookings/{id}/cancel";
pub(super) const EXTEND: &str = "/api/bookings/{id}/extend";
pub(super) const BOOKING_SEATS: &str = "/api/bookings/{id}/seats";
pub(super) const REFUND: &str = "/api/bookings/{id}/refund";
pub(super) const SHOWTIMES: &str = "/api/showtimes";
pub(super) const SHOWTIME: &str = "/api/showtimes/{id}";
pub(super) const SHOWTIME_CANCEL: &str = "/api/showtimes/{id}/cancel";
pub(super) const LAYOUT: &str = "/api/showtimes/{id}/layout";
pub(super) const STATUS: &str = "/api/showtimes/{id}/status";
pub(super) const SHOWTIME_BOOKINGS: &str = "/api/showtimes/{id}/bookings";
pub(super) const SHOWTIME_EVENTS: &str = "/api/showtimes/{id}/events";
pub(super) const SHOWTIME_REPORT: &str = "/api/showtimes/{id}/report";
pub(super) const SHOWTIME_PAST: &str = "/api/showtimes/{id}/past";
pub(super) const BLOCKS: &str = "/api/showtimes/{id}/blocks";
pub(super) const BLOCK: &str = "/api/showtimes/{id}/blocks/{blockId}";
pub(super) const BLOCK_SEATS: &str = "/api/showtimes/{id}/blocks/{blockId}/seats";
pub(super) const AUDITORIUMS: &str = "/api/auditoriums";
pub(super) const AUDITORIUM: &str = "/api/auditoriums/{id}";
pub(super) const AUDITORIUM_CATEGORIES: &str = "/api/auditoriums/{id}/categories";
pub(super) const AUDITORIUM_SCHEMA: &str = "/schemas/auditorium-1.json";
pub(super) const REFUSAL: &str = "/api/refusals/{requestId}";
pub(super) const DEAD_LETTERS: &str = "/api/dead-letters";
pub(super) const DEAD_LETTERS_REPLAY: &str = "/api/dead-letters/replay";
pub(super) const NODES: &str = "/api/nodes";
pub(super) const HUB: &str = "/hub/bookings";
pub(super) const NEGOTIATE: &str = "/hub/bookings/negotiate";
pub(super) const SHOWTIME_SOCKET: &str = "/ws/showtimes/{id}";
pub(super) const LIVEZ: &str = "/livez";
pub(super) const READYZ: &str = "/readyz";
pub(super) const METRICS: &str = "/metrics";
pub(super) const OPENAPI: &str = "/openapi.json";
pub(super) const ASYNCAPI: &str = "/asyncapi.json";
pub(super) const PAGE: &str = "/";
pub(super) const DOCS: &str = "/docs";
pub(super) const SHOWTIME_PAGE: &str = "/showtimes/{id}";
pub(super) const OPERATOR: &str = "/operator";
pub(super) const DESIGNER: &str = "/designer";
pub(super) const EMBED: &str = "/embed";
pub(super) const EMBED_SCRIPT: &str = "/embed/seat-map.js";
pub(super) const ASSET: &str = "/assets/{path:.*}";
pub(super) const PROBLEMS: &str = "/problems";
pub(super) const PROBLEM: &str = "/problems/{code}";

/// The path of the resource that serves a request; metrics count under it.
#[derive(Clone, Copy)]
pub(super) struct Path(pub(super) &'static str);
