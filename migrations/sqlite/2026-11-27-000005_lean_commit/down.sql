-- The tables as the migration before left them, with all that was stored.

CREATE TABLE events (
    showtime_id BLOB NOT NULL REFERENCES showtimes (id),
    sequence INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    PRIMARY KEY (showtime_id, sequence)
) STRICT, WITHOUT ROWID;
INSERT INTO events (showtime_id, sequence, recorded_at, kind, payload)
SELECT j.showtime_id, j.first_sequence + e.key, j.recorded_at, e.value ->> 'type', e.value
FROM journal AS j, json_each(j.events) AS e;
DROP TABLE journal;

CREATE TABLE full_bookings (
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
INSERT INTO full_bookings (id, showtime_id, user_id, token_hash, status, reserved_at, expires_at, payment_reference, version)
SELECT id, showtime_id, user_id, unhex(body ->> 'tokenHash'), status, body ->> 'reservedAt', expires_at,
    body ->> 'paymentReference', version
FROM bookings;

CREATE TABLE booking_seats (
    booking_id BLOB NOT NULL REFERENCES full_bookings (id),
    position INTEGER NOT NULL,
    showtime_id BLOB NOT NULL,
    seat INTEGER NOT NULL,
    live INTEGER NOT NULL CHECK (live IN (0, 1)),
    PRIMARY KEY (booking_id, position)
) STRICT, WITHOUT ROWID;
INSERT INTO booking_seats (booking_id, position, showtime_id, seat, live)
SELECT b.id, s.key, b.showtime_id, s.value, b.status IN (0, 1)
FROM bookings AS b, json_each(b.body, '$.seats') AS s;

DROP TABLE bookings;
ALTER TABLE full_bookings RENAME TO bookings;
CREATE INDEX bookings_due ON bookings (expires_at) WHERE status = 0;
CREATE INDEX bookings_of_showtime ON bookings (showtime_id, status);
CREATE UNIQUE INDEX booking_seats_live ON booking_seats (showtime_id, seat) WHERE live = 1;

ALTER TABLE showtimes DROP COLUMN stamp;
ALTER TABLE showtimes DROP COLUMN follows;
