-- A client's request id is known for 400 days (34,560,000,000,000 microseconds), a reaction's for ever.

CREATE INDEX requests_of_clients ON requests (recorded_at) WHERE digest IS NOT NULL;
CREATE TRIGGER requests_refuse_delete BEFORE DELETE ON requests
WHEN OLD.digest IS NULL OR OLD.recorded_at >= (SELECT recorded_at FROM head WHERE id = 1) - 34560000000000
BEGIN SELECT RAISE(ABORT, 'requests are append-only: only a client''s id is forgotten, after 400 days'); END;
