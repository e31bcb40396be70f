//! Prices: what places cost, by their category and the tariff that is chosen, and what a booking costs.

use std::collections::HashSet;
use std::fmt;

use serde::de::{Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::domain::SeatMap;
use crate::domain::text::{self, TextError};

/// Most zones of a showtime, and most tariffs of a zone.
const MOST_ENTRIES: usize = 100;
/// Longest key of a category, in characters, as auditoriums have them.
const CATEGORY_CHARACTERS: usize = 100;
/// Longest key of a tariff, in characters.
pub(super) const KEY_CHARACTERS: usize = 40;
/// Longest name, in characters.
const NAME_CHARACTERS: usize = 100;
/// Highest amount of one place, in minor units.
const MOST_AMOUNT: u32 = 1_000_000_000;

/// The prices of a showtime.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    /// ISO 4217 code, such as `EUR`.
    pub currency: Currency,
    /// Each category once; at most one zone for all other places.
    pub zones: Vec<PriceZone>,
}

/// What the places of one category cost.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceZone {
    /// The category's key; absent: all places whose category has no zone of its own, or that have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// At least one; the first that is not for operators only is for who chooses none.
    pub tariffs: Vec<Tariff>,
}

/// A price and for whom it is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tariff {
    /// What reservations choose it by; unique in its zone.
    pub key: String,
    /// What people read; absent: the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// In minor units of the currency; 0 for free places.
    #[serde(deserialize_with = "amount")]
    pub amount: u32,
    /// Only operators may choose it; everybody may see it.
    #[serde(default, rename = "operatorsOnly", skip_serializing_if = "std::ops::Not::not")]
    pub operators_only: bool,
}

/// An ISO 4217 code: three capital letters. Which codes exist is the shop's to know.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Currency(String);

/// What a booking costs. It stays when the showtime's prices change.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// ISO 4217 code.
    pub currency: Currency,
    /// One for each seat, in the order of the booking's seats.
    pub places: Vec<PlacePrice>,
}

/// What one place of a booking costs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlacePrice {
    /// The tariff's key.
    pub tariff: String,
    /// In minor units of the currency.
    pub amount: u32,
}

/// What is wrong with prices, and where, as a JSON pointer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PriceFault {
    /// From the prices on, such as `/zones/0/category`.
    pub pointer: String,
    /// Reads after the name of the member.
    pub detail: String,
}

impl Prices {
    /// The prices with their texts in the form in which texts are kept.
    ///
    /// # Errors
    /// All that is wrong.
    pub fn checked(mut self) -> Result<Self, Vec<PriceFault>> {
        let mut faults = Faults::default();
        if self.currency.0.len() != 3 || !self.currency.0.bytes().all(|byte| byte.is_ascii_uppercase()) {
            faults.add("/currency", "must be an ISO 4217 code of three capital letters, such as EUR");
        }
        faults.count("/zones", self.zones.len());
        let mut categories = HashSet::new();
        for (zone, at) in self.zones.iter_mut().zip(0..) {
            if let Some(category) = &mut zone.category {
                faults.tidy(category, CATEGORY_CHARACTERS, &format!("/zones/{at}/category"));
            }
            if !categories.insert(zone.category.clone()) {
                faults.add(&format!("/zones/{at}/category"), "is priced by an earlier zone");
            }
            faults.tariffs(zone, at);
        }
        if faults.0.is_empty() { Ok(self) } else { Err(faults.0) }
    }

    /// A category that no seat of the house has.
    pub fn unknown_category(&self, seat_map: &SeatMap) -> Option<&str> {
        let mut categories = self.zones.iter().filter_map(|zone| zone.category.as_deref());
        categories.find(|category| !seat_map.rows().iter().any(|row| row.has_category(category)))
    }
}

/// An amount; says what it should be, in the words of who set the price.
fn amount<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    struct Amount;

    impl Visitor<'_> for Amount {
        type Value = u32;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a whole number of minor units, such as 1250 for 12.50")
        }

        fn visit_u64<E: serde::de::Error>(self, amount: u64) -> Result<u32, E> {
            u32::try_from(amount).map_err(|_large| E::invalid_value(Unexpected::Unsigned(amount), &self))
        }
    }

    deserializer.deserialize_u32(Amount)
}

impl Currency {
    /// The code.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Price {
    /// In minor units.
    pub fn total(&self) -> u64 {
        self.places.iter().map(|place| u64::from(place.amount)).sum()
    }
}

#[derive(Default)]
struct Faults(Vec<PriceFault>);

impl Faults {
    fn add(&mut self, pointer: &str, detail: &str) {
        self.0.push(PriceFault { pointer: pointer.to_owned(), detail: detail.to_owned() });
    }

    fn count(&mut self, pointer: &str, entries: usize) {
        if !(1..=MOST_ENTRIES).contains(&entries) {
            self.add(pointer, &format!("must have 1 to {MOST_ENTRIES} entries"));
        }
    }

    /// Brings a text into the form in which texts are kept.
    fn tidy(&mut self, text: &mut String, most: usize, pointer: &str) {
        let plain: Result<String, TextError> = text::plain(text, most);
        match plain {
            Ok(plain) => *text = plain,
            Err(error) => self.add(pointer, &error.to_string()),
        }
    }

    fn tariffs(&mut self, zone: &mut PriceZone, at: usize) {
        let list = format!("/zones/{at}/tariffs");
        self.count(&list, zone.tariffs.len());
        let mut keys = HashSet::new();
        for (tariff, at) in zone.tariffs.iter_mut().zip(0..) {
            let here = format!("{list}/{at}");
            self.tidy(&mut tariff.key, KEY_CHARACTERS, &format!("{here}/key"));
            if let Some(name) = &mut tariff.name {
                self.tidy(name, NAME_CHARACTERS, &format!("{here}/name"));
            }
            if tariff.amount > MOST_AMOUNT {
                self.add(&format!("{here}/amount"), &format!("must be a whole number from 0 to {MOST_AMOUNT}"));
            }
            if !keys.insert(tariff.key.clone()) {
                self.add(&format!("{here}/key"), "is the key of an earlier tariff of this zone");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn checked(prices: Value) -> Result<Prices, Vec<String>> {
        let prices: Prices = serde_json::from_value(prices).unwrap();
        let said = |fault: PriceFault| format!("{} {}", fault.pointer, fault.detail);
        prices.checked().map_err(|faults| faults.into_iter().map(said).collect())
    }

    #[test]
    fn all_that_is_wrong_is_named() {
        let wrong = checked(json!({"currency": "eur", "zones": [
            {"category": "gold", "tariffs": []},
            {"category": " gold ", "tariffs": [{"key": "a", "amount": 1}, {"key": "a", "amount": 1_000_000_001}, {"key": "", "name": "\u{202e}", "amount": 0}]},
        ]}))
        .unwrap_err();
        let pointers: Vec<&str> = wrong.iter().filter_map(|fault| fault.split(' ').next()).collect();
        assert_eq!(
            pointers,
            [
                "/currency",
                "/zones/0/tariffs",
                "/zones/1/category",
                "/zones/1/tariffs/1/amount",
                "/zones/1/tariffs/1/key",
                "/zones/1/tariffs/2/key",
                "/zones/1/tariffs/2/name",
            ]
        );
    }
}
