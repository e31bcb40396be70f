-- One payment confirms one booking. Of bookings that one payment confirmed before this was checked, the earliest is kept here; all of
-- them stay confirmed. No foreign key: each insert into bookings would look through all payments for it.
CREATE TABLE payments (
    reference TEXT NOT NULL PRIMARY KEY,
    booking_id BLOB NOT NULL CHECK (length(booking_id) = 16)
) STRICT, WITHOUT ROWID;
INSERT OR IGNORE INTO payments (reference, booking_id)
SELECT payment_reference, id FROM bookings WHERE status = 1 AND payment_reference IS NOT NULL ORDER BY reserved_at, id;
