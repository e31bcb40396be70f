//! Requests on their way to a showtime, their answers, and the idempotency keys that make a repeated request harmless.

use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::Instant;

use crate::box_office::arrivals::Arrival;
use crate::box_office::{BoxOfficeError, Listed, Outcome};
use crate::domain::{
    BlockAccess, Booking, BookingId, BookingStatus, Buyer, Command, HoldToken, Money, Rejection, SeatId, SeatSelection,
    SeatWish, Showtime, ShowtimeId, Timestamp,
};
use crate::telemetry::metrics::Gauge;
use crate::write_store::IdempotencyRecord;

/// A client's idempotency key, 1 to 255 visible ASCII characters. A reservation's is a secret: it gives the hold token a second time.
#[derive(Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// Fewest characters of a reservation's key: a shorter one could be guessed.
    pub const SECRET_CHARACTERS: usize = 16;

    /// Whether it is long enough for a reservation.
    pub fn may_be_secret(&self) -> bool {
        self.0.len() >= Self::SECRET_CHARACTERS
    }

    /// `None` if the text is empty, too long or has other characters.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=255).contains(&text.len()) && text.bytes().all(|byte| (0x20..0x7f).contains(&byte));
        fits.then(|| Self(text.to_owned()))
    }

    /// The hold token of a reservation made under this key: HMAC-SHA-256 of the key under random bytes that the server keeps.
    /// So a repeated request gets its token again, though only the token's hash is stored.
    pub(super) fn hold_token(&self, nonce: [u8; 16]) -> HoldToken {
        let mac = Hmac::<Sha256>::new(&hmac_key(nonce)).chain_update(self.0.as_bytes());
        HoldToken::from_bytes(mac.finalize().into_bytes().into())
    }
}

fn hmac_key(nonce: [u8; 16]) -> hmac::digest::Key<Hmac<Sha256>> {
    let mut key = hmac::digest::Key::<Hmac<Sha256>>::default();
    for (to, from) in key.iter_mut().zip(nonce) {
        *to = from;
    }
    key
}

/// What a client sends along with a command.
#[derive(Clone, Default)]
pub struct RequestContext {
    /// Makes the command repeatable.
    pub key: Option<IdempotencyKey>,
    /// W3C `traceparent`, well-formed. It travels with the events; a batch takes its first command's.
    pub traceparent: Option<String>,
    /// Of a reservation.
    pub buyer: Buyer,
}

/// What is looked up and recorded for a request with an idempotency key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct KeyedRequest {
    /// SHA-256 over the operation, who asks and the key.
    pub key_hash: [u8; 32],
    /// SHA-256 over what is asked.
    pub fingerprint: [u8; 32],
    /// Random bytes for [`IdempotencyKey::hold_token`]. They tell this request's own record from an earlier one's, too.
    pub nonce: [u8; 16],
}

impl KeyedRequest {
    /// `scope`: the operation and who asks; `meaning`: all that makes two requests the same.
    pub(super) fn new(key: &IdempotencyKey, scope: &[&[u8]], meaning: &[&[u8]], nonce: [u8; 16]) -> Self {
        let scoped: Vec<&[u8]> = scope.iter().copied().chain([key.0.as_bytes()]).collect();
        Self { key_hash: hash_parts(&scoped), fingerprint: hash_parts(meaning), nonce }
    }

    /// For a command: the fingerprint covers the showtime and all that the client chose.
    pub(super) fn for_command(
        key: &IdempotencyKey,
        showtime: ShowtimeId,
        command: &Command,
        nonce: [u8; 16],
    ) -> Option<Self> {
        let place = showtime.0.as_bytes().as_slice();
        let booking_id = command.booking_id();
        let booking = booking_id.as_ref().map_or(&[][..], |id| id.0.as_bytes());
        Some(match command {
            Command::ReserveSeats { seats, user_id, buyer, .. } => {
                let seats = named_seats(seats)?;
                let meaning = [place].into_iter().chain(seats.iter().map(Vec::as_slice)).chain(shown(buyer));
                let meaning: Vec<&[u8]> = meaning.collect();
                Self::new(key, &[b"reserve", user_id.as_str().as_bytes()], &meaning, nonce)
            }
            Command::ReserveChosen { choice, user_id, buyer, .. } => {
                let seats = match choice.seats() {
                    None => Vec::new(),
                    Some(SeatWish::Named(seats)) => named_seats(seats)?,
                    Some(SeatWish::Best(best)) => vec![b"best".to_vec(), serde_json::to_vec(best).ok()?],
                };
                let areas = serde_json::to_vec(choice.areas()).ok()?;
                let mut meaning: Vec<&[u8]> = [place].into_iter().chain(seats.iter().map(Vec::as_slice)).collect();
                // As before there were areas, so that a request is known again that was first made then.
                if !choice.areas().is_empty() {
                    meaning.extend([b"areas".as_slice(), &areas]);
                }
                meaning.extend(shown(buyer));
                Self::new(key, &[b"reserve", user_id.as_str().as_bytes()], &meaning, nonce)
            }
            Command::BlockSeats { new } => {
                let meaning = serde_json::to_vec(&(&new.block, new.until)).ok()?;
                let seats = ids_of(new.seats.as_slice());
                let mut meaning: Vec<&[u8]> = vec![&seats, &meaning];
                if new.block.channel.is_some() {
                    meaning.push(&new.token.0);
                }
                Self::new(key, &[b"block", place], &meaning, nonce)
            }
            Command::UnblockSeats { seats, .. } => Self::new(key, &[b"unblock", booking], &[&ids_of(seats)], nonce),
            Command::ConfirmBooking { payment_reference, .. } => {
                Self::new(key, &[b"confirm", booking], &[payment_reference.as_str().as_bytes()], nonce)
            }
            Command::CancelBooking { .. } => Self::new(key, &[b"cancel", booking], &[], nonce),
            Command::RefundBooking { seats, reason, .. } => {
                let reason = reason.as_ref().map_or("", |reason| reason.as_str());
                Self::new(key, &[b"refund", booking], &[&ids_of(seats), reason.as_bytes()], nonce)
            }
            Command::ChangeSeats { exchange, .. } => {
                let (add, remove) = (ids_of(&exchange.add), ids_of(&exchange.remove));
                let more = serde_json::to_vec(&(&exchange.tariffs, &exchange.areas)).ok()?;
                let mut meaning: Vec<&[u8]> = vec![&add, &remove];
                // As before there were tariffs and areas here, so that a request is known again that was first made then.
                if !exchange.tariffs.are_usual() || !exchange.areas.is_empty() {
                    meaning.push(&more);
                }
                meaning.extend(opened(exchange.access.as_ref()));
                Self::new(key, &[b"seats", booking], &meaning, nonce)
            }
            Command::ExtendHold { .. } => Self::new(key, &[b"extend", booking], &[], nonce),
            Command::ChangeShowtime { change } => {
                Self::new(key, &[b"change", place], &[&serde_json::to_vec(change).ok()?], nonce)
            }
            Command::CancelShowtime { reason } => {
                Self::new(key, &[b"cancel-showtime", place], &[reason.as_str().as_bytes()], nonce)
            }
            Command::ExpireHold { .. } => return None,
        })
    }
}

fn named_seats(seats: &SeatSelection) -> Option<Vec<Vec<u8>>> {
    let mut meaning = vec![ids_of(seats.as_slice())];
    // As before there were tariffs, so that a request is known again that was first made then.
    if !seats.tariffs().are_usual() {
        meaning.push(serde_json::to_vec(seats.tariffs()).ok()?);
    }
    Some(meaning)
}

/// What a buyer shows, part by part. Nothing, if it shows nothing: as before anything could be shown.
fn shown(buyer: &Buyer) -> Vec<&[u8]> {
    let Buyer { access, payment, is_operator: _ } = buyer;
    let payment = payment.iter().flat_map(|payment| [b"payment".as_slice(), payment.as_str().as_bytes()]);
    opened(access.as_ref()).chain(payment).collect()
}

/// What opens blocks. As before there was anything but channels, so that a request is known again that was first made then.
fn opened(access: Option<&BlockAccess>) -> impl Iterator<Item = &[u8]> {
    let parts = access.map(|access| match access {
        BlockAccess::ChannelKey(key) => [b"channel".as_slice(), &key.0],
        BlockAccess::Block(id) => [b"block".as_slice(), id.0.as_bytes().as_slice()],
    });
    parts.into_iter().flatten()
}

fn ids_of(seats: &[SeatId]) -> Vec<u8> {
    seats.iter().flat_map(|seat| *seat.0.as_bytes()).collect()
}

/// Each part with its length, so that no two lists of parts hash alike.
fn hash_parts(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// A command with what belongs to it. Shared by the waiting caller, so that it can be asked again after a showtime's actor was lost.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub command: Command,
    pub key: Option<KeyedRequest>,
    /// See [`RequestContext::traceparent`].
    pub traceparent: Option<String>,
    /// Asked again: the booking may exist already, so the store is asked for it before deciding.
    pub repeated: bool,
    /// Keeps the hold from ending before this is decided.
    pub _arrival: Option<Arc<Arrival>>,
    /// When it came: a refusal must not rest on older knowledge.
    pub arrived: Instant,
}

/// What became of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Answer {
    pub told: Told,
    /// Set if the answer was recorded before under the same idempotency key; makes the hold token again.
    pub nonce: Option<[u8; 16]>,
}

/// What a request is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Told {
    /// About a booking.
    Booking(Outcome),
    /// About the showtime's listing.
    Listing(Listed),
}

impl Told {
    /// Sequence of the showtime at which this holds.
    pub(super) fn sequence(&self) -> u64 {
        match self {
            Self::Booking(outcome) => outcome.sequence,
            Self::Listing(listed) => listed.sequence,
        }
    }

    pub(super) fn sequence_mut(&mut self) -> &mut u64 {
        match self {
            Self::Booking(outcome) => &mut outcome.sequence,
            Self::Listing(listed) => &mut listed.sequence,
        }
    }

    /// A booking that was as wanted tells its own version. A listing tells the state's sequence, which `committed` may have moved.
    pub(super) fn move_listing(&mut self, committed: impl Fn(u64) -> u64) {
        if let Self::Listing(listed) = self {
            listed.sequence = committed(listed.sequence);
        }
    }

    /// An earlier request with the same idempotency key did it.
    pub(super) fn replayed(mut self, replayed: bool) -> Self {
        match &mut self {
            Self::Booking(outcome) => outcome.replayed = replayed,
            Self::Listing(listed) => listed.replayed = replayed,
        }
        self
    }

    /// The listing of a showtime as it is.
    pub(super) fn listing_of(showtime: &Showtime) -> Self {
        let listing = Arc::clone(showtime.listing());
        Self::Listing(Listed { listing, sequence: showtime.sequence(), replayed: false })
    }

    /// For a command about a booking.
    pub(super) fn booking(self) -> Result<Outcome, BoxOfficeError> {
        match self {
            Self::Booking(outcome) => Ok(outcome),
            Self::Listing(_) => Err(BoxOfficeError::Bug("a booking was asked for, a listing was answered".to_owned())),
        }
    }

    /// For a command about the listing.
    pub(super) fn listing(self) -> Result<Listed, BoxOfficeError> {
        match self {
            Self::Listing(listed) => Ok(listed),
            Self::Booking(_) => Err(BoxOfficeError::Bug("a listing was asked for, a booking was answered".to_owned())),
        }
    }
}

/// A request in a showtime's queue.
#[derive(Debug)]
pub(super) struct QueuedCommand {
    pub request: Arc<Request>,
    pub reply: oneshot::Sender<Result<Answer, BoxOfficeError>>,
    /// Past it, a request that is still in the queue is refused: certainly nothing was changed.
    pub deadline: Instant,
    /// The place in the showtime's bounded queue; given back when the request is answered.
    pub _place: OwnedSemaphorePermit,
    /// Counts it as waiting until then.
    pub _counted: Counted,
}

/// Counts a command as waiting for its answer.
#[derive(Debug)]
pub(super) struct Counted(Gauge);

impl Counted {
    /// Until it is dropped.
    pub(super) fn on(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl QueuedCommand {
    /// Answers the caller; one that has gone away is not missed, its command stands.
    pub(super) fn answer(self, answer: Result<Answer, BoxOfficeError>) {
        if self.reply.send(answer).is_err() {
            tracing::debug!("the caller had gone before its command was answered");
        }
    }
}

/// What is recorded under an idempotency key of a command about a booking; the sequence stands in the record itself. Nothing is recorded of a
/// listing: a repeated request is told how it is.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RecordedOutcome {
    booking_id: BookingId,
    showtime_id: ShowtimeId,
    seat_ids: Vec<SeatId>,
    status: u8,
    expires_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    difference: Option<Box<Money>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refund_amount: Option<Box<Money>>,
}

impl KeyedRequest {
    /// The record that makes `told` the answer to every repetition.
    pub(super) fn record(&self, told: &Told, now: Timestamp) -> Result<IdempotencyRecord, BoxOfficeError> {
        let answer = match told {
            Told::Listing(_) => Ok(serde_json::Value::Null),
            Told::Booking(outcome) => serde_json::to_value(RecordedOutcome {
                booking_id: outcome.booking_id,
                showtime_id: outcome.showtime_id,
                seat_ids: outcome.seat_ids.clone(),
                status: outcome.status.code(),
                expires_at: outcome.expires_at,
                difference: outcome.difference.clone(),
                refund_amount: outcome.refund_amount.clone(),
            }),
        };
        let answer = answer.map_err(|error| BoxOfficeError::Bug(format!("an outcome cannot be recorded: {error}")))?;
        Ok(IdempotencyRecord {
            key_hash: self.key_hash,
            fingerprint: self.fingerprint,
            answer,
            nonce: self.nonce,
            recorded_at: now,
            sequence: told.sequence(),
        })
    }

    /// The answer to a request whose key has this record: the booking, or the listing, as it is now. `bookings` are the stored ones.
    pub(super) fn replay(
        &self,
        record: &IdempotencyRecord,
        (showtime, bookings): (&Showtime, &[Booking]),
        now: Timestamp,
    ) -> Result<Answer, BoxOfficeError> {
        if record.fingerprint != self.fingerprint {
            return Err(Rejection::IdempotencyKeyReused.into());
        }
        let replayed = record.nonce != self.nonce;
        if record.answer.is_null() {
            return Ok(Answer { told: Told::listing_of(showtime).replayed(replayed), nonce: None });
        }
        let RecordedOutcome { booking_id, difference, refund_amount, .. } = recorded_outcome(record)?;
        let booking = bookings.iter().find(|booking| booking.id == booking_id);
        let booking = booking.ok_or_else(|| BoxOfficeError::Bug(format!("booking {booking_id} is not stored")))?;
        let mut outcome = Outcome { difference, refund_amount, ..Outcome::of(booking) };
        // Nobody is to pay for it, although its end may not have been recorded yet.
        if outcome.status == BookingStatus::Pending && outcome.expires_at <= now {
            outcome.status = BookingStatus::Expired;
        }
        Ok(Answer { told: Told::Booking(outcome).replayed(replayed), nonce: Some(record.nonce) })
    }
}

/// The booking that a recorded answer is about.
pub(super) fn recorded_booking(record: &IdempotencyRecord) -> Result<BookingId, BoxOfficeError> {
    recorded_outcome(record).map(|recorded| recorded.booking_id)
}

fn recorded_outcome(record: &IdempotencyRecord) -> Result<RecordedOutcome, BoxOfficeError> {
    let unreadable = |error| BoxOfficeError::Bug(format!("a recorded answer cannot be read: {error}"));
    serde_json::from_value(record.answer.clone()).map_err(unreadable)
}
