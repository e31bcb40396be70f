DROP FUNCTION take_over;
DROP FUNCTION schedule_showtime;
DROP FUNCTION commit_batches;
DROP TABLE cluster_secret, idempotency, outbox, events, booking_seats, bookings, seats, showtimes;
