-- One row that is written again and again to find out whether the disk takes writes.
CREATE TABLE write_probe (id INTEGER PRIMARY KEY CHECK (id = 1), filler BLOB NOT NULL) STRICT;
