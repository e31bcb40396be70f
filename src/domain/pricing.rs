//! Pricing: what a booking of these seats costs.

use crate::domain::{Booking, PlacePrice, Price, Rejection, SeatId, SeatSelection, Showtime};

impl Showtime {
    /// What these seats cost; nothing if the showtime has no prices.
    pub(super) fn price(&self, seats: &SeatSelection) -> Result<Option<Price>, Rejection> {
        let Some(prices) = &self.listing().terms.prices else {
            return match seats.tariff(0) {
                Some(tariff) => Err(Rejection::NoTariffs { tariff: tariff.to_owned() }),
                None => Ok(None),
            };
        };
        let of_seat = |(position, seat): (usize, &SeatId)| {
            let seat = self.facts().seat_map.seat(seat.index());
            seat.map(|seat| prices.of(&seat, seats.tariff(position))).transpose()
        };
        let places: Vec<Option<PlacePrice>> =
            seats.as_slice().iter().enumerate().map(of_seat).collect::<Result<_, _>>()?;
        let places = places.into_iter().flatten().collect();
        Ok(Some(Price { currency: prices.currency.clone(), places }))
    }

    /// What a booking costs that now has these seats: those that it had keep their prices, others have the tariff of its first seat, if their
    /// zone has that. Nothing if it was made without prices.
    pub(super) fn changed_price(&self, booking: &Booking, seats: &[SeatId]) -> Result<Option<Price>, Rejection> {
        let Some(before) = &booking.price else { return Ok(None) };
        let first = before.places.first().map(|place| place.tariff.as_str());
        let of_seat = |seat: &SeatId| {
            let had = booking.seat_ids.iter().zip(&before.places).find(|(known, _)| *known == seat);
            if let Some((_, place)) = had {
                return Ok(Some(place.clone()));
            }
            let prices = self.listing().terms.prices.as_ref().filter(|prices| prices.currency == before.currency);
            let seat = self.facts().seat_map.seat(seat.index());
            let Some(seat) = seat else { return Ok(None) };
            let prices = prices.ok_or_else(|| Rejection::NotPriced { place: seat.printed() })?;
            prices.of(&seat, first).or_else(|_other_tariffs| prices.of(&seat, None)).map(Some)
        };
        let places: Vec<Option<PlacePrice>> = seats.iter().map(of_seat).collect::<Result<_, _>>()?;
        Ok(Some(Price { currency: before.currency.clone(), places: places.into_iter().flatten().collect() }))
    }
}
