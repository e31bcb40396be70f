//! The pages, embedded in the binary: the box office for buyers, the board and the designer for operators, the seat map for other sites, and
//! the reference of the API.

pub mod lean;

/// A file of the pages.
#[derive(Clone, Copy, Debug)]
pub struct Asset {
    /// Its path under `/assets/`.
    pub name: &'static str,
    /// Its media type.
    pub media_type: &'static str,
    /// Its content.
    pub content: &'static str,
}

/// Media type of pages.
pub const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

/// The showtimes to come, `/`.
pub const SHOP_PAGE: &str = include_str!("shop/shop.html");
/// One showtime: its seat map, and booking, `/showtimes/{id}`.
pub const SHOWTIME_PAGE: &str = include_str!("shop/showtime.html");
/// The operators' board, `/operator`.
pub const OPERATOR_PAGE: &str = include_str!("operator/operator.html");
/// Where operators draw houses, `/designer`.
pub const DESIGNER_PAGE: &str = include_str!("designer/designer.html");
/// The reference of the API, `/docs`.
pub const DOCS_PAGE: &str = include_str!("docs/docs.html");
/// How to embed the seat map, `/embed`.
pub const EMBED_PAGE: &str = include_str!("embed/embed.html");
/// The seat map for other sites, `/embed/seat-map.js`.
pub const EMBED_SCRIPT: Asset =
    Asset { name: "seat-map.js", media_type: SCRIPT, content: include_str!("embed/seat-map.js") };

/// Files by their paths in this folder.
macro_rules! assets {
    ($($name:literal),* $(,)?) => {
        &[$(Asset { name: $name, media_type: media_type($name), content: include_str!($name) }),*]
    };
}

/// What the pages load.
pub const ASSETS: &[Asset] = assets![
    "style.css",
    "designer/commands.js",
    "designer/designer.css",
    "designer/draft.js",
    "designer/drawing.js",
    "designer/editor.js",
    "designer/faults.js",
    "designer/files.js",
    "designer/history.js",
    "designer/hits.js",
    "designer/inspector.js",
    "designer/layer.js",
    "designer/lettering.js",
    "designer/lists.js",
    "designer/main.js",
    "designer/numbering.js",
    "designer/plan.js",
    "designer/preview.js",
    "designer/rows.js",
    "designer/rows_form.js",
    "designer/sale.js",
    "designer/score.js",
    "designer/seats.js",
    "designer/tools.js",
    "designer/trace.js",
    "designer/view.js",
    "docs/docs.css",
    "docs/docs.js",
    "embed/embed.js",
    "lib/dom.js",
    "lib/format.js",
    "lib/live.js",
    "lib/order.js",
    "lib/server.js",
    "operator/board.js",
    "operator/bookings_panel.js",
    "operator/curve.js",
    "operator/dead_letters.js",
    "operator/house.js",
    "operator/key.js",
    "operator/main.js",
    "operator/map.js",
    "operator/operator.css",
    "operator/nodes.js",
    "operator/past.js",
    "operator/prices.js",
    "operator/refused.js",
    "operator/report_panel.js",
    "operator/seats_panel.js",
    "operator/showtimes.js",
    "operator/story.js",
    "operator/system_panel.js",
    "operator/terms_panel.js",
    "seat_map/areas.js",
    "seat_map/backdrop.js",
    "seat_map/camera.js",
    "seat_map/choosing.js",
    "seat_map/element.js",
    "seat_map/frame.js",
    "seat_map/gestures.js",
    "seat_map/grid.js",
    "seat_map/holding.js",
    "seat_map/house.js",
    "seat_map/list.js",
    "seat_map/list_styles.js",
    "seat_map/marking.js",
    "seat_map/moving.js",
    "seat_map/painter.js",
    "seat_map/palette.js",
    "seat_map/plan.js",
    "seat_map/prices.js",
    "seat_map/sheet.js",
    "seat_map/sprites.js",
    "seat_map/states.js",
    "seat_map/styles.js",
    "shop/best.js",
    "shop/booking.js",
    "shop/bookings.js",
    "shop/choice.js",
    "shop/commands.js",
    "shop/offers.js",
    "shop/shop.css",
    "shop/shop.js",
    "shop/showtime.css",
    "shop/showtime.js",
];

const fn media_type(name: &str) -> &'static str {
    if matches!(name.as_bytes().last_chunk(), Some(b".js")) { SCRIPT } else { STYLE }
}
