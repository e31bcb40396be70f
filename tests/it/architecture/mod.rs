//! Holds the house plan: directions of imports, first lines and sizes of files. Reads the sources, and proves on bad ones that it sees.

mod bad_examples;
mod directions;
mod files;
mod graph;
mod paths;
mod tokens;

use std::path::{Path, PathBuf};

use self::graph::{File, Graph};

/// All `.rs` files of a folder of the project.
fn read_folder(folder: &str) -> Vec<File> {
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").expect("cargo names the project's folder"));
    let mut found = Vec::new();
    read_into(&root, &root.join(folder), &mut found);
    found.sort_by(|left, right| left.path.cmp(&right.path));
    found
}

fn read_into(root: &Path, folder: &Path, found: &mut Vec<File>) {
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("its entries can be read").path();
        let name = path.file_name().expect("an entry has a name").to_string_lossy().into_owned();
        if path.is_dir() && name != "node_modules" {
            read_into(root, &path, found);
        } else if name.ends_with(".rs") {
            let text = std::fs::read_to_string(&path).expect("a source is text");
            let relative = path.strip_prefix(root).expect("it is below the root");
            let path = relative.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/");
            found.push(File { path, text });
        }
    }
}

fn assert_none(breaches: &[String]) {
    assert!(breaches.is_empty(), "the house plan is broken:\n{}\n", breaches.join("\n"));
}

#[test]
fn imports_point_down() {
    let graph = Graph::of(&read_folder("src"));
    // A reading that finds nothing would also find no breach.
    let seen = graph.references();
    for (from, to) in [("write_store", "domain"), ("box_office", "write_store"), ("live", "domain")] {
        let found = seen.iter().any(|reference| {
            reference.from.first().is_some_and(|top| top == from) && reference.to.first().is_some_and(|top| top == to)
        });
        assert!(found, "the reading missed that `{from}` imports from `{to}`");
    }
    assert_none(&directions::breaches(&graph));
}

#[test]
fn every_file_keeps_the_house_rules() {
    let all: Vec<File> = read_folder("src").into_iter().chain(read_folder("tests")).collect();
    for known in ["src/lib.rs", "src/domain/mod.rs", "tests/it/main.rs", "tests/it/architecture/mod.rs"] {
        assert!(all.iter().any(|file| file.path == known), "the reading missed {known}");
    }
    let breaches: Vec<String> = all.iter().flat_map(files::breaches).collect();
    assert_none(&breaches);
}
