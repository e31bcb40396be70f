DROP FUNCTION changed_showtimes;
DROP INDEX journal_recorded;
