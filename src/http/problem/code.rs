//! Problem codes: every kind of error that a client can meet, with its status, title and meaning. Stable: clients go by them.

use std::borrow::Cow;

use actix_web::http::StatusCode;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};
use utoipa::{PartialSchema, ToSchema};

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal, $status:ident, $title:literal, $meaning:literal;)+) => {
        /// What went wrong, in one stable word.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum Code { $(#[doc = $meaning] $variant,)+ }

        impl Code {
            /// Every code, in the order of the published list.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word on the wire; `type` is this after `/problems/`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// The status of the answer.
            pub fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status,)+ }
            }

            /// A short summary, the same for every occurrence.
            pub fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)+ }
            }

            /// What it means and what a client can do, for people.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)+ }
            }
        }
    };
}

codes! {
    MalformedRequest = "malformed-request", BAD_REQUEST, "The request cannot be read",
        "The request breaks HTTP's rules, or its body ended early.";
    MalformedJson = "malformed-json", BAD_REQUEST, "The body is not JSON",
        "The body is empty or not JSON; `detail` says where reading stopped.";
    MalformedCsv = "malformed-csv", BAD_REQUEST, "The body is not CSV",
        "The body is not CSV in UTF-8; `detail` says where reading stopped.";
    InvalidFields = "invalid-fields", BAD_REQUEST, "Some fields are wrong",
        "`errors` names every wrong field by JSON pointer, parameter or header, and says what is wrong with it.";
    UnknownSeats = "unknown-seats", BAD_REQUEST, "Some seats do not exist",
        "`errors` names every seat id that is no seat of the showtime, or the section, category or area that it does not have.";
    MissingCredential = "missing-credential", UNAUTHORIZED, "A credential is needed",
        "Show the booking's hold token, or the operator token, as `Authorization: Bearer <token>`.";
    NotHolder = "not-holder", FORBIDDEN, "Not the holder of this booking",
        "The token that was shown is not the hold token of this booking.";
    OperatorOnly = "operator-only", FORBIDDEN, "For operators only",
        "Only an operator may do this; `detail` says what is missing.";
    ForbiddenOrigin = "forbidden-origin", FORBIDDEN, "This origin is not allowed",
        "A browser page of this origin may not use the server; operators list the allowed origins.";
    WrongChannelKey = "wrong-channel-key", FORBIDDEN, "Not the key of a channel",
        "No channel that sells seats of this showtime now has this key: it is wrong, or its channel has ended. Without `channelKey` all free seats can be reserved.";
    NotFound = "not-found", NOT_FOUND, "There is nothing here",
        "No resource has this path.";
    UnknownShowtime = "unknown-showtime", NOT_FOUND, "Unknown showtime",
        "No showtime has this id.";
    UnknownAuditorium = "unknown-auditorium", NOT_FOUND, "Unknown auditorium",
        "No auditorium has this id, or it has no such version.";
    UnknownBooking = "unknown-booking", NOT_FOUND, "Unknown booking",
        "No booking has this id.";
    UnknownBlock = "unknown-block", NOT_FOUND, "Unknown block",
        "No block of this showtime has this id; or it is over, and a reservation or an exchange names it as `blockId`.";
    UnknownRefusal = "unknown-refusal", NOT_FOUND, "No refusal is kept for this request",
        "No refused command with this request id is kept. Refusals are kept for a day; while more are refused than can be kept, only some of them are.";
    UnknownConnection = "unknown-connection", NOT_FOUND, "Unknown connection",
        "The connection token of the live feed is unknown or has expired; negotiate again.";
    MethodNotAllowed = "method-not-allowed", METHOD_NOT_ALLOWED, "Method not allowed",
        "The `Allow` header lists the methods of this resource.";
    RequestTimeout = "request-timeout", REQUEST_TIMEOUT, "The request took too long",
        "The head or the body did not arrive in time.";
    SeatsTaken = "seats-taken", CONFLICT, "Seats are taken",
        "`conflicts` names every seat that is not free, by id and as it is printed, and why; `yours` marks those that the customer has himself, if the hold token was shown as `Authorization: Bearer`. Nothing was reserved.";
    ShowtimeStarted = "showtime-started", CONFLICT, "The showtime has started",
        "Its seats are no longer sold; `startedAt` says since when. A hold made before may still be confirmed.";
    NotOnSaleYet = "not-on-sale-yet", CONFLICT, "The sale has not begun",
        "`onSaleFrom` says when it begins.";
    SaleEnded = "sale-ended", CONFLICT, "The sale is over",
        "`onSaleUntil` says when it ended. A hold made before may still be confirmed.";
    ShowtimeCancelled = "showtime-cancelled", CONFLICT, "The showtime is cancelled",
        "`reason` says why. Its bookings are ended; a payment is to be returned by whoever took it.";
    InvalidListing = "invalid-listing", CONFLICT, "The showtime would make no sense",
        "With this change the sale would end before it begins, or a category would be priced that no seat has; `detail` says how. Nothing was changed.";
    OtherSeats = "other-seats", CONFLICT, "The showtime cannot be moved to this version",
        "A showtime is moved only to a version of its own auditorium, and no seat that somebody has is left out. `conflicts` names such seats (the first 100), `bookings` the bookings and blocks that have them. Nothing was changed.";
    TooManyPlaces = "too-many-places", CONFLICT, "More places than one booking may have",
        "`most` says how many places one booking of this showtime may have. Nothing was changed.";
    CustomerLimit = "customer-limit", CONFLICT, "More places than one customer may have",
        "`most` says how many places a customer may have in all live bookings of this showtime. Nothing was changed.";
    HoldsWithoutSale = "holds-without-sale", TOO_MANY_REQUESTS, "Too many holds without a sale",
        "Several holds of this customer (`userId`) in this showtime were given up or lapsed within an hour, and none was sold. `until` says when he may reserve again, `Retry-After` in how many seconds. A sale ends the count. Nothing was reserved.";
    UnknownTariff = "unknown-tariff", BAD_REQUEST, "There is no such tariff",
        "`prices` of the showtime has the tariffs of each zone; `detail` says for which seat this is none. Nothing was reserved.";
    OperatorsTariff = "operators-tariff", FORBIDDEN, "The tariff is for operators only",
        "Only operators may choose this tariff; `detail` says for which seat it was chosen, or is the only one. Nothing was reserved.";
    NotPriced = "not-priced", CONFLICT, "A seat has no price",
        "No zone of the showtime's prices is for this seat, so it is not sold. Nothing was reserved.";
    OtherCurrency = "other-currency", CONFLICT, "The booking is in another currency",
        "A booking keeps the currency that it was made in, and the showtime has prices in another one by now, or none: it can give seats back, and take none. `detail` names both. Nothing was changed.";
    TooFewSeats = "too-few-seats", CONFLICT, "Fewer seats are free",
        "`left` says how many seats are free. Nothing was reserved.";
    TooFewPlaces = "too-few-places", CONFLICT, "Fewer places of the area are free",
        "`left` says how many places of the area `areaId` are free. Nothing was reserved.";
    NotTogether = "not-together", CONFLICT, "Not as many seats together",
        "Enough seats are free, but not as they may lie; `longest` says how many are free next to each other. Nothing was reserved.";
    SeatLeftAlone = "seat-left-alone", CONFLICT, "A seat would be left alone",
        "The showtime refuses bookings that leave a free seat without a free neighbour, where other seats of the same stretch would not. `alternatives` has what may be taken instead. Nothing was reserved.";
    HoldExpired = "hold-expired", CONFLICT, "The hold has expired",
        "The deadline passed before the command; the seats are free again. `expiredAt` says when. A payment that is under way takes them if they are still free, and is to be returned if not.";
    PaymentTooLate = "payment-too-late", CONFLICT, "The payment came too late",
        "The payment came after the hold's deadline, and its seats could not be taken again: `conflicts` names those that others have; it is empty if the customer may not have so many places any more. Nothing was sold, and the payment is to be returned: the event `PaymentRefused` says so once. This reference is used up.";
    TooManyLatePayments = "too-many-late-payments", CONFLICT, "Too many payments came too late",
        "Several payments for this booking came after the hold's deadline and were refused with `payment-too-late`. This one bought nothing either, and it was not recorded: no event asks to return it, so whoever has taken it returns it. This does not use its reference up.";
    BookingNotPending = "booking-not-pending", CONFLICT, "The booking is not pending",
        "The booking is confirmed or cancelled already; `bookingStatus` says which.";
    BookingNotConfirmed = "booking-not-confirmed", CONFLICT, "The booking is not confirmed",
        "Only a confirmed booking is refunded; `bookingStatus` says what it is. A pending one is cancelled instead.";
    SeatsNotInBooking = "seats-not-in-booking", CONFLICT, "Seats are not in the booking",
        "`errors` names every seat that the booking does not have. Nothing was changed.";
    SeatsNotInBlock = "seats-not-in-block", CONFLICT, "Seats are not in the block",
        "`errors` names every seat that the block does not have. Nothing was changed.";
    TooManyBlocks = "too-many-blocks", CONFLICT, "More blocks than a showtime may have",
        "`most` says how many blocks a showtime may have at a time. Nothing was changed.";
    NoSeatLeft = "no-seat-left", CONFLICT, "The booking would have no seat",
        "A booking keeps one seat at least. Cancel it to give all of them back; operators refund a confirmed one.";
    PaidOtherwise = "paid-otherwise", CONFLICT, "Confirmed with another payment",
        "The booking is confirmed with another payment reference.";
    PaymentUsed = "payment-used", CONFLICT, "The payment was used before",
        "One payment confirms one booking, and this payment reference was used for another one, which it has confirmed or came too late for. Nothing was changed.";
    ExtensionExhausted = "extension-exhausted", CONFLICT, "The hold cannot be extended further",
        "Extensions have reached the longest time that a hold may live; `limit` is its last possible deadline.";
    HeldTooLong = "held-too-long", CONFLICT, "The seats were held too long",
        "Reserving seats again right after giving them up does not start a hold's longest time anew. `until` says when the same user may reserve them again.";
    ConnectionInUse = "connection-in-use", CONFLICT, "The connection is in use",
        "Another socket uses this connection token of the live feed.";
    VersionChanged = "version-changed", PRECONDITION_FAILED, "There is another version",
        "`If-Match` does not name the latest version. Nothing was changed. Read the latest one, and make the change again.";
    VersionRequired = "version-required", PRECONDITION_REQUIRED, "A version is needed",
        "Name the version that was read, by its entity tag in `If-Match`, so that nobody's change is lost.";
    PayloadTooLarge = "payload-too-large", PAYLOAD_TOO_LARGE, "The body is too large",
        "The body is larger than this resource takes; `detail` says how large it may be.";
    HeadTooLarge = "head-too-large", REQUEST_HEADER_FIELDS_TOO_LARGE, "The head is too large",
        "The request's head is too long, or has too many headers.";
    UnsupportedMediaType = "unsupported-media-type", UNSUPPORTED_MEDIA_TYPE, "Unsupported media type",
        "Send the `Content-Type` that `detail` names, mostly `application/json`, in UTF-8, without content encoding.";
    IdempotencyKeyReused = "idempotency-key-reused", UNPROCESSABLE_ENTITY, "The idempotency key was used before",
        "The key belongs to another request; a new request needs a new key.";
    UpgradeRequired = "upgrade-required", UPGRADE_REQUIRED, "A WebSocket is needed",
        "Only WebSocket connections are served here.";
    QuotaExceeded = "quota-exceeded", TOO_MANY_REQUESTS, "More than is allowed",
        "One address, or one token, has made more requests or opened more WebSockets than it may, or there are as many showtimes or seats as there may be; `detail` says which. Nothing was changed. Try again after the time in `Retry-After`.";
    Refused = "refused", BAD_REQUEST, "The request was refused",
        "The request was refused before it reached its resource.";
    Internal = "internal-error", INTERNAL_SERVER_ERROR, "The server failed",
        "A fault of the server. The log has the whole story under the request's `traceId`.";
    Overloaded = "overloaded", SERVICE_UNAVAILABLE, "Too many requests are waiting",
        "Nothing was changed. Try again after the time in `Retry-After`.";
    Unavailable = "unavailable", SERVICE_UNAVAILABLE, "A service is unavailable",
        "Nothing was changed. Try again after the time in `Retry-After`.";
    NotCaughtUp = "not-caught-up", SERVICE_UNAVAILABLE, "The view is not that far yet",
        "The read model has not reached the wanted sequence in time. Try again after the time in `Retry-After`.";
    OutcomeUnknown = "outcome-unknown", SERVICE_UNAVAILABLE, "The outcome is not known yet",
        "Whether the command took effect could not be settled in time. Repeat it with the same idempotency key, or ask for the booking in `bookingId`.";
    Draining = "draining", SERVICE_UNAVAILABLE, "The server is shutting down",
        "Nothing was changed. Try again, on another node.";
    NotReady = "not-ready", SERVICE_UNAVAILABLE, "The server is not ready",
        "`dependencies` names what is missing.";
    TooManySessions = "too-many-sessions", SERVICE_UNAVAILABLE, "Too many live sessions",
        "This node serves as many live clients as it may. Try again later, on another node.";
}

impl PartialSchema for Code {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::new(Type::String))
            .description(Some("Stable word for programs."))
            .enum_values(Some(Self::ALL.iter().map(|code| code.as_str())))
            .into()
    }
}

impl ToSchema for Code {
    fn name() -> Cow<'static, str> {
        "ProblemCode".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_kebab_case_errors() {
        for (position, code) in Code::ALL.iter().enumerate() {
            assert!(code.as_str().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{}", code.as_str());
            assert!(code.status().is_client_error() || code.status().is_server_error());
            assert!(Code::ALL[position + 1..].iter().all(|other| other.as_str() != code.as_str()));
        }
    }
}
