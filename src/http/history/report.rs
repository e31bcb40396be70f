//! The report of a showtime, as JSON and as CSV.

use std::collections::BTreeMap;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{Report, ShowtimeId, Tally};
use crate::http::history::replay::replay;
use crate::http::history::table::{self, Table};
use crate::http::problem::Problem;
use crate::http::request::body;
use crate::http::request::query::Query;
use crate::http::{AppState, credential};

const COLUMNS: [&str; 8] = ["by", "key", "available", "reserved", "blocked", "sold", "currency", "revenue"];

/// How full a showtime is, and what it has earned.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Report)]
pub(super) struct ReportAnswer {
    /// The showtime.
    #[schema(value_type = Uuid)]
    showtime_id: ShowtimeId,
    /// Its sequence.
    sequence: u64,
    /// The whole house.
    total: TallyAnswer,
    /// By section, without areas; without `key`: rows that are in none.
    sections: Vec<TallyAnswer>,
    /// By area.
    areas: Vec<TallyAnswer>,
    /// By category; without `key`: places that have none.
    categories: Vec<TallyAnswer>,
    /// What is reserved and sold, by tariff; without `key`: places without a price.
    tariffs: Vec<TallyAnswer>,
    /// By the channel that holds or has sold the places, as far as there are any.
    channels: Vec<TallyAnswer>,
}

/// Places and money of a part of the house.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Tally)]
struct TallyAnswer {
    /// Which part.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    key: Option<String>,
    /// Places that can be reserved.
    available: u32,
    /// Places that bookings hold until they are paid.
    reserved: u32,
    /// Places that the house holds back.
    blocked: u32,
    /// Places that are sold.
    sold: u32,
    /// What the sold places cost, in minor units, for each currency.
    revenue: BTreeMap<String, u64>,
}

/// `GET /api/showtimes/{id}/report`
pub(super) async fn show(state: web::Data<AppState>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    credential::require_operator(&state, &request)?;
    let id = ShowtimeId(body::path_uuid(&request, "id")?);
    let is_csv = table::is_wanted(&Query::of(&request, &["format"])?)?;
    let (sequence, report) = replay(&state, id, |showtime| (showtime.sequence(), Report::of(showtime))).await?;
    if is_csv {
        return as_csv(&report);
    }
    let answer = ReportAnswer {
        showtime_id: id,
        sequence,
        total: TallyAnswer::of("", report.total),
        sections: lines(report.sections),
        areas: lines(report.areas),
        categories: lines(report.categories),
        tariffs: lines(report.tariffs),
        channels: lines(report.channels),
    };
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(answer))
}

impl TallyAnswer {
    fn of(key: &str, tally: Tally) -> Self {
        let Tally { available, reserved, blocked, sold, revenue } = tally;
        let key = (!key.is_empty()).then(|| key.to_owned());
        Self { key, available, reserved, blocked, sold, revenue }
    }
}

fn lines(tallies: BTreeMap<String, Tally>) -> Vec<TallyAnswer> {
    tallies.into_iter().map(|(key, tally)| TallyAnswer::of(&key, tally)).collect()
}

/// A line for each part and currency; one without currency where nothing was earned.
fn as_csv(report: &Report) -> Result<HttpResponse, Problem> {
    let mut table = Table::new(&COLUMNS);
    let total = BTreeMap::from([(String::new(), report.total.clone())]);
    let parts = [
        ("total", &total),
        ("section", &report.sections),
        ("area", &report.areas),
        ("category", &report.categories),
        ("tariff", &report.tariffs),
        ("channel", &report.channels),
    ];
    for (by, tallies) in parts {
        for (key, tally) in tallies {
            let counts = [tally.available, tally.reserved, tally.blocked, tally.sold].map(|count| count.to_string());
            let mut line = |currency: &str, revenue: &str| {
                let [available, reserved, blocked, sold] = counts.each_ref().map(String::as_str);
                table.line(&[by, key, available, reserved, blocked, sold, currency, revenue]);
            };
            if tally.revenue.is_empty() {
                line("", "");
            }
            for (currency, revenue) in &tally.revenue {
                line(currency, &revenue.to_string());
            }
        }
    }
    table.answer()
}
