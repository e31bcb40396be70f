//! Pricing: what a booking of these seats costs.

use crate::domain::{
    Booking, Currency, PlacePrice, Price, Prices, Rejection, Seat, SeatId, SeatSelection, Showtime, Tariff,
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
}

impl Showtime {
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
        let found = match tariff {
            None => zone.tariffs.iter().find(|tariff| !tariff.operators_only).or(zone.tariffs.first()),
            Some(key) => zone.tariffs.iter().find(|tariff| tariff.key == key),
        };
        let Tariff { key, amount, operators_only, .. } = found.ok_or_else(|| Rejection::UnknownTariff {
            tariff: tariff.unwrap_or_default().to_owned(),
            place: seat.printed(),
        })?;
        if *operators_only && !is_operator {
            return Err(Rejection::OperatorsTariff { tariff: key.clone(), place: seat.printed() });
        }
        Ok(PlacePrice { tariff: key.clone(), amount: *amount })
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
