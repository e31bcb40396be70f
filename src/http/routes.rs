//! The route table: each path's methods and their handlers.

use actix_web::{Resource, web};

use crate::http::paths::{
    ASSET, ASYNCAPI, BOOKING, BOOKINGS, CANCEL, CONFIRM, DOCS, EXTEND, HUB, LAYOUT, LIVEZ, METRICS, NEGOTIATE, OPENAPI,
    PAGE, PROBLEM, PROBLEMS, Path, READYZ, SHOWTIME, SHOWTIME_BOOKINGS, SHOWTIME_SOCKET, SHOWTIMES, STATUS,
};
use crate::http::{bookings, live, monitoring, openapi, pages, seat_maps, showtimes};

/// The route table of the address for operators.
pub(super) fn configure_admin(config: &mut web::ServiceConfig) {
    config
        .service(get(LIVEZ, monitoring::livez))
        .service(get(READYZ, monitoring::readyz))
        .service(get(METRICS, monitoring::metrics));
}

/// The route table. What is not in it is 404; a method that a resource does not have is 405 with `Allow`.
pub(super) fn configure(config: &mut web::ServiceConfig, has_admin_address: bool) {
    if has_admin_address {
        config.service(get(LIVEZ, monitoring::livez)).service(get(READYZ, monitoring::readyz_in_brief));
    } else {
        configure_admin(config);
    }
    config
        .service(at(BOOKINGS).route(web::post().to(bookings::reserve)))
        .service(get(BOOKING, bookings::show))
        .service(at(CONFIRM).route(web::post().to(bookings::confirm)))
        .service(at(CANCEL).route(web::post().to(bookings::cancel)))
        .service(at(EXTEND).route(web::post().to(bookings::extend)))
        .service(get(SHOWTIMES, showtimes::list).route(web::post().to(showtimes::schedule)))
        .service(get(SHOWTIME, seat_maps::show))
        .service(get(LAYOUT, seat_maps::layout))
        .service(get(STATUS, seat_maps::status))
        .service(at(SHOWTIME_BOOKINGS).route(web::post().to(bookings::reserve_at)))
        .service(at(HUB).route(web::get().to(live::hub)))
        .service(at(NEGOTIATE).route(web::post().to(live::negotiate)))
        .service(at(SHOWTIME_SOCKET).route(web::get().to(live::showtime)))
        .service(get(OPENAPI, openapi::show))
        .service(get(ASYNCAPI, openapi::live_messages))
        .service(get(PAGE, pages::page))
        .service(get(DOCS, pages::docs))
        .service(get(ASSET, pages::asset))
        .service(get(PROBLEMS, pages::problems))
        .service(get(PROBLEM, pages::problem));
}

fn at(path: &'static str) -> Resource {
    web::resource(path).app_data(Path(path))
}

/// A resource that can be read; `HEAD` is `GET` without the body.
fn get<H, A>(path: &'static str, handler: H) -> Resource
where
    H: actix_web::Handler<A> + Clone,
    A: actix_web::FromRequest + 'static,
    H::Output: actix_web::Responder + 'static,
{
    at(path).route(web::get().to(handler.clone())).route(web::head().to(handler))
}
