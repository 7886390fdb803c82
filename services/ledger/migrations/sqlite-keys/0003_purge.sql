-- Nothing to do here: SQLite overwrites what is deleted (`secure_delete`). The number keeps step with PostgreSQL's.
SELECT 1;
