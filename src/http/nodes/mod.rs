//! Nodes: operators see every node of the box office from any of them.

mod list;

use crate::http::nodes::list::NodesAnswer;
use crate::http::openapi::Describe;
use crate::http::paths::NODES;
use crate::http::route::Route;

const LIST_RULE: &str = "Each node announces itself every five seconds, and within a second when its health changes. One that ends cleanly is removed; one from which \
     nothing was heard for 15 s is `silent`, and is listed for an hour, or until another has started at its place. A node that was restarted is a new one. At most 1,000 are listed, those that were heard last.";

pub(super) fn routes() -> Vec<Route> {
    vec![Route::get(
        NODES,
        list::list,
        Describe::new("listNodes", "The nodes of the box office, and how each is (operators)", "operations")
            .text(LIST_RULE)
            .operator()
            .json::<NodesAnswer<'_>>(200, "The nodes, by the time of their start", &[])
            .problems(&[400, 401, 403, 500, 503]),
    )]
}
