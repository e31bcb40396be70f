//! Pricing: what a booking of these seats costs.

use crate::domain::best_available::Buyable;
use crate::domain::{
    BestAvailable, Booking, Currency, PlacePrice, Price, PriceZone, Prices, Rejection, Seat, SeatId, SeatSelection,
    Showtime, Tariff, Tariffs,
};

impl Showtime {
    /// What these seats cost for an operator or a customer; nothing if the showtime has no prices.
    pub(super) fn price(&self, seats: &SeatSelection, is_operator: bool) -> Result<Option<Price>, Rejection> {
        let Some(prices) = &self.listing().terms.prices else {
            return no_tariffs(seats).map(|()| None);
        };
        let of_seat = |(position, seat): (usize, &SeatId)| {
            let seat = self.facts().seat_map.seat(seat.index());
            seat.map(|seat| prices.of(&seat, seats.tariff(position), is_operator)).transpose()
        };
        let places: Vec<Option<PlacePrice>> =
            seats.as_slice().iter().enumerate().map(of_seat).collect::<Result<_, _>>()?;
        let places = places.into_iter().flatten().collect();
        Ok(Some(Price { currency: prices.currency.clone(), places }))
    }

    /// What an operator or a customer can buy of the best seats. Everything if no seat of the house has the price that he asks for: the refusal is
    /// that of the price then.
    pub(super) fn buyable(&self, best: &BestAvailable, is_operator: bool) -> Buyable<'_> {
        let buyable = self.sold_at(best.tariffs(), is_operator);
        if best.could_have(&self.facts().seat_map, &buyable) { buyable } else { Buyable::All }
    }

    /// What an operator or a customer can buy at these tariffs.
    pub(super) fn sold_at(&self, tariffs: &Tariffs, is_operator: bool) -> Buyable<'_> {
        self.listing().terms.prices.as_ref().map_or(Buyable::All, |prices| prices.sold_at(tariffs, is_operator))
    }

    /// What a booking costs that now has these seats: those that it had keep their prices. Those that are taken, or taken over at another tariff, have
    /// the chosen one, or else that of its first seat, if their zone has that, and if who asks may choose it. Nothing if it was made without prices.
    pub(super) fn changed_price(
        &self,
        booking: &Booking,
        (seats, taken): (&[SeatId], &SeatSelection),
        is_operator: bool,
    ) -> Result<Option<Price>, Rejection> {
        let Some(before) = &booking.price else { return no_tariffs(taken).map(|()| None) };
        let first = before.places.first().map(|place| place.tariff.as_str());
        let of_seat = |seat_id: SeatId| {
            let chosen = taken.as_slice().iter().position(|taken| *taken == seat_id);
            let had = booking.seat_ids.iter().zip(&before.places).find(|(known, _)| **known == seat_id);
            if let (None, Some((_, place))) = (chosen, had) {
                return Ok(Some(place.clone()));
            }
            let Some(seat) = self.facts().seat_map.seat(seat_id.index()) else { return Ok(None) };
            let prices = self.prices_in(&before.currency)?;
            let of = |tariff| prices.of(&seat, tariff, is_operator);
            let price = match chosen.and_then(|position| taken.tariff(position)) {
                Some(tariff) => of(Some(tariff)),
                None => of(first).or_else(|_other_tariffs| of(None)),
            };
            price.map(Some)
        };
        let places: Vec<Option<PlacePrice>> = seats.iter().copied().map(of_seat).collect::<Result<_, _>>()?;
        Ok(Some(Price { currency: before.currency.clone(), places: places.into_iter().flatten().collect() }))
    }

    /// Today's prices, for a booking that has one in this currency.
    fn prices_in(&self, currency: &Currency) -> Result<&Prices, Rejection> {
        let prices = self.listing().terms.prices.as_ref();
        prices.filter(|prices| prices.currency == *currency).ok_or_else(|| Rejection::OtherCurrency {
            booking: currency.clone(),
            showtime: prices.map(|prices| prices.currency.clone()),
        })
    }
}

/// Refuses a tariff where there are no prices.
fn no_tariffs(seats: &SeatSelection) -> Result<(), Rejection> {
    match (0..seats.as_slice().len()).find_map(|position| seats.tariff(position)) {
        Some(tariff) => Err(Rejection::NoTariffs { tariff: tariff.to_owned() }),
        None => Ok(()),
    }
}

impl Prices {
    /// What a seat costs: at the tariff with this key, or at the first one that everybody may choose.
    ///
    /// # Errors
    /// [`Rejection::NotPriced`], [`Rejection::UnknownTariff`], [`Rejection::OperatorsTariff`].
    fn of(&self, seat: &Seat<'_>, tariff: Option<&str>, is_operator: bool) -> Result<PlacePrice, Rejection> {
        let of_category = |category: Option<&str>| self.zones.iter().find(|zone| zone.category.as_deref() == category);
        let zone = seat.category().and_then(|category| of_category(Some(category))).or_else(|| of_category(None));
        let zone = zone.ok_or_else(|| Rejection::NotPriced { place: seat.printed() })?;
        let found = zone.tariff(tariff);
        let Tariff { key, amount, operators_only, .. } = found.ok_or_else(|| Rejection::UnknownTariff {
            tariff: tariff.unwrap_or_default().to_owned(),
            place: seat.printed(),
        })?;
        if *operators_only && !is_operator {
            return Err(Rejection::OperatorsTariff { tariff: key.clone(), place: seat.printed() });
        }
        Ok(PlacePrice { tariff: key.clone(), amount: *amount })
    }

    /// The categories that have all of these tariffs for an operator or a customer.
    fn sold_at(&self, tariffs: &Tariffs, is_operator: bool) -> Buyable<'_> {
        let (mut own, mut others) = (Vec::new(), false);
        for zone in &self.zones {
            let serves = zone.serves(tariffs, is_operator);
            match &zone.category {
                Some(category) => own.push((category.as_str(), serves)),
                None => others = serves,
            }
        }
        if others && own.iter().all(|(_, serves)| *serves) { Buyable::All } else { Buyable::Zones { own, others } }
    }
}

impl PriceZone {
    /// The tariff with this key, or else the first one that everybody may choose; an operator's, if there is no other.
    fn tariff(&self, key: Option<&str>) -> Option<&Tariff> {
        match key {
            None => self.tariffs.iter().find(|tariff| !tariff.operators_only).or(self.tariffs.first()),
            Some(key) => self.tariffs.iter().find(|tariff| tariff.key == key),
        }
    }

    /// Whether it has all of these tariffs, or a usual one if there are none, and an operator or a customer may choose them.
    fn serves(&self, tariffs: &Tariffs, is_operator: bool) -> bool {
        let has = |key| self.tariff(key).is_some_and(|tariff| is_operator || !tariff.operators_only);
        if tariffs.are_usual() { has(None) } else { tariffs.chosen().all(|key| has(Some(key))) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::{Row, SeatMap};

    fn checked(prices: Value) -> Prices {
        serde_json::from_value::<Prices>(prices).unwrap().checked().unwrap()
    }

    fn house() -> SeatMap {
        serde_json::from_value(json!([
            {"row": "A", "seats": 2, "section": "Stalls", "categories": [{"to": 1, "category": "gold"}, {"to": 2}]},
        ]))
        .unwrap()
    }

    #[test]
    fn a_seat_costs_what_its_category_says_or_else_what_the_others_do() {
        let prices = checked(json!({"currency": "EUR", "zones": [
            {"category": "gold", "tariffs": [{"key": "full", "amount": 4500}, {"key": "child", "amount": 0}]},
            {"tariffs": [{"key": "full", "amount": 3000}]},
        ]}));
        let map = house();
        let [gold, other] = [0, 1].map(|seat| map.seat(seat).unwrap());
        let price = |seat: &Seat<'_>, tariff| prices.of(seat, tariff, false).map(|price| price.amount);
        assert_eq!((price(&gold, None), price(&gold, Some("child")), price(&other, None)), (Ok(4500), Ok(0), Ok(3000)));
        let refused = price(&other, Some("child")).unwrap_err();
        assert_eq!(refused.to_string(), "seat Stalls A2 has no tariff \"child\"");
        assert_eq!(prices.unknown_category(&map), None);
        let gold_only = checked(
            json!({"currency": "EUR", "zones": [{"category": "gold", "tariffs": [{"key": "k", "amount": 1}]}]}),
        );
        assert_eq!(gold_only.of(&other, None, false).unwrap_err().to_string(), "seat Stalls A2 has no price");
        let plain = SeatMap::new(vec![Row::numbered("A", 1)]).unwrap();
        assert_eq!(gold_only.unknown_category(&plain), Some("gold"));
    }

    #[test]
    fn a_tariff_for_operators_is_theirs_alone_and_nobodys_default() {
        let comp = json!({"key": "comp", "amount": 0, "operatorsOnly": true});
        let prices = checked(json!({"currency": "EUR", "zones": [
            {"category": "gold", "tariffs": [comp]},
            {"tariffs": [comp, {"key": "full", "amount": 3000}]},
        ]}));
        let map = house();
        let [gold, other] = [0, 1].map(|seat| map.seat(seat).unwrap());
        let price = |seat: &Seat<'_>, tariff, is_operator| {
            prices.of(seat, tariff, is_operator).map(|price| price.amount).map_err(|error| error.to_string())
        };
        assert_eq!((price(&other, None, false), price(&other, None, true)), (Ok(3000), Ok(3000)));
        assert_eq!((price(&other, Some("comp"), true), price(&gold, None, true)), (Ok(0), Ok(0)));
        let refused = |place| Err(format!("tariff \"comp\" of seat {place} is for operators only"));
        assert_eq!(price(&other, Some("comp"), false), refused("Stalls A2"));
        assert_eq!(price(&gold, None, false), refused("Stalls A1"));
    }
}
