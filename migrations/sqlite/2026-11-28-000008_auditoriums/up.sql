-- Auditoriums, each version for good: a showtime keeps the one that it was made with. The plan is the canonical form of the program's own
-- format, without shorthand; it is the last column, so that a look at the others does not read it. Each version but the first follows one
-- that is there, so versions have no gap.
CREATE TABLE auditoriums (
    id BLOB NOT NULL CHECK (length(id) = 16),
    version INTEGER NOT NULL CHECK (version >= 1),
    follows INTEGER CHECK (follows = version - 1),
    seats_since INTEGER NOT NULL CHECK (seats_since BETWEEN 1 AND version),
    name TEXT NOT NULL,
    seat_count INTEGER NOT NULL,
    place_count INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    plan TEXT NOT NULL,
    PRIMARY KEY (id, version),
    FOREIGN KEY (id, follows) REFERENCES auditoriums (id, version),
    CHECK ((version = 1) = (follows IS NULL))
) STRICT;
