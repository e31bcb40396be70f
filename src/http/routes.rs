//! The route table: all routes of the server, and the OpenAPI document that is made from them.

use std::sync::LazyLock;

use actix_web::http::header;
use actix_web::{HttpResponse, web};

use crate::http::openapi::Describe;
use crate::http::paths::OPENAPI;
use crate::http::route::{self, Route};
use crate::http::{
    auditoriums, blocks, bookings, dead_letters, history, live, monitoring, nodes, openapi, pages, refusals, showtimes,
};

/// Serves all routes. Where operators have an address of their own, the public one tells little of the node's health.
pub(super) fn configure(config: &mut web::ServiceConfig, has_admin_address: bool) {
    route::serve(table(if has_admin_address { monitoring::routes_in_brief() } else { monitoring::routes() }), config);
}

/// Serves the routes of the address for operators.
pub(super) fn configure_admin(config: &mut web::ServiceConfig) {
    route::serve(monitoring::routes(), config);
}

fn table(monitoring: Vec<Route>) -> Vec<Route> {
    let nouns = [
        monitoring,
        bookings::routes(),
        showtimes::routes(),
        blocks::routes(),
        auditoriums::routes(),
        history::routes(),
        refusals::routes(),
        dead_letters::routes(),
        nodes::routes(),
        live::routes(),
        vec![document()],
        pages::routes(),
    ];
    nouns.into_iter().flatten().collect()
}

fn document() -> Route {
    Route::get(
        OPENAPI,
        show,
        Describe::new("openapi", "This document", "operations").public().ok(200, "OpenAPI 3.1", &[]).problems(&[400]),
    )
}

/// `GET /openapi.json`
async fn show() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "application/json"))
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .body(openapi_document())
}

/// The OpenAPI document as JSON, for `/openapi.json` and `turnstile openapi`.
pub fn openapi_document() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| {
        let operations = table(monitoring::routes()).into_iter().filter_map(Route::operation);
        openapi::text(operations.collect(), vec![auditoriums::as_component()])
    });
    &TEXT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_method_of_a_resource_is_declared_twice() {
        let operations: Vec<_> = table(monitoring::routes()).into_iter().filter_map(Route::operation).collect();
        assert!(operations.len() > 10);
        for (index, operation) in operations.iter().enumerate() {
            let same = |other: &openapi::Operation| (other.path, &other.method) == (operation.path, &operation.method);
            assert_eq!(operations.iter().position(same), Some(index), "{}", operation.path);
        }
    }
}
