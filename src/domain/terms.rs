//! The terms on which a showtime is sold and the zone of its times, what an operator may change of a listing, and why a showtime was cancelled.

use serde::{Deserialize, Serialize};

use crate::domain::text::{self, TextError};
use crate::domain::{AuditoriumVersion, GivenTime, LocalTimeError, NewHouse, Prices, TimeZone, Timestamp};

/// The terms of sale: what is sold, when, and how much to whom. What is not set is not limited.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Terms {
    /// Whose plan the seats are of; none if they are numbered rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auditorium: Option<AuditoriumVersion>,
    /// When the sale begins; without it, at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_sale_from: Option<Timestamp>,
    /// When the sale ends; without it, at the start of the showtime.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_sale_until: Option<Timestamp>,
    /// Most places in one booking.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub places_per_booking: Option<u32>,
    /// Most places in all live bookings of one customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub places_per_customer: Option<u32>,
    /// Holds of one customer that may end without a sale, one after the other, before he waits for the next; see the module `unsold`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holds_without_sale: Option<u32>,
    /// Seconds for which a reservation, or an extension, holds seats; without it, as long as the server's settings say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_seconds: Option<u32>,
    /// Whether reservations may leave a seat alone.
    #[serde(default, skip_serializing_if = "Orphans::are_allowed")]
    pub orphans: Orphans,
    /// From when on wheelchair places and companions' seats are chosen for everybody; without it, only for who asks for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accessible_for_all_from: Option<Timestamp>,
    /// The time zone of its venue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<TimeZone>,
    /// What its places cost; without them the shop in front knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prices: Option<Prices>,
}

/// What becomes of a reservation of named seats that leaves a seat alone.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Orphans {
    /// It is accepted.
    #[default]
    Allow,
    /// It is refused.
    Refuse,
}

impl Orphans {
    /// Whether it is accepted.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    pub(super) fn are_allowed(&self) -> bool {
        *self == Self::Allow
    }
}

/// Why a showtime was cancelled: 1 to 200 characters, for people.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CancelReason(String);

/// New values for parts of a listing.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListingChange {
    /// What is shown; `None`: as before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub movie_title: Option<String>,
    /// When it starts; `None`: as before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<GivenTime>,
    /// See [`Terms::on_sale_from`].
    #[serde(skip_serializing_if = "TermChange::is_keep")]
    pub on_sale_from: TermChange<GivenTime>,
    /// See [`Terms::on_sale_until`].
    #[serde(skip_serializing_if = "TermChange::is_keep")]
    pub on_sale_until: TermChange<GivenTime>,
    /// See [`Terms::places_per_booking`].
    #[serde(skip_serializing_if = "TermChange::is_keep")]
    pub places_per_booking: TermChange<u32>,
    /// See [`Terms::places_per_customer`].
    #[serde(skip_serializing_if = "TermChange::is_keep")]
    pub places_per_customer: TermChange<u32>,
    /// See [`Terms::holds_without_sale`].
    #[serde(skip_serializing_if = "TermChange::is_keep")]
    pub holds_without_sale: TermChange<u32>,
    /// See [`Terms::hold_seconds`]. Holds that were made before keep their deadline.
    #[serde(skip_serializing_if = "TermChange::is_keep")]
    pub hold_seconds: TermChange<u32>,
    /// See [`Terms::orphans`]; `None`: they are allowed.
    #[serde(skip_serializing_if = "TermChange::is_keep")]
    pub orphans: TermChange<Orphans>,
    /// See [`Terms::accessible_for_all_from`].
    #[serde(skip_serializing_if = "TermChange::is_keep")]
    pub accessible_for_all_from: TermChange<GivenTime>,
    /// See [`Terms::time_zone`]. Local times of the same change are read in the new zone; what is not changed stays where it is in time.
    #[serde(skip_serializing_if = "TermChange::is_keep")]
    pub time_zone: TermChange<TimeZone>,
    /// See [`Terms::prices`]. Bookings keep the prices that they were made with.
    #[serde(skip_serializing_if = "TermChange::is_keep")]
    pub prices: TermChange<Prices>,
    /// See [`Terms::auditorium`]: another version of the same auditorium; `None`: as before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub house: Option<NewHouse>,
}

/// What becomes of one term.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize)]
#[serde(untagged)]
pub enum TermChange<T> {
    /// It stays.
    #[default]
    Keep,
    /// It is this from now on; `None`: it is not set any more.
    Set(Option<T>),
}

impl<T: Clone> TermChange<T> {
    fn is_keep(&self) -> bool {
        matches!(self, Self::Keep)
    }

    /// The term after the change.
    pub(super) fn of(&self, before: Option<T>) -> Option<T> {
        match self {
            Self::Keep => before,
            Self::Set(after) => after.clone(),
        }
    }
}

/// Why a listing makes no sense. Reads as a sentence.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ListingError {
    /// The sale would end before it begins.
    #[error("the sale begins at {from}, which is not before its end at {until}")]
    EmptySale {
        /// When it begins.
        from: Timestamp,
        /// When it ends: the end that is set, or the start of the showtime if that is earlier.
        until: Timestamp,
    },
    /// A category is priced that no seat has.
    #[error("no seat of this showtime has the category {category:?}, which is priced")]
    UnknownCategory {
        /// Its key.
        category: String,
    },
    /// A local time is no point in time.
    #[error("{member} {error}")]
    NoSuchTime {
        /// The member of the listing that it was given for.
        member: &'static str,
        /// What is wrong with it.
        error: LocalTimeError,
    },
}

impl CancelReason {
    /// Longest reason, in characters.
    pub const MAX_CHARACTERS: usize = 200;

    /// A reason that a client gives, in the form in which it is kept: see the module `text`.
    ///
    /// # Errors
    /// It is empty, too long, or has characters that cannot be seen.
    pub fn parse(text: impl AsRef<str>) -> Result<Self, TextError> {
        text::plain(text.as_ref(), Self::MAX_CHARACTERS).map(Self)
    }

    /// A reason that a store has kept, as it is.
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    /// The reason as it is kept.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Terms {
    /// Nothing is set.
    pub(super) fn are_default(&self) -> bool {
        *self == Self::default()
    }
}
