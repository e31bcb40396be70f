-- A showtime's rows may change: it is moved to another version of its auditorium. As take_over, with the rows as they are after the wait for a
-- commit in flight: the first statement waits for the showtime's row, the second one sees all that was committed before it. take_over stays for
-- nodes of the version before.
CREATE FUNCTION take_over_with_rows(p_id uuid)
RETURNS TABLE (
    o_rows jsonb, o_listing json, o_stamp int8, o_sequence int8, o_fence int8, o_seat_count int4, o_last int4, o_statuses int2[],
    o_versions int8[], o_holders uuid[]
)
LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM FROM showtimes t WHERE t.id = p_id FOR UPDATE;
    RETURN QUERY SELECT t.rows, o.* FROM take_over(p_id) o JOIN showtimes t ON t.id = p_id;
END
$$;
