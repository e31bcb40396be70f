//! Refusals: why a request was refused, by its id. Each node takes refused commands in and writes them down; operators ask for them.

mod show;

use crate::http::openapi::Describe;
use crate::http::paths::REFUSAL;
use crate::http::refusals::show::RefusalsAnswer;
use crate::http::route::Route;
use crate::read_model::refusals::RequestId;

const REFUSAL_RULE: &str = "The id is `X-Request-Id` of the answer and `traceId` of the problem. Commands under `/api/` are kept (POST, PUT, PATCH, DELETE), whatever the \
     error was, but for 401. They are kept for a day, on all nodes a second later; while more are refused than can be kept, only some of them are.";
/// The form of a request id.
const FORM: &str = "^[0-9A-Fa-f]{32}$";

pub(super) fn routes() -> Vec<Route> {
    vec![Route::get(
        REFUSAL,
        show::show,
        Describe::new("showRefusals", "Why a request was refused (operators)", "history")
            .text(REFUSAL_RULE)
            .operator()
            .formed_id("requestId", "The id of the request", FORM, RequestId::CHARACTERS..=RequestId::CHARACTERS)
            .json::<RefusalsAnswer<'_>>(200, "What was refused, and why", &[])
            .problems(&[400, 401, 403, 404, 500, 503]),
    )]
}
