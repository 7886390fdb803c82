-- Beside each wrapped key the fingerprint of the key that wrapped it; and a table that only grows at its end: nothing in it ever moves to
-- another page, so no copy of a destroyed key is left in the gaps of one.
CREATE TABLE kept (
    owner      BLOB   NOT NULL PRIMARY KEY, -- the case (or, for events without one, the stream) whose content the key seals
    wrapped    BLOB,                        -- NULL: destroyed, for ever
    kek        BLOB   NOT NULL,             -- 16 bytes; zeros: wrapped before there were fingerprints
    created_at BIGINT NOT NULL
);
INSERT INTO kept (owner, wrapped, kek, created_at) SELECT owner, wrapped, zeroblob(16), created_at FROM data_keys ORDER BY created_at;
DROP TABLE data_keys;
ALTER TABLE kept RENAME TO data_keys;
ALTER TABLE secrets ADD COLUMN kek BLOB NOT NULL DEFAULT x'00000000000000000000000000000000';
CREATE TABLE rotations (
    from_kek    BLOB   NOT NULL,
    to_kek      BLOB   NOT NULL,
    ordered_by  TEXT   NOT NULL,
    began_at    BIGINT NOT NULL PRIMARY KEY,
    finished_at BIGINT,                     -- NULL: under way, or stopped half-way
    keys        BIGINT NOT NULL,            -- rewrapped
    recorded    BIGINT NOT NULL             -- 1: an event says so
);
