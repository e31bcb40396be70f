-- Which showtimes have changed lately, so that a sweep looks at those and not at every showtime ever made. The journal is in order of time,
-- so an index of ranges is small and costs a commit next to nothing.
CREATE INDEX journal_recorded ON journal USING brin (recorded_at) WITH (pages_per_range = 32, autosummarize = on);

-- The program's sessions forbid scans of bitmaps, which no commit needs. This query needs one.
CREATE FUNCTION changed_showtimes(p_since timestamptz, p_limit int8) RETURNS SETOF uuid
LANGUAGE sql STABLE
SET enable_bitmapscan = on
SET enable_indexscan = off
SET enable_indexonlyscan = off
AS $$
    SELECT DISTINCT showtime_id FROM journal WHERE recorded_at >= p_since LIMIT p_limit
$$;
