//! A showtime's document: its fields in BSON.
//!
//! | field | type | meaning |
//! |---|---|---|
//! | `_id` | UUID | the showtime's id |
//! | `movieTitle` | string | what is shown |
//! | `startTime` | date | when it starts |
//! | `terms` | string | on which terms it is sold, as JSON; absent: none are set |
//! | `cancelled` | string | why it was cancelled; absent: it was not |
//! | `sequence` | int64 | the last event applied |
//! | `stamp` | int64 | that event's stamp |
//! | `seatCount` | int64 | number of seats, former ones included |
//! | `formerSeats` | int64 | number of former seats; absent: none |
//! | `available` | int64 | number of available seats |
//! | `statuses` | binary | two bits a seat in order of index, the first seat in the lowest bits of the first byte |
//! | `rows` | binary | the rows as JSON, compressed with zlib |
//!
//! Events about seats change `sequence`, `stamp`, `available` and `statuses`. The largest house, of 200,000 seats, has 50 KB of statuses.

use std::fmt::Display;
use std::io::Read;
use std::sync::Arc;

use flate2::Compression;
use flate2::read::{ZlibDecoder, ZlibEncoder};
use mongodb::bson::document::ValueAccessError;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, DateTime, Document, doc, uuid::Uuid as BsonUuid};
use uuid::Uuid;

use crate::domain::{
    CancelReason, Listing, Place, Row, SeatMap, SeatStatus, ShowtimeId, ShowtimeSummary, ShowtimeView, Stamp, Terms,
    Timestamp, available,
};
use crate::read_model::ReadError;

/// Seats whose statuses share a byte.
const SEATS_PER_BYTE: usize = 4;

/// A document that this program did not write.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a document of the read model is damaged: {0}")]
pub(super) struct Damaged(String);

impl From<Damaged> for ReadError {
    fn from(error: Damaged) -> Self {
        Self { reason: error.to_string() }
    }
}

/// An id as it is stored.
pub(super) fn stored_id(id: ShowtimeId) -> Bson {
    Bson::from(BsonUuid::from_bytes(*id.0.as_bytes()))
}

/// The showtime that a document is about.
pub(super) fn id(document: &Document) -> Result<ShowtimeId, Damaged> {
    let Some(Bson::Binary(id)) = document.get("_id") else { return Err(damaged("_id")) };
    Ok(ShowtimeId(Uuid::from_slice(&id.bytes).map_err(damaged)?))
}

/// The place of a document with `sequence` and `stamp`.
pub(super) fn place(document: &Document) -> Result<Place, Damaged> {
    let stamp = Stamp(field(document, "stamp", Document::get_i64)?.cast_unsigned());
    Ok(Place { sequence: number(document, "sequence")?, stamp })
}

/// The statuses of a document with `seatCount` and `statuses`.
pub(super) fn statuses(document: &Document) -> Result<Vec<SeatStatus>, Damaged> {
    let seats: usize = number(document, "seatCount")?;
    unpack(field(document, "statuses", Document::get_binary_generic)?, seats).ok_or_else(|| damaged("statuses"))
}

/// The fields that [`listing`] reads.
pub(super) const LISTING_FIELDS: [&str; 4] = ["movieTitle", "startTime", "terms", "cancelled"];

/// The listing of a document with its fields.
pub(super) fn listing(document: &Document) -> Result<Listing, Damaged> {
    let start_time = field(document, "startTime", Document::get_datetime)?.timestamp_millis();
    let terms = match document.get("terms") {
        None => Terms::default(),
        Some(_) => serde_json::from_str(field(document, "terms", Document::get_str)?).map_err(damaged)?,
    };
    let cancelled = match document.get("cancelled") {
        None => None,
        Some(_) => Some(CancelReason::stored(field(document, "cancelled", Document::get_str)?.to_owned())),
    };
    Ok(Listing {
        movie_title: field(document, "movieTitle", Document::get_str)?.to_owned(),
        start_time: Timestamp::from_millis(start_time),
        terms,
        cancelled,
    })
}

/// The fields of a listing.
pub(super) fn listed(listing: &Listing) -> Result<Document, Damaged> {
    let mut document = doc! {
        "movieTitle": &listing.movie_title,
        "startTime": DateTime::from_millis(listing.start_time.as_millis()),
        "terms": serde_json::to_string(&listing.terms).map_err(damaged)?,
    };
    if let Some(reason) = &listing.cancelled {
        document.insert("cancelled", reason.as_str());
    }
    Ok(document)
}

/// The line in the list of a document without `statuses` and `rows`.
pub(super) fn summary(document: &Document) -> Result<ShowtimeSummary, Damaged> {
    let Place { sequence, stamp } = place(document)?;
    Ok(ShowtimeSummary {
        id: id(document)?,
        listing: Arc::new(listing(document)?),
        sequence,
        stamp,
        seats: number::<u32>(document, "seatCount")?.saturating_sub(former(document)?),
        available: number(document, "available")?,
    })
}

fn former(document: &Document) -> Result<u32, Damaged> {
    document.get("formerSeats").map_or(Ok(0), |_| number(document, "formerSeats"))
}

/// The view of a whole document.
pub(super) fn view(document: &Document) -> Result<ShowtimeView, Damaged> {
    let seat_map = seat_map(document)?;
    let ShowtimeSummary { id, listing, sequence, stamp, seats, available: _ } = summary(document)?;
    if (seat_map.present_count(), seat_map.seat_count()) != (seats, number(document, "seatCount")?) {
        return Err(damaged("seatCount"));
    }
    let statuses = statuses(document)?;
    Ok(ShowtimeView { id, listing, sequence, stamp, seat_map: Arc::new(seat_map), statuses })
}

/// The seat map of a document with `rows`.
pub(super) fn seat_map(document: &Document) -> Result<SeatMap, Damaged> {
    let rows = field(document, "rows", Document::get_binary_generic)?;
    let rows: Vec<Row> = serde_json::from_reader(ZlibDecoder::new(rows.as_slice())).map_err(damaged)?;
    SeatMap::stored(rows).map_err(damaged)
}

/// All fields of a view's document but its id.
pub(super) fn whole(view: &ShowtimeView) -> Result<Document, Damaged> {
    let mut document = laid_out(&view.seat_map)?;
    document.extend(listed(&view.listing)?);
    document.extend(moved(view.place(), &view.statuses)?);
    Ok(document)
}

/// The fields of a seat map.
pub(super) fn laid_out(seat_map: &SeatMap) -> Result<Document, Damaged> {
    let json = serde_json::to_vec(seat_map.all_rows()).map_err(damaged)?;
    let mut rows = Vec::new();
    ZlibEncoder::new(json.as_slice(), Compression::fast()).read_to_end(&mut rows).map_err(damaged)?;
    let former = seat_map.seat_count() - seat_map.present_count();
    Ok(doc! { "seatCount": i64::from(seat_map.seat_count()), "formerSeats": i64::from(former), "rows": binary(rows) })
}

/// The fields that events change.
pub(super) fn moved(place: Place, statuses: &[SeatStatus]) -> Result<Document, Damaged> {
    let mut document = at(place)?;
    document.insert("available", i64::from(available(statuses)));
    document.insert("statuses", binary(pack(statuses)));
    Ok(document)
}

/// The fields that say where a showtime stands.
pub(super) fn at(place: Place) -> Result<Document, Damaged> {
    let sequence = i64::try_from(place.sequence).map_err(damaged)?;
    Ok(doc! { "sequence": sequence, "stamp": place.stamp.0.cast_signed() })
}

pub(super) fn field<'a, T>(
    document: &'a Document,
    name: &'static str,
    get: impl Fn(&'a Document, &'static str) -> Result<T, ValueAccessError>,
) -> Result<T, Damaged> {
    get(document, name).map_err(|error| damaged(format!("{name}: {error}")))
}

fn number<N: TryFrom<i64>>(document: &Document, name: &'static str) -> Result<N, Damaged> {
    N::try_from(field(document, name, Document::get_i64)?).map_err(|_range| damaged(name))
}

pub(super) fn damaged(what: impl Display) -> Damaged {
    Damaged(what.to_string())
}

fn binary(bytes: Vec<u8>) -> Bson {
    Bson::Binary(Binary { subtype: BinarySubtype::Generic, bytes })
}

fn pack(statuses: &[SeatStatus]) -> Vec<u8> {
    statuses
        .chunks(SEATS_PER_BYTE)
        .map(|seats| seats.iter().rev().fold(0, |byte, status| byte << 2 | status.code()))
        .collect()
}

fn unpack(bytes: &[u8], seats: usize) -> Option<Vec<SeatStatus>> {
    if bytes.len() != seats.div_ceil(SEATS_PER_BYTE) {
        return None;
    }
    let codes = bytes.iter().flat_map(|byte| [0, 2, 4, 6].map(|shift| byte >> shift & 0b11));
    codes.take(seats).map(SeatStatus::from_code).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn house(rows: Vec<Row>) -> ShowtimeView {
        let seat_map = SeatMap::stored(rows).unwrap();
        let seats = 0..seat_map.seat_count();
        let terms = Terms { on_sale_from: Some(Timestamp::from_millis(-9)), ..Terms::default() };
        let cancelled = Some(CancelReason::parse("Sturm").unwrap());
        let listing = Listing { terms, cancelled, ..Listing::new("Ключ 🎬", Timestamp::from_millis(-5)) };
        let statuses = seats.map(|seat| SeatStatus::from_code(u8::try_from(seat % 3).unwrap()).unwrap()).collect();
        ShowtimeView {
            id: ShowtimeId(Uuid::from_u128(7)),
            listing: Arc::new(listing),
            sequence: u64::MAX >> 1,
            stamp: Stamp(u64::MAX),
            seat_map: Arc::new(seat_map),
            statuses,
        }
    }

    fn document_of(view: &ShowtimeView) -> Document {
        let mut document = whole(view).unwrap();
        document.insert("_id", stored_id(view.id));
        document
    }

    #[test]
    fn a_document_tells_the_view_that_it_was_made_of() {
        for seats in 1..11 {
            let made = house(vec![Row::numbered("A", seats), Row::numbered("🎭", 3)]);
            let document = document_of(&made);
            assert_eq!(view(&document).unwrap(), made);
            assert_eq!(summary(&document).unwrap(), made.summary());
            assert_eq!((id(&document).unwrap(), place(&document).unwrap()), (made.id, made.place()));
        }
    }

    #[test]
    fn what_is_missing_or_does_not_fit_is_named() {
        let good = document_of(&house(vec![Row::numbered("A", 5)]));
        for field in
            ["_id", "movieTitle", "startTime", "sequence", "stamp", "seatCount", "available", "statuses", "rows"]
        {
            let mut document = good.clone();
            document.remove(field);
            let error = view(&document).unwrap_err();
            assert!(field == "_id" || error.0.contains(field), "{field}: {error}");
        }
        let with = |field: &str, value: Bson| {
            let mut document = good.clone();
            document.insert(field, value);
            view(&document).unwrap_err()
        };
        assert_eq!(with("seatCount", Bson::Int64(4)), damaged("seatCount"));
        assert_eq!(with("sequence", Bson::Int64(-1)), damaged("sequence"));
        assert_eq!(with("statuses", binary(vec![0])), damaged("statuses"));
        assert_eq!(with("statuses", binary(vec![0b11, 0])), damaged("statuses"));
        with("rows", binary(vec![1, 2, 3]));
    }

    #[test]
    fn the_largest_house_is_far_below_mongodbs_limit_of_16_mib() {
        let rows = (0..200_000).map(|row| Row::numbered(format!("{row:🎬>16}"), 1));
        let bytes = mongodb::bson::to_vec(&document_of(&house(rows.collect()))).unwrap().len();
        assert!(bytes < 4_000_000, "{bytes} bytes");
    }
}
