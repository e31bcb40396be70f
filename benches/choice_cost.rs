//! What it takes to choose the best seats: the time of one choice in a house of 20,000 seats, while the house is sold from empty to full;
//! and of the hardest one, 20 seats of a house in which every other seat is sold.
//!
//! Prints one JSON object: the number of choices, and how long they took.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a program for developers: it speaks on standard output, reads the clock, and may end with a panic"
)]
#![allow(missing_docs, reason = "not a library")]

use std::time::Instant;

use turnstile::domain::{BestAvailable, Row, SeatIndex, SeatMap, Together, Within};

/// Rows of the house, and seats in each of them.
const ROWS: u32 = 200;
const SEATS: u32 = 100;

fn main() {
    let rows = (0..ROWS).map(|row| Row::numbered(format!("R{row}"), SEATS));
    let house = SeatMap::new(rows.collect()).unwrap();
    let mut free = vec![true; usize::try_from(house.seat_count()).unwrap()];
    let mut micros = Vec::new();
    // Groups of 1 to 20 in turn, until not even one fits. The last ones are the hardest: what is left is scattered.
    'sale: loop {
        let sold = micros.len();
        for quantity in 1..=20 {
            let wanted = BestAvailable::new(quantity, Together::Preferred, Within::default()).unwrap();
            let asked = Instant::now();
            let chosen = wanted.choose(&house, |seat: SeatIndex| free[usize::try_from(seat).unwrap()]);
            let took = asked.elapsed();
            let Ok(seats) = chosen else { continue };
            micros.push(took.as_secs_f64() * 1e6);
            for seat in seats {
                free[usize::try_from(seat).unwrap()] = false;
            }
        }
        if micros.len() == sold {
            break 'sale;
        }
    }
    let every_other = BestAvailable::new(20, Together::Preferred, Within::default()).unwrap();
    let asked = Instant::now();
    let chosen = every_other.choose(&house, |seat: SeatIndex| seat.is_multiple_of(2)).unwrap();
    let hardest = asked.elapsed().as_secs_f64() * 1e6;
    assert_eq!(chosen.len(), 20);
    micros.sort_by(f64::total_cmp);
    let at = |percent: usize| micros[(micros.len() - 1) * percent / 100];
    let result = serde_json::json!({
        "choices": micros.len(),
        "p50Microseconds": at(50),
        "p99Microseconds": at(99),
        "maxMicroseconds": at(100),
        "everyOtherSeatSoldMicroseconds": hardest,
    });
    println!("{result}");
}
