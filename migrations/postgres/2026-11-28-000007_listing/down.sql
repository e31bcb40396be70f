DROP FUNCTION bookings_of_cancelled;
DROP FUNCTION take_over;
CREATE FUNCTION take_over(p_id uuid)
RETURNS TABLE (
    o_stamp int8, o_sequence int8, o_fence int8, o_seat_count int4, o_last int4, o_statuses int2[], o_versions int8[], o_holders uuid[]
)
LANGUAGE plpgsql
AS $$
BEGIN
    UPDATE showtimes t SET fence = t.fence + 1 WHERE t.id = p_id;
    RETURN QUERY
    SELECT t.stamp, t.sequence, t.fence, t.seat_count, s.last, s.statuses, s.versions, s.holders
    FROM showtimes t CROSS JOIN LATERAL (
        SELECT max(o.seat) AS last, array_agg(o.status) AS statuses, array_agg(o.version) AS versions,
            array_agg(o.booking_id) FILTER (WHERE o.status = 1) AS holders
        FROM (SELECT seat, status, version, booking_id FROM seats WHERE showtime_id = t.id ORDER BY seat) o
    ) s
    WHERE t.id = p_id;
END
$$;
DROP INDEX showtimes_ending;
ALTER TABLE showtimes ADD COLUMN movie_title text, ADD COLUMN start_time timestamptz;
UPDATE showtimes SET movie_title = listing ->> 'movieTitle', start_time = (listing ->> 'startTime')::timestamptz;
ALTER TABLE showtimes
    ALTER COLUMN movie_title SET NOT NULL, ALTER COLUMN start_time SET NOT NULL, DROP COLUMN listing, DROP COLUMN ending;
