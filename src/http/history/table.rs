//! Tables: answers as CSV, which spreadsheets open.

use actix_web::HttpResponse;
use actix_web::http::header;
use csv::Writer;

use crate::http::problem::{FieldError, Problem};
use crate::http::request::query::Query;

/// The words of `?format=`.
pub(crate) const FORMATS: [&str; 2] = ["json", "csv"];

/// Whether `?format=` asks for CSV.
pub(crate) fn is_wanted(query: &Query<'_>) -> Result<bool, Problem> {
    match query.get("format") {
        None | Some("json") => Ok(false),
        Some("csv") => Ok(true),
        Some(_) => Err(Problem::field(FieldError::parameter("format", "must be json or csv"))),
    }
}

/// A table that is being written, and whether all of it could be.
pub(crate) struct Table(Writer<Vec<u8>>, Result<(), csv::Error>);

impl Table {
    pub(crate) fn new(columns: &[&str]) -> Self {
        let mut writer = Writer::from_writer(Vec::new());
        let begun = writer.write_record(columns);
        Self(writer, begun)
    }

    /// Adds a line. What a spreadsheet would take for a formula gets an apostrophe before it: names and references are their users'.
    pub(crate) fn line(&mut self, cells: &[&str]) {
        if self.1.is_ok() {
            self.1 = self.0.write_record(cells.iter().map(|cell| guarded(cell)));
        }
    }

    pub(crate) fn answer(self) -> Result<HttpResponse, Problem> {
        self.1.map_err(Problem::bug)?;
        let bytes = self.0.into_inner().map_err(Problem::bug)?;
        let mut response = HttpResponse::Ok();
        response.insert_header((header::CACHE_CONTROL, "no-store"));
        Ok(response.content_type("text/csv; charset=utf-8").body(bytes))
    }
}

/// The cell with an apostrophe before what begins as a formula does, also after a semicolon: where commas are for decimals, spreadsheets part cells
/// there. See OWASP, *CSV injection*.
fn guarded(cell: &str) -> String {
    let guard = |part: &str| {
        let is_formula = part.trim_start_matches(' ').starts_with(['=', '+', '-', '@', '\t', '\r']);
        if is_formula { format!("'{part}") } else { part.to_owned() }
    };
    cell.split(';').map(guard).collect::<Vec<_>>().join(";")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_guarded() {
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1"] {
            assert_eq!(guarded(formula), format!("'{formula}"));
        }
        for plain in ["ada", "A1; A2", "1-1", "", "'=1"] {
            assert_eq!(guarded(plain), plain);
        }
        assert_eq!(guarded("x;=1;y"), "x;'=1;y");
    }
}
