DROP INDEX showtimes_ending;
ALTER TABLE showtimes DROP COLUMN ending;
ALTER TABLE showtimes ADD COLUMN movie_title TEXT NOT NULL DEFAULT '';
ALTER TABLE showtimes ADD COLUMN start_time INTEGER NOT NULL DEFAULT 0;
UPDATE showtimes SET movie_title = listing ->> 'movieTitle',
    start_time = CAST(round((julianday(listing ->> 'startTime') - 2440587.5) * 86400000) AS INTEGER);
ALTER TABLE showtimes DROP COLUMN listing;
