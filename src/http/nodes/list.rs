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
use crate::read_model::nodes::{HeardNode, Node};

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
    let items = heard
        .iter()
        .filter(|one| !is_replaced(one, &heard))
        .map(answer)
        .collect::<Result<_, _>>()
        .map_err(Problem::bug)?;
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(NodesAnswer { items }))
}

/// Whether a node that was killed has been started again since, at the same place: that is another node.
fn is_replaced(one: &HeardNode, all: &[HeardNode]) -> bool {
    let Node { id, host, address, .. } = &one.node;
    let is_there = |other: &Node| other.id != *id && other.host == *host && other.address == *address;
    let is_next = |other: &Node| is_there(other) && other.started_at >= one.heard_at;
    one.is_silent() && all.iter().any(|other| is_next(&other.node))
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

#[cfg(test)]
mod tests {
    use std::slice;
    use std::time::Duration;

    use bytes::Bytes;

    use super::*;
    use crate::read_model::nodes::{NodeHealth, NodeId, SILENT_AFTER};

    fn node(host: &str, started_second: i64, heard_second: i64, age: Duration) -> HeardNode {
        let (id, address, version) = (NodeId(Uuid::new_v4()), "0.0.0.0:5000".to_owned(), "1".to_owned());
        let second = |number: i64| Timestamp::from_millis(number * 1_000);
        let node = Node { id, host: host.to_owned(), address, version, started_at: second(started_second) };
        let health = NodeHealth { status: "ready".to_owned(), dependencies: Bytes::from_static(b"{}") };
        HeardNode { node, health, heard_at: second(heard_second), age }
    }

    #[test]
    fn a_silent_node_is_left_out_once_another_has_started_at_its_place() {
        let killed = node("a", 10, 50, SILENT_AFTER);
        let again = node("a", 51, 60, Duration::ZERO);
        assert!(is_replaced(&killed, &[killed.clone(), again.clone()]));
        assert!(!is_replaced(&again, &[killed.clone(), again.clone()]));
        let elsewhere = node("b", 51, 60, Duration::ZERO);
        assert!(!is_replaced(&killed, &[killed.clone(), elsewhere]), "nobody has taken its place");
        let namesake = node("a", 12, 60, Duration::ZERO);
        assert!(!is_replaced(&killed, &[killed.clone(), namesake]), "it ran beside it, on a machine of the same name");
        let ahead = node("a", 100, 50, SILENT_AFTER);
        assert!(!is_replaced(&ahead, slice::from_ref(&ahead)), "its clock is ahead of the store's");
        let slow = node("a", 10, 50, Duration::ZERO);
        assert!(!is_replaced(&slow, &[slow.clone(), node("a", 51, 60, Duration::ZERO)]), "it may be alive");
    }
}
