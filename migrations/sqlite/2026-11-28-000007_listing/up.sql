-- What is shown, when, and on which terms it is sold, as one JSON object: operators may change it.
ALTER TABLE showtimes ADD COLUMN listing TEXT NOT NULL DEFAULT '{}';
UPDATE showtimes SET listing = json_object(
    'movieTitle', json_extract(journal.events, '$[0].movieTitle'), 'startTime', json_extract(journal.events, '$[0].startTime'))
FROM journal
WHERE journal.showtime_id = showtimes.id AND journal.last_sequence = 1;
ALTER TABLE showtimes DROP COLUMN movie_title;
ALTER TABLE showtimes DROP COLUMN start_time;

-- ending: the showtime is cancelled, and some of its bookings may still be live.
ALTER TABLE showtimes ADD COLUMN ending INTEGER NOT NULL DEFAULT 0;
CREATE INDEX showtimes_ending ON showtimes (id) WHERE ending = 1;
