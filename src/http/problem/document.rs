//! Problem documents as clients read them: the members of RFC 9457 and ours.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{
    Alternative, BookingId, CancelReason, HouseWord, SeatConflict, SeatPlace, ShowtimeId, Timestamp, UserId,
};
use crate::http::health::DependencyReport;
use crate::http::problem::code::Code;
use crate::http::words::{BookingStatus, ConflictReason};

/// One wrong part of a request. Exactly one of `pointer`, `parameter` and `header` says which part it is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct FieldError {
    /// JSON pointer (RFC 6901) into the body, such as `/seatIds/2`; empty for the whole body.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pointer: Option<String>,
    /// Name of a path or query parameter.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    parameter: Option<String>,
    /// Name of a header.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    header: Option<String>,
    /// What is wrong with it.
    pub(crate) detail: String,
}

impl FieldError {
    /// About a part of the body.
    pub fn pointer(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: Some(pointer.into()), parameter: None, header: None, detail: detail.into() }
    }

    /// About a parameter of the path or query.
    pub fn parameter(name: &str, detail: impl Into<String>) -> Self {
        Self { pointer: None, parameter: Some(name.to_owned()), header: None, detail: detail.into() }
    }

    /// About a header.
    pub fn header(name: &str, detail: impl Into<String>) -> Self {
        Self { pointer: None, parameter: None, header: Some(name.to_owned()), detail: detail.into() }
    }

    /// True if it is about this part of the body or a part of that part.
    pub(crate) fn is_about(&self, pointer: &str) -> bool {
        let below = self.pointer.as_deref().and_then(|ours| ours.strip_prefix(pointer));
        below.is_some_and(|below| below.is_empty() || below.starts_with('/'))
    }

    /// Where it is, for people.
    pub(crate) fn place(&self) -> &str {
        self.pointer.as_deref().or(self.parameter.as_deref()).or(self.header.as_deref()).unwrap_or_default()
    }
}

/// A seat that could not be taken.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Conflict {
    /// The seat.
    #[schema(value_type = uuid::Uuid)]
    pub(super) seat_id: crate::domain::SeatId,
    /// Its section, if the house has any.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    section: Option<String>,
    /// Label of its row, or of its area.
    row: String,
    /// Its label, if that is a plain number; else its place in the row, from 1.
    number: u32,
    /// Its label as printed.
    label: String,
    /// `Reserved`: another booking holds it. `Sold`: another booking has bought it. `Locked`: another reservation is being decided.
    #[schema(value_type = ConflictReason)]
    reason: &'static str,
    /// The customer has it himself, as the hold token says that he has shown.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    pub(super) yours: bool,
}

impl From<&SeatConflict> for Conflict {
    fn from(conflict: &SeatConflict) -> Self {
        let SeatPlace { section, row, number, label, in_area: _ } = conflict.place.clone();
        Self { seat_id: conflict.seat_id, section, row, number, label, reason: conflict.reason.as_str(), yours: false }
    }
}

/// Seats that may be taken instead.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Alternative)]
pub(crate) struct AlternativeAnswer {
    /// The seats, next to each other.
    #[schema(value_type = Vec<uuid::Uuid>)]
    seat_ids: Vec<crate::domain::SeatId>,
    /// Which they are, for people.
    #[schema(example = "row C 7-10, together, no single seat left")]
    choice: String,
}

impl From<&Alternative> for AlternativeAnswer {
    fn from(alternative: &Alternative) -> Self {
        let Alternative { seat_ids, choice } = alternative.clone();
        Self { seat_ids, choice }
    }
}

/// A live booking, or a block, that has seats which a move would leave out.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BookingInTheWay {
    /// The booking, or the block.
    #[schema(value_type = uuid::Uuid)]
    pub(crate) booking_id: BookingId,
    /// Where it stands; a block that is not over is `Pending`.
    #[schema(value_type = BookingStatus)]
    pub(crate) status: &'static str,
    /// What the block is for, such as `press`; absent: it is a booking.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub(crate) block_type: Option<HouseWord>,
    /// Whose booking it is; absent: it is a block.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub(crate) user_id: Option<UserId>,
    /// Those of its seats, as they are printed.
    #[schema(example = json!(["Stalls A4", "Stalls A5"]))]
    pub(crate) seats: Vec<String>,
}

/// An error, RFC 9457. Further members say more where a code's meaning announces them.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Problem)]
pub(crate) struct Document<'a> {
    /// `/problems/<code>`: a page that explains it.
    #[serde(rename = "type")]
    #[schema(value_type = String, example = "/problems/seats-taken")]
    pub(super) kind: Kind,
    /// Summary, the same for every occurrence.
    pub(crate) title: &'static str,
    /// The answer's status.
    #[schema(minimum = 400, maximum = 599)]
    pub(crate) status: u16,
    /// What happened this time.
    pub(crate) detail: &'a str,
    /// The same as `detail`, for clients that look for it here.
    pub(crate) message: &'a str,
    /// Stable word for programs.
    #[schema(value_type = Code)]
    pub(crate) code: &'static str,
    /// Path of the request.
    pub(super) instance: &'a str,
    /// Under which the server's log knows the request.
    pub(crate) trace_id: &'a str,
    /// The wrong parts of the request.
    #[serde(skip_serializing_if = "<[FieldError]>::is_empty")]
    #[schema(required = false)]
    pub(crate) errors: &'a [FieldError],
    /// The seats that could not be taken.
    #[serde(skip_serializing_if = "<[Conflict]>::is_empty")]
    #[schema(required = false)]
    pub(super) conflicts: &'a [Conflict],
    #[serde(flatten)]
    pub(crate) further: &'a Further,
}

/// What only some problems tell.
#[derive(Clone, Default, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Further {
    /// Deadline of the hold that has expired.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, nullable = false)]
    pub(crate) expired_at: Option<Timestamp>,
    /// When the showtime started.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, nullable = false)]
    pub(crate) started_at: Option<Timestamp>,
    /// When the sale begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, nullable = false)]
    pub(crate) on_sale_from: Option<Timestamp>,
    /// When the sale ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, nullable = false)]
    pub(crate) on_sale_until: Option<Timestamp>,
    /// Why the showtime was cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub(crate) reason: Option<CancelReason>,
    /// Most places that may be had.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) most: Option<u32>,
    /// Label of the area that has too few free places.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) area_id: Option<String>,
    /// How many seats, or places of the area, are free.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) left: Option<u32>,
    /// Most seats that are free next to each other.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) longest: Option<u32>,
    /// What may be taken instead, the best first. All are free at the moment; other customers may be offered the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) alternatives: Option<Vec<AlternativeAnswer>>,
    /// Bookings and blocks that have seats which a move would leave out, the first 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) bookings: Option<Vec<BookingInTheWay>>,
    /// What the booking is instead of pending.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<BookingStatus>, nullable = false)]
    pub(crate) booking_status: Option<&'static str>,
    /// Last possible deadline of the hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, nullable = false)]
    pub(crate) limit: Option<Timestamp>,
    /// From when on the same user may reserve the seats again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, nullable = false)]
    pub(crate) until: Option<Timestamp>,
    /// The booking whose outcome is not known yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<uuid::Uuid>, nullable = false)]
    pub(crate) booking_id: Option<BookingId>,
    /// The showtime of which it is not known yet whether it was created or changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<uuid::Uuid>, nullable = false)]
    pub(crate) showtime_id: Option<ShowtimeId>,
    /// The sequence that the read model has.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) sequence: Option<u64>,
    /// Each dependency of the node, by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) dependencies: Option<BTreeMap<&'static str, DependencyReport>>,
}

/// The URI reference of a code.
pub(super) struct Kind(pub(super) Code);

impl Serialize for Kind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("/problems/{}", self.0.as_str()))
    }
}
