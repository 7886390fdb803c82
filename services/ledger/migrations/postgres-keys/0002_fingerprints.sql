-- Beside each wrapped key the fingerprint of the key that wrapped it (see the migration of SQLite for the shape of the table).
CREATE TABLE keys.kept (
    owner      BYTEA  NOT NULL PRIMARY KEY, -- the case (or, for events without one, the stream) whose content the key seals
    wrapped    BYTEA,                       -- NULL: destroyed, for ever
    kek        BYTEA  NOT NULL,             -- 16 bytes; zeros: wrapped before there were fingerprints
    created_at BIGINT NOT NULL
);
INSERT INTO keys.kept (owner, wrapped, kek, created_at)
    SELECT owner, wrapped, '\x00000000000000000000000000000000'::bytea, created_at FROM keys.data_keys ORDER BY created_at;
DROP TABLE keys.data_keys;
ALTER TABLE keys.kept RENAME TO data_keys;
ALTER TABLE keys.secrets ADD COLUMN kek BYTEA NOT NULL DEFAULT '\x00000000000000000000000000000000'::bytea;
CREATE TABLE keys.rotations (
    from_kek    BYTEA  NOT NULL,
    to_kek      BYTEA  NOT NULL,
    ordered_by  TEXT   NOT NULL,
    began_at    BIGINT NOT NULL PRIMARY KEY,
    finished_at BIGINT,                     -- NULL: under way, or stopped half-way
    keys        BIGINT NOT NULL,            -- rewrapped
    recorded    BIGINT NOT NULL             -- 1: an event says so
);
-- Rewrites the tables, so that no dead row holds what was destroyed. A function of the owner's: the application's role owns nothing.
ALTER TABLE keys.data_keys RENAME CONSTRAINT kept_pkey TO data_keys_pkey;
CREATE FUNCTION keys.purge() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS
$$ BEGIN
    CLUSTER keys.data_keys USING data_keys_pkey;
    CLUSTER keys.secrets USING secrets_pkey;
END $$;
