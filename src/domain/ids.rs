//! Identities: those of showtimes and users are given; a booking's id carries a mark of its showtime; a seat's id is derived from its
//! showtime and its place in the seat map.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::domain::text::{self, TextError};

/// Position of a seat in its showtime's seat map, counted from 0, row by row.
pub type SeatIndex = u32;

/// Identity of a showtime (one screening of one film).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ShowtimeId(pub Uuid);

/// Identity of an auditorium; chosen by the server. A UUID of version 7, so that auditoriums are listed in the order of their making.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AuditoriumId(pub Uuid);

/// A version of an auditorium, which never changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AuditoriumVersion {
    /// The auditorium.
    pub id: AuditoriumId,
    /// Its version, from 1.
    pub version: u32,
}

/// Identity of a booking; chosen by the server before the command is decided, so that a repeated command is recognised.
///
/// A UUID of version 7 (RFC 9562, section 5.7) whose last 20 bits are the [`ShowtimeMark`] of its showtime:
///
/// | bits | content |
/// |---|---|
/// | 48 | milliseconds since 1970 |
/// | 4 | version, 7 |
/// | 12 | counter or random |
/// | 2 | variant, binary 10 |
/// | 42 | counter or random |
/// | 20 | mark of the showtime |
///
/// So the last five hexadecimal digits of a booking's id are the first five of its seats' ids. Whoever routes a request can tell from
/// them which showtimes it may be about. Ids that earlier versions made have random bits there.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BookingId(pub Uuid);

/// Identity of a seat: a UUID of version 8 (RFC 9562, section 5.8) that carries its own place.
///
/// The first twelve bytes are taken from SHA-256 of the showtime's id, the last four are the [`SeatIndex`] in network order.
/// So a seat id is checked against its showtime and turned into an index without a table.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SeatId(pub Uuid);

/// 20 bits of SHA-256 of a showtime's id. Two showtimes may have the same mark: it tells where to look for a booking, not whose it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ShowtimeMark(u32);

impl ShowtimeMark {
    const BITS: u32 = 20;

    /// The mark that is the first bits of this number.
    fn of_first_bits(number: u128) -> Self {
        Self(u32::try_from(number >> (u128::BITS - Self::BITS)).unwrap_or_default())
    }
}

impl ShowtimeId {
    /// Its mark: the first bits of its seats' ids.
    pub fn mark(self) -> ShowtimeMark {
        ShowtimeMark::of_first_bits(SeatId::prefix(self).0)
    }
}

impl BookingId {
    /// The id of a new booking. `fresh` is a new UUID of version 7: the time, the version, the variant and all but its last 20 bits
    /// are kept.
    pub fn new(showtime: ShowtimeId, fresh: Uuid) -> Self {
        let kept = fresh.as_u128() >> ShowtimeMark::BITS << ShowtimeMark::BITS;
        Self(Uuid::from_u128(kept | u128::from(showtime.mark().0)))
    }

    /// The mark of its showtime, if this version or a later one made the id.
    pub fn mark(self) -> ShowtimeMark {
        ShowtimeMark::of_first_bits(self.0.as_u128() << (u128::BITS - ShowtimeMark::BITS))
    }
}

impl SeatId {
    /// The id of the seat at `index` of `showtime`.
    pub fn new(showtime: ShowtimeId, index: SeatIndex) -> Self {
        Self::with_prefix(Self::prefix(showtime), index)
    }

    /// The part that all seat ids of one showtime share, for making or checking many ids with one hash.
    pub fn prefix(showtime: ShowtimeId) -> SeatIdPrefix {
        let digest = Sha256::digest(showtime.0.as_bytes());
        let mut bytes = [0_u8; 16];
        for (to, from) in bytes.iter_mut().zip(digest.iter()).take(12) {
            *to = *from;
        }
        let uuid = uuid::Builder::from_custom_bytes(bytes).into_uuid();
        SeatIdPrefix(uuid.as_u128())
    }

    /// The id of the seat at `index` under an already computed prefix.
    pub fn with_prefix(prefix: SeatIdPrefix, index: SeatIndex) -> Self {
        Self(Uuid::from_u128(prefix.0 | u128::from(index)))
    }

    /// The seat's index if the id belongs to the showtime with this prefix (the index may still lie past its last seat).
    pub fn index_under(self, prefix: SeatIdPrefix) -> Option<SeatIndex> {
        u32::try_from(self.0.as_u128() ^ prefix.0).ok()
    }

    /// The seat's index, whatever its showtime. Only for ids that were checked with [`SeatId::index_under`] before.
    pub fn index(self) -> SeatIndex {
        let [.., a, b, c, d] = *self.0.as_bytes();
        SeatIndex::from_be_bytes([a, b, c, d])
    }
}

/// See [`SeatId::prefix`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SeatIdPrefix(u128);

/// Who books: a name of 1 to 128 characters, given by the client; what it means is the client's affair.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserId(String);

impl UserId {
    /// Longest accepted name, in characters.
    pub const MAX_CHARACTERS: usize = 128;

    /// A name that a client gives, in the form in which it is kept: see the module `text`.
    ///
    /// # Errors
    /// It is empty, too long, or has characters that cannot be seen.
    pub fn parse(text: impl AsRef<str>) -> Result<Self, TextError> {
        text::plain(text.as_ref(), Self::MAX_CHARACTERS).map(Self)
    }

    /// A name that a store has kept, as it is: earlier versions accepted more.
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    /// The house itself, whose bookings are blocks: the empty name, which no client can give.
    pub fn house() -> Self {
        Self(String::new())
    }

    /// The name as it is kept.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ShowtimeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for AuditoriumId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for BookingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for SeatId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seat_id_carries_its_index_and_refuses_other_showtimes() {
        let ours = ShowtimeId(Uuid::from_u128(1));
        let other = ShowtimeId(Uuid::from_u128(2));
        for index in [0, 1, 139, 199_999, u32::MAX] {
            let seat = SeatId::new(ours, index);
            assert_eq!(seat.index_under(SeatId::prefix(ours)), Some(index));
            assert_eq!(seat.index(), index);
            assert_eq!(seat.index_under(SeatId::prefix(other)), None);
            assert_eq!(seat.0.get_version_num(), 8);
        }
    }

    #[test]
    fn a_booking_id_carries_the_mark_of_its_showtime_and_stays_a_version_7_uuid() {
        let ours = ShowtimeId(Uuid::from_u128(1));
        let other = ShowtimeId(Uuid::from_u128(2));
        for fresh in [Uuid::now_v7(), Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000)] {
            let booking = BookingId::new(ours, fresh);
            assert_eq!(booking.mark(), ours.mark());
            assert_ne!(booking.mark(), other.mark());
            assert_eq!((booking.0.get_version_num(), booking.0.get_variant()), (7, uuid::Variant::RFC4122));
            assert_eq!(booking.0.as_u128() >> 20, fresh.as_u128() >> 20, "everything before the mark is kept");
            let (booking, seat) = (booking.to_string(), SeatId::new(ours, 3).to_string());
            assert_eq!(booking[booking.len() - 5..], seat[..5]);
        }
    }

    #[test]
    fn booking_ids_are_in_the_order_of_their_making_whatever_their_showtimes() {
        let made = (0..1_000_u128).map(|n| BookingId::new(ShowtimeId(Uuid::from_u128(n % 7)), Uuid::now_v7()));
        assert!(made.is_sorted_by(|a, b| a < b));
    }
}
