//! Middleware: holds each client to its limits.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{Error, web};

use crate::http::limits::UNLIMITED;
use crate::http::state::AppState;

/// Refuses requests of clients that made too many, and tells the others where they stand. Health checks are not counted.
pub(super) async fn limit(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let state = request.app_data::<web::Data<AppState>>();
    let limits = state.filter(|_| !UNLIMITED.contains(&request.path())).map(|state| &state.limits);
    let standing = match limits.map_or(Ok(None), |limits| limits.take(&request)) {
        Ok(standing) => standing,
        Err(standing) => {
            let mut refusal = request.error_response(standing.refusal());
            standing.tell(refusal.headers_mut());
            return Ok(refusal);
        }
    };
    let mut response = next.call(request).await?.map_into_boxed_body();
    if let Some(standing) = standing {
        standing.tell(response.headers_mut());
    }
    Ok(response)
}
