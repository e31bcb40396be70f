-- Terms, prices and changed bookings, but no blocks. Of a confirmed booking one seat was refunded; another one's payment came too late.
INSERT INTO showtimes (id, listing, rows, seat_count, created_at, sequence, fence, follows, stamp)
VALUES (UUID(aaaaaaaa-0000-4000-8000-000000000001),
    '{"movieTitle":"Old","startTime":"2098-01-01T20:00:00Z","placesPerCustomer":2,"orphans":"refuse","prices":{"currency":"EUR","zones":[{"tariffs":[{"key":"full","amount":1000},{"key":"child","amount":500}]}]}}',
    '[{"row":"A","seats":4}]', 4, TIME(2026-11-01T12:00:00.123Z), 12, 7, 1100, 1200);
INSERT INTO seats (showtime_id, seat, status, version, booking_id) VALUES
    (UUID(aaaaaaaa-0000-4000-8000-000000000001), 0, 2, 7, UUID(bbbbbbbb-0000-7000-8000-000000000001)),
    (UUID(aaaaaaaa-0000-4000-8000-000000000001), 1, 0, 12, NULL),
    (UUID(aaaaaaaa-0000-4000-8000-000000000001), 2, 1, 5, UUID(bbbbbbbb-0000-7000-8000-000000000002)),
    (UUID(aaaaaaaa-0000-4000-8000-000000000001), 3, 1, 5, UUID(bbbbbbbb-0000-7000-8000-000000000002));
INSERT INTO bookings (id, showtime_id, user_id, status, expires_at, version, body) VALUES
    (UUID(bbbbbbbb-0000-7000-8000-000000000001), UUID(aaaaaaaa-0000-4000-8000-000000000001), 'ada', 1, TIME(2026-11-01T12:10:01.001Z), 7,
        '{"seats":[0],"tokenHash":"TOKEN(1)","reservedAt":1793534401001,"price":{"currency":"EUR","places":[{"tariff":"full","amount":900}]},"paymentReference":"pay \"1\" é","refunded":[1]}'),
    (UUID(bbbbbbbb-0000-7000-8000-000000000002), UUID(aaaaaaaa-0000-4000-8000-000000000001), 'o''neil', 0, TIME(2097-11-01T12:10:01.999Z), 5,
        '{"seats":[3,2],"tokenHash":"TOKEN(2)","reservedAt":1793534404000,"price":{"currency":"EUR","places":[{"tariff":"full","amount":1000},{"tariff":"child","amount":500}]}}'),
    (UUID(bbbbbbbb-0000-7000-8000-000000000003), UUID(aaaaaaaa-0000-4000-8000-000000000001), 'eve', 3, TIME(2026-11-01T12:10:06Z), 11,
        '{"seats":[1],"tokenHash":"TOKEN(3)","reservedAt":1793534406000,"price":{"currency":"EUR","places":[{"tariff":"full","amount":1000}]},"refusedPayment":{"refund":"pay late","taken":[{"seatId":"SEAT(1)","status":"Reserved"}]}}'),
    (UUID(bbbbbbbb-0000-7000-8000-000000000004), UUID(aaaaaaaa-0000-4000-8000-000000000001), 'bob', 2, TIME(2026-11-01T12:21:00Z), 12,
        '{"seats":[1],"tokenHash":"TOKEN(4)","reservedAt":1793535060000,"price":{"currency":"EUR","places":[{"tariff":"full","amount":1000}]}}');
INSERT INTO journal (showtime_id, last_sequence, first_sequence, recorded_at, follows, stamp, events) VALUES
    (UUID(aaaaaaaa-0000-4000-8000-000000000001), 1, 1, TIME(2026-11-01T12:00:00.123Z), 0, 100,
        '[{"type":"ShowtimeScheduled","movieTitle":"Old, but new then","startTime":"2098-01-01T20:00:00Z","rows":[{"row":"A","seats":4}],"terms":{"prices":{"currency":"EUR","zones":[{"tariffs":[{"key":"full","amount":900}]}]}}}]'),
    (UUID(aaaaaaaa-0000-4000-8000-000000000001), 2, 2, TIME(2026-11-01T12:00:01.001Z), 100, 200,
        '[{"type":"SeatsReserved","bookingId":"bbbbbbbb-0000-7000-8000-000000000001","seatIds":["SEAT(0)","SEAT(1)"],"userId":"ada","expiresAt":"2026-11-01T12:10:01.001Z","price":{"currency":"EUR","places":[{"tariff":"full","amount":900},{"tariff":"full","amount":900}]}}]'),
    (UUID(aaaaaaaa-0000-4000-8000-000000000001), 3, 3, TIME(2026-11-01T12:00:02Z), 200, 300,
        '[{"type":"BookingConfirmed","bookingId":"bbbbbbbb-0000-7000-8000-000000000001","seatIds":["SEAT(0)","SEAT(1)"],"paymentReference":"pay \"1\" é"}]'),
    (UUID(aaaaaaaa-0000-4000-8000-000000000001), 4, 4, TIME(2026-11-01T12:00:03Z), 300, 400,
        '[{"type":"ShowtimeChanged","movieTitle":"Old","startTime":"2098-01-01T20:00:00Z","terms":{"placesPerCustomer":2,"orphans":"refuse","prices":{"currency":"EUR","zones":[{"tariffs":[{"key":"full","amount":1000},{"key":"child","amount":500}]}]}}}]'),
    (UUID(aaaaaaaa-0000-4000-8000-000000000001), 5, 5, TIME(2026-11-01T12:00:04Z), 400, 500,
        '[{"type":"SeatsReserved","bookingId":"bbbbbbbb-0000-7000-8000-000000000002","seatIds":["SEAT(3)","SEAT(2)"],"userId":"o''neil","expiresAt":"2097-11-01T12:10:01.999Z","price":{"currency":"EUR","places":[{"tariff":"full","amount":1000},{"tariff":"child","amount":500}]}}]'),
    (UUID(aaaaaaaa-0000-4000-8000-000000000001), 7, 6, TIME(2026-11-01T12:00:05Z), 500, 700,
        '[{"type":"SeatsReleased","bookingId":"bbbbbbbb-0000-7000-8000-000000000001","seatIds":["SEAT(1)"],"reason":"broken","refund":"pay \"1\" é"},
          {"type":"BookingChanged","bookingId":"bbbbbbbb-0000-7000-8000-000000000001","seatIds":["SEAT(0)"],"confirmed":true,"price":{"currency":"EUR","places":[{"tariff":"full","amount":900}]}}]'),
    (UUID(aaaaaaaa-0000-4000-8000-000000000001), 8, 8, TIME(2026-11-01T12:00:06Z), 700, 800,
        '[{"type":"SeatsReserved","bookingId":"bbbbbbbb-0000-7000-8000-000000000003","seatIds":["SEAT(1)"],"userId":"eve","expiresAt":"2026-11-01T12:10:06Z","price":{"currency":"EUR","places":[{"tariff":"full","amount":1000}]}}]'),
    (UUID(aaaaaaaa-0000-4000-8000-000000000001), 9, 9, TIME(2026-11-01T12:10:06.100Z), 800, 900,
        '[{"type":"HoldExpired","bookingId":"bbbbbbbb-0000-7000-8000-000000000003","seatIds":["SEAT(1)"]}]'),
    (UUID(aaaaaaaa-0000-4000-8000-000000000001), 11, 10, TIME(2026-11-01T12:11:00Z), 900, 1100,
        '[{"type":"SeatsReserved","bookingId":"bbbbbbbb-0000-7000-8000-000000000004","seatIds":["SEAT(1)"],"userId":"bob","expiresAt":"2026-11-01T12:21:00Z","price":{"currency":"EUR","places":[{"tariff":"full","amount":1000}]}},
          {"type":"PaymentRefused","bookingId":"bbbbbbbb-0000-7000-8000-000000000003","taken":[{"seatId":"SEAT(1)","status":"Reserved"}],"refund":"pay late"}]'),
    (UUID(aaaaaaaa-0000-4000-8000-000000000001), 12, 12, TIME(2026-11-01T12:12:00Z), 1100, 1200,
        '[{"type":"BookingCancelled","bookingId":"bbbbbbbb-0000-7000-8000-000000000004","seatIds":["SEAT(1)"]}]');
INSERT INTO outbox (showtime_id, first_sequence, last_sequence, traceparent) VALUES
    (UUID(aaaaaaaa-0000-4000-8000-000000000001), 10, 11, 'trace'), (UUID(aaaaaaaa-0000-4000-8000-000000000001), 12, 12, NULL);
INSERT INTO payments (reference, booking_id) VALUES ('pay "1" é', UUID(bbbbbbbb-0000-7000-8000-000000000001)), ('pay late', UUID(bbbbbbbb-0000-7000-8000-000000000003));
