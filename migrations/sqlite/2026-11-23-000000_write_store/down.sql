DROP TABLE cluster_secret;
DROP TABLE idempotency;
DROP TABLE outbox;
DROP TABLE events;
DROP TABLE booking_seats;
DROP TABLE bookings;
DROP TABLE seats;
DROP TABLE showtimes;
