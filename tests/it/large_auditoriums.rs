//! Large houses: 200,000 seats, whatever the lengths of their rows.

use std::fmt::Write;
use std::time::{Duration, Instant};

use turnstile::domain::MAX_SEATS_PER_SHOWTIME;
use turnstile::domain::auditorium::{Auditorium, PlanError, own};

/// Generous for an unoptimised build on a busy machine.
const SECONDS: Duration = Duration::from_secs(20);

/// Reads a plan of our format, the whole text.
fn read(text: &str) -> Result<Auditorium, PlanError<serde_json::Error>> {
    own::read(&mut serde_json::Deserializer::from_str(text))
}

/// Each row with its seats one by one.
fn house(rows: u32, seats: u32) -> String {
    let mut text = "{\"name\":\"Large\",\"sections\":[{\"name\":\"S\",\"rows\":[".to_owned();
    for row in 0..rows {
        write!(text, "{}{{\"label\":\"{row}\",\"seats\":[", if row == 0 { "" } else { "," }).unwrap();
        for seat in 0..seats {
            let comma = if seat == 0 { "" } else { "," };
            write!(text, "{comma}{{\"label\":\"{seat}\",\"x\":{},\"y\":{}}}", seat * 50, row * 90).unwrap();
        }
        text += "]}";
    }
    text + "]}]}"
}

#[test]
fn the_largest_house_is_read_and_written_in_seconds_whatever_its_rows() {
    for (rows, seats) in [(MAX_SEATS_PER_SHOWTIME, 1), (1, MAX_SEATS_PER_SHOWTIME), (2_000, 100)] {
        let text = house(rows, seats);
        let begun = Instant::now();
        let large = read(&text).unwrap();
        let read_in = begun.elapsed();
        let written = serde_json::to_string(&large).unwrap();
        let written_in = begun.elapsed().saturating_sub(read_in);
        assert_eq!(large.seat_count(), MAX_SEATS_PER_SHOWTIME);
        assert_eq!(written, text);
        let last = large.find("S", &(rows - 1).to_string(), &(seats - 1).to_string());
        assert_eq!(last, Some(MAX_SEATS_PER_SHOWTIME - 1));
        assert!(read_in < SECONDS && written_in < SECONDS, "read in {read_in:?}, written in {written_in:?}");
    }
}

#[test]
fn shorthand_makes_the_largest_house_too_and_no_larger_one() {
    let row = |label: &str, count: u32| {
        format!(
            r#"{{"name":"x","sections":[{{"name":"S","rows":[{{"label":"{label}","count":{count},"numbering":"letters"}}]}}]}}"#
        )
    };
    let large = read(&row("A", MAX_SEATS_PER_SHOWTIME)).unwrap();
    assert_eq!(large.seat(MAX_SEATS_PER_SHOWTIME - 1).unwrap().name.label, "KIVH");
    let more =
        r#"{"name":"x","sections":[{"name":"S","rows":[{"label":"A","count":200000},{"label":"B","count":1}]}]}"#;
    let Err(PlanError::Faults(faults)) = read(more) else { panic!("one more than the largest house was taken") };
    assert_eq!((faults.len(), faults[0].pointer.as_str()), (1, "/sections/0/rows/1"));
    assert_eq!(faults[0].detail, "there are more than 200000 seats");
}
