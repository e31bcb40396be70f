DROP INDEX bookings_blocks;
