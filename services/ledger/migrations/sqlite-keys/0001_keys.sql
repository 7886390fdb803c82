-- The key store: data keys wrapped by the key-encryption key, in a file of its own with short-lived backups of its own.
CREATE TABLE data_keys (
    owner      BLOB   NOT NULL PRIMARY KEY, -- the case (or, for events without one, the stream) whose content the key seals
    wrapped    BLOB,                        -- NULL: destroyed, for ever
    created_at BIGINT NOT NULL
) WITHOUT ROWID;
CREATE TABLE secrets (
    name       TEXT   NOT NULL PRIMARY KEY, -- what the secret is for
    wrapped    BLOB   NOT NULL
) WITHOUT ROWID;
