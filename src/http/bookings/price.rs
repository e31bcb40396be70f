//! The price of a booking, as clients read it.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{Currency, Money, PlacePrice, Price, SeatId};

/// What a booking costs, in minor units of the currency.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = BookingPrice)]
pub(super) struct PriceAnswer<'a> {
    /// ISO 4217 code.
    #[schema(value_type = String)]
    currency: &'a Currency,
    /// Of all places together.
    total: u64,
    /// Each place, in the order of `seatIds`.
    places: Vec<PlaceAnswer<'a>>,
}

/// What a place costs.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PlacePrice)]
struct PlaceAnswer<'a> {
    /// The seat.
    #[schema(value_type = Uuid)]
    seat_id: SeatId,
    /// Key of its tariff.
    tariff: &'a str,
    /// In minor units.
    amount: u32,
}

/// An amount of money.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Money)]
pub(super) struct MoneyAnswer<'a> {
    /// ISO 4217 code.
    #[schema(value_type = String)]
    currency: &'a Currency,
    /// In minor units.
    amount: i64,
}

impl<'a> MoneyAnswer<'a> {
    pub(super) fn of(Money { currency, amount }: &'a Money) -> Self {
        Self { currency, amount: *amount }
    }
}

impl<'a> PriceAnswer<'a> {
    pub(super) fn of(price: &'a Price, seats: &[SeatId]) -> Self {
        let place = |(seat, place): (&SeatId, &'a PlacePrice)| PlaceAnswer {
            seat_id: *seat,
            tariff: &place.tariff,
            amount: place.amount,
        };
        let places = seats.iter().zip(&price.places).map(place).collect();
        Self { currency: &price.currency, total: price.total(), places }
    }
}
