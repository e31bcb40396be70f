//! Title search: whether a text stands in a title, whatever the case and the accents of either.

use icu_normalizer::DecomposingNormalizerBorrowed;
use icu_properties::CodePointMapData;
use icu_properties::props::GeneralCategory;

use crate::domain::text::{TITLE_CHARACTERS, TextError, plain};

/// A text that is looked for in titles.
///
/// Case, accents and the like make no difference: of both texts Unicode's normalization form KD is taken, without nonspacing marks (general
/// category Mn), and each character is put into upper case, then into lower case. So `amelie` stands in `Amélie`, and `strasse` in `Straße`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TitleSearch(String);

impl TitleSearch {
    /// A text that a client gives; white space as in titles: none around it, each run of spaces as one.
    ///
    /// # Errors
    /// It is empty, has nothing but marks, is longer than a title, or has characters that cannot be seen.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        let wanted = folded(&plain(text, TITLE_CHARACTERS)?);
        if wanted.is_empty() { Err(TextError::Empty) } else { Ok(Self(wanted)) }
    }

    /// Whether the text stands in this title.
    pub fn finds(&self, title: &str) -> bool {
        folded(title).contains(&self.0)
    }
}

fn folded(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let categories = CodePointMapData::<GeneralCategory>::new();
    let letters = DecomposingNormalizerBorrowed::new_nfkd().normalize(text);
    let unmarked = letters.chars().filter(|letter| categories.get(*letter) != GeneralCategory::NonspacingMark);
    unmarked.flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_accents_make_no_difference() {
        for (wanted, title) in [
            ("amelie", "Le Fabuleux Destin d'AMÉLIE Poulain"),
            ("DÉS", "le destin"),
            ("strasse", "Die Straße"),
            ("straße", "DIE STRASSE"),
            ("ευς", "Ζεύσ"),
            ("istanbul", "İSTANBUL"),
            ("ISTANBUL", "ıstanbul"),
            ("й", "и"),
            ("ｆｉｎ", "La ﬁn"),
            ("千と", "千と千尋の神隠し"),
            ("  the   end ", "At the\u{3000}end"),
            ("100%", "100% wolf"),
            ("l'a", "L'Avventura"),
        ] {
            assert!(TitleSearch::parse(wanted).unwrap().finds(title), "{wanted} in {title}");
        }
        for (wanted, title) in [("amelies", "Amélie"), ("a b", "ab"), (".*", "Metropolis"), ("o", "Ø")] {
            assert!(!TitleSearch::parse(wanted).unwrap().finds(title), "{wanted} in {title}");
        }
    }

    #[test]
    fn a_text_that_would_stand_in_every_title_or_in_none_is_refused() {
        let refused = |text: &str| TitleSearch::parse(text).unwrap_err().to_string();
        assert_eq!(refused(""), "is empty");
        assert_eq!(refused(" \u{3000}"), "is empty");
        assert_eq!(refused("\u{301}"), "is empty");
        assert!(refused("a\u{200B}b").contains("U+200B ZERO WIDTH SPACE at position 2"));
        assert_eq!(refused(&"a".repeat(201)), "has 201 characters, at most 200 are taken");
    }
}
