-- The write model, the journal of events, the outbox, and the functions that change them.

-- One row per showtime. Its row lock is taken first by every change of the showtime, so that the order of sequences is the
-- order of commits. Room on the page for the new row version of every commit; the counters come last, so that the log
-- carries only the end of the row.
CREATE TABLE showtimes (
    id uuid PRIMARY KEY,
    movie_title text NOT NULL,
    start_time timestamptz NOT NULL,
    rows jsonb NOT NULL,
    seat_count int4 NOT NULL CHECK (seat_count > 0),
    created_at timestamptz NOT NULL,
    sequence int8 NOT NULL,
    fence int8 NOT NULL
) WITH (fillfactor = 50);

-- status: 0 available, 1 reserved, 2 sold. No other index and room on the page: a change of a seat touches no index.
CREATE TABLE seats (
    showtime_id uuid NOT NULL,
    seat int4 NOT NULL CHECK (seat >= 0),
    status int2 NOT NULL CHECK (status BETWEEN 0 AND 2),
    version int8 NOT NULL,
    booking_id uuid,
    PRIMARY KEY (showtime_id, seat),
    CHECK ((status = 0) = (booking_id IS NULL))
) WITH (fillfactor = 70);

-- status: 0 pending, 1 confirmed, 2 cancelled, 3 expired. For good: ended bookings stay.
CREATE TABLE bookings (
    id uuid PRIMARY KEY,
    showtime_id uuid NOT NULL,
    user_id text NOT NULL,
    token_hash bytea NOT NULL CHECK (octet_length(token_hash) = 32),
    status int2 NOT NULL CHECK (status BETWEEN 0 AND 3),
    reserved_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    payment_reference text,
    version int8 NOT NULL
) WITH (fillfactor = 90);
CREATE INDEX bookings_due ON bookings (expires_at) WHERE status = 0;
CREATE INDEX bookings_of_showtime ON bookings (showtime_id);

-- The seats of each booking in the client's order. live while the booking is pending or confirmed.
CREATE TABLE booking_seats (
    booking_id uuid NOT NULL,
    position int2 NOT NULL,
    showtime_id uuid NOT NULL,
    seat int4 NOT NULL,
    live bool NOT NULL,
    PRIMARY KEY (booking_id, position)
) WITH (fillfactor = 90);
-- A seat has at most one live booking, whatever the programs do.
CREATE UNIQUE INDEX booking_seats_live ON booking_seats (showtime_id, seat) WHERE live;

-- The journal: gap-free per showtime, never changed, never deleted.
CREATE TABLE events (
    showtime_id uuid NOT NULL,
    sequence int8 NOT NULL,
    recorded_at timestamptz NOT NULL,
    kind text NOT NULL,
    payload jsonb NOT NULL,
    PRIMARY KEY (showtime_id, sequence)
);

-- What the broker has not confirmed: one row per commit, deleted on confirmation. Drawn under the showtime's row lock, so
-- ascending positions of one showtime have ascending sequences. Lives from being vacuumed often.
CREATE TABLE outbox (
    position int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    showtime_id uuid NOT NULL,
    first_sequence int8 NOT NULL,
    last_sequence int8 NOT NULL CHECK (last_sequence >= first_sequence),
    traceparent text
) WITH (
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 2000,
    autovacuum_vacuum_insert_threshold = -1,
    autovacuum_vacuum_cost_delay = 0
);

CREATE TABLE idempotency (
    key_hash bytea PRIMARY KEY CHECK (octet_length(key_hash) = 32),
    fingerprint bytea NOT NULL CHECK (octet_length(fingerprint) = 32),
    answer jsonb NOT NULL,
    nonce bytea NOT NULL CHECK (octet_length(nonce) = 16),
    recorded_at timestamptz NOT NULL,
    sequence int8 NOT NULL
);
CREATE INDEX idempotency_recorded ON idempotency (recorded_at);

-- One row: 32 bytes that only this cluster knows. gen_random_uuid draws from the server's strong random source, 122 bits a call.
CREATE TABLE cluster_secret (
    singleton bool PRIMARY KEY DEFAULT true CHECK (singleton),
    secret bytea NOT NULL CHECK (octet_length(secret) = 32)
);
INSERT INTO cluster_secret (secret)
SELECT sha256(string_agg(uuid_send(gen_random_uuid()), ''::bytea)) FROM generate_series(1, 4);

-- Commits batches of different showtimes and answers the sequence of each one's first event. All or nothing, in one statement.
-- Parameters start with p_ to tell them from columns; arrays of one paragraph belong together, element by element. The first
-- paragraph has one element per batch, ascending by showtime, so that two calls never wait for each other in a circle;
-- p_.._batches say from 1 which of them an element belongs to. p_.._events are positions among the events of its batch from 0:
-- the sequence of that event becomes the version.
--
-- Refusals carry a constraint's name besides their code, because some drivers do not pass unknown codes on. The detail lists
-- the batches that are to blame, such as 2,5; the others may be committed without them.
--   TS001 turnstile_conflict   a seat, booking or claim is not as expected
--   TS002 turnstile_fenced     the showtime was loaded with a newer fence, or does not exist
--   23505 unique_violation     idempotency_pkey: a known key; booking_seats_live, bookings_pkey: a conflict (names no batch)
--
-- Plans are made once per connection, maybe while the tables are nearly empty, and must not read whole showtimes when those have
-- grown. So there is one way only to each row: every condition that an index can serve is a join with the arrays' rows (OFFSET 0
-- keeps the planner from seeing through them), the settings leave nested loops as the only join, and conditions that would make
-- another index look good are written so that no index serves them (IS NOT DISTINCT FROM, IS NOT FALSE).
CREATE FUNCTION commit_batches(
    p_showtimes uuid[], p_fences int8[], p_recorded_at timestamptz[], p_traceparents text[], p_event_counts int4[],
    p_event_batches int4[], p_event_positions int4[], p_event_kinds text[], p_event_payloads jsonb[],
    p_seat_batches int4[], p_seats int4[], p_seat_versions int8[], p_seat_statuses int2[], p_seat_bookings uuid[], p_seat_events int4[],
    p_released_batches int4[], p_released_seats int4[], p_released_bookings uuid[],
    p_changed_batches int4[], p_changed_ids uuid[], p_changed_versions int8[], p_changed_statuses int2[],
    p_changed_expires_at timestamptz[], p_changed_payments text[], p_changed_events int4[],
    p_new_batches int4[], p_new_ids uuid[], p_new_users text[], p_new_tokens bytea[], p_new_statuses int2[],
    p_new_reserved_at timestamptz[], p_new_expires_at timestamptz[], p_new_payments text[], p_new_events int4[],
    p_place_batches int4[], p_place_bookings uuid[], p_place_positions int2[], p_place_seats int4[], p_place_live bool[],
    p_key_batches int4[], p_key_hashes bytea[], p_key_fingerprints bytea[], p_key_answers jsonb[], p_key_nonces bytea[],
    p_key_recorded_at timestamptz[], p_key_events int4[]
) RETURNS int8[]
LANGUAGE plpgsql
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_material = off
SET enable_memoize = off
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    -- The sequence of each batch's first event.
    v_first int8[];
    v_changed int4;
    v_blamed text;
BEGIN
    -- A call for many does not wait long for one: it fails, and each is tried alone.
    IF cardinality(p_showtimes) > 1 THEN
        PERFORM set_config('lock_timeout', '100ms', true);
    END IF;

    -- The row locks come first: from here to the commit nobody else changes these showtimes.
    WITH taken AS (
        UPDATE showtimes s SET sequence = s.sequence + u.events
        FROM (
            SELECT * FROM unnest(p_showtimes, p_fences, p_event_counts) WITH ORDINALITY AS u (id, fence, events, batch) OFFSET 0
        ) u
        WHERE s.id = u.id AND s.fence = u.fence
        RETURNING u.batch, s.sequence - u.events + 1 AS first
    )
    SELECT array_agg(t.first ORDER BY t.batch), count(*) INTO v_first, v_changed FROM taken t;
    IF v_changed <> cardinality(p_showtimes) THEN
        SELECT string_agg(u.batch::text, ',') INTO v_blamed
        FROM unnest(p_showtimes, p_fences) WITH ORDINALITY AS u (id, fence, batch)
        LEFT JOIN showtimes s ON s.id = u.id AND s.fence = u.fence
        WHERE s.id IS NULL;
        RAISE EXCEPTION '% of % showtimes were taken over by another owner, or do not exist',
            cardinality(p_showtimes) - v_changed, cardinality(p_showtimes)
            USING ERRCODE = 'TS002', CONSTRAINT = 'turnstile_fenced', DETAIL = coalesce(v_blamed, '');
    END IF;

    -- Before the seats: a request repeated on another node has to hear that it was answered, not that it lost a race with itself.
    IF cardinality(p_key_hashes) > 0 THEN
        INSERT INTO idempotency (key_hash, fingerprint, answer, nonce, recorded_at, sequence)
        SELECT u.key_hash, u.fingerprint, u.answer, u.nonce, u.recorded_at, v_first[u.batch] + u.event
        FROM unnest(p_key_batches, p_key_hashes, p_key_fingerprints, p_key_answers, p_key_nonces, p_key_recorded_at, p_key_events)
            AS u (batch, key_hash, fingerprint, answer, nonce, recorded_at, event)
        -- In one order for all: two calls with the same keys must not wait for each other.
        ORDER BY u.key_hash;
    END IF;

    IF cardinality(p_seats) > 0 THEN
        UPDATE seats s SET status = u.status, version = v_first[u.batch] + u.event, booking_id = u.booking_id
        FROM (
            SELECT p_showtimes[u.batch] AS showtime_id, u.*
            FROM unnest(p_seat_batches, p_seats, p_seat_versions, p_seat_statuses, p_seat_bookings, p_seat_events)
                AS u (batch, seat, version, status, booking_id, event)
            OFFSET 0
        ) u
        WHERE s.showtime_id = u.showtime_id AND s.seat = u.seat AND s.version = u.version;
        GET DIAGNOSTICS v_changed = ROW_COUNT;
        IF v_changed <> cardinality(p_seats) THEN
            SELECT string_agg(DISTINCT u.batch::text, ',') INTO v_blamed
            FROM unnest(p_seat_batches, p_seats, p_seat_events) AS u (batch, seat, event)
            LEFT JOIN seats s ON s.showtime_id = p_showtimes[u.batch] AND s.seat = u.seat AND s.version = v_first[u.batch] + u.event
            WHERE s.seat IS NULL;
            RAISE EXCEPTION '% of % seats were not at the expected version', cardinality(p_seats) - v_changed, cardinality(p_seats)
                USING ERRCODE = 'TS001', CONSTRAINT = 'turnstile_conflict', DETAIL = coalesce(v_blamed, '');
        END IF;
    END IF;

    IF cardinality(p_changed_ids) > 0 THEN
        UPDATE bookings b SET status = u.status, expires_at = u.expires_at, payment_reference = u.payment,
            version = v_first[u.batch] + u.event
        FROM (
            SELECT p_showtimes[u.batch] AS showtime_id, u.*
            FROM unnest(p_changed_batches, p_changed_ids, p_changed_versions, p_changed_statuses, p_changed_expires_at,
                p_changed_payments, p_changed_events)
                AS u (batch, id, version, status, expires_at, payment, event)
            OFFSET 0
        ) u
        WHERE b.id = u.id AND b.version = u.version AND b.showtime_id IS NOT DISTINCT FROM u.showtime_id;
        GET DIAGNOSTICS v_changed = ROW_COUNT;
        IF v_changed <> cardinality(p_changed_ids) THEN
            SELECT string_agg(DISTINCT u.batch::text, ',') INTO v_blamed
            FROM unnest(p_changed_batches, p_changed_ids, p_changed_events) AS u (batch, id, event)
            LEFT JOIN bookings b ON b.id = u.id AND b.version = v_first[u.batch] + u.event
                AND b.showtime_id IS NOT DISTINCT FROM p_showtimes[u.batch]
            WHERE b.id IS NULL;
            RAISE EXCEPTION '% of % bookings were not at the expected version', cardinality(p_changed_ids) - v_changed, cardinality(p_changed_ids)
                USING ERRCODE = 'TS001', CONSTRAINT = 'turnstile_conflict', DETAIL = coalesce(v_blamed, '');
        END IF;
    END IF;

    IF cardinality(p_released_seats) > 0 THEN
        UPDATE booking_seats c SET live = false
        FROM (
            SELECT p_showtimes[u.batch] AS showtime_id, u.*
            FROM unnest(p_released_batches, p_released_seats, p_released_bookings) AS u (batch, seat, booking_id)
            OFFSET 0
        ) u
        WHERE c.booking_id = u.booking_id AND c.seat IS NOT DISTINCT FROM u.seat
            AND c.showtime_id IS NOT DISTINCT FROM u.showtime_id AND c.live IS NOT FALSE;
        GET DIAGNOSTICS v_changed = ROW_COUNT;
        -- Whose claim is missing cannot be told from one that was just released: without a detail, each is tried alone.
        IF v_changed <> cardinality(p_released_seats) THEN
            RAISE EXCEPTION '% of % seats were not held as expected', cardinality(p_released_seats) - v_changed, cardinality(p_released_seats)
                USING ERRCODE = 'TS001', CONSTRAINT = 'turnstile_conflict';
        END IF;
    END IF;

    IF cardinality(p_new_ids) > 0 THEN
        INSERT INTO bookings (id, showtime_id, user_id, token_hash, status, reserved_at, expires_at, payment_reference, version)
        SELECT u.id, p_showtimes[u.batch], u.user_id, u.token_hash, u.status, u.reserved_at, u.expires_at, u.payment,
            v_first[u.batch] + u.event
        FROM unnest(p_new_batches, p_new_ids, p_new_users, p_new_tokens, p_new_statuses, p_new_reserved_at, p_new_expires_at,
            p_new_payments, p_new_events)
            AS u (batch, id, user_id, token_hash, status, reserved_at, expires_at, payment, event);

        INSERT INTO booking_seats (booking_id, position, showtime_id, seat, live)
        SELECT u.booking_id, u.position, p_showtimes[u.batch], u.seat, u.live
        FROM unnest(p_place_batches, p_place_bookings, p_place_positions, p_place_seats, p_place_live)
            AS u (batch, booking_id, position, seat, live);
    END IF;

    INSERT INTO events (showtime_id, sequence, recorded_at, kind, payload)
    SELECT p_showtimes[u.batch], v_first[u.batch] + u.position, p_recorded_at[u.batch], u.kind, u.payload
    FROM unnest(p_event_batches, p_event_positions, p_event_kinds, p_event_payloads) AS u (batch, position, kind, payload);

    INSERT INTO outbox (showtime_id, first_sequence, last_sequence, traceparent)
    SELECT u.showtime, v_first[u.batch], v_first[u.batch] + u.events - 1, u.traceparent
    FROM unnest(p_showtimes, p_traceparents, p_event_counts) WITH ORDINALITY AS u (showtime, traceparent, events, batch);

    RETURN v_first;
END
$$;

-- Creates a showtime with its seats, its first event and its outbox row; answers the sequence 1, in a list as above. A showtime's id that is
-- taken is a unique_violation of showtimes_pkey. The key's parameters are null for a request without a key.
CREATE FUNCTION schedule_showtime(
    p_id uuid, p_movie_title text, p_start_time timestamptz, p_rows jsonb, p_seat_count int4, p_recorded_at timestamptz,
    p_event_kind text, p_event_payload jsonb,
    p_key_hash bytea, p_key_fingerprint bytea, p_key_answer jsonb, p_key_nonce bytea, p_key_recorded_at timestamptz,
    p_key_sequence int8
) RETURNS int8[]
LANGUAGE plpgsql
AS $$
BEGIN
    IF p_key_hash IS NOT NULL THEN
        INSERT INTO idempotency (key_hash, fingerprint, answer, nonce, recorded_at, sequence)
        VALUES (p_key_hash, p_key_fingerprint, p_key_answer, p_key_nonce, p_key_recorded_at, p_key_sequence);
    END IF;
    INSERT INTO showtimes (id, movie_title, start_time, rows, seat_count, created_at, sequence, fence)
    VALUES (p_id, p_movie_title, p_start_time, p_rows, p_seat_count, p_recorded_at, 1, 0);
    INSERT INTO seats (showtime_id, seat, status, version)
    SELECT p_id, seat, 0, 1 FROM generate_series(0, p_seat_count - 1) AS seat;
    INSERT INTO events (showtime_id, sequence, recorded_at, kind, payload)
    VALUES (p_id, 1, p_recorded_at, p_event_kind, p_event_payload);
    INSERT INTO outbox (showtime_id, first_sequence, last_sequence) VALUES (p_id, 1, 1);
    RETURN ARRAY[1];
END
$$;

-- Makes the caller the owner of a showtime: voids all commits that name an earlier fence, after waiting for one in progress, and answers
-- the showtime as it is from then on; no row if there is none. Statuses and versions in order of seat, then the bookings of reserved
-- seats, repeated for each seat. Each statement sees what was committed before it began, so the second sees what the first has waited for.
CREATE FUNCTION take_over(p_id uuid)
RETURNS TABLE (
    o_sequence int8, o_fence int8, o_seat_count int4, o_last int4, o_statuses int2[], o_versions int8[], o_holders uuid[]
)
LANGUAGE plpgsql
SET enable_seqscan = off
AS $$
BEGIN
    UPDATE showtimes t SET fence = t.fence + 1 WHERE t.id = p_id;
    RETURN QUERY
    SELECT t.sequence, t.fence, t.seat_count, s.last, s.statuses, s.versions, s.holders
    FROM showtimes t CROSS JOIN LATERAL (
        SELECT max(o.seat) AS last, array_agg(o.status) AS statuses, array_agg(o.version) AS versions,
            array_agg(o.booking_id) FILTER (WHERE o.status = 1) AS holders
        FROM (SELECT seat, status, version, booking_id FROM seats WHERE showtime_id = t.id ORDER BY seat) o
    ) s
    WHERE t.id = p_id;
END
$$;
