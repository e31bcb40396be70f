//! The beginning of every command of a booking's holder: the booking, who asks, what is sent along, and what is wanted.

use actix_web::HttpRequest;

use crate::box_office::RequestContext;
use crate::domain::{BookingId, Credential};
use crate::http::problem::Problem;
use crate::http::request::body::{self, Body};
use crate::http::request::fields::Fields;
use crate::http::request::query::Query;
use crate::http::{AppState, credential};

/// What is known of such a command before it is carried out.
pub(super) struct HoldersCommand<T> {
    pub(super) id: BookingId,
    pub(super) holder: Credential,
    pub(super) context: RequestContext,
    /// What `read` read.
    pub(super) wanted: T,
}

/// Reads the command. `body` is read once the path is known to be right; `read` reads what it has besides the hold token.
pub(super) async fn command<T>(
    state: &AppState,
    request: &HttpRequest,
    body: impl Future<Output = Result<Body, Problem>>,
    read: impl FnOnce(Fields<'_>) -> Result<T, Problem>,
) -> Result<HoldersCommand<T>, Problem> {
    Query::none(request)?;
    command_with_query(state, request, body, read).await
}

/// The same of a command whose query has been read.
pub(super) async fn command_with_query<T>(
    state: &AppState,
    request: &HttpRequest,
    body: impl Future<Output = Result<Body, Problem>>,
    read: impl FnOnce(Fields<'_>) -> Result<T, Problem>,
) -> Result<HoldersCommand<T>, Problem> {
    let id = BookingId(body::path_uuid(request, "id")?);
    let body = body.await?;
    let mut fields = body.fields()?;
    let hold_token = fields.optional_text("holdToken");
    let wanted = read(fields)?;
    let holder = credential::of_booking(state, request, hold_token.as_deref())?;
    Ok(HoldersCommand { id, holder, context: credential::context(request)?, wanted })
}
