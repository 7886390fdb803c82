-- A client's request id is known for 400 days (34,560,000,000,000 microseconds), a reaction's for ever.

CREATE INDEX requests_of_clients ON requests (recorded_at) WHERE digest IS NOT NULL;
CREATE FUNCTION refuse_forgetting() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.digest IS NULL OR OLD.recorded_at >= (SELECT recorded_at FROM head WHERE id = 1) - 34560000000000 THEN
        RAISE EXCEPTION 'requests are append-only: only a client''s id is forgotten, after 400 days';
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER requests_refuse_delete BEFORE DELETE ON requests
    FOR EACH ROW EXECUTE FUNCTION refuse_forgetting();
CREATE TRIGGER requests_refuse_truncate BEFORE TRUNCATE ON requests
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
