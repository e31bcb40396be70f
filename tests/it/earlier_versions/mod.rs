//! What earlier versions have stored: their tables, and rows as they wrote them, for PostgreSQL and for SQLite.
//!
//! In the rows, `UUID(..)`, `TIME(..)` and `BYTES(..)` stand for a literal of the database; `SEAT(3)` is the id of that seat, `TOKEN(2)` the
//! hash of [`token`] 2 and `HASH(text)` the hash of a text, in hexadecimal digits.

use sha2::{Digest, Sha256};
use turnstile::domain::{HoldToken, SeatId, ShowtimeId, Timestamp};
use uuid::Uuid;

/// An earlier version of the program, by the last migration that it knew.
pub struct Version {
    last_migration: &'static str,
    /// A showtime of one row: seat 0 is sold, seat 1 is free, seats 3 and 2 are held until 2097.
    rows: &'static str,
    /// Sequence of the showtime's last event.
    pub sequence: u64,
}

/// The first one.
pub const FIRST: Version = Version { last_migration: "2026-11-23-000000", rows: "", sequence: 0 };
/// With a row for each event and each booked seat.
pub const BEFORE_LEAN_COMMITS: Version =
    Version { last_migration: "2026-11-27-000004", rows: include_str!("before_lean_commits.sql"), sequence: 6 };
/// With titles and starts that never change.
pub const BEFORE_LISTINGS: Version =
    Version { last_migration: "2026-11-27-000006", rows: include_str!("before_listings.sql"), sequence: 7 };
/// With terms, prices and changed bookings.
pub const BEFORE_BLOCKS: Version =
    Version { last_migration: "2026-11-28-000008", rows: include_str!("before_blocks.sql"), sequence: 12 };

/// Whose tables and literals are meant.
#[derive(Clone, Copy)]
pub enum Dialect {
    Postgres,
    Sqlite,
}

/// The showtime in the rows.
pub fn showtime() -> ShowtimeId {
    ShowtimeId("aaaaaaaa-0000-4000-8000-000000000001".parse().unwrap())
}

/// Id of a booking in the rows. 1 is confirmed, 2 is pending, the others have ended.
pub fn booking(number: u8) -> Uuid {
    format!("bbbbbbbb-0000-7000-8000-00000000000{number}").parse().unwrap()
}

/// Hold token of that booking.
pub fn token(number: u8) -> HoldToken {
    HoldToken::from_bytes([number; 32])
}

/// The payment of booking 1.
pub const PAYMENT: &str = "pay \"1\" é";

/// The names of all migrations, in order.
pub fn migrations(dialect: Dialect) -> Vec<String> {
    let folder = std::fs::read_dir(dialect.folder()).unwrap();
    let mut names: Vec<String> = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

impl Version {
    /// The migrations that it did not know.
    pub fn missing(&self, dialect: Dialect) -> usize {
        migrations(dialect).iter().filter(|name| !self.knows(name)).count()
    }

    fn knows(&self, migration: &str) -> bool {
        migration.split('_').next().unwrap() <= self.last_migration
    }

    /// Makes its tables, with its rows in them, in an empty database.
    pub fn script(&self, dialect: Dialect) -> String {
        let mut script = dialect.table_of_migrations().to_owned();
        for migration in migrations(dialect).iter().filter(|name| self.knows(name)) {
            let up = std::fs::read_to_string(format!("{}/{migration}/up.sql", dialect.folder())).unwrap();
            let version = migration.split('_').next().unwrap().replace('-', "");
            let done = format!("INSERT INTO __diesel_schema_migrations (version) VALUES ('{version}');");
            script.extend(["BEGIN;\n", &up, &done, "\nCOMMIT;\n"]);
        }
        script + &dialect.literals(self.rows)
    }
}

impl Dialect {
    fn folder(self) -> &'static str {
        match self {
            Self::Postgres => "migrations/postgres",
            Self::Sqlite => "migrations/sqlite",
        }
    }

    fn table_of_migrations(self) -> &'static str {
        match self {
            Self::Postgres => {
                "CREATE TABLE __diesel_schema_migrations (version varchar(50) PRIMARY KEY, run_on timestamp NOT NULL DEFAULT now());\n"
            }
            Self::Sqlite => {
                "CREATE TABLE __diesel_schema_migrations (version VARCHAR(50) PRIMARY KEY NOT NULL, run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP);\n"
            }
        }
    }

    fn literals(self, rows: &str) -> String {
        let seat = |index: &str| SeatId::new(showtime(), index.parse().unwrap()).to_string();
        let rows = replaced(rows, "SEAT", seat);
        let rows = replaced(&rows, "TOKEN", |number| hex(&token(number.parse().unwrap()).hash().0));
        let rows = replaced(&rows, "HASH", |text| hex(&Sha256::digest(text)));
        let rows = replaced(&rows, "BYTES", |digits| match self {
            Self::Postgres => format!(r"'\x{digits}'"),
            Self::Sqlite => format!("x'{digits}'"),
        });
        let rows = replaced(&rows, "UUID", |id| match self {
            Self::Postgres => format!("'{id}'"),
            Self::Sqlite => format!("x'{}'", id.replace('-', "")),
        });
        replaced(&rows, "TIME", |time| match self {
            Self::Postgres => format!("'{time}'"),
            Self::Sqlite => Timestamp::parse(time).unwrap().as_millis().to_string(),
        })
    }
}

/// The text with each `name(..)` replaced.
fn replaced(text: &str, name: &str, by: impl Fn(&str) -> String) -> String {
    let opened = format!("{name}(");
    let mut parts = text.split(&opened);
    let mut made = parts.next().unwrap().to_owned();
    for part in parts {
        let (inside, rest) = part.split_once(')').unwrap();
        made += &by(inside);
        made += rest;
    }
    made
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
