-- One row for each commit, bookings with a body, a title and a start that never change. A confirmed, a pending and a cancelled booking.
INSERT INTO showtimes (id, movie_title, start_time, rows, seat_count, created_at, sequence, fence, follows, stamp)
VALUES (UUID(aaaaaaaa-0000-4000-8000-000000000001), 'Old', TIME(2098-01-01T20:00:00Z), '[{"row":"A","seats":4}]', 4,
    TIME(2026-11-01T12:00:00.123Z), 7, 7, 500, 600);
INSERT INTO seats (showtime_id, seat, status, version, booking_id) VALUES
    (UUID(aaaaaaaa-0000-4000-8000-000000000001), 0, 2, 4, UUID(bbbbbbbb-0000-7000-8000-000000000001)),
    (UUID(aaaaaaaa-0000-4000-8000-000000000001), 1, 0, 6, NULL),
    (UUID(aaaaaaaa-0000-4000-8000-000000000001), 2, 1, 7, UUID(bbbbbbbb-0000-7000-8000-000000000002)),
    (UUID(aaaaaaaa-0000-4000-8000-000000000001), 3, 1, 7, UUID(bbbbbbbb-0000-7000-8000-000000000002));
INSERT INTO bookings (id, showtime_id, user_id, status, expires_at, version, body) VALUES
    (UUID(bbbbbbbb-0000-7000-8000-000000000001), UUID(aaaaaaaa-0000-4000-8000-000000000001), 'ada', 1,
        TIME(2026-11-01T12:10:01.001Z), 4, '{"seats":[0],"tokenHash":"TOKEN(1)","reservedAt":1793534401001,"paymentReference":"pay \"1\" é"}'),
    (UUID(bbbbbbbb-0000-7000-8000-000000000002), UUID(aaaaaaaa-0000-4000-8000-000000000001), 'o''neil', 0,
        TIME(2097-11-01T12:10:01.999Z), 7, '{"seats":[3,2],"tokenHash":"TOKEN(2)","reservedAt":1793534401001}'),
    (UUID(bbbbbbbb-0000-7000-8000-000000000003), UUID(aaaaaaaa-0000-4000-8000-000000000001), 'eve', 2,
        TIME(2026-11-01T12:10:02Z), 6, '{"seats":[1],"tokenHash":"TOKEN(3)","reservedAt":1793534402000}');
INSERT INTO journal (showtime_id, last_sequence, first_sequence, recorded_at, follows, stamp, events) VALUES
    (UUID(aaaaaaaa-0000-4000-8000-000000000001), 1, 1, TIME(2026-11-01T12:00:00.123Z), 0, 100,
        '[{"type":"ShowtimeScheduled","movieTitle":"Old","startTime":"2098-01-01T20:00:00Z","rows":[{"row":"A","seats":4}]}]'),
    (UUID(aaaaaaaa-0000-4000-8000-000000000001), 3, 2, TIME(2026-11-01T12:00:01.001Z), 100, 300,
        '[{"type":"SeatsReserved","bookingId":"bbbbbbbb-0000-7000-8000-000000000001","seatIds":["SEAT(0)"],"userId":"ada","expiresAt":"2026-11-01T12:10:01.001Z"},
          {"type":"SeatsReserved","bookingId":"bbbbbbbb-0000-7000-8000-000000000002","seatIds":["SEAT(3)","SEAT(2)"],"userId":"o''neil","expiresAt":"2026-11-01T12:10:01.001Z"}]'),
    (UUID(aaaaaaaa-0000-4000-8000-000000000001), 5, 4, TIME(2026-11-01T12:00:02Z), 300, 400,
        '[{"type":"BookingConfirmed","bookingId":"bbbbbbbb-0000-7000-8000-000000000001","seatIds":["SEAT(0)"],"paymentReference":"pay \"1\" é"},
          {"type":"SeatsReserved","bookingId":"bbbbbbbb-0000-7000-8000-000000000003","seatIds":["SEAT(1)"],"userId":"eve","expiresAt":"2026-11-01T12:10:02Z"}]'),
    (UUID(aaaaaaaa-0000-4000-8000-000000000001), 6, 6, TIME(2026-11-01T12:00:03Z), 400, 500,
        '[{"type":"BookingCancelled","bookingId":"bbbbbbbb-0000-7000-8000-000000000003","seatIds":["SEAT(1)"]}]'),
    (UUID(aaaaaaaa-0000-4000-8000-000000000001), 7, 7, TIME(2026-11-01T12:00:04Z), 500, 600,
        '[{"type":"HoldExtended","bookingId":"bbbbbbbb-0000-7000-8000-000000000002","seatIds":["SEAT(3)","SEAT(2)"],"expiresAt":"2097-11-01T12:10:01.999Z"}]');
INSERT INTO outbox (showtime_id, first_sequence, last_sequence, traceparent) VALUES (UUID(aaaaaaaa-0000-4000-8000-000000000001), 7, 7, NULL);
INSERT INTO payments (reference, booking_id) VALUES ('pay "1" é', UUID(bbbbbbbb-0000-7000-8000-000000000001));
