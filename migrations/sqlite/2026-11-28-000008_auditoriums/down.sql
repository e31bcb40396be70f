DROP TABLE auditoriums;
