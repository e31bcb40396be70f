DROP FUNCTION add_seats;
