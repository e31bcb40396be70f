//! Report: how full a showtime is and what it has earned, by section, category, tariff and channel.

use std::collections::{BTreeMap, HashMap};

use crate::domain::{Booking, BookingStatus, HouseWord, PlacePrice, SeatId, SeatIndex, SeatStatus, Showtime};

/// Places and money of a part of the house.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Tally {
    /// Places that can be reserved.
    pub available: u32,
    /// Places that bookings hold until they are paid.
    pub reserved: u32,
    /// Places that the house holds back.
    pub blocked: u32,
    /// Places that are sold.
    pub sold: u32,
    /// What the sold places cost, in minor units, by currency. Bookings that were made before the prices have none.
    pub revenue: BTreeMap<String, u64>,
}

/// How a showtime stands.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Report {
    /// The whole house.
    pub total: Tally,
    /// By section, without areas; the key is empty for rows that are in none.
    pub sections: BTreeMap<String, Tally>,
    /// By area.
    pub areas: BTreeMap<String, Tally>,
    /// By category; the key is empty for places without one.
    pub categories: BTreeMap<String, Tally>,
    /// By the tariff of the places that are reserved or sold; the key is empty for places without a price.
    pub tariffs: BTreeMap<String, Tally>,
    /// By the channel that holds or has sold the places; places of no channel are in none.
    pub channels: BTreeMap<String, Tally>,
}

/// What a place is, and what was asked for it.
struct Place<'a> {
    standing: Standing,
    price: Option<(&'a str, &'a PlacePrice)>,
    /// Name of the channel that holds it, or that it was sold through.
    channel: Option<&'a str>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Available,
    Reserved,
    Blocked,
    Sold,
}

impl Report {
    /// How a showtime stands that has all its live bookings in memory.
    pub fn of(showtime: &Showtime) -> Self {
        let mut held: HashMap<SeatIndex, Place<'_>> = HashMap::new();
        for booking in showtime.bookings().filter(|booking| booking.status.is_live()) {
            let standing = match booking.status {
                BookingStatus::Confirmed => Standing::Sold,
                BookingStatus::Pending | BookingStatus::Cancelled | BookingStatus::Expired => {
                    if booking.block.is_some() { Standing::Blocked } else { Standing::Reserved }
                }
            };
            for (position, seat) in booking.seat_ids.iter().enumerate() {
                let price = booking.price.as_ref();
                let price = price.and_then(|price| Some((price.currency.as_str(), price.places.get(position)?)));
                let channel = channel_of(showtime, booking, *seat);
                held.insert(seat.index(), Place { standing, price, channel });
            }
        }
        let mut report = Self::default();
        for seat in showtime.facts().seat_map.seats() {
            let Some((status, _)) = showtime.seat(seat.index) else { continue };
            let alone = Place { standing: Standing::of(status), price: None, channel: None };
            let place = held.get(&seat.index).unwrap_or(&alone);
            let (parts, key) = match &seat.row.area {
                Some(_) => (&mut report.areas, Some(seat.row.row.as_str())),
                None => (&mut report.sections, seat.row.section.as_deref()),
            };
            tally(parts, key).add(place);
            report.total.add(place);
            tally(&mut report.categories, seat.category()).add(place);
            if matches!(place.standing, Standing::Reserved | Standing::Sold) {
                tally(&mut report.tariffs, place.price.map(|(_, price)| price.tariff.as_str())).add(place);
            }
            if place.channel.is_some() {
                tally(&mut report.channels, place.channel).add(place);
            }
        }
        report
    }
}

/// The channel that a booking has this seat from, or whose block it is.
fn channel_of<'a>(showtime: &'a Showtime, booking: &'a Booking, seat: SeatId) -> Option<&'a str> {
    let from = booking.from_blocks.iter().find(|block| block.seat_ids.contains(&seat));
    let block = match from {
        Some(block) => showtime.booking(block.id)?.block.as_ref(),
        None => booking.block.as_ref(),
    };
    block?.channel.as_ref().map(HouseWord::as_str)
}

fn tally<'a>(lines: &'a mut BTreeMap<String, Tally>, key: Option<&str>) -> &'a mut Tally {
    let key = key.unwrap_or_default();
    // Most find their line: no key is made for them.
    if !lines.contains_key(key) {
        lines.insert(key.to_owned(), Tally::default());
    }
    lines.entry(key.to_owned()).or_default()
}

impl Tally {
    fn add(&mut self, place: &Place<'_>) {
        let count = match place.standing {
            Standing::Available => &mut self.available,
            Standing::Reserved => &mut self.reserved,
            Standing::Blocked => &mut self.blocked,
            Standing::Sold => &mut self.sold,
        };
        *count += 1;
        if let (Standing::Sold, Some((currency, price))) = (place.standing, place.price) {
            *self.revenue.entry(currency.to_owned()).or_default() += u64::from(price.amount);
        }
    }
}

impl Standing {
    /// Of a place whose booking is not known: what its status says.
    fn of(status: SeatStatus) -> Self {
        match status {
            SeatStatus::Available => Self::Available,
            SeatStatus::Reserved => Self::Reserved,
            SeatStatus::Sold => Self::Sold,
        }
    }
}
