-- One booking as an interactive transaction, the way most systems make it: read the seat, update it under its version, insert the
-- booking and the outbox row, commit. On the product's own tables. Variables: showtime (its id), seats.
\set seat random(0, :seats - 1)
BEGIN;
SELECT version FROM seats WHERE showtime_id = :showtime AND seat = :seat \gset
UPDATE seats SET status = 1, version = :version + 1, booking_id = :showtime WHERE showtime_id = :showtime AND seat = :seat AND version = :version;
INSERT INTO bookings (id, showtime_id, expires_at, version, status, user_id, body) VALUES (gen_random_uuid(), :showtime, now() + interval '10 minutes', :version + 1, 0, 'ada', json_build_object('seats', json_build_array(CAST(:seat AS int4)), 'tokenHash', encode(sha256('token'::bytea), 'hex'), 'reservedAt', 1795392000123));
INSERT INTO outbox (showtime_id, first_sequence, last_sequence) VALUES (:showtime, :version + 1, :version + 1);
COMMIT;
