-- Auditoriums, each version for good: a showtime keeps the one that it was made with. The plan is the canonical form of the program's own
-- format, without shorthand. Each version but the first follows one that is there, so versions have no gap.
CREATE TABLE auditoriums (
    id uuid NOT NULL,
    version int4 NOT NULL CHECK (version >= 1),
    follows int4 CHECK (follows = version - 1),
    seats_since int4 NOT NULL CHECK (seats_since BETWEEN 1 AND version),
    name text NOT NULL,
    seat_count int4 NOT NULL,
    place_count int8 NOT NULL,
    recorded_at timestamptz NOT NULL,
    plan json NOT NULL,
    PRIMARY KEY (id, version),
    CONSTRAINT auditoriums_follows FOREIGN KEY (id, follows) REFERENCES auditoriums (id, version),
    CHECK ((version = 1) = (follows IS NULL))
);
