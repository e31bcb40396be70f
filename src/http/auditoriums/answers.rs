//! Auditoriums as lists and commands answer them.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{AuditoriumId, Timestamp};
use crate::write_store::AuditoriumHead;

/// A version of an auditorium, without its plan.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct AuditoriumSummary {
    /// Its id.
    #[schema(value_type = uuid::Uuid)]
    id: AuditoriumId,
    /// What it is called.
    name: String,
    /// The version, counted from 1.
    #[schema(minimum = 1)]
    version: u32,
    /// The earliest version from which on the seats and areas have been the same, in the same places.
    #[schema(minimum = 1)]
    seats_since: u32,
    /// Number of seats.
    seats: u32,
    /// Number of seats and of places in areas.
    places: u64,
    /// When this version was made.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl From<&AuditoriumHead> for AuditoriumSummary {
    fn from(head: &AuditoriumHead) -> Self {
        Self {
            id: head.id,
            name: head.name.clone(),
            version: head.version,
            seats_since: head.seats_since,
            seats: head.seat_count,
            places: head.place_count,
            updated_at: head.recorded_at,
        }
    }
}

/// A page of the list of auditoriums, in the order of their making, each as its latest version.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct AuditoriumPage {
    /// The auditoriums.
    pub(super) items: Vec<AuditoriumSummary>,
    /// Where the next page begins, as `?cursor=`; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) next_cursor: Option<String>,
}

/// A seating plan of pretix, version 0.0.1 of its `seating-plan.schema.json`.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what the domain writes")]
pub(super) struct PretixPlan {
    /// What it is called.
    name: String,
    /// The categories.
    categories: Vec<serde_json::Value>,
    /// The sections, and the areas in a zone of their own.
    zones: Vec<serde_json::Value>,
    /// Width and height of the whole plan.
    size: serde_json::Value,
}
