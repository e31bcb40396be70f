//! Money: an amount in minor units, which may be negative, and its currency.

use serde::{Deserialize, Serialize};

use crate::domain::{Currency, Price};

/// An amount of money.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Money {
    /// ISO 4217 code.
    pub currency: Currency,
    /// In minor units; negative if it is to be given back.
    pub amount: i64,
}

impl Money {
    /// What some places cost together.
    pub(super) fn of(currency: &Currency, total: u64) -> Self {
        Self { currency: currency.clone(), amount: as_amount(total) }
    }
}

impl Price {
    /// How much more this is than a price before, which has the same currency.
    pub(super) fn more_than(&self, before: &Self) -> Money {
        let amount = as_amount(self.total()).saturating_sub(as_amount(before.total()));
        Money { currency: self.currency.clone(), amount }
    }

    /// No money, in its currency.
    pub fn nothing(&self) -> Money {
        Money::of(&self.currency, 0)
    }
}

fn as_amount(total: u64) -> i64 {
    i64::try_from(total).unwrap_or(i64::MAX)
}
