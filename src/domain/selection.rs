//! The seats of one booking, as a client has chosen them or had them chosen.

use std::collections::HashSet;

use serde::Serialize;

use crate::domain::prices::KEY_CHARACTERS;
use crate::domain::text::{self, TextError};
use crate::domain::{SeatId, SeatIdPrefix, SeatIndex, ShowtimeId};

/// The seats of one booking, in the client's order: 1 to [`SeatSelection::MAX_SEATS`], of a block up to [`SeatSelection::MAX_BLOCKED`]. None twice,
/// all of one showtime.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SeatSelection {
    seats: Vec<SeatId>,
    tariffs: Tariffs,
}

/// The tariffs that a client has chosen: none, one for all places, or one for each in the order of the seats. A place may have none.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize)]
#[serde(transparent)]
pub struct Tariffs(Vec<Option<String>>);

impl Tariffs {
    /// A tariff's key that a client gives, in the form in which prices have it.
    ///
    /// # Errors
    /// It is empty, longer than keys are, or has characters that cannot be seen.
    pub fn key(text: &str) -> Result<String, TextError> {
        text::plain(text, KEY_CHARACTERS)
    }

    /// `None` if they are more than one, and not as many as the places.
    pub fn new(tariffs: Vec<String>, places: usize) -> Option<Self> {
        (tariffs.len() <= 1 || tariffs.len() == places).then(|| Self(tariffs.into_iter().map(Some).collect()))
    }

    /// Whether none was chosen.
    pub fn are_usual(&self) -> bool {
        self.0.is_empty()
    }

    /// Those that were chosen.
    pub(super) fn chosen(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flatten().map(String::as_str)
    }

    /// The tariff of the place at this position, if one was chosen.
    pub(super) fn of_place(&self, position: usize) -> Option<&str> {
        let tariff = if self.0.len() == 1 { self.0.first() } else { self.0.get(position) };
        tariff.and_then(Option::as_deref)
    }
}

/// Why seat ids are no [`SeatSelection`]. Positions count from 0.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SelectionError {
    /// No seat at all.
    #[error("no seat is named")]
    Empty,
    /// Too many.
    #[error("{count} seats are named, at most {most} are taken")]
    TooMany {
        /// How many were named.
        count: usize,
        /// How many may be.
        most: usize,
    },
    /// Too many, places of areas included.
    #[error("{count} places are wanted, at most {} can be booked at once", SeatSelection::MAX_SEATS)]
    TooManyPlaces {
        /// How many are wanted.
        count: u64,
    },
    /// A seat is named twice.
    #[error("is named twice")]
    Duplicate {
        /// Position of the second.
        position: usize,
        /// The seat.
        seat: SeatId,
    },
    /// A seat of another showtime, or of none.
    #[error("is not a seat of this showtime")]
    Foreign {
        /// Its position.
        position: usize,
        /// The seat.
        seat: SeatId,
    },
}

impl SeatSelection {
    /// Most seats in one booking.
    pub const MAX_SEATS: usize = 20;
    /// Most seats in one block.
    pub const MAX_BLOCKED: usize = 1_000;

    /// Checks the ids against each other and the showtime.
    pub fn new(showtime: ShowtimeId, seats: Vec<SeatId>) -> Result<Self, SelectionError> {
        Self::of(showtime, seats, Self::MAX_SEATS)
    }

    /// The same for a block.
    pub fn blocked(showtime: ShowtimeId, seats: Vec<SeatId>) -> Result<Self, SelectionError> {
        Self::of(showtime, seats, Self::MAX_BLOCKED)
    }

    fn of(showtime: ShowtimeId, seats: Vec<SeatId>, most: usize) -> Result<Self, SelectionError> {
        if seats.is_empty() {
            return Err(SelectionError::Empty);
        }
        if seats.len() > most {
            return Err(SelectionError::TooMany { count: seats.len(), most });
        }
        let prefix = SeatId::prefix(showtime);
        let mut known = HashSet::new();
        for (position, seat) in seats.iter().copied().enumerate() {
            if seat.index_under(prefix).is_none() {
                return Err(SelectionError::Foreign { position, seat });
            }
            if !known.insert(seat) {
                return Err(SelectionError::Duplicate { position, seat });
            }
        }
        Ok(Self { seats, tariffs: Tariffs::default() })
    }

    /// None yet: others are to be added.
    pub(super) fn none() -> Self {
        Self { seats: Vec::new(), tariffs: Tariffs::default() }
    }

    /// Seats of one showtime that were chosen for a client, as many as a booking can have and each of them once.
    pub(super) fn chosen(prefix: SeatIdPrefix, seats: Vec<SeatIndex>, tariffs: &Tariffs) -> Self {
        debug_assert!(
            (1..=Self::MAX_SEATS).contains(&seats.len()) && seats.iter().collect::<HashSet<_>>().len() == seats.len()
        );
        let seats = seats.into_iter().map(|seat| SeatId::with_prefix(prefix, seat)).collect();
        Self { seats, tariffs: tariffs.clone() }
    }

    /// Places that were chosen besides, each once, all at this tariff.
    pub(super) fn add(&mut self, places: Vec<SeatId>, tariff: Option<&str>) {
        let before = (0..self.seats.len()).map(|position| self.tariff(position).map(str::to_owned));
        let more = places.iter().map(|_| tariff.map(str::to_owned));
        self.tariffs = Tariffs(before.chain(more).collect());
        self.seats.extend(places);
    }

    /// The same seats at these tariffs.
    #[must_use]
    pub fn at(self, tariffs: Tariffs) -> Self {
        Self { tariffs, ..self }
    }

    /// The tariffs that were chosen.
    pub fn tariffs(&self) -> &Tariffs {
        &self.tariffs
    }

    /// The tariff that was chosen for the seat at this position.
    pub(super) fn tariff(&self, position: usize) -> Option<&str> {
        self.tariffs.of_place(position)
    }

    /// How many they are.
    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.seats.len()).unwrap_or(u32::MAX)
    }

    /// The seats, in the client's order.
    pub fn as_slice(&self) -> &[SeatId] {
        &self.seats
    }
}
