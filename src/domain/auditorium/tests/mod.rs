//! The rules of auditoriums, told in our format.

mod csv;
mod hostile;
mod pretix;
mod rules;
mod seat_map;
mod shorthand;

use serde_json::Value;

use crate::domain::auditorium::{Auditorium, PlanError, own};

/// Reads a plan of our format, the whole text.
fn read(text: &str) -> Result<Auditorium, PlanError<serde_json::Error>> {
    let mut json = serde_json::Deserializer::from_str(text);
    let house = own::read(&mut json)?;
    json.end().map_err(PlanError::Unreadable)?;
    Ok(house)
}

fn good(plan: &Value) -> Auditorium {
    read(&plan.to_string()).unwrap_or_else(|error| panic!("{plan} was refused: {error:?}"))
}

/// What is wrong with a plan, each as `pointer: detail`.
#[track_caller]
fn faults(text: &str) -> Vec<String> {
    match read(text) {
        Err(PlanError::Faults(faults)) => {
            faults.into_iter().map(|fault| format!("{}: {}", fault.pointer, fault.detail)).collect()
        }
        other => panic!("no faults in {text}: {other:?}"),
    }
}

/// A house of one section with these rows.
fn rows(rows: &Value) -> Value {
    serde_json::json!({"name": "House", "sections": [{"name": "Stalls", "rows": rows}]})
}

/// All seats as `label@adjacency`, row by row.
fn adjacencies(house: &Auditorium) -> Vec<String> {
    let row = |row: crate::domain::auditorium::RowView<'_>| {
        row.seats().map(|seat| format!("{}@{}", seat.name.label, seat.adjacency)).collect::<Vec<_>>().join(" ")
    };
    house.sections().flat_map(|section| section.rows().map(row).collect::<Vec<_>>()).collect()
}
