//! The paths that a file names: what it imports by `use`, and what it names in full in its code.

use super::tokens::Token;

/// A path as it is written, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    pub segments: Vec<String>,
    /// Names of the modules written inside this file that the path stands in.
    pub inside: Vec<String>,
    pub line: usize,
}

/// One name brought in by a `use`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    pub path: Path,
    /// The name in this file; none for a glob and for `as _`.
    pub name: Option<String>,
    pub public: bool,
    pub glob: bool,
}

/// All that a file names and declares.
#[derive(Debug, Default)]
pub struct Names {
    pub imports: Vec<Import>,
    /// Paths of two segments or more outside of `use`.
    pub mentions: Vec<Path>,
    /// `mod name;`
    pub declared: Vec<String>,
}

/// Finds the names in the tokens of a file.
pub fn find(tokens: &[Token]) -> Names {
    let mut names = Names::default();
    // Inline modules around the current place: name, and the depth of braces at which it ends.
    let mut modules: Vec<(String, usize)> = Vec::new();
    let (mut at, mut depth) = (0, 0usize);
    while at < tokens.len() {
        let inside = || modules.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        match tokens[at].text.as_str() {
            "{" => depth += 1,
            "}" => {
                depth = depth.saturating_sub(1);
                modules.retain(|(_, end)| *end <= depth);
            }
            "mod" => {
                let name = text(tokens, at + 1).to_owned();
                match text(tokens, at + 2) {
                    ";" => names.declared.push(name),
                    "{" => modules.push((name, depth + 1)),
                    _ => {}
                }
                at += 2;
                continue;
            }
            // Not the `use<..>` of a captured lifetime.
            "use" if text(tokens, at + 1) != "<" => {
                let public = at > 0 && matches!(tokens[at - 1].text.as_str(), "pub" | ")");
                let mut tree = Tree { tokens, at: at + 1, public, inside: inside(), found: Vec::new() };
                tree.read(&[]);
                at = tree.at;
                names.imports.append(&mut tree.found);
                continue;
            }
            word if is_word(word) && (at == 0 || !matches!(tokens[at - 1].text.as_str(), "::" | ".")) => {
                let (segments, end) = chain(tokens, at);
                if segments.len() > 1 {
                    names.mentions.push(Path { segments, inside: inside(), line: tokens[at].line });
                }
                at = end;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    names
}

fn text(tokens: &[Token], at: usize) -> &str {
    tokens.get(at).map_or("", |token| token.text.as_str())
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// `a::b::c` from here, and the place behind it.
fn chain(tokens: &[Token], start: usize) -> (Vec<String>, usize) {
    let mut segments = vec![tokens[start].text.clone()];
    let mut at = start + 1;
    while text(tokens, at) == "::" && is_word(text(tokens, at + 1)) {
        segments.push(tokens[at + 1].text.clone());
        at += 2;
    }
    (segments, at)
}

/// A `use` tree while it is read.
struct Tree<'a> {
    tokens: &'a [Token],
    at: usize,
    public: bool,
    inside: Vec<String>,
    found: Vec<Import>,
}

impl Tree<'_> {
    /// Reads one branch; `stem` is the path above it.
    fn read(&mut self, stem: &[String]) {
        let mut path = stem.to_vec();
        let line = self.tokens.get(self.at).map_or(0, |token| token.line);
        loop {
            match text(self.tokens, self.at) {
                "::" => self.at += 1,
                "{" => return self.read_branches(&path),
                "*" => {
                    self.at += 1;
                    return self.add(path, None, true, line);
                }
                "as" => {
                    let name = text(self.tokens, self.at + 1).to_owned();
                    self.at += 2;
                    return self.add(path, (name != "_").then_some(name), false, line);
                }
                word if is_word(word) => {
                    // `self` behind a path is the module itself.
                    if word != "self" || path.is_empty() {
                        path.push(word.to_owned());
                    }
                    self.at += 1;
                }
                _ => {
                    let name = path.last().cloned();
                    return self.add(path, name, false, line);
                }
            }
        }
    }

    fn read_branches(&mut self, stem: &[String]) {
        self.at += 1;
        while self.at < self.tokens.len() {
            match text(self.tokens, self.at) {
                "}" => {
                    self.at += 1;
                    return;
                }
                "," => self.at += 1,
                word if is_word(word) || matches!(word, "*" | "{" | "::") => self.read(stem),
                _ => self.at += 1,
            }
        }
    }

    fn add(&mut self, segments: Vec<String>, name: Option<String>, glob: bool, line: usize) {
        if !segments.is_empty() {
            let path = Path { segments, inside: self.inside.clone(), line };
            self.found.push(Import { path, name, public: self.public, glob });
        }
    }
}
