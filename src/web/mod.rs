//! The pages, embedded in the binary: a live seat map to try the box office with, and the reference of the API.

/// A file of the pages.
#[derive(Clone, Copy, Debug)]
pub struct Asset {
    /// Its name under `/assets/`.
    pub name: &'static str,
    /// Its media type.
    pub media_type: &'static str,
    /// Its content.
    pub content: &'static str,
}

/// The live seat map, `/`.
pub const SEAT_MAP_PAGE: &str = include_str!("seat_map.html");
/// The reference of the API, `/docs`.
pub const DOCS_PAGE: &str = include_str!("docs.html");

/// What the pages load.
pub const ASSETS: &[Asset] = &[
    Asset { name: "style.css", media_type: "text/css; charset=utf-8", content: include_str!("style.css") },
    Asset { name: "seat_map.js", media_type: "text/javascript; charset=utf-8", content: include_str!("seat_map.js") },
    Asset { name: "areas.js", media_type: "text/javascript; charset=utf-8", content: include_str!("areas.js") },
    Asset { name: "server.js", media_type: "text/javascript; charset=utf-8", content: include_str!("server.js") },
    Asset { name: "bookings.js", media_type: "text/javascript; charset=utf-8", content: include_str!("bookings.js") },
    Asset { name: "live.js", media_type: "text/javascript; charset=utf-8", content: include_str!("live.js") },
    Asset { name: "docs.js", media_type: "text/javascript; charset=utf-8", content: include_str!("docs.js") },
];
