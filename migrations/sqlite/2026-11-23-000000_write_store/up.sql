-- The write model, the journal of events and the outbox. The names are those of migrations/postgres; UUIDs are blobs of 16
-- bytes, times are milliseconds since 1970 in UTC. WITHOUT ROWID where the primary key is how rows are found: one tree each.

CREATE TABLE showtimes (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    movie_title TEXT NOT NULL,
    start_time INTEGER NOT NULL,
    rows TEXT NOT NULL,
    seat_count INTEGER NOT NULL CHECK (seat_count > 0),
    created_at INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    fence INTEGER NOT NULL
) STRICT;

-- status: 0 available, 1 reserved, 2 sold.
CREATE TABLE seats (
    showtime_id BLOB NOT NULL REFERENCES showtimes (id),
    seat INTEGER NOT NULL CHECK (seat >= 0),
    status INTEGER NOT NULL CHECK (status BETWEEN 0 AND 2),
    version INTEGER NOT NULL,
    booking_id BLOB,
    PRIMARY KEY (showtime_id, seat),
    CHECK ((status = 0) = (booking_id IS NULL))
) STRICT, WITHOUT ROWID;

-- status: 0 pending, 1 confirmed, 2 cancelled, 3 expired. For good: ended bookings stay.
CREATE TABLE bookings (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    showtime_id BLOB NOT NULL REFERENCES showtimes (id),
    user_id TEXT NOT NULL,
    token_hash BLOB NOT NULL CHECK (length(token_hash) = 32),
    status INTEGER NOT NULL CHECK (status BETWEEN 0 AND 3),
    reserved_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    payment_reference TEXT,
    version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX bookings_due ON bookings (expires_at) WHERE status = 0;
CREATE INDEX bookings_of_showtime ON bookings (showtime_id, status);

-- The seats of each booking in the client's order. live while the booking is pending or confirmed.
CREATE TABLE booking_seats (
    booking_id BLOB NOT NULL REFERENCES bookings (id),
    position INTEGER NOT NULL,
    showtime_id BLOB NOT NULL,
    seat INTEGER NOT NULL,
    live INTEGER NOT NULL CHECK (live IN (0, 1)),
    PRIMARY KEY (booking_id, position)
) STRICT, WITHOUT ROWID;
-- A seat has at most one live booking, whatever the programs do.
CREATE UNIQUE INDEX booking_seats_live ON booking_seats (showtime_id, seat) WHERE live = 1;

-- The journal: gap-free per showtime, never changed, never deleted.
CREATE TABLE events (
    showtime_id BLOB NOT NULL REFERENCES showtimes (id),
    sequence INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    PRIMARY KEY (showtime_id, sequence)
) STRICT, WITHOUT ROWID;

-- What the broker has not confirmed: one row per commit, deleted on confirmation. AUTOINCREMENT: a position is never used
-- again, so a late confirmation cannot delete a newer row.
CREATE TABLE outbox (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    showtime_id BLOB NOT NULL REFERENCES showtimes (id),
    first_sequence INTEGER NOT NULL,
    last_sequence INTEGER NOT NULL CHECK (last_sequence >= first_sequence),
    traceparent TEXT
) STRICT;

CREATE TABLE idempotency (
    key_hash BLOB NOT NULL PRIMARY KEY CHECK (length(key_hash) = 32),
    fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 32),
    answer TEXT NOT NULL,
    nonce BLOB NOT NULL CHECK (length(nonce) = 16),
    recorded_at INTEGER NOT NULL,
    sequence INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_recorded ON idempotency (recorded_at);

-- One row: 32 bytes that only this installation knows, drawn by the program when it first opens the database.
CREATE TABLE cluster_secret (
    only INTEGER NOT NULL PRIMARY KEY CHECK (only = 1),
    secret BLOB NOT NULL CHECK (length(secret) = 32)
) STRICT;
