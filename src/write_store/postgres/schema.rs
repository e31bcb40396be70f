//! The tables, as `diesel print-schema` sees them after the migrations in `migrations/postgres`.

diesel::table! {
    booking_seats (booking_id, position) {
        booking_id -> Uuid,
        position -> Int2,
        showtime_id -> Uuid,
        seat -> Int4,
        live -> Bool,
    }
}

diesel::table! {
    bookings (id) {
        id -> Uuid,
        showtime_id -> Uuid,
        user_id -> Text,
        token_hash -> Bytea,
        status -> Int2,
        reserved_at -> Timestamptz,
        expires_at -> Timestamptz,
        payment_reference -> Nullable<Text>,
        version -> Int8,
    }
}

diesel::table! {
    cluster_secret (singleton) {
        singleton -> Bool,
        secret -> Bytea,
    }
}

diesel::table! {
    events (showtime_id, sequence) {
        showtime_id -> Uuid,
        sequence -> Int8,
        recorded_at -> Timestamptz,
        kind -> Text,
        payload -> Jsonb,
    }
}

diesel::table! {
    idempotency (key_hash) {
        key_hash -> Bytea,
        fingerprint -> Bytea,
        answer -> Jsonb,
        nonce -> Bytea,
        recorded_at -> Timestamptz,
        sequence -> Int8,
    }
}

diesel::table! {
    outbox (position) {
        position -> Int8,
        showtime_id -> Uuid,
        first_sequence -> Int8,
        last_sequence -> Int8,
        traceparent -> Nullable<Text>,
    }
}

diesel::table! {
    payments (reference) {
        reference -> Text,
        booking_id -> Uuid,
    }
}

diesel::table! {
    showtimes (id) {
        id -> Uuid,
        movie_title -> Text,
        start_time -> Timestamptz,
        rows -> Jsonb,
        seat_count -> Int4,
        created_at -> Timestamptz,
        sequence -> Int8,
        fence -> Int8,
    }
}

diesel::table! {
    seats (showtime_id, seat) {
        showtime_id -> Uuid,
        seat -> Int4,
        status -> Int2,
        version -> Int8,
        booking_id -> Nullable<Uuid>,
    }
}
