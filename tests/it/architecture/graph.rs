//! The crate as a graph: its modules, and which of them names what in which other, re-exports followed to their source.

use std::collections::{BTreeMap, BTreeSet};

use super::paths::{self, Names, Path};
use super::tokens;

/// A file of the project: its path from the project's folder, with `/`, and its text.
#[derive(Debug, Clone)]
pub struct File {
    pub path: String,
    pub text: String,
}

/// Path of a module from the crate's root, or of something in a module.
pub type ModulePath = Vec<String>;

/// A module that is a file.
#[derive(Debug)]
pub struct Module {
    pub file: String,
    pub names: Names,
    /// Seen by tests only: the house plan's directions don't bind it.
    pub only_tests: bool,
}

/// One place where a module names something of this crate.
#[derive(Debug, Clone)]
pub struct Reference {
    pub from: ModulePath,
    pub line: usize,
    /// What is named, in full, at its source.
    pub to: ModulePath,
    /// The file's module that holds it.
    pub target: ModulePath,
}

/// All modules of the crate, by path. The library's root is the empty path, the program's is `main`.
#[derive(Debug, Default)]
pub struct Graph {
    pub modules: BTreeMap<ModulePath, Module>,
}

/// More re-exports than this on the way to a name are taken as the end.
const MAX_HOPS: usize = 8;

/// The module that a file of `src/` is, or none for other files.
pub fn module_path(file: &str) -> Option<ModulePath> {
    let inner = file.strip_prefix("src/")?.strip_suffix(".rs")?;
    let mut path: ModulePath = inner.split('/').map(str::to_owned).collect();
    if path.last().is_some_and(|last| last == "mod") || path == ["lib"] {
        path.pop();
    }
    Some(path)
}

impl Graph {
    /// Reads the modules out of the files; files outside of `src/` are left out.
    pub fn of(files: &[File]) -> Self {
        let mut graph = Self::default();
        let mut test_modules = BTreeSet::new();
        for file in files {
            let Some(path) = module_path(&file.path) else { continue };
            let code = tokens::read(&file.text);
            for name in &code.test_modules {
                test_modules.insert(child(&path, name));
            }
            let names = paths::find(&code.tokens);
            graph.modules.insert(path, Module { file: file.path.clone(), names, only_tests: code.only_tests });
        }
        for (path, module) in &mut graph.modules {
            module.only_tests |= test_modules.iter().any(|tests| path.starts_with(tests));
        }
        graph
    }

    /// Every reference of the crate to itself, outside of tests.
    pub fn references(&self) -> Vec<Reference> {
        let mut all = Vec::new();
        for (from, module) in self.modules.iter().filter(|(_, module)| !module.only_tests) {
            let imported = module.names.imports.iter().map(|import| &import.path);
            for path in imported.chain(&module.names.mentions) {
                if let Some(to) = self.resolve(from, path) {
                    let target = self.holder(&to);
                    all.push(Reference { from: from.clone(), line: path.line, to, target });
                }
            }
        }
        all
    }

    /// The path at its source, from the crate's root; none if it is of another crate or a local name.
    fn resolve(&self, module: &ModulePath, path: &Path) -> Option<ModulePath> {
        let mut full = self.absolute(module, path, MAX_HOPS)?;
        for _ in 0..MAX_HOPS {
            let holder = self.holder(&full);
            let Some(name) = full.get(holder.len()) else { break };
            let Some(source) = self.bound(&holder, name, MAX_HOPS) else { break };
            let rest = full.split_off(holder.len() + 1);
            let next: ModulePath = source.into_iter().chain(rest).collect();
            if next == full {
                break;
            }
            full = next;
        }
        Some(full)
    }

    fn absolute(&self, module: &ModulePath, path: &Path, hops: usize) -> Option<ModulePath> {
        let here: ModulePath = module.iter().chain(&path.inside).cloned().collect();
        let (first, rest) = path.segments.split_first()?;
        let mut base = match first.as_str() {
            // `main` is a crate of its own, which calls the library by its name.
            "crate" if module.first().is_some_and(|top| top == "main") => vec!["main".to_owned()],
            "crate" | "turnstile" => Vec::new(),
            "self" => here,
            "super" => here.split_last()?.1.to_vec(),
            name if self.modules.contains_key(&child(&here, name)) => child(&here, name),
            name => self.bound(module, name, hops.checked_sub(1)?)?,
        };
        for segment in rest {
            if segment == "super" {
                base.pop();
            } else {
                base.push(segment.clone());
            }
        }
        Some(base)
    }

    /// What a name of a module stands for, if a `use` brought it in from this crate.
    fn bound(&self, module: &ModulePath, name: &str, hops: usize) -> Option<ModulePath> {
        let imports = &self.modules.get(module)?.names.imports;
        let import =
            imports.iter().find(|import| import.name.as_deref() == Some(name) && import.path.segments != [name])?;
        self.absolute(module, &import.path, hops.checked_sub(1)?)
    }

    /// The deepest module that is a file and holds the path.
    fn holder(&self, path: &[String]) -> ModulePath {
        let mut length = path.len();
        while length > 0 && !self.modules.contains_key(&path[..length]) {
            length -= 1;
        }
        path[..length].to_vec()
    }
}

/// The path of a child.
pub fn child(parent: &[String], name: &str) -> ModulePath {
    parent.iter().cloned().chain([name.to_owned()]).collect()
}
