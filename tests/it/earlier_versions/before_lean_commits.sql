-- One row for each event and for each booked seat. A confirmed, a pending and a cancelled booking.
INSERT INTO showtimes (id, movie_title, start_time, rows, seat_count, created_at, sequence, fence)
VALUES (UUID(aaaaaaaa-0000-4000-8000-000000000001), 'Old', TIME(2098-01-01T20:00:00Z), '[{"row":"A","seats":4}]', 4,
    TIME(2026-11-01T12:00:00.123Z), 6, 7);
INSERT INTO seats (showtime_id, seat, status, version, booking_id) VALUES
    (UUID(aaaaaaaa-0000-4000-8000-000000000001), 0, 2, 4, UUID(bbbbbbbb-0000-7000-8000-000000000001)),
    (UUID(aaaaaaaa-0000-4000-8000-000000000001), 1, 0, 6, NULL),
    (UUID(aaaaaaaa-0000-4000-8000-000000000001), 2, 1, 3, UUID(bbbbbbbb-0000-7000-8000-000000000002)),
    (UUID(aaaaaaaa-0000-4000-8000-000000000001), 3, 1, 3, UUID(bbbbbbbb-0000-7000-8000-000000000002));
INSERT INTO bookings (id, showtime_id, user_id, token_hash, status, reserved_at, expires_at, payment_reference, version) VALUES
    (UUID(bbbbbbbb-0000-7000-8000-000000000001), UUID(aaaaaaaa-0000-4000-8000-000000000001), 'ada', BYTES(TOKEN(1)), 1,
        TIME(2026-11-01T12:00:01.001Z), TIME(2026-11-01T12:10:01.001Z), 'pay "1" é', 4),
    (UUID(bbbbbbbb-0000-7000-8000-000000000002), UUID(aaaaaaaa-0000-4000-8000-000000000001), 'o''neil', BYTES(TOKEN(2)), 0,
        TIME(2026-11-01T12:00:01.001Z), TIME(2097-11-01T12:10:01.999Z), NULL, 3),
    (UUID(bbbbbbbb-0000-7000-8000-000000000003), UUID(aaaaaaaa-0000-4000-8000-000000000001), 'eve', BYTES(TOKEN(3)), 2,
        TIME(2026-11-01T12:00:02Z), TIME(2026-11-01T12:10:02Z), NULL, 6);
INSERT INTO booking_seats (booking_id, position, showtime_id, seat, live) VALUES
    (UUID(bbbbbbbb-0000-7000-8000-000000000001), 0, UUID(aaaaaaaa-0000-4000-8000-000000000001), 0, true),
    (UUID(bbbbbbbb-0000-7000-8000-000000000002), 0, UUID(aaaaaaaa-0000-4000-8000-000000000001), 3, true),
    (UUID(bbbbbbbb-0000-7000-8000-000000000002), 1, UUID(aaaaaaaa-0000-4000-8000-000000000001), 2, true),
    (UUID(bbbbbbbb-0000-7000-8000-000000000003), 0, UUID(aaaaaaaa-0000-4000-8000-000000000001), 1, false);
INSERT INTO events (showtime_id, sequence, recorded_at, kind, payload) VALUES
    (UUID(aaaaaaaa-0000-4000-8000-000000000001), 1, TIME(2026-11-01T12:00:00.123Z), 'ShowtimeScheduled',
        '{"type":"ShowtimeScheduled","movieTitle":"Old","startTime":"2098-01-01T20:00:00Z","rows":[{"row":"A","seats":4}]}'),
    (UUID(aaaaaaaa-0000-4000-8000-000000000001), 2, TIME(2026-11-01T12:00:01.001Z), 'SeatsReserved',
        '{"type":"SeatsReserved","bookingId":"bbbbbbbb-0000-7000-8000-000000000001","seatIds":["SEAT(0)"],"userId":"ada","expiresAt":"2026-11-01T12:10:01.001Z"}'),
    (UUID(aaaaaaaa-0000-4000-8000-000000000001), 3, TIME(2026-11-01T12:00:01.001Z), 'SeatsReserved',
        '{"type":"SeatsReserved","bookingId":"bbbbbbbb-0000-7000-8000-000000000002","seatIds":["SEAT(3)","SEAT(2)"],"userId":"o''neil","expiresAt":"2097-11-01T12:10:01.999Z"}'),
    (UUID(aaaaaaaa-0000-4000-8000-000000000001), 4, TIME(2026-11-01T12:00:02Z), 'BookingConfirmed',
        '{"type":"BookingConfirmed","bookingId":"bbbbbbbb-0000-7000-8000-000000000001","seatIds":["SEAT(0)"],"paymentReference":"pay \"1\" é"}'),
    (UUID(aaaaaaaa-0000-4000-8000-000000000001), 5, TIME(2026-11-01T12:00:02Z), 'SeatsReserved',
        '{"type":"SeatsReserved","bookingId":"bbbbbbbb-0000-7000-8000-000000000003","seatIds":["SEAT(1)"],"userId":"eve","expiresAt":"2026-11-01T12:10:02Z"}'),
    (UUID(aaaaaaaa-0000-4000-8000-000000000001), 6, TIME(2026-11-01T12:00:03Z), 'BookingCancelled',
        '{"type":"BookingCancelled","bookingId":"bbbbbbbb-0000-7000-8000-000000000003","seatIds":["SEAT(1)"]}');
INSERT INTO outbox (showtime_id, first_sequence, last_sequence, traceparent) VALUES
    (UUID(aaaaaaaa-0000-4000-8000-000000000001), 4, 5, 'trace'), (UUID(aaaaaaaa-0000-4000-8000-000000000001), 6, 6, NULL);
INSERT INTO idempotency (key_hash, fingerprint, answer, nonce, recorded_at, sequence)
VALUES (BYTES(HASH(key)), BYTES(HASH(asked)), '{"a":1}', BYTES(000102030405060708090a0b0c0d0e0f), TIME(2026-11-01T12:00:02Z), 5);
INSERT INTO payments (reference, booking_id) VALUES ('pay "1" é', UUID(bbbbbbbb-0000-7000-8000-000000000001));
