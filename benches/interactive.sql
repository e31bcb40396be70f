-- One booking as an interactive transaction, the way most systems make it: read the seat, update it under its version, insert the
-- booking and the outbox row, commit. On the product's own tables. Variables: showtime (its id), seats.
\set seat random(0, :seats - 1)
BEGIN;
SELECT version FROM seats WHERE showtime_id = :showtime AND seat = :seat \gset
UPDATE seats SET status = 1, version = :version + 1, booking_id = :showtime WHERE showtime_id = :showtime AND seat = :seat AND version = :version;
INSERT INTO bookings (id, showtime_id, user_id, token_hash, status, reserved_at, expires_at, version) VALUES (gen_random_uuid(), :showtime, 'ada', sha256('token'::bytea), 0, now(), now() + interval '10 minutes', :version + 1);
INSERT INTO outbox (showtime_id, first_sequence, last_sequence) VALUES (:showtime, :version + 1, :version + 1);
COMMIT;
