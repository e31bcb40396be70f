//! Finds bookings: for operators those of a showtime, over or not, as JSON page by page, or all as CSV, and of any showtime by their payment; for a
//! holder his own.

use std::cmp::Reverse;
use std::sync::Arc;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{
    Booking, BookingId, BookingStatus, CancelReason, Credential, PaymentReference, Rejection, SeatId, Showtime,
    ShowtimeId, Timestamp, UserId,
};
use crate::http::bookings::show::BookingAnswer;
use crate::http::history::{replay, table, table::Table};
use crate::http::problem::{Code, FieldError, Problem};
use crate::http::request::query::Query;
use crate::http::request::{body, cursor, fields};
use crate::http::{AppState, credential};

/// Most bookings on a page.
pub(super) const MOST_ON_PAGE: u64 = 1_000;
/// The words for where a booking stands.
pub(super) const STATUSES: [&str; 4] = ["Pending", "Confirmed", "Cancelled", "Expired"];

const COLUMNS: [&str; 13] = [
    "bookingId",
    "status",
    "userId",
    "seats",
    "total",
    "currency",
    "paymentReference",
    "reservedAt",
    "expiresAt",
    "reason",
    "tariffs",
    "refundedSeats",
    "refusedPayment",
];

/// A page of bookings, newest first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = BookingPage)]
pub(super) struct BookingPage<'a> {
    /// The bookings.
    items: Vec<BookingAnswer<'a>>,
    /// The `cursor` of the next page; absent: this is the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next_cursor: Option<String>,
}

/// Which bookings are wanted.
struct Wanted {
    user: Option<UserId>,
    seat: Option<SeatId>,
    payment: Option<PaymentReference>,
    status: Option<BookingStatus>,
}

/// What was found.
enum Found {
    /// All of it.
    Table(Box<Table>),
    /// A page, and whether another one follows.
    Page {
        page: Vec<Booking>,
        more: bool,
    },
    UnknownCursor,
}

impl Found {
    fn page(showtime: &Showtime, found: &[&Booking], (after, size): (Option<BookingId>, usize)) -> Self {
        let start = match after {
            None => 0,
            Some(last) => {
                // It may stand otherwise by now, and not be among those that are wanted.
                let Some(last) = showtime.booking(last).map(newest_first) else { return Self::UnknownCursor };
                found.partition_point(|booking| newest_first(booking) <= last)
            }
        };
        let rest = found.get(start..).unwrap_or_default();
        let page = rest.get(..size).unwrap_or(rest);
        let more = rest.len() > page.len();
        Self::Page { page: page.iter().copied().cloned().collect(), more }
    }
}

/// Who shows no token is told that holders may ask, too.
fn or_as_holder(refused: Problem) -> Problem {
    let detail =
        "show the hold token of the customer's bookings, or the operator token, as Authorization: Bearer <token>";
    if refused.code() == Code::MissingCredential { Problem::new(Code::MissingCredential, detail) } else { refused }
}

/// `GET /api/showtimes/{id}/bookings`
pub(super) async fn find(state: web::Data<AppState>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let id = ShowtimeId(body::path_uuid(&request, "id")?);
    if let Some(holder) = credential::holder(&state, &request)? {
        return own(&state, id, &request, &holder).await;
    }
    credential::require_operator(&state, &request).map_err(or_as_holder)?;
    let query = Query::of(&request, &["userId", "seatId", "paymentReference", "status", "limit", "cursor", "format"])?;
    let wanted = Wanted::read(&query)?;
    let limit = query.number("limit", 1, MOST_ON_PAGE)?.unwrap_or(100);
    let after = cursor::of(&query)?.map(BookingId);
    let is_csv = table::is_wanted(&query)?;
    let size = usize::try_from(limit).unwrap_or(usize::MAX);
    let look = move |showtime: &Showtime| {
        let mut found: Vec<&Booking> = showtime.bookings().filter(|booking| wanted.wants(booking)).collect();
        found.sort_unstable_by_key(|booking| newest_first(booking));
        if is_csv {
            Found::Table(Box::new(as_table(showtime, &found)))
        } else {
            Found::page(showtime, &found, (after, size))
        }
    };
    let (page, more) = match replay(&state, id, look).await? {
        Found::Table(table) => return table.answer(),
        Found::UnknownCursor => return Err(cursor::unknown()),
        Found::Page { page, more } => (page, more),
    };
    let now = (state.clock)();
    let answer = BookingPage {
        items: page.iter().map(|booking| BookingAnswer::of(booking, now)).collect(),
        next_cursor: page.last().filter(|_| more).map(|last| cursor::after(last.id.0)),
    };
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(answer))
}

/// The customer's live bookings whose hold token is shown: a `userId` is no secret.
async fn own(
    state: &AppState,
    id: ShowtimeId,
    request: &HttpRequest,
    holder: &Credential,
) -> Result<HttpResponse, Problem> {
    let query = Query::of(request, &["userId"])?;
    let user = query.parsed("userId", |text| UserId::parse(text))?;
    let user = user.ok_or_else(|| Problem::field(FieldError::parameter("userId", "is missing")))?;
    if !state.exists(id).await? {
        return Err(Rejection::UnknownShowtime.into());
    }
    let mut found = held_by(state, (id, user), holder).await?;
    found.sort_unstable_by_key(newest_first);
    let now = (state.clock)();
    let items = found.iter().map(|booking| BookingAnswer::of(booking, now)).collect();
    let page = BookingPage { items, next_cursor: None };
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(page))
}

/// The customer's live bookings of a showtime on which the credential lets its bearer act.
pub(super) async fn held_by(
    state: &AppState,
    (id, user): (ShowtimeId, UserId),
    holder: &Credential,
) -> Result<Vec<Booking>, Problem> {
    let busy = |_full| Problem::new(Code::Overloaded, "others look for their bookings");
    let _place = state.own_bookings.try_acquire().map_err(busy)?;
    let mut found = state.journal.live_bookings(id, user).await.map_err(Arc::new)?;
    found.retain(|booking| booking.block.is_none() && holder.check(&booking.token).is_ok());
    if let Some(newest) = found.iter().map(|booking| booking.version).max() {
        (state.box_office.note_told())(id, newest);
    }
    Ok(found)
}

/// `GET /api/bookings`
pub(super) async fn find_paid(state: web::Data<AppState>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    credential::require_operator(&state, &request)?;
    let query = Query::of(&request, &["paymentReference"])?;
    let payment = query.parsed("paymentReference", |text| PaymentReference::parse(text))?;
    let payment = payment.ok_or_else(|| Problem::field(FieldError::parameter("paymentReference", "is missing")))?;
    let found = state.box_office.paid(payment).await?;
    let now = (state.clock)();
    let items = found.iter().map(|booking| BookingAnswer::of(booking, now)).collect();
    let page = BookingPage { items, next_cursor: None };
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(page))
}

fn newest_first(booking: &Booking) -> Reverse<(Timestamp, BookingId)> {
    Reverse((booking.reserved_at, booking.id))
}

impl Wanted {
    fn read(query: &Query<'_>) -> Result<Self, Problem> {
        let status = |text: &str| {
            let all =
                [BookingStatus::Pending, BookingStatus::Confirmed, BookingStatus::Cancelled, BookingStatus::Expired];
            let found = all.into_iter().find(|status| status.as_str() == text);
            found.ok_or_else(|| format!("must be one of {}", STATUSES.join(", ")))
        };
        Ok(Self {
            user: query.parsed("userId", |text| UserId::parse(text))?,
            seat: query.parsed("seatId", fields::uuid)?.map(SeatId),
            payment: query.parsed("paymentReference", |text| PaymentReference::parse(text))?,
            status: query.parsed("status", status)?,
        })
    }

    /// A block is none: it has a list of its own.
    fn wants(&self, booking: &Booking) -> bool {
        booking.block.is_none()
            && self.user.as_ref().is_none_or(|user| booking.user_id == *user)
            && self.seat.is_none_or(|seat| booking.seat_ids.contains(&seat) || booking.refunded.contains(&seat))
            && self.payment.as_ref().is_none_or(|payment| {
                booking.payment_reference.as_ref() == Some(payment)
                    || booking.refused_payment.as_ref().is_some_and(|refused| refused.names(payment))
            })
            && self.status.is_none_or(|status| booking.status == status)
    }
}

fn as_table(showtime: &Showtime, bookings: &[&Booking]) -> Table {
    let mut table = Table::new(&COLUMNS);
    for booking in bookings {
        let printed = |seat: &SeatId| showtime.facts().seat_map.printed(seat.index()).to_string();
        let printed = |seats: &[SeatId]| seats.iter().map(printed).collect::<Vec<_>>().join("; ");
        let price = booking.price.as_ref();
        let tariffs = price.iter().flat_map(|price| &price.places).map(|place| place.tariff.as_str());
        table.line(&[
            &booking.id.to_string(),
            booking.status.as_str(),
            booking.user_id.as_str(),
            &printed(&booking.seat_ids),
            &price.map(|price| price.total().to_string()).unwrap_or_default(),
            price.map(|price| price.currency.as_str()).unwrap_or_default(),
            booking.payment_reference.as_ref().map(PaymentReference::as_str).unwrap_or_default(),
            &booking.reserved_at.to_string(),
            &booking.expires_at.to_string(),
            booking.cancel_reason.as_ref().map(CancelReason::as_str).unwrap_or_default(),
            &tariffs.collect::<Vec<_>>().join("; "),
            &printed(&booking.refunded),
            booking.refused_payment.as_ref().map(|refused| refused.refund.as_str()).unwrap_or_default(),
        ]);
    }
    table
}
