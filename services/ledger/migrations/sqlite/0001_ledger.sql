-- The ledger: envelopes that never change, bodies apart from them, and one head row that numbers everything.
-- Ids are 16-byte blobs, times integer microseconds (UTC).

CREATE TABLE head (
    id          INTEGER PRIMARY KEY CHECK (id = 1),
    position    BIGINT NOT NULL,            -- of the last event; dense from 1
    recorded_at BIGINT NOT NULL,            -- of the last event; never goes back
    fence       BIGINT NOT NULL,            -- raised at each takeover, checked in each transaction
    streams     BIGINT NOT NULL,            -- number of the last stream
    frontier    BLOB   NOT NULL             -- Merkle: the roots of the full subtrees, largest first
);
INSERT INTO head VALUES (1, 0, 0, 0, 0, x'');

CREATE TABLE streams (
    number   INTEGER PRIMARY KEY,           -- surrogate: keys that grow with time
    category TEXT   NOT NULL,
    id       BLOB   NOT NULL,
    version  BIGINT NOT NULL,
    UNIQUE (category, id)
);

CREATE TABLE events (
    position     INTEGER PRIMARY KEY,
    id           BLOB   NOT NULL,           -- no index: derived from request_id, found through it
    stream       BIGINT NOT NULL,           -- number of the stream; no foreign key: only the writer inserts, both rows in one transaction
    version      BIGINT NOT NULL,
    case_id      BLOB,
    name         TEXT   NOT NULL,           -- "routing.case_routed"
    revision     BIGINT NOT NULL,           -- 1 of ".v1"
    occurred_at  BIGINT NOT NULL,
    recorded_at  BIGINT NOT NULL,
    actor        TEXT   NOT NULL,
    correlation  TEXT   NOT NULL,
    causation    BLOB,
    traceparent  TEXT   NOT NULL,
    request_id   BLOB   NOT NULL,
    data_hash    BLOB   NOT NULL,           -- SHA-256(salt || data)
    sealed_hash  BLOB   NOT NULL,           -- SHA-256(nonce || ciphertext || tag); empty when nothing is sealed
    leaf         BLOB   NOT NULL            -- Merkle leaf hash
);
CREATE UNIQUE INDEX events_stream_version ON events (stream, version);
CREATE INDEX events_case ON events (case_id, position) WHERE case_id IS NOT NULL;

CREATE TABLE bodies (
    position INTEGER PRIMARY KEY,
    data     BLOB,                          -- JSON facts; NULL when erased
    salt     BLOB,
    nonce    BLOB,
    sealed   BLOB                           -- ciphertext and tag; NULL when nothing was sealed, or erased
);

CREATE TABLE requests (
    request_id  BLOB   NOT NULL PRIMARY KEY,
    position    BIGINT NOT NULL,            -- of its first event
    count       BIGINT NOT NULL,
    digest      BLOB,                       -- HMAC of what a client sent; NULL for a reaction, where the first wins
    recorded_at BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE cursors (
    consumer   TEXT   NOT NULL,
    shard      BIGINT NOT NULL,
    holder     TEXT   NOT NULL,             -- empty: nobody
    fence      BIGINT NOT NULL,
    position   BIGINT NOT NULL,             -- highest position with nothing undone before it
    updated_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (consumer, shard)
) WITHOUT ROWID;

CREATE TRIGGER events_refuse_update BEFORE UPDATE ON events
BEGIN SELECT RAISE(ABORT, 'events are append-only: a correction is a new event'); END;
CREATE TRIGGER events_refuse_delete BEFORE DELETE ON events
BEGIN SELECT RAISE(ABORT, 'events are append-only: nothing is deleted'); END;
CREATE TRIGGER bodies_refuse_update BEFORE UPDATE ON bodies
WHEN NEW.position IS NOT OLD.position OR NEW.data IS NOT NULL OR NEW.salt IS NOT NULL
  OR NEW.nonce IS NOT NULL OR NEW.sealed IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'bodies are append-only: a body may only be erased, as a whole'); END;
CREATE TRIGGER bodies_refuse_delete BEFORE DELETE ON bodies
BEGIN SELECT RAISE(ABORT, 'bodies are append-only: a body may only be erased, as a whole'); END;
CREATE TRIGGER requests_refuse_update BEFORE UPDATE ON requests
BEGIN SELECT RAISE(ABORT, 'requests are append-only: the first answer stands'); END;
