//! What every single file owes the house: its first line, its size, its name, and nothing unfinished in it.

use super::graph::File;
use super::tokens::{self, Token};

const MAX_LINES: usize = 400;

/// Names that say nothing.
const EMPTY_NAMES: [&str; 8] = ["util", "utils", "common", "helper", "helpers", "types", "manager", "misc"];

/// Starts of paths that the pure domain has no use for: I/O, clocks, randomness, new ids.
const IMPURE: [&str; 16] = [
    "tokio",
    "actix",
    "actix_web",
    "diesel",
    "rand",
    "tracing",
    "std::fs",
    "std::io",
    "std::net",
    "std::env",
    "std::process",
    "std::thread",
    "std::time::SystemTime",
    "std::time::Instant",
    "Uuid::new_v4",
    "Uuid::now_v7",
];

/// Every breach in a file of `src/` or `tests/`, one sentence each.
pub fn breaches(file: &File) -> Vec<String> {
    let mut found = Vec::new();
    let path = &file.path;
    let name = path.rsplit('/').next().unwrap_or_default().trim_end_matches(".rs");
    if EMPTY_NAMES.contains(&name) || path.split('/').any(|folder| EMPTY_NAMES.contains(&folder)) {
        found.push(format!("{path}: a name that says nothing"));
    }
    // A schema is written by a program.
    if name == "schema" {
        return found;
    }
    let first = file.text.lines().next().unwrap_or_default();
    if first.strip_prefix("//! ").is_none_or(|sentence| sentence.trim().len() < 10) {
        found.push(format!("{path}: the first line is not a `//!` sentence"));
    }
    let lines = file.text.lines().count();
    if lines > MAX_LINES {
        found.push(format!("{path}: {lines} lines, more than {MAX_LINES}: is it two rooms?"));
    }
    let code = tokens::tokenize(&file.text);
    found.extend(unfinished(path, &code));
    if path.starts_with("src/") {
        found.extend(in_source(path, first, &tokens::read(&file.text).tokens));
    }
    found
}

fn unfinished(path: &str, code: &[Token]) -> Vec<String> {
    let calls =
        code.windows(2).filter(|pair| matches!(pair[0].text.as_str(), "todo" | "unimplemented") && pair[1].text == "!");
    let ignored =
        code.windows(3).filter(|three| three[0].text == "#" && three[1].text == "[" && three[2].text == "ignore");
    calls
        .map(|pair| format!("{path}:{}: `{}!` is unfinished", pair[0].line, pair[0].text))
        .chain(ignored.map(|three| format!("{path}:{}: an ignored test proves nothing", three[0].line)))
        .collect()
}

fn in_source(path: &str, first: &str, code: &[Token]) -> Vec<String> {
    let mut found = Vec::new();
    if has(code, &["impl", "Actor", "for"]) && !first.starts_with("//! Actor:") {
        found.push(format!("{path}: holds an actor, but does not open with `//! Actor:`"));
    }
    for start in 0..code.len() {
        if code[start].text != "pub" {
            continue;
        }
        // To the end of the item's head.
        let head = code[start..]
            .iter()
            .take_while(|token| !matches!(token.text.as_str(), ";" | "=" | ")"))
            .collect::<Vec<_>>();
        let is_use = head.get(1).is_some_and(|token| token.text == "use");
        if is_use && head.iter().any(|token| token.text == "*") {
            found.push(format!("{path}:{}: a glob re-export hides what it brings", code[start].line));
        }
    }
    if path.starts_with("src/domain/") {
        for impure in IMPURE {
            if let Some(line) = names(code, impure) {
                found.push(format!("{path}:{line}: the domain is pure, and `{impure}` is not"));
            }
        }
    }
    found
}

fn has(code: &[Token], words: &[&str]) -> bool {
    code.windows(words.len()).any(|window| window.iter().zip(words).all(|(token, word)| token.text == *word))
}

/// Line at which a path that starts with these segments is named; in a `use` tree too.
fn names(code: &[Token], start: &str) -> Option<usize> {
    let wanted: Vec<String> = start.split("::").map(str::to_owned).collect();
    let found = super::paths::find(code);
    let imports = found.imports.into_iter().map(|import| import.path);
    let mut all = imports.chain(found.mentions);
    all.find(|path| path.segments.starts_with(&wanted)).map(|path| path.line)
}
