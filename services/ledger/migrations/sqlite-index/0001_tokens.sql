-- The blind index: keyed hashes of words, phone numbers, e-mail addresses and ID numbers. Disposable: it is made anew from the ledger.
CREATE TABLE tokens (
    token    BLOB   NOT NULL,               -- 16 bytes of an HMAC under the vault's secret
    owner    BLOB   NOT NULL,               -- the case
    position BIGINT NOT NULL,               -- of the event in whose sealed part it stands
    PRIMARY KEY (token, owner, position)
) WITHOUT ROWID;
CREATE INDEX tokens_owner ON tokens (owner);
CREATE TABLE progress (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    position BIGINT NOT NULL,               -- everything up to it is in the index
    secret   BLOB   NOT NULL,               -- fingerprint of the secret; under another the index is made anew
    dirty    BIGINT NOT NULL                -- 1: something was erased whose bytes may still be in free pages
);
INSERT INTO progress VALUES (1, 0, x'', 0);
