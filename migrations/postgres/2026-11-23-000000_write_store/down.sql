DROP FUNCTION schedule_showtime;
DROP FUNCTION commit_batch;
DROP TABLE cluster_secret, idempotency, outbox, events, booking_seats, bookings, seats, showtimes;
