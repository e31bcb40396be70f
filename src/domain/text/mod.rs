//! Text: the names that clients give (titles, row labels, user ids, payment references), in one form that people can tell apart.
//!
//! **Invariant:** two accepted texts that differ also look different, as far as white space and invisible characters go.

use std::borrow::Cow;
use std::fmt;

use icu_normalizer::ComposingNormalizerBorrowed;
use icu_properties::props::{
    DefaultIgnorableCodePoint, GeneralCategory, NoncharacterCodePoint, PrependedConcatenationMark,
};
use icu_properties::{CodePointMapData, CodePointSetData};

mod place;
pub(super) mod search;

use place::{BRAILLE_BLANK, Place};

/// Why a text is refused. Reads after the name of the field: "movieTitle has an invisible character ..".
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TextError {
    /// Nothing but white space.
    #[error("is empty")]
    Empty,
    /// Too many characters.
    #[error("has {count} characters, at most {most} are taken")]
    TooLong {
        /// How many it has.
        count: usize,
        /// How many it may have.
        most: usize,
    },
    /// A character that nobody can see, or that changes how others are seen.
    #[error("has {fault} {} at position {position}", Named(*character))]
    Forbidden {
        /// What is wrong with the character.
        fault: Fault,
        /// The character.
        character: char,
        /// Its place in the text as it was sent, counted from 1 in characters.
        position: usize,
    },
}

/// What is wrong with a character.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// A control character, a line break included.
    Control,
    /// It changes the direction in which text is shown.
    Direction,
    /// It cannot be seen.
    Invisible,
    /// It looks like a space and is none.
    Space,
    /// It has no meaning that others know: private use, or no character at all.
    Meaningless,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Control => "a control character",
            Self::Direction => "a character that changes the direction of text,",
            Self::Invisible => "an invisible character",
            Self::Space => "a character that only looks like a space,",
            Self::Meaningless => "a character without a public meaning,",
        })
    }
}

/// A character by its code point and, if it has one, its name in Unicode.
struct Named(char);

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "U+{:04X}", u32::from(self.0))?;
        match unicode_names2::name(self.0) {
            Some(name) => write!(f, " {name}"),
            None => Ok(()),
        }
    }
}

/// Longest title of a showtime, in characters.
const TITLE_CHARACTERS: usize = 200;

/// A title that a client gives, in the form in which it is kept: see the module's rule for text.
///
/// # Errors
/// It is empty, longer than 200 characters, or has characters that cannot be seen.
pub fn movie_title(text: impl AsRef<str>) -> Result<String, TextError> {
    plain(text.as_ref(), TITLE_CHARACTERS)
}

/// A regular expression for texts that are taken: every character may stand anywhere and is seen, and there is one that is no
/// space. Texts with joiners, selectors and tags where they are needed are taken beyond it. Characters above U+FFFF stand for
/// themselves, those below as `\\uXXXX`: JavaScript, Python and Rust read both.
pub fn text_pattern() -> String {
    let mut refused = String::new();
    let mut range: Option<(char, char)> = None;
    for character in '\0'..=char::MAX {
        if fault(character).is_none() {
            continue;
        }
        range = match range {
            Some((first, last)) if u32::from(last) + 1 == u32::from(character) => Some((first, character)),
            Some((first, last)) => {
                refused += &class(first, last);
                Some((character, character))
            }
            None => Some((character, character)),
        };
    }
    refused += &range.map(|(first, last)| class(first, last)).unwrap_or_default();
    format!("^[^{refused}]*[^ \\u1680\\u3000{refused}][^{refused}]*$")
}

/// A range of characters within brackets.
fn class(first: char, last: char) -> String {
    let one = |character: char| match u32::from(character) {
        code @ ..=0xFFFF => format!("\\u{code:04x}"),
        _ => character.to_string(),
    };
    if first == last { one(first) } else { format!("{}-{}", one(first), one(last)) }
}

/// The text in the form that is kept: without white space around it, each run of spaces as one space, in Unicode's
/// normalization form C, so that texts which look alike are equal.
///
/// Every script and every emoji is taken. Refused are characters that cannot be seen or that change how others are seen:
/// control characters, line separators, format characters (general category Cf) and other default-ignorable code points,
/// spaces other than U+0020, U+3000 (of Chinese and Japanese) and U+1680 (of Ogham), private use and noncharacters.
/// Some of these are part of how a script or an emoji is written. They pass where they are:
/// - the zero-width joiner between two emoji; variation selectors after emoji, in keycaps, after ideographs and after
///   letters of Mongolian, Myanmar and Phags-pa; tags that spell a flag;
/// - both zero-width joiners beside a virama (Indic scripts), the non-joiner between two letters that would join
///   (Persian; RFC 5892, appendix A.1) and before a register shifter of Khmer, the joiner after a letter that would not join;
/// - format characters that are seen, such as the Arabic number sign.
///
/// # Errors
/// It is empty, longer than `most` characters, or has a character that is refused.
pub(super) fn plain(text: &str, most: usize) -> Result<String, TextError> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Err(TextError::Empty);
    }
    if !trimmed.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        let skipped = text.chars().count() - text.trim_start().chars().count();
        check(trimmed, skipped)?;
    }
    let composed = ComposingNormalizerBorrowed::new_nfc().normalize(trimmed);
    let mut plain = String::with_capacity(composed.len());
    let mut count = 0_usize;
    let mut after_space = false;
    for character in composed.chars() {
        let space = character.is_whitespace();
        if !(space && after_space) {
            plain.push(character);
            count += 1;
        }
        after_space = space;
    }
    if count > most { Err(TextError::TooLong { count, most }) } else { Ok(plain) }
}

/// What is seen of a text that [`plain`] accepted: equal for texts that differ only in how an emoji or a letter is drawn.
pub(super) fn seen(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let ignorable = CodePointSetData::new::<DefaultIgnorableCodePoint>();
    let seen = text.chars().filter(|character| !ignorable.contains(*character));
    seen.map(|character| if character.is_whitespace() { ' ' } else { character }).collect()
}

fn check(text: &str, skipped: usize) -> Result<(), TextError> {
    let characters: Vec<char> = text.chars().collect();
    for (index, character) in characters.iter().copied().enumerate() {
        let (before, rest) = characters.split_at(index);
        let place = Place { before, after: rest.get(1..).unwrap_or_default() };
        if let Some(fault) = fault(character)
            && !place.needs(character)
        {
            return Err(TextError::Forbidden { fault, character, position: skipped + index + 1 });
        }
    }
    Ok(())
}

/// What is wrong with a character that stands alone.
fn fault(character: char) -> Option<Fault> {
    if matches!(character, ' ' | '\u{3000}' | '\u{1680}') {
        return None;
    }
    if CodePointSetData::new::<NoncharacterCodePoint>().contains(character) {
        return Some(Fault::Meaningless);
    }
    if matches!(character, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}') {
        return Some(Fault::Direction);
    }
    if CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(character) {
        return Some(Fault::Invisible);
    }
    let category = CodePointMapData::<GeneralCategory>::new().get(character);
    if category == GeneralCategory::Control {
        return Some(Fault::Control);
    }
    if category == GeneralCategory::PrivateUse {
        return Some(Fault::Meaningless);
    }
    if category == GeneralCategory::Format && !is_seen_format(character) {
        return Some(Fault::Invisible);
    }
    (character.is_whitespace() || character == BRAILLE_BLANK).then_some(Fault::Space)
}

/// Format characters that are seen: signs before a number, and those that arrange hieroglyphs.
fn is_seen_format(character: char) -> bool {
    CodePointSetData::new::<PrependedConcatenationMark>().contains(character)
        || matches!(character, '\u{13430}'..='\u{1345F}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_script_and_emoji_passes_unchanged() {
        for text in [
            "Amélie",
            "千と千尋の神隠し",
            "千と 千尋　の神隠し",
            "葛\u{E0100}飾区",
            "می\u{200C}خواهم",
            "ه\u{200D}",
            "क्\u{200D}ष",
            "র\u{200D}্য",
            "श्रीमान्\u{200C}को",
            "ශ්\u{200D}රී",
            "ក\u{200C}\u{17CA}",
            "ᠮᠣᠩᠭᠣᠯ\u{180B}",
            "מִצְרַיִם",
            "\u{0600}١٢٣",
            "한국 영화",
            "ไทย",
            "👨\u{200D}👩\u{200D}👧\u{200D}👦",
            "👩🏽\u{200D}🚀",
            "🏳\u{FE0F}\u{200D}🌈",
            "🏴\u{200D}☠\u{FE0F}",
            "1\u{FE0F}\u{20E3}",
            "🏴\u{E0067}\u{E0062}\u{E0073}\u{E0063}\u{E0074}\u{E007F}",
            "🇫🇷 ❤\u{FE0F}",
            "⠓⠀⠓",
            "A\"\\'<>&%",
        ] {
            assert_eq!(plain(text, 50).as_deref(), Ok(text), "{}", text.escape_unicode());
        }
    }

    #[test]
    fn what_looks_alike_becomes_equal() {
        for (given, kept) in [
            ("A ", "A"),
            ("\u{A0}A\n", "A"),
            ("e\u{301}", "é"),
            ("A  B", "A B"),
            ("\u{212B}", "Å"),
            ("a \u{3000}b", "a b"),
        ] {
            assert_eq!(plain(given, 3).as_deref(), Ok(kept), "{}", given.escape_unicode());
        }
    }

    #[test]
    fn what_is_not_seen_is_refused_by_its_place_and_name() {
        for (text, told) in [
            ("Bo\u{200B}x", "has an invisible character U+200B ZERO WIDTH SPACE at position 3"),
            ("  A\u{200D}", "has an invisible character U+200D ZERO WIDTH JOINER at position 4"),
            (
                "a\u{202E}b",
                "has a character that changes the direction of text, U+202E RIGHT-TO-LEFT OVERRIDE at position 2",
            ),
            ("a\u{A0}b", "has a character that only looks like a space, U+00A0 NO-BREAK SPACE at position 2"),
            ("a\nb", "has a control character U+000A at position 2"),
            ("\u{E000}", "has a character without a public meaning, U+E000 at position 1"),
            ("", "is empty"),
            (" \u{3000}\n", "is empty"),
            ("abcd", "has 4 characters, at most 3 are taken"),
        ] {
            assert_eq!(plain(text, 3).unwrap_err().to_string(), told, "{}", text.escape_unicode());
        }
    }

    #[test]
    fn joiners_selectors_and_tags_pass_only_where_they_are_needed() {
        for text in [
            "\u{200D}A",
            "A\u{FE0F}",
            "1\u{FE0F}",
            "😀\u{200D}",
            "😀\u{FE0F}\u{FE0F}",
            "😀\u{200D}\u{200D}😀",
            "دختر\u{200C}ها",
            "क्\u{200C}",
            "क्\u{200D}\u{200D}ष",
            "می\u{200C}\u{200C}خواهم",
            "葛\u{E0100}\u{E0101}",
            "🏴\u{E0067}\u{E0062}",
            "🏴\u{E0067}\u{E0062}\u{E0073}\u{E0063}\u{E0074}\u{E0074}\u{E0074}\u{E007F}",
            "A\u{E007F}",
            "⠓\u{2800}",
            "soft\u{AD}hyphen",
            "\u{3164}",
            "\u{FEFF}A",
            "a\u{2028}b",
            "a\u{2003}b",
            "a\u{85}b",
            "a\u{FFFE}b",
            "\u{2800}",
        ] {
            assert!(matches!(plain(text, 50), Err(TextError::Forbidden { .. })), "{}", text.escape_unicode());
        }
    }

    #[test]
    fn labels_that_differ_in_how_they_are_drawn_are_seen_as_one() {
        assert_eq!(seen("☎\u{FE0F}"), seen("☎"));
        assert_eq!(seen("A\u{3000}B"), seen("A B"));
        assert_ne!(seen("A"), seen("B"));
    }
}
