-- Adds free seats to a showtime that is moved to a version of its auditorium with more of them; returns their number afterwards. A part of the commit:
-- PostgreSQL may ask twice, if the showtime's row was changed meanwhile.
CREATE FUNCTION add_seats(p_id uuid, p_has int4, p_wants int4) RETURNS int4 LANGUAGE sql AS $$
    INSERT INTO seats (showtime_id, seat, status, version)
    SELECT p_id, seat, 0, 1 FROM generate_series(p_has, p_wants - 1) AS seat
    ON CONFLICT DO NOTHING;
    SELECT greatest(p_has, p_wants)
$$;
