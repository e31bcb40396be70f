DROP FUNCTION take_over_with_rows;
