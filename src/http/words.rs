//! The domain's words on the wire, described to the OpenAPI document.

use utoipa::ToSchema;

/// Where a booking stands.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the domain's words to the OpenAPI document")]
pub(super) enum BookingStatus {
    Pending,
    Confirmed,
    Cancelled,
    Expired,
}

/// Where a block stands.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the domain's words to the OpenAPI document")]
pub(super) enum BlockStatus {
    Blocked,
    Ended,
}

/// Why a seat could not be taken.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the domain's words to the OpenAPI document")]
pub(super) enum ConflictReason {
    Reserved,
    Sold,
    Locked,
}

/// What a seat is. `Blocked`, held back by the house, is told to operators who show their token, and to nobody else: to all others such a seat is
/// `Reserved`.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the domain's words to the OpenAPI document")]
pub(super) enum SeatStatus {
    Available,
    Reserved,
    Sold,
    Blocked,
}

/// How the seats of one booking may lie.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "describes the domain's words to the OpenAPI document")]
pub(super) enum Together {
    Required,
    Rows,
    Preferred,
}

/// What becomes of a reservation of named seats that leaves a seat alone.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "describes the domain's words to the OpenAPI document")]
pub(super) enum Orphans {
    Allow,
    Refuse,
}
