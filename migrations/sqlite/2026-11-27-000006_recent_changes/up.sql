-- Which showtimes have changed lately, so that a sweep looks at those and not at every showtime ever made.
CREATE INDEX journal_recorded ON journal (recorded_at);
