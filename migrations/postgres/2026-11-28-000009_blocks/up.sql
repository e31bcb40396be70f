-- Blocks are pending bookings of the house, whose name is empty. Few bookings are, so the index is nearly empty, and a commit of customers'
-- bookings does not touch it.
CREATE INDEX bookings_blocks ON bookings (showtime_id, id) WHERE status = 0 AND user_id = '';

-- As before, but the live blocks are among the holders, also one whose seats are all sold.
CREATE OR REPLACE FUNCTION take_over(p_id uuid)
RETURNS TABLE (
    o_listing json, o_stamp int8, o_sequence int8, o_fence int8, o_seat_count int4, o_last int4, o_statuses int2[], o_versions int8[],
    o_holders uuid[]
)
LANGUAGE plpgsql
AS $$
BEGIN
    UPDATE showtimes t SET fence = t.fence + 1 WHERE t.id = p_id;
    RETURN QUERY
    SELECT t.listing, t.stamp, t.sequence, t.fence, t.seat_count, s.last, s.statuses, s.versions, nullif(s.holders || ARRAY(
        SELECT b.id FROM bookings b WHERE b.showtime_id = t.id AND b.status = 0 AND b.user_id = ''), '{}')
    FROM showtimes t CROSS JOIN LATERAL (
        SELECT max(o.seat) AS last, array_agg(o.status) AS statuses, array_agg(o.version) AS versions,
            array_agg(o.booking_id) FILTER (WHERE o.status = 1) AS holders
        FROM (SELECT seat, status, version, booking_id FROM seats WHERE showtime_id = t.id ORDER BY seat) o
    ) s
    WHERE t.id = p_id;
END
$$;
