//! Layers: what the file, the environment and the command line set, as one tree. Each value knows where it was written.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use toml::Value;

/// Start of every variable's name.
const PREFIX: &str = "TURNSTILE_";

/// Where a value was written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Origin {
    /// An environment variable. Others may have set it for purposes of their own, as Kubernetes does for a service named `turnstile`.
    Variable(String),
    /// A key of a file.
    File {
        /// The file.
        path: PathBuf,
        /// Its key, with its section.
        key: String,
    },
    /// A flag of the command line, such as `--listen`.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) | Self::Flag(name) => f.write_str(name),
            Self::File { path, key } => write!(f, "{key} in {}", path.display()),
        }
    }
}

/// The variable that sets a key.
pub(super) fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "__").to_uppercase())
}

/// A value as it was written. Never printed: it may be a secret.
#[derive(Clone)]
pub(super) enum Written {
    /// In the environment or on the command line, where everything is text.
    Text(String),
    /// In a file.
    Toml(Value),
    /// In the environment, but not in UTF-8.
    Unreadable,
}

/// A value and its origin.
#[derive(Clone)]
pub(super) struct Leaf {
    pub(super) written: Written,
    pub(super) origin: Origin,
}

/// A setting, or a section with settings.
#[derive(Clone)]
pub(super) enum Node {
    Leaf(Leaf),
    Section(Section),
}

/// Settings and sections by name.
pub(super) type Section = BTreeMap<String, Node>;

/// A flag: its name as the user knows it, the key that it sets, and the value.
pub struct Flag {
    /// Such as `--listen`.
    pub name: String,
    /// Such as `listen`.
    pub key: String,
    /// As it was written.
    pub value: String,
}

/// All layers together; a later one wins.
#[derive(Default)]
pub(super) struct Layers {
    pub(super) root: Section,
    /// Values where a section should be, or the other way round. They set nothing.
    pub(super) misplaced: Vec<Origin>,
}

impl Layers {
    /// Adds a file. The error says what is wrong with it, without showing its text.
    pub(super) fn add_file(&mut self, path: &Path) -> Result<(), String> {
        let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            let line =
                error.span().and_then(|span| text.get(..span.start)).map_or(1, |before| before.lines().count().max(1));
            format!("{}, line {line}: {}", path.display(), error.message())
        })?;
        self.add_table(path, &[], table);
        Ok(())
    }

    fn add_table(&mut self, path: &Path, section: &[&str], table: toml::Table) {
        for (name, value) in table {
            let keys = [section, &[name.as_str()]].concat();
            match value {
                Value::Table(table) => self.add_table(path, &keys, table),
                Value::String(_)
                | Value::Integer(_)
                | Value::Float(_)
                | Value::Boolean(_)
                | Value::Datetime(_)
                | Value::Array(_) => {
                    let origin = Origin::File { path: path.to_owned(), key: keys.join(".") };
                    self.set(&keys, Leaf { written: Written::Toml(value), origin });
                }
            }
        }
    }

    /// Adds the variables that are ours by name. Empty ones count as not set, so that a compose file can pass them through.
    pub(super) fn add_environment(&mut self, variables: impl Iterator<Item = (OsString, OsString)>) {
        for (name, value) in variables {
            let Some(key) = name.to_str().and_then(|name| name.strip_prefix(PREFIX)) else { continue };
            if value.is_empty() {
                continue;
            }
            let origin = Origin::Variable(format!("{PREFIX}{key}"));
            let written = value.into_string().map_or(Written::Unreadable, Written::Text);
            let key = key.to_lowercase();
            self.set(&key.split("__").collect::<Vec<_>>(), Leaf { written, origin });
        }
    }

    /// Adds flags, which win over everything.
    pub(super) fn add_flags(&mut self, flags: &[Flag]) {
        for Flag { name, key, value } in flags {
            let origin = Origin::Flag(name.clone());
            self.set(&key.split('.').collect::<Vec<_>>(), Leaf { written: Written::Text(value.clone()), origin });
        }
    }

    fn set(&mut self, keys: &[&str], leaf: Leaf) {
        let Some((name, sections)) = keys.split_last() else { return };
        let mut section = &mut self.root;
        for name in sections {
            let next = section.entry((*name).to_owned()).or_insert_with(|| Node::Section(Section::new()));
            match next {
                Node::Section(next) => section = next,
                Node::Leaf(_) => return self.misplaced.push(leaf.origin),
            }
        }
        match section.get_mut(*name) {
            Some(Node::Section(_)) => self.misplaced.push(leaf.origin),
            Some(other) => *other = Node::Leaf(leaf),
            None => {
                section.insert((*name).to_owned(), Node::Leaf(leaf));
            }
        }
    }

    /// Where the key's value was written, if anywhere.
    pub(super) fn origin(&self, key: &str) -> Option<Origin> {
        let mut section = &self.root;
        let mut names = key.split('.').peekable();
        while let Some(name) = names.next() {
            match section.get(name)? {
                Node::Leaf(leaf) => return names.peek().is_none().then(|| leaf.origin.clone()),
                Node::Section(next) => section = next,
            }
        }
        None
    }

    /// Takes a setting or a whole section out; returns where its values were written.
    pub(super) fn remove(&mut self, path: &[String]) -> Vec<Origin> {
        let Some((name, sections)) = path.split_last() else { return Vec::new() };
        let mut section = &mut self.root;
        for name in sections {
            match section.get_mut(name) {
                Some(Node::Section(next)) => section = next,
                Some(Node::Leaf(_)) | None => return Vec::new(),
            }
        }
        let mut origins = Vec::new();
        if let Some(removed) = section.remove(name) {
            collect(&removed, &mut origins);
        }
        origins
    }
}

fn collect(node: &Node, origins: &mut Vec<Origin>) {
    match node {
        Node::Leaf(leaf) => origins.push(leaf.origin.clone()),
        Node::Section(section) => section.values().for_each(|node| collect(node, origins)),
    }
}
