-- One payment confirms one booking.

-- Nobody confirms a booking between the filling of the table and the function that keeps it.
LOCK TABLE bookings IN SHARE ROW EXCLUSIVE MODE;

-- Which booking a payment has confirmed. Of bookings that one payment confirmed before this was checked, the earliest is kept here;
-- all of them stay confirmed.
CREATE TABLE payments (
    reference text PRIMARY KEY,
    booking_id uuid NOT NULL
);
INSERT INTO payments (reference, booking_id)
SELECT DISTINCT ON (payment_reference) payment_reference, id
FROM bookings
WHERE status = 1 AND payment_reference IS NOT NULL
ORDER BY payment_reference, reserved_at, id;

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
--   TS003 turnstile_payment    a payment has confirmed another booking
--   23505 unique_violation     idempotency_pkey: a known key; booking_seats_live, bookings_pkey: a conflict (names no batch)
--
-- Plans are made once per connection, maybe while the tables are nearly empty, and must not read whole showtimes when those have
-- grown. So there is one way only to each row: every condition that an index can serve is a join with the arrays' rows (OFFSET 0
-- keeps the planner from seeing through them), the settings leave nested loops as the only join, and conditions that would make
-- another index look good are written so that no index serves them (IS NOT DISTINCT FROM, IS NOT FALSE).
CREATE OR REPLACE FUNCTION commit_batches(
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
    v_paid int4 := cardinality(array_remove(p_changed_payments || p_new_payments, NULL));
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

    -- After the row locks of the showtimes, and in one order for all, as the keys.
    IF v_paid > 0 THEN
        INSERT INTO payments (reference, booking_id)
        SELECT u.payment, u.id
        FROM (
            SELECT * FROM unnest(p_changed_payments, p_changed_ids) AS c (payment, id)
            UNION ALL
            SELECT * FROM unnest(p_new_payments, p_new_ids) AS n (payment, id)
        ) u
        WHERE u.payment IS NOT NULL
        ORDER BY u.payment, u.id
        ON CONFLICT (reference) DO NOTHING;
        GET DIAGNOSTICS v_changed = ROW_COUNT;
        IF v_changed <> v_paid THEN
            SELECT string_agg(DISTINCT u.batch::text, ',') INTO v_blamed
            FROM (
                SELECT * FROM unnest(p_changed_batches, p_changed_ids, p_changed_payments) AS c (batch, id, payment)
                UNION ALL
                SELECT * FROM unnest(p_new_batches, p_new_ids, p_new_payments) AS n (batch, id, payment)
                OFFSET 0
            ) u
            JOIN payments p ON p.reference = u.payment
            WHERE p.booking_id <> u.id;
            IF v_blamed IS NOT NULL THEN
                RAISE EXCEPTION 'a payment has confirmed another booking'
                    USING ERRCODE = 'TS003', CONSTRAINT = 'turnstile_payment', DETAIL = v_blamed;
            END IF;
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
