-- Blocks are pending bookings of the house, whose name is empty. Few bookings are, so the index is nearly empty, and a commit of customers'
-- bookings does not touch it.
CREATE INDEX bookings_blocks ON bookings (showtime_id, id) WHERE status = 0 AND user_id = '';
