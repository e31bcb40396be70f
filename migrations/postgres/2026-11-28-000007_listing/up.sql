-- What is shown, when, and on which terms it is sold, as one JSON object: operators may change it.
ALTER TABLE showtimes ADD COLUMN listing json, ADD COLUMN ending bool NOT NULL DEFAULT false;
UPDATE showtimes t SET listing = json_build_object(
    'movieTitle', j.events -> 0 -> 'movieTitle', 'startTime', j.events -> 0 -> 'startTime')
FROM journal j WHERE j.showtime_id = t.id AND j.last_sequence = 1;
ALTER TABLE showtimes ALTER COLUMN listing SET NOT NULL, DROP COLUMN movie_title, DROP COLUMN start_time;

-- ending: the showtime is cancelled, and some of its bookings may still be live. Few showtimes are, so the index is nearly empty, and a commit
-- that leaves the column as it is does not touch it.
CREATE INDEX showtimes_ending ON showtimes (id) WHERE ending;

-- As before, but the listing, which may change, is read after the wait, too.
DROP FUNCTION take_over;
CREATE FUNCTION take_over(p_id uuid)
RETURNS TABLE (
    o_listing json, o_stamp int8, o_sequence int8, o_fence int8, o_seat_count int4, o_last int4, o_statuses int2[], o_versions int8[],
    o_holders uuid[]
)
LANGUAGE plpgsql
AS $$
BEGIN
    UPDATE showtimes t SET fence = t.fence + 1 WHERE t.id = p_id;
    RETURN QUERY
    SELECT t.listing, t.stamp, t.sequence, t.fence, t.seat_count, s.last, s.statuses, s.versions, s.holders
    FROM showtimes t CROSS JOIN LATERAL (
        SELECT max(o.seat) AS last, array_agg(o.status) AS statuses, array_agg(o.version) AS versions,
            array_agg(o.booking_id) FILTER (WHERE o.status = 1) AS holders
        FROM (SELECT seat, status, version, booking_id FROM seats WHERE showtime_id = t.id ORDER BY seat) o
    ) s
    WHERE t.id = p_id;
END
$$;

-- The bookings of cancelled showtimes that are still live, up to p_limit of them. Showtimes that have none left are not asked again.
CREATE FUNCTION bookings_of_cancelled(p_limit int8)
RETURNS TABLE (
    o_id uuid, o_showtime_id uuid, o_user_id text, o_status int2, o_expires_at timestamptz, o_version int8, o_body json, o_fence int8,
    o_reason text
)
LANGUAGE plpgsql
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM showtimes t WHERE t.ending) THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT b.id, b.showtime_id, b.user_id, b.status, b.expires_at, b.version, b.body, t.fence, t.listing ->> 'cancelled'
    FROM showtimes t JOIN bookings b ON b.showtime_id = t.id
    WHERE t.ending AND b.status IN (0, 1)
    LIMIT p_limit;
    IF NOT FOUND THEN
        UPDATE showtimes t SET ending = false
        WHERE t.ending AND NOT EXISTS (SELECT FROM bookings b WHERE b.showtime_id = t.id AND b.status IN (0, 1));
    END IF;
END
$$;
