//! The tables, as `diesel print-schema` sees them after the migrations in `migrations/postgres`.

diesel::table! {
    auditoriums (id, version) {
        id -> Uuid,
        version -> Int4,
        follows -> Nullable<Int4>,
        seats_since -> Int4,
        name -> Text,
        seat_count -> Int4,
        place_count -> Int8,
        recorded_at -> Timestamptz,
        plan -> Json,
    }
}

diesel::table! {
    bookings (id) {
        id -> Uuid,
        showtime_id -> Uuid,
        expires_at -> Timestamptz,
        version -> Int8,
        status -> Int2,
        user_id -> Text,
        body -> Json,
    }
}

diesel::table! {
    cluster_secret (singleton) {
        singleton -> Bool,
        secret -> Bytea,
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
    journal (showtime_id, last_sequence) {
        showtime_id -> Uuid,
        last_sequence -> Int8,
        first_sequence -> Int8,
        recorded_at -> Timestamptz,
        follows -> Int8,
        stamp -> Int8,
        events -> Json,
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
        rows -> Jsonb,
        seat_count -> Int4,
        created_at -> Timestamptz,
        sequence -> Int8,
        fence -> Int8,
        follows -> Int8,
        stamp -> Int8,
        listing -> Json,
        ending -> Bool,
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
