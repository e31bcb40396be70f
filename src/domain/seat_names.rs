//! Seat names: seats in a sentence, as they are printed.

use crate::domain::SeatPlace;

/// The seats, and the form of a verb that goes with them.
pub(super) fn named(places: &[SeatPlace], one: &str, more: &str) -> String {
    // A place of an area is no seat, and a seat is a place.
    let noun = places.iter().find(|place| place.in_area).or(places.first()).map_or("seat", SeatPlace::noun);
    match places {
        [only] => format!("{noun} {only} {one}"),
        [others @ .., last] => {
            let others: Vec<String> = others.iter().map(ToString::to_string).collect();
            format!("{noun}s {} and {last} {more}", others.join(", "))
        }
        [] => format!("{noun}s {more}"),
    }
}
