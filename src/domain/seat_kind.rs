//! Seat kind: what a seat is, apart from where it is.

use serde::{Deserialize, Serialize};

/// What a seat is, apart from where it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SeatKind {
    /// A seat like most.
    #[default]
    Standard,
    /// A place for a wheelchair.
    Wheelchair,
    /// For who comes with the person in a wheelchair place. It is bound to that place, which is in the same row.
    Companion,
    /// A seat from which not all is seen. The note says why.
    RestrictedView,
}

impl SeatKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Standard, Self::Wheelchair, Self::Companion, Self::RestrictedView];

    /// Whether it is a seat like most.
    pub fn is_standard(&self) -> bool {
        *self == Self::Standard
    }

    /// Whether it is a seat for everybody. Places for wheelchairs and for companions are kept for who asks for them, and may stay alone.
    pub(super) fn is_for_all(self) -> bool {
        match self {
            Self::Standard | Self::RestrictedView => true,
            Self::Wheelchair | Self::Companion => false,
        }
    }

    /// The word in our format and in CSV.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Wheelchair => "wheelchair",
            Self::Companion => "companion",
            Self::RestrictedView => "restrictedView",
        }
    }

    /// The reverse of [`SeatKind::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}
