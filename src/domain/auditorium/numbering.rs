//! Numbering: the labels of the seats of a row that is given as a count.

/// Which labels follow each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Style {
    /// 1, 2, 3 ..
    #[default]
    All,
    /// 1, 3, 5 ..
    Odd,
    /// 2, 4, 6 ..
    Even,
    /// A, B .. Z, AA, AB ..
    Letters,
}

impl Style {
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text {
            "all" => Some(Self::All),
            "odd" => Some(Self::Odd),
            "even" => Some(Self::Even),
            "letters" => Some(Self::Letters),
            _ => None,
        }
    }

    fn step(self) -> u32 {
        match self {
            Self::All | Self::Letters => 1,
            Self::Odd | Self::Even => 2,
        }
    }

    fn least(self) -> u32 {
        match self {
            Self::All | Self::Letters | Self::Odd => 1,
            Self::Even => 2,
        }
    }
}

/// Where counting begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum From {
    #[default]
    Left,
    Right,
}

impl From {
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text {
            "left" => Some(Self::Left),
            "right" => Some(Self::Right),
            _ => None,
        }
    }
}

/// Some seats side by side, numbered by a rule.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Run {
    pub(super) count: u32,
    pub(super) style: Style,
    pub(super) from: From,
    /// The lowest number; of letters its place in the alphabet.
    pub(super) first: u32,
}

/// Highest number that a run may begin with.
pub(super) const MOST_FIRST: u32 = 1_000_000;

impl Run {
    /// A run of so many seats; `first` is 1, or 2 for even numbers, if it is not said.
    ///
    /// # Errors
    /// The first number is not one of the style's.
    pub(super) fn new(count: u32, style: Style, from: From, first: Option<u32>) -> Result<Self, String> {
        let first = first.unwrap_or_else(|| style.least());
        if first > MOST_FIRST {
            return Err(format!("must be at most {MOST_FIRST}"));
        }
        let fits = match style {
            Style::All => true,
            Style::Letters => first > 0,
            Style::Odd => first % 2 == 1,
            Style::Even => first.is_multiple_of(2),
        };
        if fits {
            return Ok(Self { count, style, from, first });
        }
        Err(match style {
            Style::Odd => "must be an odd number, as the numbering is",
            Style::Even => "must be an even number, as the numbering is",
            Style::All | Style::Letters => "must be at least 1, which is the letter A",
        }
        .to_owned())
    }

    /// The labels from left to right.
    pub(super) fn labels(self) -> impl Iterator<Item = String> {
        (0..self.count).map(move |place| {
            let nth = match self.from {
                From::Left => place,
                From::Right => self.count - 1 - place,
            };
            let number = self.first + nth * self.style.step();
            match self.style {
                Style::All | Style::Odd | Style::Even => number.to_string(),
                Style::Letters => letters(number),
            }
        })
    }
}

/// 1 is A, 26 is Z, 27 is AA.
fn letters(number: u32) -> String {
    let mut rest = number;
    let mut reversed = Vec::new();
    while rest > 0 {
        rest -= 1;
        reversed.push(char::from_u32(u32::from('A') + rest % 26).unwrap_or('A'));
        rest /= 26;
    }
    reversed.iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(count: u32, style: Style, from: From, first: Option<u32>) -> String {
        Run::new(count, style, from, first).unwrap().labels().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn every_style_counts_as_it_says() {
        assert_eq!(labels(3, Style::All, From::Left, None), "1 2 3");
        assert_eq!(labels(3, Style::All, From::Right, Some(5)), "7 6 5");
        assert_eq!(labels(3, Style::Odd, From::Right, None), "5 3 1");
        assert_eq!(labels(3, Style::Even, From::Left, None), "2 4 6");
        assert_eq!(labels(4, Style::Letters, From::Left, Some(25)), "Y Z AA AB");
        assert_eq!(labels(2, Style::Letters, From::Left, Some(702)), "ZZ AAA");
        assert_eq!(labels(2, Style::All, From::Left, Some(0)), "0 1");
        assert_eq!(labels(0, Style::All, From::Right, None), "");
    }

    #[test]
    fn a_first_number_of_another_style_is_refused() {
        for (style, first) in [(Style::Odd, 2), (Style::Even, 1), (Style::Letters, 0), (Style::All, MOST_FIRST + 1)] {
            assert!(Run::new(1, style, From::Left, Some(first)).is_err(), "{style:?} {first}");
        }
    }
}
