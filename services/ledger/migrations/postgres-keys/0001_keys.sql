-- The key store: data keys wrapped by the key-encryption key, in a schema of its own with short-lived backups of its own.
CREATE TABLE keys.data_keys (
    owner      BYTEA  NOT NULL PRIMARY KEY, -- the case (or, for events without one, the stream) whose content the key seals
    wrapped    BYTEA,                       -- NULL: destroyed, for ever
    created_at BIGINT NOT NULL
);
CREATE TABLE keys.secrets (
    name       TEXT   NOT NULL PRIMARY KEY, -- what the secret is for
    wrapped    BYTEA  NOT NULL
);
