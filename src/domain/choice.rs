//! Choice: what a new booking is to have if the server chooses at least some of its places: the best seats, places of areas, or both.

use serde::Serialize;

use crate::domain::text::{self, TextError};
use crate::domain::{BestAvailable, SeatSelection, SelectionError};

/// Longest label of an area and longest key of a tariff, in characters.
const LABEL_CHARACTERS: usize = 40;

/// 1 to [`SeatSelection::MAX_SEATS`] places in all.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Choice {
    seats: Option<SeatWish>,
    areas: Vec<AreaPlaces>,
}

/// Seats that are wanted besides places of areas.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SeatWish {
    /// These.
    Named(SeatSelection),
    /// The best that are free.
    Best(BestAvailable),
}

/// So many places of an area.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AreaPlaces {
    area_id: String,
    quantity: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    tariff: Option<String>,
}

impl AreaPlaces {
    /// Places of the area with this label, all at this tariff or the first one of their zone.
    ///
    /// # Errors
    /// A text that is none, with the name of its member.
    pub fn parse(area: &str, quantity: u32, tariff: Option<&str>) -> Result<Self, (&'static str, TextError)> {
        let plain = |member, text| text::plain(text, LABEL_CHARACTERS).map_err(|error| (member, error));
        let area_id = plain("areaId", area)?;
        let tariff = tariff.map(|tariff| plain("tariff", tariff)).transpose()?;
        Ok(Self { area_id, quantity, tariff })
    }

    /// How many.
    pub(super) fn quantity(&self) -> u32 {
        self.quantity
    }

    /// Another number of the same places.
    pub(super) fn with_quantity(&self, quantity: u32) -> Self {
        Self { quantity, ..self.clone() }
    }

    /// Whether an entry counts places that the other one counts, too: one without a tariff counts all places of its area.
    pub fn overlaps(&self, other: &Self) -> bool {
        let tariffs = (&self.tariff, &other.tariff);
        self.area_id == other.area_id && (self.tariff == other.tariff || tariffs.0.is_none() || tariffs.1.is_none())
    }

    /// The area's label.
    pub fn area_id(&self) -> &str {
        &self.area_id
    }

    /// The tariff, if one was chosen.
    pub fn tariff(&self) -> Option<&str> {
        self.tariff.as_deref()
    }
}

impl Choice {
    /// # Errors
    /// [`SelectionError::Empty`], [`SelectionError::TooManyPlaces`].
    pub fn new(seats: Option<SeatWish>, areas: Vec<AreaPlaces>) -> Result<Self, SelectionError> {
        let of_seats = seats.as_ref().map_or(0, SeatWish::quantity);
        let count = areas.iter().fold(u64::from(of_seats), |sum, area| sum + u64::from(area.quantity));
        match usize::try_from(count) {
            Ok(0) => Err(SelectionError::Empty),
            Ok(1..=SeatSelection::MAX_SEATS) => Ok(Self { seats, areas }),
            Ok(_) | Err(_) => Err(SelectionError::TooManyPlaces { count }),
        }
    }

    /// Number of places.
    pub fn quantity(&self) -> u32 {
        let of_seats = self.seats.as_ref().map_or(0, SeatWish::quantity);
        self.areas.iter().fold(of_seats, |sum, area| sum.saturating_add(area.quantity))
    }

    /// The seats that are wanted besides places of areas.
    pub fn seats(&self) -> Option<&SeatWish> {
        self.seats.as_ref()
    }

    /// The places of areas.
    pub fn areas(&self) -> &[AreaPlaces] {
        &self.areas
    }

    /// The seats that are wanted by name.
    pub fn named(&self) -> Option<&SeatSelection> {
        match &self.seats {
            Some(SeatWish::Named(seats)) => Some(seats),
            Some(SeatWish::Best(_)) | None => None,
        }
    }
}

impl From<BestAvailable> for Choice {
    fn from(best: BestAvailable) -> Self {
        Self { seats: Some(SeatWish::Best(best)), areas: Vec::new() }
    }
}

impl SeatWish {
    fn quantity(&self) -> u32 {
        match self {
            Self::Named(seats) => seats.len(),
            Self::Best(best) => best.quantity(),
        }
    }
}
