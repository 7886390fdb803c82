-- SQLite's INSERT OR REPLACE deletes what stands in its way without asking the triggers that refuse a deletion: so nothing is inserted
-- where something stands, neither at a position nor at a version of a stream.
CREATE TRIGGER events_refuse_replacement BEFORE INSERT ON events
WHEN EXISTS (SELECT 1 FROM events WHERE position = NEW.position)
  OR EXISTS (SELECT 1 FROM events WHERE stream = NEW.stream AND version = NEW.version)
BEGIN SELECT RAISE(ABORT, 'events are append-only: nothing is replaced'); END;
CREATE TRIGGER bodies_refuse_replacement BEFORE INSERT ON bodies
WHEN EXISTS (SELECT 1 FROM bodies WHERE position = NEW.position)
BEGIN SELECT RAISE(ABORT, 'bodies are append-only: nothing is replaced'); END;
CREATE TRIGGER requests_refuse_replacement BEFORE INSERT ON requests
WHEN EXISTS (SELECT 1 FROM requests WHERE request_id = NEW.request_id)
BEGIN SELECT RAISE(ABORT, 'requests are append-only: the first answer stands'); END;

-- A reaction's request id is kept for ever, a client's 400 days (34,560,000,000,000 microseconds): the contract says so.
CREATE TRIGGER requests_refuse_delete BEFORE DELETE ON requests
WHEN OLD.digest IS NULL OR OLD.recorded_at > (SELECT recorded_at FROM head WHERE id = 1) - 34560000000000
BEGIN SELECT RAISE(ABORT, 'requests are append-only: only what a client sent 400 days ago may be forgotten'); END;
