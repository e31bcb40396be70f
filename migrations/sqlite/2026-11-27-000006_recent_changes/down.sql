DROP INDEX journal_recorded;
