-- The ledger: envelopes that never change, bodies apart from them, and one head row that numbers everything.
-- Ids are 16-byte byteas, times integer microseconds (UTC).

CREATE TABLE head (
    id          BIGINT PRIMARY KEY CHECK (id = 1),
    position    BIGINT NOT NULL,            -- of the last event; dense from 1
    recorded_at BIGINT NOT NULL,            -- of the last event; never goes back
    fence       BIGINT NOT NULL,            -- raised at each takeover, checked in each transaction
    streams     BIGINT NOT NULL,            -- number of the last stream
    frontier    BYTEA  NOT NULL             -- Merkle: the roots of the full subtrees, largest first
);
INSERT INTO head VALUES (1, 0, 0, 0, 0, ''::bytea);

CREATE TABLE streams (
    number   BIGINT PRIMARY KEY,            -- surrogate: keys that grow with time
    category TEXT   NOT NULL,
    id       BYTEA  NOT NULL,
    version  BIGINT NOT NULL,
    UNIQUE (category, id)
) WITH (fillfactor = 80);                   -- the version changes with each append: leave room for heap-only updates

CREATE TABLE events (
    position     BIGINT PRIMARY KEY,
    id           BYTEA  NOT NULL,           -- no index: derived from request_id, found through it
    stream       BIGINT NOT NULL,           -- number of the stream; no foreign key: only the writer inserts, both rows in one transaction
    version      BIGINT NOT NULL,
    case_id      BYTEA,
    name         TEXT   NOT NULL,           -- "routing.case_routed"
    revision     BIGINT NOT NULL,           -- 1 of ".v1"
    occurred_at  BIGINT NOT NULL,
    recorded_at  BIGINT NOT NULL,
    actor        TEXT   NOT NULL,
    correlation  TEXT   NOT NULL,
    causation    BYTEA,
    traceparent  TEXT   NOT NULL,
    request_id   BYTEA  NOT NULL,
    data_hash    BYTEA  NOT NULL,           -- SHA-256(salt || data)
    sealed_hash  BYTEA  NOT NULL,           -- SHA-256(nonce || ciphertext || tag); empty when nothing is sealed
    leaf         BYTEA  NOT NULL            -- Merkle leaf hash
);
CREATE UNIQUE INDEX events_stream_version ON events (stream, version);
CREATE INDEX events_case ON events (case_id, position) WHERE case_id IS NOT NULL;

CREATE TABLE bodies (
    position BIGINT PRIMARY KEY,
    data     BYTEA,                         -- JSON facts; NULL when erased. Not jsonb: reading bytes is 2.5 times as fast
    salt     BYTEA,
    nonce    BYTEA,
    sealed   BYTEA                          -- ciphertext and tag; NULL when nothing was sealed, or erased
);
ALTER TABLE bodies ALTER COLUMN sealed SET STORAGE EXTERNAL; -- ciphertext does not compress

CREATE TABLE requests (
    request_id  BYTEA  NOT NULL PRIMARY KEY,
    position    BIGINT NOT NULL,            -- of its first event
    count       BIGINT NOT NULL,
    digest      BYTEA,                      -- HMAC of what a client sent; NULL for a reaction, where the first wins
    recorded_at BIGINT NOT NULL
);

CREATE TABLE cursors (
    consumer   TEXT   NOT NULL,
    shard      BIGINT NOT NULL,
    holder     TEXT   NOT NULL,             -- empty: nobody
    fence      BIGINT NOT NULL,
    position   BIGINT NOT NULL,             -- highest position with nothing undone before it
    updated_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (consumer, shard)
);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '% is append-only: a correction is a new event', TG_TABLE_NAME; END $$;
CREATE TRIGGER events_refuse_change BEFORE UPDATE OR DELETE ON events
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER events_refuse_truncate BEFORE TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER bodies_refuse_update BEFORE UPDATE ON bodies FOR EACH ROW
    WHEN (NEW.position IS DISTINCT FROM OLD.position OR NEW.data IS NOT NULL OR NEW.salt IS NOT NULL
          OR NEW.nonce IS NOT NULL OR NEW.sealed IS NOT NULL)
    EXECUTE FUNCTION refuse_change();       -- a body may only be erased, as a whole
CREATE TRIGGER bodies_refuse_delete BEFORE DELETE ON bodies
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER bodies_refuse_truncate BEFORE TRUNCATE ON bodies
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER requests_refuse_update BEFORE UPDATE ON requests
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
