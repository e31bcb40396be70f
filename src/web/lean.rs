//! Lean: a script or a style sheet without its comments, as browsers get it. They are a sixth of what a phone would have to load.

/// The text without lines that are comments only, and without the white space that lines begin with.
///
/// Ours begin a comment with `//` or `/*` at the beginning of a line, and end a `/*` at the end of one. Texts in quotes that look so would be
/// taken for comments: there are none.
pub fn lean(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut is_inside = false;
    for line in text.lines().map(str::trim) {
        if is_inside || line.starts_with("/*") {
            is_inside = !line.ends_with("*/");
        } else if !line.starts_with("//") && !line.is_empty() {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::ASSETS;

    #[test]
    fn comments_go_and_code_stays() {
        let text = "// What it is.\n\n/** A function\n * of two lines. */\nfunction one() {\n  // Why.\n  return 1 / 2; // not here\n}\n/* Short. */\nlet two;\n";
        assert_eq!(lean(text), "function one() {\nreturn 1 / 2; // not here\n}\nlet two;\n");
    }

    #[test]
    fn no_comment_is_left_open() {
        for asset in ASSETS {
            let last = asset.content.lines().last().unwrap_or_default().trim().to_owned();
            assert!(lean(asset.content).trim_end().ends_with(&last), "{}: the end is gone", asset.name);
        }
    }
}
