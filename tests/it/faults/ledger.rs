//! The ledger: what PostgreSQL holds at the end, read with plain SQL, so that no code of the server's own is trusted.

use std::collections::HashMap;

use serde_json::Value;
use tokio_postgres::NoTls;

use crate::faults::watcher::Delta;

/// A stored booking.
#[derive(Clone, Debug)]
pub struct Stored {
    pub id: String,
    pub showtime: String,
    pub user: String,
    /// `Pending`, `Confirmed`, `Cancelled` or `Expired`.
    pub status: &'static str,
    pub payment_reference: Option<String>,
}

/// An event of the journal.
#[derive(Clone, Debug)]
pub struct Entry {
    pub sequence: u64,
    pub recorded_millis: i64,
    pub kind: String,
    pub booking_id: Option<String>,
    pub seats: Vec<String>,
    pub payload: Value,
}

impl Entry {
    /// What a watcher has to be shown.
    pub fn delta(&self) -> Delta {
        let status = match self.kind.as_str() {
            "SeatsReserved" | "HoldExtended" => "Reserved",
            "BookingConfirmed" => "Sold",
            _ => "Available",
        };
        Delta { sequence: self.sequence, seats: self.seats.clone(), status: status.to_owned() }
    }
}

/// Everything stored.
pub struct Ledger {
    pub bookings: Vec<Stored>,
    /// By showtime, in order of sequence.
    pub journal: HashMap<String, Vec<Entry>>,
}

/// What is not yet done in the write store.
pub struct Backlog {
    pub outbox_rows: i64,
    pub pending_bookings: i64,
    /// Last sequence of each showtime.
    pub heads: HashMap<String, u64>,
}

async fn connect(url: &str) -> Result<tokio_postgres::Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

impl Backlog {
    pub async fn read(url: &str) -> Result<Self, tokio_postgres::Error> {
        let client = connect(url).await?;
        let outbox_rows = client.query_one("SELECT count(*) FROM outbox", &[]).await?.get(0);
        let pending = "SELECT count(*) FROM bookings WHERE status = 0";
        let pending_bookings = client.query_one(pending, &[]).await?.get(0);
        let heads = client.query("SELECT id::text, sequence FROM showtimes", &[]).await?;
        let heads = heads.iter().map(|row| (row.get(0), unsigned(row.get(1)))).collect();
        Ok(Self { outbox_rows, pending_bookings, heads })
    }
}

impl Ledger {
    pub async fn read(url: &str) -> Self {
        let client = connect(url).await.unwrap();
        let sql = "SELECT id::text, showtime_id::text, user_id, status, body ->> 'paymentReference' FROM bookings";
        let bookings = client.query(sql, &[]).await.unwrap();
        let bookings = bookings
            .iter()
            .map(|row| Stored {
                id: row.get(0),
                showtime: row.get(1),
                user: row.get(2),
                status: ["Pending", "Confirmed", "Cancelled", "Expired"]
                    [usize::try_from(row.get::<_, i16>(3)).unwrap()],
                payment_reference: row.get(4),
            })
            .collect();
        let sql = "SELECT j.showtime_id::text, j.first_sequence + e.position - 1, (extract(epoch FROM j.recorded_at) * 1000)::int8, \
                   e.event ->> 'type', e.event::text \
                   FROM journal j, json_array_elements(j.events) WITH ORDINALITY AS e (event, position) ORDER BY 1, 2";
        let mut journal: HashMap<String, Vec<Entry>> = HashMap::new();
        for row in client.query(sql, &[]).await.unwrap() {
            let payload: Value = serde_json::from_str(row.get(4)).unwrap();
            let ids = payload["seatIds"].as_array().cloned().unwrap_or_default();
            journal.entry(row.get(0)).or_default().push(Entry {
                sequence: unsigned(row.get(1)),
                recorded_millis: row.get(2),
                kind: row.get(3),
                booking_id: payload["bookingId"].as_str().map(ToOwned::to_owned),
                seats: ids.iter().map(|id| id.as_str().unwrap().to_owned()).collect(),
                payload,
            });
        }
        Self { bookings, journal }
    }
}

fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap()
}
