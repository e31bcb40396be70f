//! Money: an amount in minor units, which may be negative, and its currency.

use serde::{Deserialize, Serialize};

use crate::domain::{Booking, Currency, Event, Price, SeatId};

/// An amount of money.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Money {
    /// ISO 4217 code.
    pub currency: Currency,
    /// In minor units; negative if it is to be given back.
    pub amount: i64,
}

impl Price {
    /// How much more this is than a price before, which has the same currency.
    pub(super) fn more_than(&self, before: &Self) -> Money {
        let amount = as_amount(self.total()).saturating_sub(as_amount(before.total()));
        Money { currency: self.currency.clone(), amount }
    }

    /// No money, in its currency.
    pub fn nothing(&self) -> Money {
        Money { currency: self.currency.clone(), amount: 0 }
    }
}

impl Booking {
    /// What these of its seats cost; nothing if it was made without prices.
    pub fn cost_of(&self, seats: &[SeatId]) -> Option<Money> {
        let price = self.price.as_ref()?;
        let places = self.seat_ids.iter().zip(&price.places).filter(|(seat, _)| seats.contains(seat));
        let amount = places.map(|(_, place)| u64::from(place.amount)).sum();
        Some(Money { currency: price.currency.clone(), amount: as_amount(amount) })
    }
}

impl Event {
    /// How much more its booking costs than before an exchange.
    pub fn difference(&self) -> Option<&Money> {
        if let Self::BookingChanged { difference, .. } = self { difference.as_ref() } else { None }
    }

    /// How much of a payment is to be returned.
    pub fn refund_amount(&self) -> Option<&Money> {
        if let Self::BookingCancelled { refund_amount, .. } | Self::SeatsReleased { refund_amount, .. } = self {
            refund_amount.as_ref()
        } else {
            None
        }
    }
}

fn as_amount(total: u64) -> i64 {
    i64::try_from(total).unwrap_or(i64::MAX)
}
