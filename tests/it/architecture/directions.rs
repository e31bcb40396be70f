//! The directions of imports: who may name whom, who names adapters, and that no two rooms import each other.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::graph::{Graph, Reference};

/// The storeys of the house, lowest first. A module imports from storeys below its own; never from its own or from above.
const STOREYS: [&[&str]; 8] = [
    &["domain", "service_url", "telemetry", "coalesce", "web"],
    &["write_store", "seat_lock", "event_bus", "read_model", "loadtest"],
    &["box_office", "outbox_relay", "projector", "live"],
    &["http"],
    &["config"],
    &["app"],
    &["cli"],
    &["main"],
];

/// The adapters, each beside its port.
const ADAPTERS: [(&str, &str); 8] = [
    ("write_store", "postgres"),
    ("write_store", "sqlite"),
    ("seat_lock", "valkey"),
    ("seat_lock", "in_process"),
    ("event_bus", "rabbitmq"),
    ("event_bus", "in_process"),
    ("read_model", "mongodb"),
    ("read_model", "embedded"),
];

/// What a module may import although more lies below it: the load tester knows servers from outside only.
const OUTSIDERS: [(&str, &[&str]); 1] = [("loadtest", &["domain"])];

fn storey(top: &str) -> Option<usize> {
    STOREYS.iter().position(|storey| storey.contains(&top))
}

/// Every breach of the directions, one sentence each.
pub fn breaches(graph: &Graph) -> Vec<String> {
    let references = graph.references();
    let mut found = Vec::new();
    for (path, module) in &graph.modules {
        if let Some(top) = path.first()
            && storey(top).is_none()
        {
            found.push(format!("{}: `{top}` is not in the house plan", module.file));
        }
    }
    for reference in &references {
        let file = &graph.modules[&reference.from].file;
        if let Some(reason) = wrong_direction(reference).or_else(|| names_adapter(reference)) {
            found.push(format!("{file}:{}: {reason}", reference.line));
        }
    }
    found.extend(undeclared(graph));
    found.extend(cycles(graph, &references));
    found
}

fn wrong_direction(reference: &Reference) -> Option<String> {
    // The root only declares the modules and links to them.
    let (from, to) = (reference.from.first()?, reference.to.first()?);
    let (Some(own), Some(other)) = (storey(from), storey(to)) else { return None };
    let outsider = OUTSIDERS.iter().find(|(name, _)| name == from);
    if let Some((_, known)) = outsider
        && from != to
        && !known.contains(&to.as_str())
    {
        return Some(format!("`{from}` may not import from `{to}`: it looks from outside"));
    }
    let allowed = from == to || other < own;
    (!allowed).then(|| format!("`{from}` may not import from `{to}`: imports point down"))
}

fn names_adapter(reference: &Reference) -> Option<String> {
    let [port, adapter, ..] = reference.to.as_slice() else { return None };
    if !ADAPTERS.contains(&(port.as_str(), adapter.as_str())) {
        return None;
    }
    let inside = reference.from.starts_with(&[port.clone(), adapter.clone()]);
    let settings = reference.to.iter().skip(2).any(|name| name.ends_with("Settings"));
    let allowed = match reference.from.first()?.as_str() {
        "app" => true,
        "config" => settings,
        _ => inside,
    };
    (!allowed).then(|| format!("names the adapter `{port}::{adapter}`: only `app` does, and `config` its Settings"))
}

/// Files that no module declares are compiled by nobody and rot unseen.
fn undeclared(graph: &Graph) -> Vec<String> {
    let mut found = Vec::new();
    for (path, module) in graph.modules.iter().filter(|(_, module)| !module.only_tests) {
        let Some((name, parent)) = path.split_last() else { continue };
        let declared = graph.modules.get(parent).is_some_and(|parent| parent.names.declared.contains(name));
        if !declared && path != &["main"] {
            found.push(format!("{}: no module declares it", module.file));
        }
    }
    found
}

/// Rings of rooms that import each other, in the whole crate and in every folder. A room is a folder with all that is in it. Files
/// side by side may use each other, as actors of one capability do, and so may a child and its parent: they are one room.
fn cycles(graph: &Graph, references: &[Reference]) -> Vec<String> {
    let mut edges: BTreeMap<&[String], BTreeSet<&[String]>> = BTreeMap::new();
    for reference in references {
        let (from, to) = (&reference.from, &reference.target);
        let shared = from.iter().zip(to).take_while(|(ours, theirs)| ours == theirs).count();
        if let (Some(ours), Some(theirs)) = (from.get(..=shared), to.get(..=shared)) {
            edges.entry(ours).or_default().insert(theirs);
        }
    }
    let is_room = |path: &[String]| {
        path.len() == 1 || graph.modules.keys().any(|other| other.len() > path.len() && other.starts_with(path))
    };
    let mut found = Vec::new();
    let mut reported = BTreeSet::new();
    for start in edges.keys().filter(|path| is_room(path)) {
        if !reported.contains(start)
            && let Some(ring) = ring_through(start, &edges)
        {
            let names: Vec<String> = ring.iter().map(|path| path.join("::")).collect();
            found.push(format!("import cycle: {}", names.join(" -> ")));
            reported.extend(ring);
        }
    }
    found
}

/// The shortest way from a room back to itself.
fn ring_through<'a>(
    start: &'a [String],
    edges: &BTreeMap<&'a [String], BTreeSet<&'a [String]>>,
) -> Option<Vec<&'a [String]>> {
    let mut came_from: BTreeMap<&[String], &[String]> = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(at) = queue.pop_front() {
        for next in edges.get(at).into_iter().flatten().copied() {
            if next == start {
                let mut ring = vec![start];
                let mut place = at;
                while place != start {
                    ring.push(place);
                    place = came_from[place];
                }
                ring.push(start);
                ring.reverse();
                return Some(ring);
            }
            if !came_from.contains_key(next) {
                came_from.insert(next, at);
                queue.push_back(next);
            }
        }
    }
    None
}
