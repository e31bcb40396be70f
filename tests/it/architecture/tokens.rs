//! Rust source as tokens: enough of the language to find paths, without comments, strings and code that only tests see.

/// A word or a sign of the source. Literals are kept as `""`, so that their content is never taken for code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub text: String,
    /// Line of the file, from 1.
    pub line: usize,
}

/// What a source says, apart from its `#[cfg(test)]` parts.
#[derive(Debug, Default)]
pub struct Code {
    pub tokens: Vec<Token>,
    /// Modules declared as `#[cfg(test)] mod name;`: their files hold tests only.
    pub test_modules: Vec<String>,
    /// The file opens with `#![cfg(test)]`.
    pub only_tests: bool,
}

/// Words that open an item or a statement; anything else behind an attribute (a field, an arm) is left alone.
const ITEM_WORDS: [&str; 15] = [
    "pub",
    "mod",
    "fn",
    "use",
    "impl",
    "struct",
    "enum",
    "const",
    "static",
    "type",
    "trait",
    "async",
    "unsafe",
    "macro_rules",
    "let",
];

/// Splits a source into its tokens and takes out what only tests see.
pub fn read(source: &str) -> Code {
    let all = tokenize(source);
    let mut code = Code::default();
    let mut at = 0;
    while at < all.len() {
        let Some(end) = test_attribute(&all, at) else {
            code.tokens.push(all[at].clone());
            at += 1;
            continue;
        };
        if all[at + 1].text == "!" {
            code.only_tests = true;
            at = end;
            continue;
        }
        let item = skip_attributes(&all, end);
        if all.get(item).is_none_or(|token| !ITEM_WORDS.contains(&token.text.as_str())) {
            at = end;
            continue;
        }
        at = item_end(&all, item);
        let words: Vec<&str> = all[item..at].iter().map(|token| token.text.as_str()).collect();
        if let [.., "mod", name, ";"] = words.as_slice() {
            code.test_modules.push((*name).to_owned());
        }
    }
    code
}

/// If a `#[cfg(..)]` or `#![cfg(..)]` that asks for `test` starts here: the place behind it.
fn test_attribute(tokens: &[Token], at: usize) -> Option<usize> {
    let text = |place: usize| tokens.get(place).map_or("", |token| token.text.as_str());
    if text(at) != "#" {
        return None;
    }
    let open = if text(at + 1) == "!" { at + 2 } else { at + 1 };
    if text(open) != "[" || text(open + 1) != "cfg" {
        return None;
    }
    let end = block_end(tokens, open);
    let inside: Vec<&str> = tokens[open..end].iter().map(|token| token.text.as_str()).collect();
    (inside.contains(&"test") && !inside.contains(&"not")).then_some(end)
}

fn skip_attributes(tokens: &[Token], mut at: usize) -> usize {
    while tokens.get(at).is_some_and(|token| token.text == "#") {
        at = block_end(tokens, at + 1);
    }
    at
}

/// The place behind the bracket that closes the one at `open`.
fn block_end(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0usize;
    for (place, token) in tokens.iter().enumerate().skip(open) {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return place + 1;
                }
            }
            _ => {}
        }
    }
    tokens.len()
}

/// The place behind an item: its `;`, or the end of its block.
fn item_end(tokens: &[Token], mut at: usize) -> usize {
    while let Some(token) = tokens.get(at) {
        match token.text.as_str() {
            ";" => return at + 1,
            "{" => return block_end(tokens, at),
            "(" | "[" => at = block_end(tokens, at),
            _ => at += 1,
        }
    }
    at
}

/// Splits a source into tokens, comments and the content of literals left out.
pub fn tokenize(source: &str) -> Vec<Token> {
    let chars: Vec<char> = source.chars().collect();
    let mut tokens = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < chars.len() {
        let next = chars.get(at + 1).copied();
        let (end, text) = match chars[at] {
            '/' if next == Some('/') => (line_end(&chars, at), None),
            '/' if next == Some('*') => (comment_end(&chars, at), None),
            '"' => (string_end(&chars, at), Some("\"\"".to_owned())),
            '\'' => quote(&chars, at),
            'r' | 'b' | 'c' if literal_start(&chars, at).is_some() => {
                let end = literal_start(&chars, at).expect("checked in the guard");
                (end, Some("\"\"".to_owned()))
            }
            'r' if next == Some('#') => word(&chars, at + 2),
            c if c.is_alphanumeric() || c == '_' => word(&chars, at),
            ':' if next == Some(':') => (at + 2, Some("::".to_owned())),
            c if c.is_whitespace() => (at + 1, None),
            c => (at + 1, Some(c.to_string())),
        };
        if let Some(text) = text {
            tokens.push(Token { text, line });
        }
        line += chars[at..end].iter().filter(|c| **c == '\n').count();
        at = end;
    }
    tokens
}

fn word(chars: &[char], start: usize) -> (usize, Option<String>) {
    let length = chars[start..].iter().take_while(|c| c.is_alphanumeric() || **c == '_').count();
    (start + length, Some(chars[start..start + length].iter().collect()))
}

fn line_end(chars: &[char], at: usize) -> usize {
    chars[at..].iter().position(|c| *c == '\n').map_or(chars.len(), |length| at + length)
}

/// Block comments nest.
fn comment_end(chars: &[char], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0usize);
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => {
                depth += 1;
                at += 2;
            }
            ('*', Some('/')) => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    chars.len()
}

fn string_end(chars: &[char], quote: usize) -> usize {
    let mut at = quote + 1;
    while at < chars.len() {
        match chars[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    chars.len()
}

/// A character literal, or the mark of a lifetime, whose name is no path.
fn quote(chars: &[char], at: usize) -> (usize, Option<String>) {
    let literal = Some("\"\"".to_owned());
    match (chars.get(at + 1), chars.get(at + 2)) {
        (Some('\\'), _) => {
            let closing = chars[(at + 3).min(chars.len())..].iter().position(|c| *c == '\'');
            (closing.map_or(chars.len(), |length| at + 3 + length + 1), literal)
        }
        (Some(_), Some('\'')) => (at + 3, literal),
        _ => (word(chars, at + 1).0.max(at + 1), None),
    }
}

/// If a prefixed literal (`r"`, `r#"`, `b"`, `br#"`, `b'`, `c"`) starts here: the place behind it.
fn literal_start(chars: &[char], start: usize) -> Option<usize> {
    let prefix = chars[start..].iter().take_while(|c| matches!(c, 'r' | 'b' | 'c')).count();
    let hashes = chars[start + prefix..].iter().take_while(|c| **c == '#').count();
    let quote_at = start + prefix + hashes;
    let raw = chars[start..start + prefix].contains(&'r');
    match chars.get(quote_at) {
        Some('"') if raw => {
            let mut at = quote_at + 1;
            while at < chars.len() {
                if chars[at] == '"' && chars[at + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes {
                    return Some(at + 1 + hashes);
                }
                at += 1;
            }
            Some(chars.len())
        }
        Some('"') if prefix == 1 && hashes == 0 => Some(string_end(chars, quote_at)),
        Some('\'') if prefix == 1 && hashes == 0 && chars[start] == 'b' => Some(quote(chars, quote_at).0),
        _ => None,
    }
}
