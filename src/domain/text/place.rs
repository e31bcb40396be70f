//! Place: where a character that is refused elsewhere is part of how its neighbours are written.

use icu_properties::props::{
    CanonicalCombiningClass, EmojiModifier, ExtendedPictographic, JoiningType, Script, UnifiedIdeograph,
};
use icu_properties::{CodePointMapData, CodePointSetData};

const ZERO_WIDTH_NON_JOINER: char = '\u{200C}';
const ZERO_WIDTH_JOINER: char = '\u{200D}';
const EMOJI_VARIATION: char = '\u{FE0F}';
const KEYCAP: char = '\u{20E3}';
const BLACK_FLAG: char = '\u{1F3F4}';
const CANCEL_TAG: char = '\u{E007F}';
/// A Braille pattern without a dot, which looks like a space.
pub(super) const BRAILLE_BLANK: char = '\u{2800}';
/// Letters and digits of a flag that is spelt with tags, such as `gbsct` for Scotland.
const FLAG_TAGS: std::ops::RangeInclusive<usize> = 3..=6;

/// What stands around a character.
pub(super) struct Place<'a> {
    pub(super) before: &'a [char],
    pub(super) after: &'a [char],
}

impl Place<'_> {
    /// True if the character is part of how its neighbours are written: see [`super::plain`].
    pub(super) fn needs(&self, character: char) -> bool {
        let Some(previous) = self.before.last().copied() else {
            return false;
        };
        match character {
            ZERO_WIDTH_JOINER => self.joins_emoji() || self.is_beside_virama() || self.shows_a_joining_form(),
            ZERO_WIDTH_NON_JOINER => {
                let before_shifter = matches!(self.after.first(), Some('\u{17C9}' | '\u{17CA}'));
                before_shifter || (self.is_beside_virama() && !self.after.is_empty()) || self.keeps_letters_apart()
            }
            '\u{FE0E}' => is_pictograph(previous),
            EMOJI_VARIATION => is_pictograph(previous) || self.is_in_keycap(previous),
            '\u{FE00}'..='\u{FE02}' => {
                is_ideograph(previous) || matches!(script(previous), Script::Myanmar | Script::PhagsPa)
            }
            '\u{E0100}'..='\u{E01EF}' => is_ideograph(previous),
            '\u{180B}'..='\u{180F}' => script(previous) == Script::Mongolian,
            '\u{E0030}'..='\u{E0039}' | '\u{E0061}'..='\u{E007A}' | CANCEL_TAG => self.is_in_flag(),
            BRAILLE_BLANK => {
                let next = self.after.first().copied();
                script(previous) == Script::Braille && next.is_some_and(|next| script(next) == Script::Braille)
            }
            _ => false,
        }
    }

    fn joins_emoji(&self) -> bool {
        let modifiers = CodePointSetData::new::<EmojiModifier>();
        let decorates = |character: char| character == EMOJI_VARIATION || modifiers.contains(character);
        let base = self.before.iter().rev().copied().find(|character| !decorates(*character));
        base.is_some_and(is_pictograph) && self.after.first().copied().is_some_and(is_pictograph)
    }

    fn is_in_keycap(&self, previous: char) -> bool {
        matches!(previous, '0'..='9' | '#' | '*') && self.after.first() == Some(&KEYCAP)
    }

    /// The virama joins two consonants; a joiner on either side chooses how the pair is drawn.
    fn is_beside_virama(&self) -> bool {
        let virama = |character: Option<&char>| {
            let class = character.map(|character| CodePointMapData::<CanonicalCombiningClass>::new().get(*character));
            class == Some(CanonicalCombiningClass::Virama)
        };
        let letter = self.before.last().is_some_and(|character| character.is_alphabetic());
        virama(self.before.last()) || (letter && virama(self.after.first()))
    }

    fn keeps_letters_apart(&self) -> bool {
        self.joins_forward() && matches!(self.next_joining(), JoiningType::DualJoining | JoiningType::RightJoining)
    }

    fn shows_a_joining_form(&self) -> bool {
        self.joins_forward() && self.next_joining() == JoiningType::NonJoining
    }

    fn joins_forward(&self) -> bool {
        let previous = joining(self.before.iter().rev());
        matches!(previous, JoiningType::DualJoining | JoiningType::LeftJoining)
    }

    fn next_joining(&self) -> JoiningType {
        joining(self.after.iter())
    }

    /// A black flag, a few tags that spell its name, and a tag that ends it.
    fn is_in_flag(&self) -> bool {
        let tag = |character: &&char| matches!(**character, '\u{E0020}'..='\u{E007E}');
        let behind = self.before.iter().rev().take_while(tag).count();
        let starts = self.before.iter().rev().nth(behind) == Some(&BLACK_FLAG);
        let ahead = self.after.iter().take_while(tag).count();
        let here_ends = self.after.first().is_none_or(|next| !matches!(next, '\u{E0020}'..=CANCEL_TAG));
        let ends = self.after.get(ahead) == Some(&CANCEL_TAG);
        // The one that ends it counts those before it, each of the others counts itself, too.
        starts
            && if ends { FLAG_TAGS.contains(&(behind + ahead + 1)) } else { here_ends && FLAG_TAGS.contains(&behind) }
    }
}

/// How the nearest letter joins; marks on it do not count.
fn joining<'a>(characters: impl Iterator<Item = &'a char>) -> JoiningType {
    let types = CodePointMapData::<JoiningType>::new();
    let mut found = characters.map(|character| types.get(*character));
    found.find(|kind| *kind != JoiningType::Transparent).unwrap_or(JoiningType::NonJoining)
}

fn is_pictograph(character: char) -> bool {
    CodePointSetData::new::<ExtendedPictographic>().contains(character)
}

fn is_ideograph(character: char) -> bool {
    CodePointSetData::new::<UnifiedIdeograph>().contains(character)
}

fn script(character: char) -> Script {
    CodePointMapData::<Script>::new().get(character)
}
