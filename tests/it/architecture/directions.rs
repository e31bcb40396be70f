//! The directions of imports: who may name whom, who names adapters, and that no two files or rooms import each other in a ring.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::graph::{Graph, Reference};

/// The storeys of the house, lowest first. A module imports from storeys below its own; never from its own or from above.
const STOREYS: [&[&str]; 8] = [
    &["domain", "service_url", "telemetry", "coalesce", "web"],
    &["write_store", "seat_lock", "event_bus", "read_model", "seat_json", "loadtest"],
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

/// Who imports from whom.
type Edges<'a> = BTreeMap<&'a [String], BTreeSet<&'a [String]>>;

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
    found.extend(rings_of_files(graph, &references));
    found.extend(rings_of_rooms(graph, &references));
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

/// Rings of files that import each other, `mod.rs` and its children included.
fn rings_of_files(graph: &Graph, references: &[Reference]) -> Vec<String> {
    let mut edges = Edges::new();
    for reference in references.iter().filter(|reference| reference.from != reference.target) {
        edges.entry(&reference.from).or_default().insert(&reference.target);
    }
    let file = |path: &[String]| graph.modules[path].file.clone();
    rings(&edges, |_| true).iter().map(|ring| sentence(ring, file)).collect()
}

/// Rings of rooms that import each other, in the whole crate and in every folder. A room is a folder with all that is in it. There need
/// be no ring of files: the import back may be another file's.
fn rings_of_rooms(graph: &Graph, references: &[Reference]) -> Vec<String> {
    let mut edges = Edges::new();
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
    let name = |path: &[String]| path.join("::");
    rings(&edges, is_room).iter().map(|ring| sentence(ring, name)).collect()
}

fn sentence(ring: &[&[String]], name: impl Fn(&[String]) -> String) -> String {
    let names: Vec<String> = ring.iter().map(|path| name(path)).collect();
    format!("import cycle: {}", names.join(" -> "))
}

/// One ring for each set of members that all reach each other: a shortest one through a member that counts.
fn rings<'a>(edges: &Edges<'a>, counts: impl Fn(&[String]) -> bool) -> Vec<Vec<&'a [String]>> {
    let all: BTreeMap<&[String], _> = edges.keys().map(|start| (*start, ways_from(start, edges))).collect();
    let (mut found, mut seen) = (Vec::new(), BTreeSet::new());
    for (start, ways) in all.iter().filter(|(start, ways)| ways.contains_key(*start)) {
        if seen.contains(start) {
            continue;
        }
        let members = || all.iter().filter(|(other, back)| ways.contains_key(*other) && back.contains_key(start));
        let through = members().filter(|(member, _)| counts(member)).map(|(member, ways)| ring_through(member, ways));
        found.extend(through.min_by_key(Vec::len));
        seen.extend(members().map(|(member, _)| *member));
    }
    found
}

/// Each that the start reaches, with the one before it on a shortest way; the start itself only if it is in a ring.
fn ways_from<'a>(start: &'a [String], edges: &Edges<'a>) -> BTreeMap<&'a [String], &'a [String]> {
    let mut came_from = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(at) = queue.pop_front() {
        for next in edges.get(at).into_iter().flatten().copied() {
            came_from.entry(next).or_insert_with(|| {
                queue.push_back(next);
                at
            });
        }
    }
    came_from
}

/// The shortest way from a member of a ring back to itself.
fn ring_through<'a>(member: &'a [String], came_from: &BTreeMap<&'a [String], &'a [String]>) -> Vec<&'a [String]> {
    let mut ring = vec![member, came_from[member]];
    while let Some(last) = ring.last().copied().filter(|last| *last != member) {
        ring.push(came_from[last]);
    }
    ring.reverse();
    ring
}
