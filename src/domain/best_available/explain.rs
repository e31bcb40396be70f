//! Explain: why a booking has its seats, in one line.

use std::collections::BTreeSet;

use crate::domain::seat_names::named;
use crate::domain::{SeatIndex, SeatMap, SeatPlace};

/// Why these seats, which are in the order of the rows, for people: `row C 7-10, together, no single seat left`. `is_free` tells how the house is once
/// they are taken.
pub(crate) fn explain(seat_map: &SeatMap, is_free: impl Fn(SeatIndex) -> bool, seats: &[SeatIndex]) -> String {
    let seats: Vec<u32> = seats.iter().map(|seat| seat_map.position(*seat)).collect();
    let is_free = |position| is_free(seat_map.index_at(position));
    let printed = |position| seat_map.printed(seat_map.index_at(position));
    let blocks: Vec<&[u32]> =
        seats.chunk_by(|one, other| one.checked_add(1) == Some(*other) && seat_map.is_beside(*one, *other)).collect();
    let name = |block: &&[u32]| {
        let (first, last) = (block.first().copied().unwrap_or_default(), block.last().copied().unwrap_or_default());
        let (from, to) = (printed(first), printed(last));
        let section = from.section.map(|section| section + " ").unwrap_or_default();
        let place = format!("{section}row {} {}", from.row, from.label);
        if first == last { place } else { format!("{place}-{}", to.label) }
    };
    let names = blocks.iter().map(name).collect::<Vec<_>>().join(" and ");
    let together = if blocks.len() == 1 && seats.len() > 1 { ", together" } else { "" };
    let beside = |seat: u32| {
        let sides = [seat.checked_sub(1), seat.checked_add(1)];
        sides.into_iter().flatten().filter(move |other| seat_map.is_beside(seat, *other))
    };
    let is_for_all = |seat: u32| seat_map.seat(seat_map.index_at(seat)).is_some_and(|seat| seat.kind().is_for_all());
    let is_single = |seat: &u32| is_free(*seat) && is_for_all(*seat) && !beside(*seat).any(&is_free);
    let single: BTreeSet<u32> = seats.iter().flat_map(|seat| beside(*seat)).filter(is_single).collect();
    if single.is_empty() {
        return format!("{names}{together}, no single seat left");
    }
    let single: Vec<SeatPlace> = single.into_iter().map(printed).collect();
    format!("{names}{together}, leaves {}", named(&single, "alone", "alone"))
}
