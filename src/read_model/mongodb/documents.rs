//! Heads and chunks as BSON documents. Statuses take two bits a seat; the 200,000 seats of the largest house 49 chunks of a kilobyte.

use std::fmt::Display;

use mongodb::bson::oid::ObjectId;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, DateTime, Document, doc, uuid::Uuid as BsonUuid};
use serde::Deserialize;
use uuid::Uuid;

use crate::domain::{Row, SeatStatus, ShowtimeId, Stamp, Timestamp};
use crate::read_model::{Place, ReadError, ShowtimeSummary};

use super::chunk::{Chunk, Undo, to_usize};
use super::head::{Head, Within};

/// Bytes of one undo entry: sequence (8), offset (4), status before (1), all in network order.
const UNDO_BYTES: usize = 13;
/// Seats whose statuses share a byte.
const SEATS_PER_BYTE: usize = 4;

/// A head as it is stored.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HeadDocument {
    movie_title: String,
    start_time: DateTime,
    sequence: i64,
    #[serde(default)]
    stamp: i64,
    seats: i64,
    available: i64,
    seats_per_chunk: i64,
    chunk_sequences: Binary,
    fence: i64,
    statuses: Option<Binary>,
    #[serde(default)]
    rows: Vec<Row>,
}

/// What the list of showtimes needs of a head.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SummaryDocument {
    #[serde(rename = "_id")]
    id: BsonUuid,
    movie_title: String,
    start_time: DateTime,
    sequence: i64,
    #[serde(default)]
    stamp: i64,
    seats: i64,
    available: i64,
}

/// An id and a sequence.
#[derive(Deserialize)]
pub(super) struct SequenceDocument {
    #[serde(rename = "_id")]
    id: BsonUuid,
    sequence: i64,
    #[serde(default)]
    stamp: i64,
}

/// A chunk as it is stored.
#[derive(Deserialize)]
pub(super) struct ChunkDocument {
    #[serde(rename = "_id")]
    id: Binary,
    sequence: i64,
    base: i64,
    seats: i64,
    statuses: Binary,
    undo: Binary,
    #[serde(default)]
    rows: Vec<Row>,
}

/// Which generations there are, as it is stored.
#[derive(Deserialize)]
pub(super) struct GenerationsDocument {
    pub(super) incarnation: ObjectId,
    pub(super) live: i64,
    pub(super) building: Vec<i64>,
    pub(super) retiring: Vec<i64>,
    pub(super) next: i64,
}

impl HeadDocument {
    pub(super) fn decode(self) -> Result<Head, ReadError> {
        let (sequences, []) = self.chunk_sequences.bytes.as_chunks::<8>() else {
            return Err(damaged("chunkSequences"));
        };
        let seats = number(self.seats)?;
        let within = |statuses: Binary| {
            let statuses = unpack(&statuses.bytes, to_usize(seats)).ok_or_else(|| damaged("statuses"))?;
            Ok(Within { statuses, rows: self.rows.into() })
        };
        Ok(Head {
            movie_title: self.movie_title,
            start_time: Timestamp::from_millis(self.start_time.timestamp_millis()),
            sequence: number(self.sequence)?,
            stamp: Stamp(self.stamp.cast_unsigned()),
            seats,
            available: number(self.available)?,
            seats_per_chunk: number(self.seats_per_chunk)?,
            chunk_sequences: sequences.iter().map(|bytes| u64::from_be_bytes(*bytes)).collect(),
            fence: number(self.fence)?,
            within: self.statuses.map(within).transpose()?,
        })
    }
}

impl SummaryDocument {
    pub(super) fn decode(self) -> Result<ShowtimeSummary, ReadError> {
        Ok(ShowtimeSummary {
            id: ShowtimeId(Uuid::from_bytes(self.id.bytes())),
            movie_title: self.movie_title,
            start_time: Timestamp::from_millis(self.start_time.timestamp_millis()),
            sequence: number(self.sequence)?,
            stamp: Stamp(self.stamp.cast_unsigned()),
            seats: number(self.seats)?,
            available: number(self.available)?,
        })
    }
}

impl SequenceDocument {
    /// With the stamp, where that was asked for.
    pub(super) fn place(&self) -> Result<Place, ReadError> {
        Ok(Place { sequence: number(self.sequence)?, stamp: Stamp(self.stamp.cast_unsigned()) })
    }

    pub(super) fn decode(&self) -> Result<(ShowtimeId, u64), ReadError> {
        Ok((ShowtimeId(Uuid::from_bytes(self.id.bytes())), number(self.sequence)?))
    }
}

impl ChunkDocument {
    pub(super) fn decode(self) -> Result<Chunk, ReadError> {
        let [.., a, b, c, d] = *self.id.bytes.as_slice() else {
            return Err(damaged("_id"));
        };
        let seats: u32 = number(self.seats)?;
        let (entries, []) = self.undo.bytes.as_chunks::<UNDO_BYTES>() else {
            return Err(damaged("undo"));
        };
        Ok(Chunk {
            number: u32::from_be_bytes([a, b, c, d]),
            sequence: number(self.sequence)?,
            base: number(self.base)?,
            statuses: unpack(&self.statuses.bytes, to_usize(seats)).ok_or_else(|| damaged("statuses"))?,
            undo: entries.iter().map(decode_undo).collect::<Option<_>>().ok_or_else(|| damaged("undo"))?,
            rows: self.rows,
        })
    }
}

/// All fields of a head but its id.
pub(super) fn whole_head(head: &Head) -> Result<Document, ReadError> {
    let mut document = moved_head(head)?;
    document.extend(doc! {
        "movieTitle": &head.movie_title,
        "startTime": DateTime::from_millis(head.start_time.as_millis()),
        "seats": i64::from(head.seats),
        "seatsPerChunk": i64::from(head.seats_per_chunk),
        "fence": integer(head.fence)?,
    });
    if let Some(within) = &head.within {
        document.insert("rows", rows(&within.rows)?);
    }
    Ok(document)
}

/// The fields of a head that a run changes.
pub(super) fn moved_head(head: &Head) -> Result<Document, ReadError> {
    let sequences = head.chunk_sequences.iter().flat_map(|sequence| sequence.to_be_bytes()).collect();
    let mut document = doc! {
        "sequence": integer(head.sequence)?,
        "stamp": head.stamp.0.cast_signed(),
        "available": i64::from(head.available),
        "chunkSequences": binary(sequences),
    };
    if let Some(within) = &head.within {
        document.insert("statuses", binary(pack(&within.statuses)));
    }
    Ok(document)
}

/// All fields of a chunk but its id.
pub(super) fn whole_chunk(chunk: &Chunk) -> Result<Document, ReadError> {
    let mut document = moved_chunk(chunk)?;
    let seats = i64::try_from(chunk.statuses.len()).map_err(damaged)?;
    document.extend(doc! { "seats": seats, "rows": rows(&chunk.rows)? });
    Ok(document)
}

fn rows(rows: &[Row]) -> Result<Bson, ReadError> {
    mongodb::bson::to_bson(rows).map_err(damaged)
}

/// The fields of a chunk that a run changes.
pub(super) fn moved_chunk(chunk: &Chunk) -> Result<Document, ReadError> {
    Ok(doc! {
        "sequence": integer(chunk.sequence)?,
        "base": integer(chunk.base)?,
        "statuses": binary(pack(&chunk.statuses)),
        "undo": binary(chunk.undo.iter().flat_map(encode_undo).collect()),
    })
}

/// A head's id.
pub(super) fn head_id(id: ShowtimeId) -> Bson {
    Bson::from(BsonUuid::from_bytes(*id.0.as_bytes()))
}

/// A chunk's id: the showtime's id, then the number, so that a showtime's chunks are one range of the index.
pub(super) fn chunk_id(id: ShowtimeId, number: u32) -> Bson {
    let mut bytes = id.0.as_bytes().to_vec();
    bytes.extend(number.to_be_bytes());
    binary(bytes)
}

/// A number for a document.
pub(super) fn integer(number: u64) -> Result<i64, ReadError> {
    i64::try_from(number).map_err(damaged)
}

/// A number from a document.
pub(super) fn number<N: TryFrom<i64>>(stored: i64) -> Result<N, ReadError> {
    N::try_from(stored).map_err(|_range| damaged(format!("the number {stored}")))
}

fn damaged(what: impl Display) -> ReadError {
    ReadError { reason: format!("a document of the read model is damaged: {what}") }
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

fn encode_undo(undo: &Undo) -> impl Iterator<Item = u8> {
    undo.sequence.to_be_bytes().into_iter().chain(undo.offset.to_be_bytes()).chain([undo.before.code()])
}

fn decode_undo(bytes: &[u8; UNDO_BYTES]) -> Option<Undo> {
    let (sequence, rest) = bytes.split_first_chunk()?;
    let (offset, rest) = rest.split_first_chunk()?;
    Some(Undo {
        sequence: u64::from_be_bytes(*sequence),
        offset: u32::from_be_bytes(*offset),
        before: SeatStatus::from_code(*rest.first()?)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_survive_packing_and_a_wrong_length_or_code_is_refused() {
        for seats in 0..11 {
            let statuses: Vec<_> = (0..seats).map(|seat| SeatStatus::from_code(seat % 3).unwrap()).collect();
            assert_eq!(unpack(&pack(&statuses), statuses.len()), Some(statuses));
        }
        assert_eq!(unpack(&[0], 5), None);
        assert_eq!(unpack(&[0b1100], 2), None);
    }

    #[test]
    fn the_largest_chunk_stays_small() {
        let row = Row { row: "🎬".repeat(16), seats: 1 };
        let chunk = Chunk {
            number: 0,
            sequence: u64::MAX >> 1,
            base: 0,
            statuses: vec![SeatStatus::Sold; 1024],
            undo: vec![Undo { sequence: 1, offset: 1, before: SeatStatus::Sold }; 500 * 20],
            rows: vec![row; 1024],
        };
        let bytes = mongodb::bson::to_vec(&whole_chunk(&chunk).unwrap()).unwrap().len();
        assert!(bytes < 300_000, "{bytes} bytes");
    }
}
