//! The nodes, by the time of their start.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::Timestamp;
use crate::http::health::DependencyReport;
use crate::http::problem::Problem;
use crate::http::request::query::Query;
use crate::http::{AppState, credential};
use crate::read_model::nodes::HeardNode;

/// Status of a node from which nothing was heard.
const SILENT: &str = "silent";

/// The nodes of the box office.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Nodes)]
pub(super) struct NodesAnswer<'a> {
    /// By the time of their start, the oldest first; then by id.
    items: Vec<NodeAnswer<'a>>,
}

/// A node: one run of the server, from its start to its end.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Node)]
struct NodeAnswer<'a> {
    /// Its id, new with each start.
    node_id: Uuid,
    /// Name of the machine that it runs on.
    #[schema(example = "box-office-1")]
    host: &'a str,
    /// The address that it listens on: several nodes may run on one machine.
    #[schema(example = "0.0.0.0:5000")]
    address: &'a str,
    /// Version of the program.
    version: &'a str,
    /// When it started.
    #[schema(value_type = String, format = DateTime)]
    started_at: Timestamp,
    /// When it was last heard, by the clock of the read model.
    #[schema(value_type = String, format = DateTime)]
    heard_at: Timestamp,
    /// `ready`, `degraded`, `down` or `draining`, as its `/readyz` says; `silent` if nothing was heard from it for 15 s.
    #[schema(example = "ready")]
    status: &'a str,
    /// Each of its dependencies by name, as it said when it was last heard.
    #[schema(value_type = BTreeMap<String, DependencyReport>)]
    dependencies: &'a RawValue,
}

/// `GET /api/nodes`
pub(super) async fn list(state: web::Data<AppState>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    credential::require_operator(&state, &request)?;
    Query::none(&request)?;
    let mut heard = state.nodes.heard().await?;
    heard.sort_by_key(|heard| (heard.node.started_at, heard.node.id));
    let items = heard.iter().map(answer).collect::<Result<_, _>>().map_err(Problem::bug)?;
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(NodesAnswer { items }))
}

fn answer(heard: &HeardNode) -> serde_json::Result<NodeAnswer<'_>> {
    let HeardNode { node, health, heard_at, age: _ } = heard;
    Ok(NodeAnswer {
        node_id: node.id.0,
        host: &node.host,
        address: &node.address,
        version: &node.version,
        started_at: node.started_at,
        heard_at: *heard_at,
        status: if heard.is_silent() { SILENT } else { &health.status },
        dependencies: serde_json::from_slice(&health.dependencies)?,
    })
}
