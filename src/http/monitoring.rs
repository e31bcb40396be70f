//! What load balancers and monitoring ask: whether the process lives, whether it should get traffic, and its metrics.

use actix_web::http::header;
use actix_web::{FromRequest, Handler, HttpResponse, Responder, web};

use crate::http::health::Report;
use crate::http::openapi::Describe;
use crate::http::paths::{LIVEZ, METRICS, READYZ};
use crate::http::problem::{Code, Further, Problem};
use crate::http::route::Route;
use crate::http::state::AppState;
use crate::telemetry::metrics::CONTENT_TYPE;

/// For operators: all there is.
pub(super) fn routes() -> Vec<Route> {
    vec![
        alive(),
        ready(readyz),
        Route::get(
            METRICS,
            metrics,
            Describe::new("metrics", "Metrics, Prometheus text", "operations")
                .public()
                .ok(200, "Metrics", &[])
                .problems(&[400, 404]),
        ),
    ]
}

/// For everybody, when operators have an address of their own.
pub(super) fn routes_in_brief() -> Vec<Route> {
    vec![alive(), ready(readyz_in_brief)]
}

fn alive() -> Route {
    Route::get(
        LIVEZ,
        livez,
        Describe::new("livez", "The process answers", "operations").public().ok(200, "It does", &[]).problems(&[400]),
    )
}

fn ready<A: FromRequest + 'static>(handler: impl Handler<A, Output: Responder + 'static>) -> Route {
    Route::get(
        READYZ,
        handler,
        Describe::new("readyz", "Whether the node should get traffic, by dependency", "operations")
            .public()
            .json::<Report>(200, "It should", &[])
            .problems(&[400, 503]),
    )
}

/// `GET /livez`: the process answers. Says nothing about dependencies, or their failure would restart every node.
pub(super) async fn livez() -> HttpResponse {
    HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(serde_json::json!({ "status": "alive" }))
}

/// `GET /readyz`, with each dependency.
async fn readyz(state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    answer(state.health.report())
}

/// `GET /readyz` for everybody, when operators have an address of their own.
async fn readyz_in_brief(state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    answer(Report { dependencies: None, ..state.health.report() })
}

fn answer(report: Report) -> Result<HttpResponse, Problem> {
    if report.status == "ready" || report.status == "degraded" {
        return Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(report));
    }
    let (code, detail) = match report.status {
        "draining" => (Code::Draining, "the node is about to stop"),
        _ => (Code::NotReady, "a required dependency is down"),
    };
    Err(Problem::new(code, detail).with(Further { dependencies: report.dependencies, ..Further::default() }))
}

/// `GET /metrics`
async fn metrics(state: web::Data<AppState>) -> HttpResponse {
    HttpResponse::Ok().content_type(CONTENT_TYPE).body(state.metrics.text())
}
